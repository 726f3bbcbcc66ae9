/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, fences: when may a frame be used that the host gave up, and when may one be taken from a TVM? Recomputed from the
 * calls alone: which hart fenced when, which guest entered when, which frame was converted or blocked when.
 */
#include "harness/oracles/step.h"

static bool online(uint32_t hsm_state)
{
    return hsm_state == SBI_HSM_STARTED || hsm_state == SBI_HSM_SUSPENDED;
}

bool step_fenced_since_conversion(const struct world *w, uint32_t frame)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        if (online(o->hsm[i]) && o->fence_seen[i] <= o->converted_at[frame])
            return false;
    }
    return true;
}

void step_follow_fences(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    if (o->call.ok && o->call.id == CALL_covh_global_fence)
        o->fence_current++;
    if (o->call.ok && (o->call.id == CALL_covh_global_fence || o->call.id == CALL_covh_local_fence))
        o->fence_seen[o->hart] = o->fence_current;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        bool started = w->machine->monitor->hart[i].hsm_state == SBI_HSM_STARTED;
        bool suspended_here = i == o->hart && o->call.ok && o->call.id == CALL_hsm_hart_suspend;
        /* Whoever starts or resumes has caught up. */
        if (!started || (o->hsm[i] == SBI_HSM_STARTED && !suspended_here))
            continue;
        o->fence_seen[i] = o->fence_current;
    }
}

bool step_fenced_since_blocking(const struct world *w, uint32_t frame, uint32_t slot)
{
    const struct oracle_state *o = w->oracle_state;

    if (o->blocked_at[frame] >= o->tvm[slot].fence)
        return false;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        if (o->running_slot[i] == slot && o->entered_at[i] <= o->blocked_at[frame])
            return false;
    }
    return true;
}

void step_follow_tvm_fences(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;

    if (o->call.ok && o->call.id == CALL_covh_tvm_fence && o->call.slot < MONITOR_MAX_TVMS)
        o->tvm[o->call.slot].fence++;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        bool enters = m->hart[i].tvm_slot < MONITOR_MAX_TVMS && o->running_slot[i] == HART_NO_TVM;
        if (enters)
            o->entered_at[i] = o->tvm[m->hart[i].tvm_slot].fence;
    }
    for (uint32_t i = 0; i < o->changed_count; i++) {
        const struct page_record *now = &m->page[o->changed[i]];
        if (now->state == PAGE_BLOCKED && now->owner < MONITOR_MAX_TVMS)
            o->blocked_at[o->changed[i]] = o->tvm[now->owner].fence;
    }
}
