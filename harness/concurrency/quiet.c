/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a world that stands still; see quiet.h. */
#include "harness/concurrency/quiet.h"

#include "harness/oracles/oracle.h"

/* A vCPU is on one hart at a time, and a TVM knows how many of its own are on harts. */
static void judge_running(struct world *w)
{
    const struct monitor *m = w->machine->monitor;
    uint32_t running[MONITOR_MAX_TVMS] = {0};

    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        const struct hart *hart = &m->hart[h];
        if (hart->tvm_slot >= MONITOR_MAX_TVMS)
            continue;
        running[hart->tvm_slot]++;
        for (uint32_t other = 0; other < h; other++) {
            if (m->hart[other].tvm_slot < MONITOR_MAX_TVMS && m->hart[other].vcpu_frame.index == hart->vcpu_frame.index)
                oracle_report(w, ORACLE_OWN, S1_ISOLATION, "two-harts",
                              "harts %u and %u run the same vCPU, in frame %u", other, h, hart->vcpu_frame.index);
        }
    }
    for (uint32_t slot = 0; slot < MONITOR_MAX_TVMS; slot++) {
        if (m->tvm[slot].running != running[slot])
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "running",
                          "TVM slot %u counts %u running vCPUs, and %u are on harts", slot, m->tvm[slot].running,
                          running[slot]);
    }
}

void quiet_audit(struct world *w)
{
    w->oracles = ORACLE_OWN;
    oracle_audit(w);
    judge_running(w);
    w->oracles = 0;
}

void quiet_take_violation(struct world *w)
{
    w->oracles = ORACLE_ALL;
    liv_after(w);
    w->oracles = 0;
}
