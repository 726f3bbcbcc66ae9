/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, registers of guests: what a guest finds when it begins, when it goes on, and when the monitor has served it; and what
 * guests say about their vCPUs, as far as that decides what they must find.
 */
#include "harness/oracles/registers.h"

#include <string.h>

/* The boot vCPU of a promoted TVM goes on with the registers of the host's virtual machine. */
static void check_promoted_entry(struct world *w, uint32_t h, struct tvm_history *t)
{
    struct world_image image = {.pc = t->start[0].pc & ~UINT64_C(1), .priv = PRIV_S};

    t->promoted = false;
    memcpy(image.x, t->boot_x, sizeof(image.x));
    image.x[A0] = 0;
    image.x[A1] = t->start[0].opaque;
    image_same_gprs(w, h, &image, 0, "reset-state", "at the first entry of a promoted TVM");
    image_same_fp(w, h, &image, "reset-state", "before the first entry of a promoted TVM");
    image_same_pc(w, h, image.pc, "reset-state", "at the first entry of a promoted TVM");
}

/* First entry of a vCPU: nothing but what started it. */
static void check_first_entry(struct world *w, uint32_t h, struct tvm_history *t)
{
    uint32_t vcpu = w->machine->monitor->hart[h].vcpu_id % TVM_MAX_VCPUS;
    uint64_t entry_pc = t->start[vcpu].pc & ~UINT64_C(1); /* mepc has no bit 0 */
    struct world_image reset = {.pc = entry_pc, .priv = PRIV_S};
    uint32_t not_reset = 1u << G_VSSTATUS | 1u << G_VSTIMECMP; /* constant fields, and "never" */

    if (t->promoted && vcpu == 0) {
        check_promoted_entry(w, h, t);
        return;
    }
    reset.x[A0] = vcpu;
    reset.x[A1] = t->start[vcpu].opaque;
    image_same_gprs(w, h, &reset, 0, "reset-state", "at the first entry");
    image_same_fp(w, h, &reset, "reset-state", "before the first entry");
    image_same_pc(w, h, entry_pc, "reset-state", "at the first entry");
    image_same_guest_csrs(w, h, &reset, not_reset, "reset-state", "at the first entry");
    uint64_t vsstatus = machine_csr_read(w->machine, h, 0x200);
    if ((vsstatus & (VSSTATUS_SIE | VSSTATUS_SPIE | VSSTATUS_SPP)) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "reset-state", "hart %u: vsstatus is 0x%llx at the first entry", h,
                      (unsigned long long)vsstatus);
}

/*
 * What the host can make a guest take: external and local interrupts that this vCPU allowed, and that the host raises
 * now. Never a timer or a software interrupt.
 */
static void check_injected_interrupts(struct world *w, uint32_t h, const struct entry *e, uint64_t allowed)
{
    uint64_t raised = machine_csr_read(w->machine, h, CSR_HVIP) & ~HVIP_VSSIP;
    uint64_t host = e->before.csr[HOST_HVIP];

    if ((raised & ~(host & allowed & INJECTABLE)) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "interrupt-filter",
                      "hart %u: hvip is 0x%llx in a guest; the host raises 0x%llx, the guest allows 0x%llx", h,
                      (unsigned long long)raised, (unsigned long long)host, (unsigned long long)allowed);
}

/* Guest time has one offset for all vCPUs of a TVM, for ever: it never goes back. */
static void check_guest_time(struct world *w, uint32_t h, struct tvm_history *t)
{
    uint64_t now = machine_csr_read(w->machine, h, CSR_HTIMEDELTA);

    if (t->timed && now != t->htimedelta)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-time", "hart %u: htimedelta was 0x%llx and is 0x%llx", h,
                      (unsigned long long)t->htimedelta, (unsigned long long)now);
    /* It began with 0 when the TVM became runnable, which was in one step. */
    if (!t->timed && now + t->born_to > t->born_to - t->born_from)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-time",
                      "hart %u: guest time did not begin with 0 when the TVM became runnable: htimedelta is 0x%llx", h,
                      (unsigned long long)now);
    t->timed = true;
    t->htimedelta = now;
}

/* A vCPU goes on that gave up its registers when it was suspended. */
static void check_wake_up(struct world *w, uint32_t h, const struct world_image *image)
{
    const uint64_t *x = w->machine->hart[h].x;
    uint64_t vsstatus = machine_csr_read(w->machine, h, 0x200);

    image_same_pc(w, h, image->pc & ~UINT64_C(1), "wake-up", "where the guest goes on");
    if (x[A0] != image->x[A0] || x[A1] != image->x[A1] || machine_csr_read(w->machine, h, CSR_VSATP) != 0 ||
        (vsstatus & VSSTATUS_SIE) != 0 || w->machine->hart[h].priv != PRIV_S)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "wake-up",
                      "hart %u: a guest that was suspended goes on in another state than it asked for", h);
    image_check_software_interrupt(w, h, image->csr[GUEST_CSR_COUNT] != 0, "wake-up", "when the guest woke up");
}

