/* SPDX-License-Identifier: Apache-2.0 */
/* COVH global_fence and local_fence; the version rules are in core/fence.h. */
#include "monitor/core/fence.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

struct decision covh_global_fence(struct hart *h, const struct sbi_args *args)
{
    (void)args;
    hal_lock(h, &h->monitor->pages_lock);
    bool initiated = fence_initiate(h);
    hal_unlock(h, &h->monitor->pages_lock);
    return initiated ? decide_success(0) : decide_error(SBI_ERR_ALREADY_STARTED);
}

struct decision covh_local_fence(struct hart *h, const struct sbi_args *args)
{
    (void)args;
    hal_lock(h, &h->monitor->pages_lock);
    fence_local(h);
    hal_unlock(h, &h->monitor->pages_lock);
    return decide_success(0);
}
