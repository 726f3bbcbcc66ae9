/* SPDX-License-Identifier: Apache-2.0 */
/* OWN, confinement: root, delegation, interrupt enables and counters of a hart in a guest are what isolation needs. */
#include "harness/oracles/registers.h"

#include "monitor/core/tvm.h"

static void expect_csr(struct world *w, uint32_t h, unsigned csr, uint64_t must_set, uint64_t must_clear,
                       const char *why)
{
    uint64_t now = machine_csr_read(w->machine, h, csr);

    if ((now & must_set) != must_set || (now & must_clear) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-config", "hart %u: CSR 0x%x is 0x%llx in a guest: %s", h, csr,
                      (unsigned long long)now, why);
}

void confinement_check(struct world *w, uint32_t h)
{
    const uint64_t host_interrupts = UINT64_C(0x222);
    const uint64_t guest_interrupts = UINT64_C(0x444);
    const uint64_t medeleg = machine_csr_read(w->machine, h, 0x302);

    expect_csr(w, h, 0x302, 0, UINT64_C(0xf00e00), "the monitor's exceptions are delegated");
    expect_csr(w, h, 0x602, medeleg, 0, "an exception is delegated to the host");
    expect_csr(w, h, 0x303, 0, host_interrupts,
               "an interrupt of the host would run the host with the guest's registers");
    expect_csr(w, h, 0x603, guest_interrupts, 0, "an interrupt of the guest would run the host");
    expect_csr(w, h, 0x304, host_interrupts | 8, 0, "the host cannot preempt");
    expect_csr(w, h, 0x600, UINT64_C(1) << 21, UINT64_C(1) << 9 | UINT64_C(0x3f) << 12,
               "VTW, HU or VGEIN is not what a TVM needs");
    expect_csr(w, h, 0x606, 0, ~UINT64_C(2), "more than time is readable");
    expect_csr(w, h, 0x607, 0, UINT64_MAX, "a guest external interrupt can reach the host");
    expect_csr(w, h, 0x60a, 0, UINT64_MAX >> 1, "the guest's environment is not the monitor's choice");
    expect_csr(w, h, 0x60c, UINT64_C(1) << 62, ~(UINT64_C(1) << 62), "state that is not switched is open");
    for (unsigned i = 0x60d; i <= 0x60f; i++)
        expect_csr(w, h, i, 0, UINT64_MAX, "state that nobody knows is open");
    expect_csr(w, h, 0x320, UINT64_C(0xfffffffd), 0, "a counter runs");
}

void confinement_check_root(struct world *w, uint32_t h, uint32_t slot)
{
    const struct tvm_facts *t = &w->oracle_state->tvm[slot].facts;
    uint64_t ppn = (MACHINE_WINDOW_BASE >> PAGE_SHIFT) + t->root;
    uint64_t expected = (uint64_t)t->mode << 60 | (uint64_t)t->vmid << 44 | ppn;
    uint64_t now = machine_csr_read(w->machine, h, 0x680);

    if (now != expected)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "hgatp", "hart %u runs TVM slot %u with hgatp 0x%llx, not 0x%llx", h,
                      slot, (unsigned long long)now, (unsigned long long)expected);
}

bool confinement_check_running(struct world *w, uint32_t h)
{
    const struct monitor *m = w->machine->monitor;
    const struct hart *hart = &m->hart[h];
    const struct oracle_state *o = w->oracle_state;

    bool known = hart->tvm_slot < MONITOR_MAX_TVMS && hart->vcpu_id < TVM_MAX_VCPUS;
    if (!known || m->tvm[hart->tvm_slot].state != TVM_RUNNABLE ||
        o->tvm[hart->tvm_slot].facts.vcpu_frame[hart->vcpu_id] != hart->vcpu_frame.index) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "running", "hart %u runs a guest that is no runnable vCPU of a TVM",
                      h);
        return false;
    }
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        if (i != h && m->hart[i].tvm_slot == hart->tvm_slot && m->hart[i].vcpu_id == hart->vcpu_id) {
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "running", "harts %u and %u run the same vCPU", h, i);
            return false;
        }
    }
    return true;
}
