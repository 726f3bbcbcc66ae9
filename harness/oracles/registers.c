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
#include "harness/oracles/oracle.h"

#include <string.h>

#include "monitor/core/tvm.h"

#define A0 10u
#define A1 11u

#define INTERRUPT (UINT64_C(1) << 63)
#define CAUSE_ECALL_HOST 9u
#define CAUSE_ECALL_GUEST 10u
#define CAUSE_GUEST_FAULT_FIRST 20u
#define CAUSE_VIRTUAL 22u
#define INSN_WFI 0x10500073u
#define CAUSE_GUEST_FAULT_LAST 23u
#define MACHINE_SOFTWARE (INTERRUPT | 3u)

#define CSR_STIMECMP 0x14du
#define VTYPE_ILLEGAL (UINT64_C(1) << 63)
#define CSR_VSATP 0x280u
#define CSR_HTIMEDELTA 0x605u
#define CSR_HVIP 0x645u

/* Bits of hvip: a software interrupt is the monitor's to raise; these are the host's, if the guest allows them. */
#define HVIP_VSSIP (UINT64_C(1) << 2)
#define INJECTABLE (UINT64_C(1) << 10 | UINT64_MAX << 13)
#define HOST_HVIP 28u /* index in host_csrs */

const uint16_t host_csrs[HOST_CSR_COUNT] = {
    0x100, /* sstatus */
    0x105, /* stvec */
    0x106, /* scounteren */
    0x10a, /* senvcfg */
    0x140, /* sscratch */
    0x141, /* sepc */
    0x14d, /* stimecmp */
    0x180, /* satp */
    0x200, /* vsstatus */
    0x205, /* vstvec */
    0x240, /* vsscratch */
    0x241, /* vsepc */
    0x242, /* vscause */
    0x243, /* vstval */
    0x24d, /* vstimecmp */
    0x280, /* vsatp */
    0x302, /* medeleg */
    0x303, /* mideleg */
    0x304, /* mie, with sie, hie and vsie in it */
    0x320, /* mcountinhibit */
    0x600, /* hstatus */
    0x602, /* hedeleg */
    0x603, /* hideleg */
    0x605, /* htimedelta */
    0x606, /* hcounteren */
    0x607, /* hgeie */
    0x60a, /* henvcfg */
    0x643, /* htval */
    0x645, /* hvip */
    0x64a, /* htinst */
    0x680, /* hgatp */
    0x60c, /* hstateen0 */
    0x60d, /* hstateen1 */
    0x60e, /* hstateen2 */
    0x60f, /* hstateen3 */
};

/* Indices into guest_csrs that trap delivery changes. */
enum { G_VSSTATUS, G_VSTVEC, G_VSSCRATCH, G_VSEPC, G_VSCAUSE, G_VSTVAL, G_VSTIMECMP, G_VSIE = 8 };

const uint16_t guest_csrs[GUEST_CSR_COUNT] = {
    0x200, /* vsstatus */
    0x205, /* vstvec */
    0x240, /* vsscratch */
    0x241, /* vsepc */
    0x242, /* vscause */
    0x243, /* vstval */
    0x24d, /* vstimecmp */
    0x280, /* vsatp */
    0x204, /* vsie */
    0x106, /* scounteren */
    0x10a, /* senvcfg */
};

/* A guest's own pending software interrupt, as bit 1 of vsip. */
#define CSR_VSIP 0x244u
#define VSIP_SSIP 2u

#define VSSTATUS_SIE (UINT64_C(1) << 1)
#define VSSTATUS_SPIE (UINT64_C(1) << 5)
#define VSSTATUS_SPP (UINT64_C(1) << 8)

_Static_assert(GUEST_CSR_COUNT < HOST_CSR_COUNT, "a guest's image has room for one more word");

/* --- images ----------------------------------------------------------------------------------------------------- */

static void take_vector(const struct machine_hart *hart, struct vector_image *vector)
{
    vector->vstart = hart->vstart;
    vector->vcsr = hart->vcsr;
    vector->vl = hart->vl;
    vector->vtype = hart->vtype;
    memcpy(vector->v, hart->v, sizeof(vector->v));
}

