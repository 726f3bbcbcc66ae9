/* SPDX-License-Identifier: Apache-2.0 */
/* The global fence; see fence.h. */
#include "monitor/core/fence.h"

#include "monitor/hal/hal.h"

/* Does this hart execute host or guest code, so that its translation caches matter? */
static bool hart_online(const struct hart *h)
{
    uint32_t state = shared_load(&h->hsm_state);
    return state == SBI_HSM_STARTED || state == SBI_HSM_SUSPENDED || state == SBI_HSM_SUSPEND_PENDING ||
           state == SBI_HSM_RESUME_PENDING;
}

bool fence_completed(const struct monitor *m, uint64_t version)
{
    for (uint32_t i = 0; i < m->platform.harts; i++)
        if (hart_online(&m->hart[i]) && m->fence.seen[i] <= version)
            return false;
    return true;
}

bool fence_initiate(struct hart *h)
{
    struct monitor *m = h->monitor;
    for (uint32_t i = 0; i < m->platform.harts; i++)
        if (hart_online(&m->hart[i]) && m->fence.seen[i] < m->fence.current)
            return false;
    m->fence.current++;
    fence_local(h);
    return true;
}

void fence_local(struct hart *h)
{
    hal_fence_all(h);
    h->monitor->fence.seen[h->id] = h->monitor->fence.current;
}
