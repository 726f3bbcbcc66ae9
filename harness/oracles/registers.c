/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, registers: whose registers are where after a trap.
 *
 *   host call      everything but a0, a1 and pc is as before; the f registers too
 *   guest entry    the guest finds what it had when it left, or the reset state with its entry point; and the hart is
 *                  confined: root, delegation, interrupt enables and counters are what isolation needs
 *   guest exit     the host finds what it had at its run call, except a0, a1, pc, scause and stval; the f registers
 *                  are zero
 *   guest trap     that the monitor serves: the guest is changed by the call's results or by a correctly delivered
 *                  exception, and by nothing else
 */
#include "harness/oracles/registers.h"

#include <string.h>

static void host_to_host(struct world *w, uint32_t h, const struct entry *e)
{
    if (w->machine->hart[h].parked)
        return;
    if (e->cause == MACHINE_SOFTWARE) {
        image_same_gprs(w, h, &e->before, 0, "host-gpr", "after an interrupt that was not the host's");
        image_same_pc(w, h, e->before.pc, "host-gpr", "after an interrupt that was not the host's");
        return;
    }
    if (e->cause != CAUSE_ECALL_HOST) {
        image_same_gprs(w, h, &e->before, 0, "host-gpr", "after a trap that was handed back");
        return;
    }
    if (!e->kept)
        image_same_gprs(w, h, &e->before, 3u << A0, "host-gpr", "after the call");
    image_same_pc(w, h, e->before.pc + 4, "host-gpr", "after the call");
    if (!e->kept)
        image_same_fp(w, h, &e->before, "host-fp", "across the call");
    image_same_host_csrs(w, h, &e->before, e->call == CALL_time_set_timer ? CSR_STIMECMP : 0, "after the call");
}

static void guest_to_host(struct world *w, uint32_t h, const struct entry *e)
{
    struct oracle_state *o = w->oracle_state;
    static const struct world_image zero;
    const struct machine_hart *hart = &w->machine->hart[h];

    struct vcpu_history *v = &o->vcpu[o->running_frame[h] % o->pages];
    v->generation = o->generation;
    v->tvm = o->slot[o->running_slot[h]].id;
    v->image = e->before;
    v->pending = pending_leave(w, h, e, &v->image);

    image_same_host_csrs(w, h, &o->host[h], 0, "after the guest's exit");
    image_same_fp(w, h, &zero, "host-fp", "instead of being zero after the guest's exit");
    image_same_gprs(w, h, &o->host[h], 3u << A0, "host-gpr", "after the guest's exit");
    image_same_pc(w, h, o->host[h].pc + 4, "host-gpr", "after the guest's exit");
    if (hart->priv != o->host[h].priv)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "host-gpr", "hart %u: the host goes on in another mode", h);
}

/* A hart that was stopped and runs now: the registers that HSM names, everything else from reset. */
static void check_start(struct world *w, uint32_t h, uint64_t entry, uint64_t opaque)
{
    struct world_image start = {.priv = PRIV_S};

    start.x[A0] = h;
    start.x[A1] = opaque;
    image_same_gprs(w, h, &start, 0, "start-state", "when the hart starts");
    image_same_fp(w, h, &start, "start-state", "when the hart starts");
    image_same_pc(w, h, entry, "start-state", "where the hart starts");
    if (machine_csr_read(w->machine, h, 0x180) != 0 || (machine_csr_read(w->machine, h, 0x100) & 2) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "start-state",
                      "hart %u starts with translation or interrupts switched on", h);
}

/*
 * A hart that runs again after a suspension: as it was with the answer of the call, or fresh where it asked to go on. What it
 * asked for is in the registers that it had when the monitor took it: nothing loads them while it is parked.
 */
static void check_resume(struct world *w, uint32_t h, const struct entry *e)
{
    struct world_image as_it_was = e->before;

    if ((uint32_t)e->before.x[A0] == SBI_HSM_SUSPEND_NON_RETENTIVE) {
        check_start(w, h, e->before.x[A0 + 1], e->before.x[A0 + 2]);
        return;
    }
    as_it_was.x[A0] = as_it_was.x[A1] = 0;
    image_same_gprs(w, h, &as_it_was, 0, "resume-state", "when the hart resumes");
    image_same_fp(w, h, &as_it_was, "resume-state", "when the hart resumes");
    image_same_pc(w, h, as_it_was.pc + 4, "resume-state", "where the hart resumes");
    image_same_host_csrs(w, h, &as_it_was, 0, "when the hart resumes");
}

/* Suspended before this step, or by a call of this step that was not refused. */
static bool was_suspended(const struct world *w, uint32_t h, const struct entry *e)
{
    const struct oracle_state *o = w->oracle_state;

    if (o->hsm[h] == SBI_HSM_SUSPENDED)
        return true;
    return h == o->hart && o->call.made && o->call.ok && e->call == CALL_hsm_hart_suspend;
}

void registers_noted(struct world *w)
{
    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        if (machine_in_guest(w->machine, h) != (w->machine->monitor->hart[h].tvm_slot != HART_NO_TVM))
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "running", "hart %u: what runs is not what the monitor noted",
                          h);
    }
}

void registers_after(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct entry *acting = &o->entry[o->hart];

    /* What the acting guest asked for reaches other harts in the same step. */
    if (acting->entered && acting->from_guest && acting->cause == CAUSE_ECALL_GUEST)
        guest_follow_call(w, o->hart, acting);
    for (uint32_t h = 0; h < w->machine->config.harts && !w->finding.found; h++) {
        const struct entry *e = &o->entry[h];
        bool guest = machine_in_guest(w->machine, h);
        bool started = w->machine->monitor->hart[h].hsm_state == SBI_HSM_STARTED;
        const struct hart *hart = &w->machine->monitor->hart[h];
        if (started && e->entered && !guest && was_suspended(w, h, e)) {
            check_resume(w, h, e);
            continue;
        }
        if (started && o->hsm[h] != SBI_HSM_STARTED && !guest) {
            check_start(w, h, hart->hsm_start, hart->hsm_opaque);
            continue;
        }
        if (!e->entered)
            continue;
        if (e->from_guest && guest)
            guest_served(w, h, e);
        else if (e->from_guest)
            guest_to_host(w, h, e);
        else if (guest)
            guest_entered(w, h, e);
        else if (o->hsm[h] == SBI_HSM_STARTED)
            host_to_host(w, h, e);
    }
}