/* It goes on where it was, with the host's answer. */
static void check_reentry(struct world *w, uint32_t h, const struct entry *e, const struct vcpu_history *v)
{
    struct world_image image = v->image;

    pending_resume(w, h, &v->pending, e->reply, &image);
    if (v->pending.kind == AWAIT_WAKE_UP) {
        check_wake_up(w, h, &image);
        return;
    }
    image_same_gprs(w, h, &image, 0, "guest-state", "since the guest left");
    image_same_fp(w, h, &image, "guest-state", "since the guest left");
    image_same_pc(w, h, image.pc, "guest-state", "where the guest goes on");
    image_same_guest_csrs(w, h, &image, 0, "guest-state", "since the guest left");
    if (w->machine->hart[h].priv != image.priv)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-state", "hart %u: the guest goes on in another mode", h);
}

void guest_entered(struct world *w, uint32_t h, const struct entry *e)
{
    struct oracle_state *o = w->oracle_state;
    const struct hart *hart = &w->machine->monitor->hart[h];

    if (e->call != CALL_covh_run_tvm_vcpu) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "enter", "hart %u entered a guest without a run call", h);
        return;
    }
    o->host[h] = e->before;
    if (!confinement_check_running(w, h))
        return;
    if (o->call.slot != hart->tvm_slot || o->call.args[1] != hart->vcpu_id)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "enter", "hart %u runs another vCPU than the call named", h);
    confinement_check_root(w, h, hart->tvm_slot);
    confinement_check(w, h);
    if (w->finding.found)
        return;
    struct vcpu_history *v = &o->vcpu[hart->vcpu_frame.index];
    uint64_t tvm = w->machine->monitor->tvm[hart->tvm_slot].id;
    bool first = v->generation != o->generation || v->tvm != tvm || v->pending.kind == AWAIT_START;
    if (first) {
        check_first_entry(w, h, &o->tvm[hart->tvm_slot]);
        v->allowed = 0;
    } else {
        check_reentry(w, h, e, v);
    }
    v->generation = o->generation;
    v->tvm = tvm;
    v->pending = (struct pending){.kind = AWAIT_NOTHING};
    check_injected_interrupts(w, h, e, v->allowed);
    check_guest_time(w, h, &o->tvm[hart->tvm_slot]);
}

/* Access fault of the same kind as a guest-page fault. */
static uint64_t access_fault_for(uint64_t cause)
{
    return cause == 20 ? 1 : cause == 21 ? 5 : 7;
}

/* The guest was sent to its own handler: by the rules of the architecture, for a cause that is due. */
static void check_injection(struct world *w, uint32_t h, const struct entry *e)
{
    const struct world_image *before = &e->before;
    uint64_t status = before->csr[G_VSSTATUS];
    uint64_t expected = status & ~(VSSTATUS_SIE | VSSTATUS_SPIE | VSSTATUS_SPP);
    uint64_t cause = machine_csr_read(w->machine, h, 0x242);

    expected |= (status & VSSTATUS_SIE) != 0 ? VSSTATUS_SPIE : 0;
    expected |= before->priv == PRIV_S ? VSSTATUS_SPP : 0;
    bool due = e->cause == CAUSE_VIRTUAL ? cause == 2 : cause == access_fault_for(e->cause);
    uint64_t tval = e->trap.tval;
    uint32_t insn;

    /* The hardware may leave out which instruction it was: then the guest's memory says. */
    if (e->cause == CAUSE_VIRTUAL && tval == 0 && pending_instruction(w, h, e, &insn))
        tval = insn;
    due = due && machine_csr_read(w->machine, h, 0x243) == tval;
    if (pending_could_emulate(w, h, e))
        oracle_report(w, ORACLE_OWN, S4_ABI, "mmio-refused",
                      "hart %u: a device access that the host should have seen was answered with a fault", h);
    if (machine_csr_read(w->machine, h, 0x200) != expected || machine_csr_read(w->machine, h, 0x241) != before->pc ||
        !due || w->machine->hart[h].pc != (before->csr[G_VSTVEC] & ~UINT64_C(3)) || w->machine->hart[h].priv != PRIV_S)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "injection",
                      "hart %u: exception %llu was delivered to the guest other than the architecture does", h,
                      (unsigned long long)cause);
    image_same_guest_csrs(w, h, before, 1u << G_VSSTATUS | 1u << G_VSEPC | 1u << G_VSCAUSE | 1u << G_VSTVAL,
                          "guest-state", "when an exception was delivered");
}

/* Was an exception delivered, rather than the faulting instruction tried again? */
static bool was_delivered(const struct world *w, uint32_t h, const struct world_image *before)
{
    bool changed = w->machine->hart[h].pc != before->pc;

    for (unsigned i = 0; i <= G_VSTVAL; i++)
        changed = changed || machine_csr_read(w->machine, h, guest_csrs[i]) != before->csr[i];
    return changed;
}