static void take_registers(const struct world *w, uint32_t h, struct world_image *image)
{
    const struct machine_hart *hart = &w->machine->hart[h];

    memcpy(image->x, hart->x, sizeof(image->x));
    memcpy(image->f, hart->f, sizeof(image->f));
    image->fcsr = hart->fcsr;
    take_vector(hart, &image->vector);
    image->pc = hart->pc;
    image->priv = hart->priv;
}

static void take_host_csrs(const struct world *w, uint32_t h, struct world_image *image)
{
    for (unsigned i = 0; i < HOST_CSR_COUNT; i++)
        image->csr[i] = machine_csr_read(w->machine, h, host_csrs[i]);
}

static uint64_t pending_software(const struct world *w, uint32_t h)
{
    return machine_csr_read(w->machine, h, CSR_VSIP) & VSIP_SSIP;
}

static void take_guest_csrs(const struct world *w, uint32_t h, struct world_image *image)
{
    for (unsigned i = 0; i < GUEST_CSR_COUNT; i++)
        image->csr[i] = machine_csr_read(w->machine, h, guest_csrs[i]);
    image->csr[GUEST_CSR_COUNT] = pending_software(w, h);
}

/* What the host answers to the vCPU that it runs: a0 and a1 of its mailbox. */
static void take_reply(const struct world *w, uint32_t h, struct entry *e)
{
    const struct hart *hart = &w->machine->monitor->hart[h];

    memset(e->reply, 0, sizeof(e->reply));
    const uint8_t *words =
        hart->shmem_set ? machine_peek(w->machine, hart->shmem.value + NACL_GPR_OFFSET(A0), sizeof(e->reply)) : NULL;
    if (words != NULL)
        memcpy(e->reply, words, sizeof(e->reply));
}

void registers_enter(struct world *w, uint32_t h, struct entry *e)
{
    take_registers(w, h, &e->before);
    if (e->from_guest)
        take_guest_csrs(w, h, &e->before);
    else
        take_host_csrs(w, h, &e->before);
    if (e->call == CALL_covh_run_tvm_vcpu)
        take_reply(w, h, e);
}

/* --- comparing -------------------------------------------------------------------------------------------------- */

/* General registers equal to `image`, apart from those in `mask`? Reports the first that is not. */
static bool same_gprs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask, const char *property,
                      const char *when)
{
    const uint64_t *now = w->machine->hart[h].x;

    if (now[0] == 0 && memcmp(now + 1, image->x + 1, 9 * sizeof(*now)) == 0 &&
        memcmp(now + 12, image->x + 12, 20 * sizeof(*now)) == 0 && ((mask >> A0 & 3) == 3))
        return true; /* the ordinary case: nothing but a0 and a1 */
    for (unsigned i = 0; i < 32; i++) {
        uint64_t expected = i == 0 ? 0 : image->x[i];
        if ((mask >> i & 1) != 0 || now[i] == expected)
            continue;
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: x%u was 0x%llx and is 0x%llx %s", h, i,
                      (unsigned long long)expected, (unsigned long long)now[i], when);
        return false;
    }
    return true;
}

/* The vector unit; an image that was never taken is the reset state, in which vtype is illegal. */
static bool same_vector(const struct machine_hart *hart, const struct vector_image *vector)
{
    uint64_t vtype = vector->vtype != 0 || vector->vl != 0 ? vector->vtype : VTYPE_ILLEGAL;

    return hart->vstart == vector->vstart && hart->vcsr == vector->vcsr && hart->vl == vector->vl &&
           (hart->vtype == vector->vtype || hart->vtype == vtype) && memcmp(hart->v, vector->v, sizeof(hart->v)) == 0;
}

/* Floating point and vectors equal to `image`? */
static bool same_fp(struct world *w, uint32_t h, const struct world_image *image, const char *property,
                    const char *when)
{
    const struct machine_hart *hart = &w->machine->hart[h];

    if (!same_vector(hart, &image->vector)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: the vector unit changed %s", h, when);
        return false;
    }
    if (memcmp(hart->f, image->f, sizeof(image->f)) == 0 && hart->fcsr == image->fcsr)
        return true;
    for (unsigned i = 0; i < 32; i++) {
        if (hart->f[i] != image->f[i]) {
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: f%u changed %s", h, i, when);
            return false;
        }
    }
    oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: fcsr changed %s", h, when);
    return false;
}

