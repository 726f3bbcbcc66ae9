/* SPDX-License-Identifier: Apache-2.0 */
/* Requests between harts; see ipi.h. */
#include "monitor/core/ipi.h"

#include "monitor/hal/hal.h"

bool hart_set_from_sbi(const struct monitor *m, uint64_t mask, uint64_t base, struct hart_set *out)
{
    uint32_t harts = m->platform.harts;
    uint32_t all = (1u << harts) - 1;
    if (base == SBI_ALL_HARTS) {
        out->bits = all;
        return true;
    }
    if (mask == 0) {
        out->bits = 0;
        return true;
    }
    if (base >= harts || (mask >> (harts - base)) != 0)
        return false;
    out->bits = (uint32_t)(mask << base) & all;
    return true;
}

static bool in_set(struct hart_set set, uint32_t hart)
{
    return (set.bits >> hart & 1u) != 0;
}

/* Does the hart serve requests in its own time? A suspended one does; a stopped one serves none until it starts. */
static bool is_reachable(const struct hart *h)
{
    uint32_t state = shared_load(&h->hsm_state);
    return state == SBI_HSM_STARTED || state == SBI_HSM_SUSPENDED || state == SBI_HSM_SUSPEND_PENDING ||
           state == SBI_HSM_RESUME_PENDING;
}

static void fence_now(struct hart *h, uint32_t kinds)
{
    if ((kinds & IPI_REQUEST_FENCE) != 0)
        hal_fence_all(h);
    if ((kinds & IPI_REQUEST_FENCE_I) != 0)
        hal_fence_i(h);
}

void ipi_send_ssip(struct hart *h, struct hart_set targets)
{
    struct monitor *m = h->monitor;
    for (uint32_t i = 0; i < m->platform.harts; i++) {
        struct hart *target = &m->hart[i];
        if (!in_set(targets, i) || !is_reachable(target))
            continue;
        if (target == h) {
            hal_host_ssip_set(h);
            continue;
        }
        shared_or(&target->ipi_request, IPI_REQUEST_SSIP);
        hal_ipi_send(h, i);
    }
}

/* Has `target` fenced for `ticket`, or does it execute nothing that could use an old translation? */
static bool fence_reached(const struct hart *target, uint32_t ticket)
{
    return (int32_t)(shared_load(&target->fence_done) - ticket) >= 0 || !is_reachable(target);
}

/*
 * Has this hart anything to serve? Not only requests: one that was served before its ticket was drawn is gone, and leaves
 * somebody who waits for the ticket.
 */
static bool is_waited_for(const struct hart *h)
{
    return shared_load(&h->ipi_request) != 0 || shared_load(&h->fence_wanted) != shared_load(&h->fence_done);
}

void ipi_remote_fence(struct hart *h, struct hart_set targets, uint32_t kind)
{
    struct monitor *m = h->monitor;
    struct hart_set asked = {0};
    uint32_t ticket[MONITOR_MAX_HARTS] = {0};
    for (uint32_t i = 0; i < m->platform.harts; i++) {
        struct hart *target = &m->hart[i];
        if (!in_set(targets, i) || !is_reachable(target) || target == h)
            continue;
        asked.bits |= 1u << i;
        /* The request first: who sees the ticket has it, or has served it already. */
        shared_or(&target->ipi_request, kind);
        ticket[i] = __atomic_add_fetch(&target->fence_wanted, 1, __ATOMIC_ACQ_REL);
        hal_ipi_send(h, i);
    }
    if (in_set(targets, h->id))
        fence_now(h, kind);
    /* Only those who drew a ticket: a hart that has started since then fenced when it did. */
    for (uint32_t i = 0; i < m->platform.harts; i++) {
        if (!in_set(asked, i))
            continue;
        /* Bounded by the longest call of another hart: every hart takes its machine interrupt when it leaves one. */
        while (!fence_reached(&m->hart[i], ticket[i])) {
            if (is_waited_for(h))
                ipi_serve(h);
            hal_relax(h);
        }
    }
}

void ipi_kick(struct hart *h, struct hart_set targets)
{
    for (uint32_t i = 0; i < h->monitor->platform.harts; i++)
        if (in_set(targets, i))
            hal_ipi_send(h, i);
}

void ipi_serve(struct hart *h)
{
    hal_ipi_clear(h);
    uint32_t wanted = shared_load(&h->fence_wanted);
    uint32_t request = shared_exchange(&h->ipi_request, 0);
    fence_now(h, request);
    /* Whether or not one was asked for now: a request may have been served before its ticket was drawn. */
    shared_store(&h->fence_done, wanted);
    if ((request & IPI_REQUEST_SSIP) != 0)
        hal_host_ssip_set(h);
}