/*
 * Did the guest wait for an interrupt that was there already, its own software interrupt, pending and enabled? Then it
 * goes on behind the instruction.
 */
static bool waited_for_nothing(const struct world *w, uint32_t h, const struct entry *e)
{
    uint32_t insn = (uint32_t)e->trap.tval;

    if (e->cause != CAUSE_VIRTUAL || (e->before.csr[G_VSIE] & e->before.csr[GUEST_CSR_COUNT] & VSIP_SSIP) == 0)
        return false;
    if (e->trap.tval == 0 && !pending_instruction(w, h, e, &insn))
        return false;
    return e->trap.tval <= UINT32_MAX && insn == INSN_WFI;
}

void guest_served(struct world *w, uint32_t h, const struct entry *e)
{
    const struct world_image *before = &e->before;
    bool ecall = e->cause == CAUSE_ECALL_GUEST;
    bool fault = e->cause >= CAUSE_GUEST_FAULT_FIRST && e->cause <= CAUSE_GUEST_FAULT_LAST;
    uint32_t insn;

    image_same_gprs(w, h, before, ecall ? 3u << A0 : 0, "guest-state", "while the monitor served the guest");
    image_same_fp(w, h, before, "guest-state", "while the monitor served the guest");
    bool unknown = e->cause == CAUSE_VIRTUAL && e->trap.tval == 0 && !pending_instruction(w, h, e, &insn);
    bool over = waited_for_nothing(w, h, e);
    /* The range of fault causes has the virtual instruction in it. */
    bool exception = (e->cause == CAUSE_VIRTUAL && !unknown) || ((fault || unknown) && was_delivered(w, h, before));
    if (exception && !over) {
        check_injection(w, h, e);
        return;
    }
    image_same_pc(w, h, before->pc + (ecall || over ? 4 : 0), "guest-state", "while the monitor served the guest");
    bool timer = e->call == CALL_guest_time_set_timer && w->machine->hart[h].x[A0] == SBI_SUCCESS;
    image_same_guest_csrs(w, h, before, timer ? 1u << G_VSTIMECMP : 0, "guest-state",
                          "while the monitor served the guest");
    if (timer && machine_csr_read(w->machine, h, 0x24d) != before->x[A0])
        oracle_report(w, ORACLE_OWN, S4_ABI, "timer", "hart %u: the guest's timer is not what it set", h);
    confinement_check(w, h);
}

/* Did the call that a guest made come back with an error? A guest that left was served. */
static bool guest_call_failed(const struct world *w, uint32_t h)
{
    return machine_in_guest(w->machine, h) && (int64_t)w->machine->hart[h].x[A0] < 0;
}

static void follow_ipi(struct tvm_history *t, const uint64_t *a)
{
    if (a[1] == SBI_ALL_HARTS)
        t->notified = UINT64_MAX;
    else if (a[1] < TVM_MAX_VCPUS)
        t->notified |= a[0] << a[1];
}

static void follow_start(struct world *w, uint32_t slot, const uint64_t *a)
{
    struct oracle_state *o = w->oracle_state;
    struct tvm_history *t = &o->tvm[slot];
    uint32_t vcpu = (uint32_t)(a[0] % TVM_MAX_VCPUS);
    uint32_t frame = t->facts.vcpu_frame[vcpu];

    t->start[vcpu] = (struct vcpu_start){a[1], a[2]};
    t->notified &= ~(UINT64_C(1) << vcpu); /* what was asked of it before is over */
    if (frame < o->pages)
        o->vcpu[frame].pending.kind = AWAIT_START;
}

/* Bits that a guest can allow or deny: one, or all that there are. */
static uint64_t interrupt_bits(uint64_t id)
{
    return id == UINT64_MAX ? INJECTABLE : id < 64 ? UINT64_C(1) << id : 0;
}

void guest_follow_call(struct world *w, uint32_t h, const struct entry *e)
{
    struct oracle_state *o = w->oracle_state;
    uint32_t slot = o->running_slot[h] % MONITOR_MAX_TVMS;
    struct vcpu_history *v = &o->vcpu[o->running_frame[h] % o->pages];
    const uint64_t *a = &e->before.x[A0];

    if (guest_call_failed(w, h))
        return;
    switch ((enum call_id)e->call) {
    case CALL_guest_ipi_send: follow_ipi(&o->tvm[slot], a); return;
    case CALL_guest_hsm_hart_start: follow_start(w, slot, a); return;
    case CALL_covg_allow_external_interrupt: v->allowed |= interrupt_bits(a[0]); return;
    case CALL_covg_deny_external_interrupt: v->allowed &= ~interrupt_bits(a[0]); return;
    default: return;
    }
}