static void same_pc(struct world *w, uint32_t h, uint64_t pc, const char *property, const char *when)
{
    if (w->machine->hart[h].pc != pc)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: pc is 0x%llx, expected 0x%llx %s", h,
                      (unsigned long long)w->machine->hart[h].pc, (unsigned long long)pc, when);
}

/* Host CSRs equal to `image`, apart from number `except`, which is none of them when 0. */
static void same_host_csrs(struct world *w, uint32_t h, const struct world_image *image, unsigned except,
                           const char *when)
{
    for (unsigned i = 0; i < HOST_CSR_COUNT && !w->finding.found; i++) {
        uint64_t now = machine_csr_read(w->machine, h, host_csrs[i]);
        if (now != image->csr[i] && host_csrs[i] != except)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "host-csr", "hart %u: CSR 0x%x was 0x%llx and is 0x%llx %s", h,
                          host_csrs[i], (unsigned long long)image->csr[i], (unsigned long long)now, when);
    }
}

/* A guest's software interrupt becomes pending because another vCPU, or it itself, asked for it, and then it does. */
static void check_software_interrupt(struct world *w, uint32_t h, bool before, const char *property, const char *when)
{
    const struct hart *hart = &w->machine->monitor->hart[h];
    uint64_t *notified = &w->oracle_state->tvm[hart->tvm_slot % MONITOR_MAX_TVMS].notified;
    bool asked = (*notified >> (hart->vcpu_id % TVM_MAX_VCPUS) & 1) != 0;
    bool now = pending_software(w, h) != 0;

    if (now != (before || asked))
        oracle_report(w, ORACLE_OWN, asked ? S3_AVAILABILITY : S1_ISOLATION, asked ? "guest-ipi" : property,
                      "hart %u: the guest's pending software interrupt %s %s", h, now ? "came from nowhere" : "is gone",
                      when);
    *notified &= ~(UINT64_C(1) << (hart->vcpu_id % TVM_MAX_VCPUS));
}

/* Guest CSRs equal to `image`, apart from those whose bit is in `mask`. */
static void same_guest_csrs(struct world *w, uint32_t h, const struct world_image *image, uint32_t mask,
                            const char *property, const char *when)
{
    for (unsigned i = 0; i < GUEST_CSR_COUNT && !w->finding.found; i++) {
        uint64_t now = machine_csr_read(w->machine, h, guest_csrs[i]);
        if ((mask >> i & 1) == 0 && now != image->csr[i])
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "hart %u: CSR 0x%x was 0x%llx and is 0x%llx %s", h,
                          guest_csrs[i], (unsigned long long)image->csr[i], (unsigned long long)now, when);
    }
    check_software_interrupt(w, h, image->csr[GUEST_CSR_COUNT] != 0, property, when);
}

/* --- how a guest is confined ------------------------------------------------------------------------------------ */

static void expect_csr(struct world *w, uint32_t h, unsigned csr, uint64_t must_set, uint64_t must_clear,
                       const char *why)
{
    uint64_t now = machine_csr_read(w->machine, h, csr);

    if ((now & must_set) != must_set || (now & must_clear) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-config", "hart %u: CSR 0x%x is 0x%llx in a guest: %s", h, csr,
                      (unsigned long long)now, why);
}

static void check_confinement(struct world *w, uint32_t h)
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

/* The translation root of a hart in a guest is that of its TVM. */
static void check_root(struct world *w, uint32_t h, uint32_t slot)
{
    const struct tvm_facts *t = &w->oracle_state->tvm[slot].facts;
    uint64_t ppn = (MACHINE_WINDOW_BASE >> PAGE_SHIFT) + t->root;
    uint64_t expected = (uint64_t)t->mode << 60 | (uint64_t)t->vmid << 44 | ppn;
    uint64_t now = machine_csr_read(w->machine, h, 0x680);

    if (now != expected)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "hgatp", "hart %u runs TVM slot %u with hgatp 0x%llx, not 0x%llx", h,
                      slot, (unsigned long long)now, (unsigned long long)expected);
}

/* Slot, vCPU and frame that the monitor noted for this hart belong together, and no other hart has them. */
static bool check_running(struct world *w, uint32_t h)
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

/* --- the four ways through a trap ------------------------------------------------------------------------------- */

static void host_to_host(struct world *w, uint32_t h, const struct entry *e)
{
    if (w->machine->hart[h].parked)
        return;
    if (e->cause == MACHINE_SOFTWARE) {
        same_gprs(w, h, &e->before, 0, "host-gpr", "after an interrupt that was not the host's");
        same_pc(w, h, e->before.pc, "host-gpr", "after an interrupt that was not the host's");
        return;
    }
    if (e->cause != CAUSE_ECALL_HOST) {
        same_gprs(w, h, &e->before, 0, "host-gpr", "after a trap that was handed back");
        return;
    }
    same_gprs(w, h, &e->before, 3u << A0, "host-gpr", "after the call");
    same_pc(w, h, e->before.pc + 4, "host-gpr", "after the call");
    same_fp(w, h, &e->before, "host-fp", "across the call");
    same_host_csrs(w, h, &e->before, e->call == CALL_time_set_timer ? CSR_STIMECMP : 0, "after the call");
}

/* The boot vCPU of a promoted TVM goes on with the registers of the host's virtual machine. */
static void check_promoted_entry(struct world *w, uint32_t h, struct tvm_history *t)
{
    struct world_image image = {.pc = t->start[0].pc & ~UINT64_C(1), .priv = PRIV_S};

    t->promoted = false;
    memcpy(image.x, t->boot_x, sizeof(image.x));
    image.x[A0] = 0;
    image.x[A1] = t->start[0].opaque;
    same_gprs(w, h, &image, 0, "reset-state", "at the first entry of a promoted TVM");
    same_fp(w, h, &image, "reset-state", "before the first entry of a promoted TVM");
    same_pc(w, h, image.pc, "reset-state", "at the first entry of a promoted TVM");
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
    same_gprs(w, h, &reset, 0, "reset-state", "at the first entry");
    same_fp(w, h, &reset, "reset-state", "before the first entry");
    same_pc(w, h, entry_pc, "reset-state", "at the first entry");
    same_guest_csrs(w, h, &reset, not_reset, "reset-state", "at the first entry");
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
    t->timed = true;
    t->htimedelta = now;
}

/* A vCPU goes on that gave up its registers when it was suspended. */
static void check_wake_up(struct world *w, uint32_t h, const struct world_image *image)
{
    const uint64_t *x = w->machine->hart[h].x;
    uint64_t vsstatus = machine_csr_read(w->machine, h, 0x200);

    same_pc(w, h, image->pc & ~UINT64_C(1), "wake-up", "where the guest goes on");
    if (x[A0] != image->x[A0] || x[A1] != image->x[A1] || machine_csr_read(w->machine, h, CSR_VSATP) != 0 ||
        (vsstatus & VSSTATUS_SIE) != 0 || w->machine->hart[h].priv != PRIV_S)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "wake-up",
                      "hart %u: a guest that was suspended goes on in another state than it asked for", h);
    check_software_interrupt(w, h, image->csr[GUEST_CSR_COUNT] != 0, "wake-up", "when the guest woke up");
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
    same_gprs(w, h, &image, 0, "guest-state", "since the guest left");
    same_fp(w, h, &image, "guest-state", "since the guest left");
    same_pc(w, h, image.pc, "guest-state", "where the guest goes on");
    same_guest_csrs(w, h, &image, 0, "guest-state", "since the guest left");
    if (w->machine->hart[h].priv != image.priv)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "guest-state", "hart %u: the guest goes on in another mode", h);
}

static void host_to_guest(struct world *w, uint32_t h, const struct entry *e)
{
    struct oracle_state *o = w->oracle_state;
    const struct hart *hart = &w->machine->monitor->hart[h];

    if (e->call != CALL_covh_run_tvm_vcpu) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "enter", "hart %u entered a guest without a run call", h);
        return;
    }
    o->host[h] = e->before;
    if (!check_running(w, h))
        return;
    if (o->call.slot != hart->tvm_slot || o->call.args[1] != hart->vcpu_id)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "enter", "hart %u runs another vCPU than the call named", h);
    check_root(w, h, hart->tvm_slot);
    check_confinement(w, h);
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

    same_host_csrs(w, h, &o->host[h], 0, "after the guest's exit");
    same_fp(w, h, &zero, "host-fp", "instead of being zero after the guest's exit");
    same_gprs(w, h, &o->host[h], 3u << A0, "host-gpr", "after the guest's exit");
    same_pc(w, h, o->host[h].pc + 4, "host-gpr", "after the guest's exit");
    if (hart->priv != o->host[h].priv)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "host-gpr", "hart %u: the host goes on in another mode", h);
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
    same_guest_csrs(w, h, before, 1u << G_VSSTATUS | 1u << G_VSEPC | 1u << G_VSCAUSE | 1u << G_VSTVAL, "guest-state",
                    "when an exception was delivered");
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

static void guest_to_guest(struct world *w, uint32_t h, const struct entry *e)
{
    const struct world_image *before = &e->before;
    bool ecall = e->cause == CAUSE_ECALL_GUEST;
    bool fault = e->cause >= CAUSE_GUEST_FAULT_FIRST && e->cause <= CAUSE_GUEST_FAULT_LAST;
    uint32_t insn;

    same_gprs(w, h, before, ecall ? 3u << A0 : 0, "guest-state", "while the monitor served the guest");
    same_fp(w, h, before, "guest-state", "while the monitor served the guest");
    bool unknown = e->cause == CAUSE_VIRTUAL && e->trap.tval == 0 && !pending_instruction(w, h, e, &insn);
    bool over = waited_for_nothing(w, h, e);
    /* The range of fault causes has the virtual instruction in it. */
    bool exception = (e->cause == CAUSE_VIRTUAL && !unknown) || ((fault || unknown) && was_delivered(w, h, before));
    if (exception && !over) {
        check_injection(w, h, e);
        return;
    }
    same_pc(w, h, before->pc + (ecall || over ? 4 : 0), "guest-state", "while the monitor served the guest");
    bool timer = e->call == CALL_guest_time_set_timer && w->machine->hart[h].x[A0] == SBI_SUCCESS;
    same_guest_csrs(w, h, before, timer ? 1u << G_VSTIMECMP : 0, "guest-state", "while the monitor served the guest");
    if (timer && machine_csr_read(w->machine, h, 0x24d) != before->x[A0])
        oracle_report(w, ORACLE_OWN, S4_ABI, "timer", "hart %u: the guest's timer is not what it set", h);
    check_confinement(w, h);
}

/* --- what guests tell the monitor about their vCPUs --------------------------------------------------------------- */

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

static void follow_guest_call(struct world *w, uint32_t h, const struct entry *e)
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

/* A hart that was stopped and runs now: the registers that HSM names, everything else from reset. */
static void check_start(struct world *w, uint32_t h, uint64_t entry, uint64_t opaque)
{
    struct world_image start = {.priv = PRIV_S};

    start.x[A0] = h;
    start.x[A1] = opaque;
    same_gprs(w, h, &start, 0, "start-state", "when the hart starts");
    same_fp(w, h, &start, "start-state", "when the hart starts");
    same_pc(w, h, entry, "start-state", "where the hart starts");
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
    same_gprs(w, h, &as_it_was, 0, "resume-state", "when the hart resumes");
    same_fp(w, h, &as_it_was, "resume-state", "when the hart resumes");
    same_pc(w, h, as_it_was.pc + 4, "resume-state", "where the hart resumes");
    same_host_csrs(w, h, &as_it_was, 0, "when the hart resumes");
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
        follow_guest_call(w, o->hart, acting);
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
            guest_to_guest(w, h, e);
        else if (e->from_guest)
            guest_to_host(w, h, e);
        else if (guest)
            host_to_guest(w, h, e);
        else if (o->hsm[h] == SBI_HSM_STARTED)
            host_to_host(w, h, e);
    }
}
