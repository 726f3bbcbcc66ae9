/* SPDX-License-Identifier: Apache-2.0 */
/* Steps, walk and pairs; see replay.h. */
#include "emulation/unicorn/replay.h"

#include <stdio.h>
#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define A0 10
#define A1 11
#define A6 16
#define A7 17
#define INSN_WFI 0x10500073u
#define CLINT_MSIP UINT64_C(0x02000000)
#define COVH_RUN_TVM_VCPU 15u
#define COVE_SDID_SHIFT 26
#define UNKNOWN_EID UINT64_C(0x0bad0000)
#define EPOCH_PAIRS 64u /* pairs that start from the same state */

#define IRQ(n) (INTERRUPT_BIT | (n))
#define EXIT_MAY_RUN_AGAIN 0u
#define EXIT_NEVER_RUNS_AGAIN 1u
#define COVG_DENY_EXTERNAL_INTERRUPT 5u
#define DBCN_CONSOLE_WRITE_BYTE 2u
#define HSM_START 0u
#define HSM_STOP 1u
#define HSM_SUSPEND 3u
#define COVG_ADD_MMIO_REGION 0u
#define COVG_SHARE_MEMORY_REGION 2u
#define VS_EXTERNAL_INTERRUPT 10u
#define TDATA1_TYPE (UINT64_C(0xf) << 60)
#define HVIP_VSSIP UINT64_C(0x4)

static const enum edge exit_edges[] = {
    EDGE_EXIT_SSI,        EDGE_EXIT_STI,          EDGE_EXIT_SEI,       EDGE_EXIT_FETCH,     EDGE_EXIT_LOAD,
    EDGE_EXIT_STORE,      EDGE_EXIT_WFI,          EDGE_EXIT_SHARED,    EDGE_EXIT_NOTIFIED,  EDGE_EXIT_VCPU_START,
    EDGE_EXIT_MMIO_STORE, EDGE_EXIT_VCPU_SUSPEND, EDGE_EXIT_MMIO_LOAD, EDGE_EXIT_FORWARDED, EDGE_EXIT_VCPU_STOP,
    EDGE_EXIT_RESET,      EDGE_EXIT_FATAL};
#define EXITS_WITHOUT_ANSWER                                                                                           \
    (COUNT(exit_edges) - 5) /* all but the last five: the host has no say in how the guest goes on */
static const enum edge guest_edges[] = {EDGE_GUEST_BASE,     EDGE_GUEST_UNKNOWN, EDGE_GUEST_VIRTUAL, EDGE_GUEST_ACCESS,
                                        EDGE_GUEST_SPURIOUS, EDGE_GUEST_WFI,     EDGE_GUEST_MSI};
static const enum edge host_edges[] = {EDGE_HOST_BASE, EDGE_HOST_UNKNOWN, EDGE_HOST_REFUSED, EDGE_HOST_MSI,
                                       EDGE_HOST_UNEXPECTED};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct expected_stores no_stores = {.count = 0};
static const struct expected_stores msip_cleared = {.list = {{.address = CLINT_MSIP, .size = 4}}, .count = 1};

/* --- one trap ------------------------------------------------------------------------------------------------- */

/* Raise the trap and run the firmware. False, with a violation recorded, when no world comes out. */
static bool play(struct replayer *r, enum edge edge, const struct csr_trap *trap)
{
    r->findings->replays[edge]++;
    r->findings->replay_number++;
    if (!check_reaches_monitor(&r->checker, edge, trap->cause))
        return false;
    if (hart_trap(&r->hart, trap) == STOP_WORLD)
        return true;
    check_stopped(&r->checker, edge);
    return false;
}

/* --- the host runs -------------------------------------------------------------------------------------------- */

static void host_call(struct replayer *r, uint64_t eid, uint64_t fid)
{
    r->hart.regs.x[A6] = fid;
    r->hart.regs.x[A7] = eid;
}

/* The run call for a vCPU, in either of the supervisor domains that the monitor answers for. */
static void host_run_call(struct replayer *r, uint64_t tvm, uint64_t vcpu, struct prng *rng)
{
    host_call(r, SBI_EID_COVH, COVH_RUN_TVM_VCPU | (prng_next(rng) & 1) << COVE_SDID_SHIFT);
    r->hart.regs.x[A0] = tvm;
    r->hart.regs.x[A1] = vcpu;
}

static void check_guest_memory(struct replayer *r, enum edge edge)
{
    findings_checked(r->findings, edge, ELEMENT_MEMORY);
    const void *page = hart_peek(&r->hart, r->scene.guest_page, PAGE_SIZE);
    if (memcmp(page, r->guest_page, PAGE_SIZE) != 0)
        findings_add(r->findings, edge, ELEMENT_MEMORY, "guest page", "the guest's memory changed while it was away");
}

/* The mailbox is host memory: between two runs anything may come to stand where the monitor once wrote. */
static void host_spoils_mailbox(struct replayer *r, struct prng *rng)
{
    static const unsigned csrs[] = {0x200, 0x204, 0x205, 0x241, 0x244, 0x24d, 0x280, 0x605, 0x643, 0x645, 0x64a, 0x680};
    for (size_t i = 0; i < COUNT(csrs); i++) {
        uint64_t word = prng_next(rng);
        hart_poke(&r->hart, SCENE_SHMEM + NACL_CSR_OFFSET(csrs[i]), &word, sizeof(word));
    }
    for (unsigned n = 0; n < 32; n++) {
        uint64_t word = prng_next(rng);
        hart_poke(&r->hart, SCENE_SHMEM + NACL_GPR_OFFSET(n), &word, sizeof(word));
    }
}

/* A load from a device: the value in a0, as wide as the load and extended as it does. */
static void take_loaded_value(struct replayer *r)
{
    const struct mmio_access *m = &r->mmio;
    uint64_t value, mask = UINT64_MAX >> (64 - 8 * m->width);
    memcpy(&value, hart_peek(&r->hart, SCENE_SHMEM + NACL_GPR_OFFSET(A0), sizeof(value)), sizeof(value));
    bool negative = m->sign && (value >> (8 * m->width - 1) & 1) != 0;
    if (m->reg != 0)
        r->guest.regs.x[m->reg] = negative ? value | ~mask : value & mask;
    r->guest.regs.pc += m->length;
    r->loads_value = false;
}

/* What reaches the guest of the host's answer to a call: an error that SBI knows, and no value with an error. */
static void take_answer(struct replayer *r)
{
    int64_t error;
    memcpy(&error, hart_peek(&r->hart, SCENE_SHMEM + NACL_GPR_OFFSET(A0), sizeof(error)), sizeof(error));
    bool known = error <= SBI_SUCCESS && error >= SBI_ERR_NO_SHMEM;
    r->guest.regs.x[A0] = (uint64_t)(known ? error : SBI_ERR_FAILED);
    r->guest.regs.x[A1] = 0; /* console_write_byte has no value */
    r->guest.regs.pc += 4;
    r->waits_for_answer = false;
}

/* The run call is set up: the guest goes on as r->guest says. */
static bool run_guest(struct replayer *r, const struct expected_stores *stores)
{
    const enum edge edge = EDGE_HOST_RUN;
    struct emulated_hart *h = &r->hart;
    r->host = view_of(h);
    struct csr_file live = h->csr;
    if (!play(r, edge, &(struct csr_trap){.cause = 9}))
        return false;
    check_world(&r->checker, edge, true, true, &r->guest, &live);
    check_stores(&r->checker, edge, stores);
    check_guest_memory(r, edge);
    r->in_guest = h->csr.virt;
    return r->in_guest;
}

/* host -> guest: everything that the guest had is there again. */
static bool step_run(struct replayer *r, struct prng *rng)
{
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    host_spoils_mailbox(r, rng);
    if (r->waits_for_answer)
        take_answer(r);
    struct expected_stores stores = {.count = r->loads_value ? 1u : 0u}; /* the value is taken out of the mailbox */
    stores.list[0] = (struct store){.address = SCENE_SHMEM + NACL_GPR_OFFSET(A0), .size = 8};
    if (r->loads_value)
        take_loaded_value(r);
    return run_guest(r, &stores);
}

/* A call that has to succeed, while the TVM is made. */
static bool step_setup(struct replayer *r, const struct scene_call *call, struct prng *rng)
{
    const enum edge edge = EDGE_HOST_SETUP;
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    host_call(r, call->eid, call->fid);
    memcpy(&h->regs.x[A0], call->args, sizeof(call->args));
    struct view expected = view_of(h);
    struct csr_file live = h->csr;
    if (!play(r, edge, &(struct csr_trap){.cause = 9}))
        return false;
    int64_t error = (int64_t)h->regs.x[A0];
    if (error != SBI_SUCCESS)
        findings_add(r->findings, edge, ELEMENT_MONITOR, call->name, "a valid call is answered with error %lld",
                     (long long)error);
    if (call->value_is_an_id)
        r->scene.tvm_id = h->regs.x[A1];
    expected.regs.x[A0] = SBI_SUCCESS;
    expected.regs.x[A1] = call->value_is_an_id ? r->scene.tvm_id : call->value;
    expected.regs.pc += 4;
    check_world(&r->checker, edge, false, false, &expected, &live);
    check_stores(&r->checker, edge, &no_stores);
    return error == SBI_SUCCESS;
}

/*
 * What the hardware does when the host takes an exception itself: a trap that M-mode could not delegate and does not
 * want has to look like that. hstatus.SPVP keeps its value where no virtual machine trapped.
 */
static void deliver_to_host(struct view *v, const struct csr_trap *trap)
{
    uint64_t *csr = v->csr.value;
    uint64_t stacked = v->csr.mode == MODE_S ? STATUS_SPP : 0;
    stacked |= (csr[SLOT_mstatus] & STATUS_SIE) != 0 ? STATUS_SPIE : 0;
    csr[SLOT_mstatus] = (csr[SLOT_mstatus] & ~(STATUS_SPP | STATUS_SPIE | STATUS_SIE)) | stacked;
    csr[SLOT_hstatus] = (csr[SLOT_hstatus] & ~(HSTATUS_SPV | HSTATUS_GVA)) | (trap->gva ? HSTATUS_GVA : 0);
    if (v->csr.virt)
        csr[SLOT_hstatus] =
            (csr[SLOT_hstatus] & ~HSTATUS_SPVP) | HSTATUS_SPV | (v->csr.mode == MODE_S ? HSTATUS_SPVP : 0);
    csr[SLOT_sepc] = v->regs.pc;
    csr[SLOT_scause] = trap->cause;
    csr[SLOT_stval] = trap->tval;
    csr[SLOT_htval] = trap->tval2;
    csr[SLOT_htinst] = trap->tinst;
    v->regs.pc = csr[SLOT_stvec] & ~UINT64_C(3);
    v->csr.mode = MODE_S;
    v->csr.virt = false;
}

/* host -> host: an exception that cannot be delegated, in any mode of the host or of its own virtual machines. */
static bool step_host_unexpected(struct replayer *r, struct prng *rng)
{
    static const uint64_t causes[] = {14, 16, 17, 18, 19, 24, 31, 48, 63};
    const enum edge edge = EDGE_HOST_UNEXPECTED;
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    h->csr.mode = (prng_next(rng) & 1) != 0 ? MODE_S : MODE_U;
    h->csr.virt = (prng_next(rng) & 1) != 0;
    struct csr_trap trap = {.cause = causes[prng_below(rng, COUNT(causes))],
                            .tval = prng_next(rng),
                            .tval2 = prng_next(rng),
                            .tinst = prng_next(rng),
                            .gva = h->csr.virt && (prng_next(rng) & 1) != 0};
    struct view expected = view_of(h);
    struct csr_file live = h->csr;
    deliver_to_host(&expected, &trap);
    if (!play(r, edge, &trap))
        return false;
    check_world(&r->checker, edge, false, false, &expected, &live);
    check_stores(&r->checker, edge, &no_stores);
    return true;
}

/* host -> host: a0, a1 and pc, and nothing else. */
static bool step_host(struct replayer *r, enum edge edge, struct prng *rng)
{
    struct emulated_hart *h = &r->hart;
    struct view expected;
    struct csr_trap trap = {.cause = 9};
    int64_t error = SBI_SUCCESS;
    uint64_t value = 0;
    if (edge == EDGE_HOST_UNEXPECTED)
        return step_host_unexpected(r, rng);
    world_random_host(h, rng);
    switch (edge) {
    case EDGE_HOST_BASE:
        host_call(r, SBI_EID_BASE, 0);
        value = SBI_SPEC_VERSION;
        break;
    case EDGE_HOST_UNKNOWN:
        host_call(r, UNKNOWN_EID | (prng_next(rng) & 0xffff), prng_next(rng));
        error = SBI_ERR_NOT_SUPPORTED;
        break;
    case EDGE_HOST_REFUSED:
        /* A vCPU that took a fatal trap, else one that does not exist, or a TVM that does not. */
        if (r->guest_dead)
            host_run_call(r, r->scene.tvm_id, 0, rng);
        else if ((prng_next(rng) & 1) != 0)
            host_run_call(r, r->scene.tvm_id, 1 + prng_next(rng) / 2, rng);
        else
            host_run_call(r, r->scene.tvm_id + 1 + prng_next(rng) / 2, 0, rng);
        error = SBI_ERR_INVALID_PARAM;
        break;
    default:
        /* It may come while user code or a virtual machine of the host runs. */
        trap.cause = IRQ(3);
        h->csr.mode = (prng_next(rng) & 1) != 0 ? MODE_S : MODE_U;
        h->csr.virt = (prng_next(rng) & 1) != 0;
        break;
    }
    bool call = edge != EDGE_HOST_MSI;
    expected = view_of(h);
    if (call) {
        expected.regs.x[A0] = (uint64_t)error;
        expected.regs.x[A1] = value;
        expected.regs.pc += 4;
    }
    struct csr_file live = h->csr;
    if (!play(r, edge, &trap))
        return false;
    check_world(&r->checker, edge, false, false, &expected, &live);
    check_stores(&r->checker, edge, call ? &no_stores : &msip_cleared);
    return true;
}

/* --- the guest runs ------------------------------------------------------------------------------------------- */

static void guest_randomise(struct replayer *r, struct prng *shown, struct prng *secret)
{
    world_random_guest(&r->hart, shown, secret);
    world_random_page(&r->hart, r->scene.guest_page, secret);
    memcpy(r->guest_page, hart_peek(&r->hart, r->scene.guest_page, PAGE_SIZE), PAGE_SIZE);
}

/* A guest-page fault on some byte of a page. Only the page is shown: the rest of the report is secret. */
static struct csr_trap page_fault(uint64_t cause, uint64_t page_gpa, struct prng *secret)
{
    uint64_t offset = prng_next(secret) & 0xfff;
    return (struct csr_trap){.cause = cause,
                             .tval = (prng_next(secret) & ~UINT64_C(0xfff)) | offset,
                             .tval2 = (page_gpa | offset) >> 2,
                             .tinst = (prng_next(secret) & 1) != 0 ? prng_next(secret) & 0xffffffff : 0,
                             .gva = true};
}

static uint64_t page_of_region(struct prng *rng, unsigned first, unsigned count)
{
    return SCENE_GPA + (first + prng_below(rng, count)) * PAGE_SIZE;
}

/* Causes that nobody has given to a guest and that no architecture defines for it. */
static uint64_t fatal_cause(struct prng *shown)
{
    static const uint64_t causes[] = {9, 11, 14, 16, 17, 18, 19, 24, 31, 48, 63, UINT64_C(0x10000000a), IRQ(13)};
    return causes[prng_below(shown, COUNT(causes))];
}

struct exit_plan {
    struct csr_trap trap;
    uint64_t scause, stval, htval, htinst, value;
    uint64_t a[8];
    uint64_t pc_step; /* by how much the guest's pc is ahead when it runs again */
    uint64_t lines;   /* interrupt lines that are up */
};

/* What the guest does, and what the exit record has to say about it. */
/* A call of the guest: what it is, and with which argument, is shown on purpose, everything else is not. */
static void plan_call(struct exit_plan *plan, struct registers *regs, uint64_t eid, uint64_t fid, uint64_t argument)
{
    regs->x[A0] = argument;
    regs->x[A6] = fid;
    regs->x[A7] = eid;
    plan->a[0] = argument & 0xff;
    plan->a[6] = fid;
    plan->a[7] = eid;
}

static struct exit_plan plan_exit(enum edge edge, struct prng *shown, struct prng *secret)
{
    uint64_t page = page_of_region(shown, SCENE_PRESENT_PAGES, SCENE_SHARED_PAGE - SCENE_PRESENT_PAGES);
    struct exit_plan plan = {.value = EXIT_MAY_RUN_AGAIN};
    switch (edge) {
    case EDGE_EXIT_SSI: plan.trap.cause = IRQ(1); break;
    case EDGE_EXIT_STI: plan.trap.cause = IRQ(5); break;
    case EDGE_EXIT_SEI: plan.trap.cause = IRQ(9); break;
    case EDGE_EXIT_FETCH: plan.trap = page_fault(20, page, secret); break;
    case EDGE_EXIT_LOAD: plan.trap = page_fault(21, page, secret); break;
    case EDGE_EXIT_STORE: plan.trap = page_fault(23, page, secret); break;
    case EDGE_EXIT_SHARED:
        page = SCENE_GPA + SCENE_SHARED_PAGE * PAGE_SIZE;
        plan.trap = page_fault((prng_next(shown) & 1) != 0 ? 21 : 23, page, secret);
        plan.trap.tinst |=
            plan.trap.tinst != 0 ? 1 : 0; /* an even one tells of a walk, which shared pages do not serve */
        break;
    case EDGE_EXIT_VCPU_STOP:
    case EDGE_EXIT_RESET:
        plan.trap.cause = 10;
        plan.value = EXIT_NEVER_RUNS_AGAIN;
        break;
    case EDGE_EXIT_MMIO_LOAD: plan.trap.cause = 21; break;
    case EDGE_EXIT_MMIO_STORE: plan.trap.cause = 23; break;
    case EDGE_EXIT_NOTIFIED:
    case EDGE_EXIT_VCPU_START:
    case EDGE_EXIT_VCPU_SUSPEND:
    case EDGE_EXIT_FORWARDED: plan.trap.cause = 10; break;
    case EDGE_EXIT_WFI:
        plan.trap = (struct csr_trap){.cause = 22, .tval = INSN_WFI};
        plan.stval = INSN_WFI;
        plan.htinst = INSN_WFI;
        plan.pc_step = 4;
        break;
    default:
        plan.trap = (struct csr_trap){.cause = fatal_cause(shown),
                                      .tval = prng_next(secret),
                                      .tval2 = prng_next(secret),
                                      .tinst = prng_next(secret),
                                      .gva = (prng_next(secret) & 1) != 0};
        plan.value = EXIT_NEVER_RUNS_AGAIN;
        break;
    }
    plan.scause = plan.trap.cause;
    bool device = edge == EDGE_EXIT_MMIO_LOAD || edge == EDGE_EXIT_MMIO_STORE;
    if (!device && (plan.scause == 20 || plan.scause == 21 || plan.scause == 23))
        plan.htval = page >> 2;
    if ((plan.scause & INTERRUPT_BIT) != 0)
        plan.lines = UINT64_C(1) << (plan.scause & 63) & 0x222;
    if ((plan.scause & INTERRUPT_BIT) != 0 && plan.value == EXIT_NEVER_RUNS_AGAIN)
        plan.scause = INTERRUPT_BIT; /* which one it was is the monitor's affair */
    return plan;
}

static struct store mailbox_word(unsigned csr, uint64_t value)
{
    return (struct store){.address = SCENE_SHMEM + NACL_CSR_OFFSET(csr), .value = value, .size = 8};
}

static struct expected_stores exit_stores(const struct exit_plan *plan, const struct csr_file *guest)
{
    struct expected_stores stores = {.list = {mailbox_word(0x643, plan->htval), mailbox_word(0x64a, plan->htinst),
                                              mailbox_word(0x645, 0), mailbox_word(0x204, csr_get(guest, SLOT_vsie)),
                                              mailbox_word(0x24d, guest->value[SLOT_vstimecmp]),
                                              mailbox_word(0x605, guest->value[SLOT_htimedelta])},
                                     .count = 6};
    /* a0..a7, on every exit: what an earlier one showed is not there any more. */
    for (unsigned n = 0; n < 8; n++)
        stores.list[stores.count++] =
            (struct store){.address = SCENE_SHMEM + NACL_GPR_OFFSET(A0 + n), .value = plan->a[n], .size = 8};
    return stores;
}

/* The vector CSRs as after reset. */
static void no_vectors(struct csr_file *csr)
{
    csr->value[SLOT_vstart] = 0;
    csr->value[SLOT_vcsr] = 0;
    csr->value[SLOT_vl] = 0;
    csr->value[SLOT_vtype] = VTYPE_VILL;
}

/* The host as it called run, plus the exit record. */
static struct view host_after_exit(const struct view *before, const struct exit_plan *plan)
{
    struct view v = *before;
    v.regs.x[A0] = SBI_SUCCESS;
    v.regs.x[A1] = plan->value;
    v.regs.pc += 4;
    memset(v.regs.f, 0, sizeof(v.regs.f));
    v.csr.value[SLOT_fcsr] = 0;
    memset(v.regs.v, 0, sizeof(v.regs.v));
    no_vectors(&v.csr);
    v.csr.value[SLOT_scause] = plan->scause;
    v.csr.value[SLOT_stval] = plan->stval;
    return v;
}

/*
 * An access to the device: where, how wide and, for a store, which value is shown; which register it is, is not. The
 * hardware describes it as a transformed instruction.
 */
static void plan_mmio(struct replayer *r, struct exit_plan *plan, struct prng *shown, struct prng *secret)
{
    bool store = plan->trap.cause == 23;
    struct mmio_access *m = &r->mmio;
    unsigned code = (unsigned)prng_below(shown, 4);
    bool compressed = (prng_next(secret) & 1) != 0;
    m->width = 1u << code;
    m->sign = code == 3 || (prng_next(shown) & 1) != 0;
    m->length = compressed ? 2 : 4;
    m->reg = (unsigned)prng_below(secret, 32);
    uint64_t gpa = SCENE_MMIO + prng_below(shown, PAGE_SIZE / 8) * 8;
    uint32_t funct3 = store || m->sign ? code : code | 4u;
    uint32_t insn = store ? 0x23u | funct3 << 12 | m->reg << 20 : 0x03u | funct3 << 12 | m->reg << 7;
    plan->trap.tval = (prng_next(secret) & ~UINT64_C(0xfff)) | (gpa & 0xfff);
    plan->trap.tval2 = gpa >> 2;
    plan->trap.tinst = compressed ? insn & ~2u : insn;
    plan->trap.gva = true;
    plan->stval = gpa & 3;
    plan->htval = gpa >> 2;
    plan->htinst = (store ? 0x00a00023u : 0x00000503u) | funct3 << 12;
    r->loads_value = !store;
    if (!store)
        return;
    uint64_t value = prng_next(shown), mask = UINT64_MAX >> (64 - 8 * m->width);
    if (m->reg == 0)
        m->reg = 1 + (unsigned)prng_below(secret, 31);
    plan->trap.tinst = (plan->trap.tinst & ~(UINT64_C(31) << 20)) | m->reg << 20;
    r->hart.regs.x[m->reg] = (r->hart.regs.x[m->reg] & ~mask) | (value & mask);
    plan->a[0] = value & mask;
    plan->pc_step = m->length;
}

/* The calls of a guest about its vCPUs, and about itself. */
static void plan_life(struct replayer *r, struct exit_plan *plan, enum edge edge, struct prng *shown,
                      struct prng *secret)
{
    uint64_t *x = r->hart.regs.x;
    switch (edge) {
    case EDGE_EXIT_VCPU_START:
        plan_call(plan, &r->hart.regs, SBI_EID_HSM, HSM_START, 1);
        x[A1] = SCENE_GPA + (prng_next(secret) & 0xffe);
        r->other_started = true;
        break;
    case EDGE_EXIT_VCPU_SUSPEND:
        plan_call(plan, &r->hart.regs, SBI_EID_HSM, HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
        r->hart.csr.value[SLOT_hvip] &= ~HVIP_VSSIP;
        break;
    case EDGE_EXIT_VCPU_STOP:
        plan_call(plan, &r->hart.regs, SBI_EID_HSM, HSM_STOP, prng_next(secret));
        plan->a[0] = 0;
        break;
    default:
        plan_call(plan, &r->hart.regs, SBI_EID_SRST, 0, prng_below(shown, 3));
        x[A1] = prng_below(shown, 2);
        plan->a[1] = x[A1];
        break;
    }
}

static bool is_completed_call(enum edge edge)
{
    return edge == EDGE_EXIT_NOTIFIED || edge == EDGE_EXIT_VCPU_START || edge == EDGE_EXIT_VCPU_SUSPEND;
}

/* The guest traps as planned: what the host sees, and what the guest will find when it runs again. */
static bool finish_exit(struct replayer *r, enum edge edge, const struct exit_plan *plan)
{
    struct emulated_hart *h = &r->hart;
    if (plan->trap.cause == 10)
        h->csr.mode = MODE_S;
    if (edge == EDGE_EXIT_WFI)
        h->csr.value[SLOT_hvip] &= ~HVIP_VSSIP; /* nothing that it would have to be woken for */
    h->csr.value[SLOT_mip] |= plan->lines;
    struct csr_file live = h->csr;
    r->guest = view_of(h);
    r->guest.regs.pc += plan->pc_step;
    if (is_completed_call(edge)) { /* done before the host hears of it */
        r->guest.regs.x[A0] = SBI_SUCCESS;
        r->guest.regs.x[A1] = 0;
        r->guest.regs.pc += 4;
    }
    r->waits_for_answer = edge == EDGE_EXIT_FORWARDED;
    if (!play(r, edge, &plan->trap))
        return false;
    struct view expected = host_after_exit(&r->host, plan);
    struct expected_stores stores = exit_stores(plan, &live);
    check_world(&r->checker, edge, false, true, &expected, &live);
    check_stores(&r->checker, edge, &stores);
    r->in_guest = h->csr.virt;
    r->guest_dead = plan->value == EXIT_NEVER_RUNS_AGAIN;
    return !r->in_guest;
}

/* guest -> host, from the state that the guest is in. */
static bool step_exit(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret)
{
    struct emulated_hart *h = &r->hart;
    struct exit_plan plan = plan_exit(edge, shown, secret);
    if (edge == EDGE_EXIT_NOTIFIED)
        plan_call(&plan, &h->regs, SBI_EID_COVG, COVG_DENY_EXTERNAL_INTERRUPT, VS_EXTERNAL_INTERRUPT);
    if (edge == EDGE_EXIT_FORWARDED)
        plan_call(&plan, &h->regs, SBI_EID_DBCN, DBCN_CONSOLE_WRITE_BYTE, prng_next(shown));
    if (edge == EDGE_EXIT_MMIO_LOAD || edge == EDGE_EXIT_MMIO_STORE)
        plan_mmio(r, &plan, shown, secret);
    if (edge == EDGE_EXIT_VCPU_START || edge == EDGE_EXIT_VCPU_SUSPEND || edge == EDGE_EXIT_VCPU_STOP ||
        edge == EDGE_EXIT_RESET)
        plan_life(r, &plan, edge, shown, secret);
    return finish_exit(r, edge, &plan);
}

/* What the hardware does when a guest takes an exception itself: that is what an injected one has to look like. */
static void deliver_to_guest(struct view *v, uint64_t cause, uint64_t tval)
{
    uint64_t status = v->csr.value[SLOT_vsstatus];
    uint64_t stacked = (v->csr.mode == MODE_S ? STATUS_SPP : 0) | ((status & STATUS_SIE) != 0 ? STATUS_SPIE : 0);
    v->csr.value[SLOT_vsstatus] = (status & ~(STATUS_SPP | STATUS_SPIE | STATUS_SIE)) | stacked;
    v->csr.value[SLOT_vsepc] = v->regs.pc;
    v->csr.value[SLOT_vscause] = cause;
    v->csr.value[SLOT_vstval] = tval;
    v->regs.pc = v->csr.value[SLOT_vstvec] & ~UINT64_C(3);
    v->csr.mode = MODE_S;
}

/* An address that no region of the TVM contains; sometimes none that its tables could translate. */
static uint64_t undeclared_page(struct prng *rng)
{
    uint64_t region_end = SCENE_GPA + (uint64_t)SCENE_REGION_PAGES * PAGE_SIZE;
    switch (prng_below(rng, 3)) {
    case 0: return region_end;
    case 1: return SCENE_GPA - PAGE_SIZE;
    default: return region_end + (prng_next(rng) >> 6 & ~UINT64_C(0xfff));
    }
}

/* A system instruction that a guest may meet a virtual-instruction exception with, but wfi. */
static uint64_t virtual_instruction(struct prng *rng)
{
    static const uint32_t insns[] = {0x60002573 /* csrr a0, hstatus */, 0x22000073 /* hfence.vvma */,
                                     0xc0002573 /* rdcycle a0 */, 0x10200073 /* sret */};
    return insns[prng_below(rng, COUNT(insns))];
}

/* guest -> guest: the monitor serves the guest and nobody else notices. */
static bool step_guest(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret)
{
    static const uint64_t fault_cause[] = {20, 21, 23}, access_cause[] = {1, 5, 7};
    struct emulated_hart *h = &r->hart;
    bool call = edge == EDGE_GUEST_BASE || edge == EDGE_GUEST_UNKNOWN;
    if (call)
        h->csr.mode = MODE_S; /* a user process calls its own kernel */
    unsigned kind = (unsigned)prng_below(shown, 3);
    struct csr_trap trap = {.cause = 10};
    struct view expected;
    switch (edge) {
    case EDGE_GUEST_BASE:
        h->regs.x[A6] = 0;
        h->regs.x[A7] = SBI_EID_BASE;
        break;
    case EDGE_GUEST_UNKNOWN:
        h->regs.x[A7] = kind == 0 ? SBI_EID_COVH : UNKNOWN_EID | (prng_next(secret) & 0xffff);
        break;
    case EDGE_GUEST_VIRTUAL: trap = (struct csr_trap){.cause = 22, .tval = virtual_instruction(secret)}; break;
    case EDGE_GUEST_ACCESS: trap = page_fault(fault_cause[kind], undeclared_page(secret), secret); break;
    case EDGE_GUEST_SPURIOUS:
        trap = page_fault(fault_cause[kind], page_of_region(secret, 0, SCENE_PRESENT_PAGES), secret);
        break;
    case EDGE_GUEST_WFI: /* its software interrupt is pending and enabled: there is nothing to wait for */
        trap = (struct csr_trap){.cause = 22, .tval = INSN_WFI};
        h->csr.value[SLOT_hvip] |= HVIP_VSSIP;
        h->csr.value[SLOT_mie] |= HVIP_VSSIP;
        break;
    default: trap.cause = IRQ(3); break;
    }
    expected = view_of(h);
    if (edge == EDGE_GUEST_WFI)
        expected.regs.pc += 4;
    if (call) {
        expected.regs.x[A0] = edge == EDGE_GUEST_BASE ? SBI_SUCCESS : (uint64_t)SBI_ERR_NOT_SUPPORTED;
        expected.regs.x[A1] = edge == EDGE_GUEST_BASE ? SBI_SPEC_VERSION : 0;
        expected.regs.pc += 4;
    }
    if (edge == EDGE_GUEST_VIRTUAL)
        deliver_to_guest(&expected, 2, trap.tval);
    if (edge == EDGE_GUEST_ACCESS)
        deliver_to_guest(&expected, access_cause[kind], trap.tval);
    struct csr_file live = h->csr;
    if (!play(r, edge, &trap))
        return false;
    check_world(&r->checker, edge, true, false, &expected, &live);
    check_stores(&r->checker, edge, edge == EDGE_GUEST_MSI ? &msip_cleared : &no_stores);
    check_guest_memory(r, edge);
    r->in_guest = h->csr.virt;
    return r->in_guest;
}

/* --- a host that starts --------------------------------------------------------------------------------------------- */

struct view replay_fresh_host(const struct view *after, uint64_t hart, uint64_t opaque, uint64_t entry)
{
    struct view v = *after; /* what the host does not own is judged by check_world's rules */
    uint64_t *csr = v.csr.value;
    v.regs = (struct registers){.pc = entry};
    v.regs.x[A0] = hart;
    v.regs.x[A1] = opaque;
    v.csr.mode = MODE_S;
    v.csr.virt = false;
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].class != CLASS_HOST)
            csr[slot] &= ~csr_table[slot].host_own;
    }
    no_vectors(&v.csr);
    csr[SLOT_mstatus] &= ~(STATUS_MIE | STATUS_MPRV);
    csr[SLOT_mcountinhibit] = 0;
    csr[SLOT_vstimecmp] = UINT64_MAX;
    return v;
}

/* The first host of all, after a boot from memory and registers that held anything. */
static void check_boot(struct replayer *r)
{
    struct view after = view_of(&r->hart);
    struct view expected = replay_fresh_host(&after, 0, SCENE_FDT, SCENE_HOST_ENTRY);
    struct csr_file live = after.csr;
    live.value[SLOT_stimecmp] = UINT64_MAX;
    const char *memory = r->hart.boot_memory;
    if (memory != NULL)
        findings_add(r->findings, EDGE_BOOT, ELEMENT_MONITOR, memory, "when C code begins");
    if ((after.csr.value[SLOT_tdata1] & ~TDATA1_TYPE) != 0 && !r->hart.csr.lacks_triggers)
        findings_add(r->findings, EDGE_BOOT, ELEMENT_M_CSR, "tdata1", "a trigger is left on");
    r->findings->replays[EDGE_BOOT]++;
    check_world(&r->checker, EDGE_BOOT, false, false, &expected, &live);
}

/* --- base state ----------------------------------------------------------------------------------------------- */

static void save_base(struct replayer *r)
{
    hart_save(&r->hart);
    r->base = (struct replay_base){.host = r->host, .guest = r->guest, .other_started = r->other_started};
}

void replay_back_to_base(struct replayer *r)
{
    hart_restore(&r->hart);
    r->host = r->base.host;
    r->guest = r->base.guest;
    memcpy(r->guest_page, hart_peek(&r->hart, r->scene.guest_page, PAGE_SIZE), PAGE_SIZE);
    r->in_guest = true;
    r->guest_dead = false;
    r->waits_for_answer = false;
    r->loads_value = false;
    r->other_started = r->base.other_started;
}

/* A guest that runs for the first time has a0 = its vCPU id, a1 = what the host passed, and nothing else. */
static struct view first_entry(const struct view *after)
{
    struct view v = *after; /* the monitor's choices for a guest are judged by check_world's rules */
    v.regs = (struct registers){.pc = SCENE_GPA};
    v.regs.x[A1] = SCENE_ENTRY_ARG;
    v.csr.mode = MODE_S;
    v.csr.virt = true;
    v.csr.value[SLOT_fcsr] = 0;
    no_vectors(&v.csr);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].guest_own != 0)
            v.csr.value[slot] &= ~csr_table[slot].guest_own;
    }
    v.csr.value[SLOT_vstimecmp] = UINT64_MAX;
    return v;
}

/* The first entry into the TVM. */
static bool step_first_run(struct replayer *r, struct prng *rng)
{
    const enum edge edge = EDGE_HOST_RUN;
    world_random_host(&r->hart, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    r->host = view_of(&r->hart);
    struct csr_file live = r->hart.csr;
    if (!play(r, edge, &(struct csr_trap){.cause = 9}))
        return false;
    r->guest = view_of(&r->hart);
    struct view expected = first_entry(&r->guest);
    /* Guest time starts at 0 when the TVM is finalised; in this scene the clock stands still. */
    expected.csr.value[SLOT_htimedelta] = 0 - live.value[SLOT_time];
    check_world(&r->checker, edge, true, true, &expected, &live);
    check_stores(&r->checker, edge, &no_stores);
    return r->guest.csr.virt;
}

/* A call of the guest with an address and a length, which the host hears of, and agrees to where it is asked. */
static bool declare(struct replayer *r, uint64_t fid, uint64_t gpa, bool asks, struct prng *rng)
{
    const enum edge edge = asks ? EDGE_EXIT_FORWARDED : EDGE_EXIT_NOTIFIED;
    struct prng secret = {prng_next(rng)};
    struct exit_plan plan = {.trap.cause = 10, .scause = 10, .value = EXIT_MAY_RUN_AGAIN};
    static const uint64_t yes = SBI_SUCCESS;
    guest_randomise(r, rng, &secret);
    plan_call(&plan, &r->hart.regs, SBI_EID_COVG, fid, 0);
    r->hart.regs.x[A0] = gpa;
    r->hart.regs.x[A1] = PAGE_SIZE;
    plan.a[0] = gpa;
    plan.a[1] = PAGE_SIZE;
    if (!finish_exit(r, edge, &plan))
        return false;
    world_random_host(&r->hart, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    hart_poke(&r->hart, SCENE_SHMEM + NACL_GPR_OFFSET(A0), &yes, sizeof(yes));
    if (r->waits_for_answer)
        take_answer(r);
    return run_guest(r, &no_stores);
}

static bool open_on(struct replayer *r, const struct firmware_image *fw, bool slow, enum lesser lesser, char *why,
                    size_t why_size)
{
    if (!hart_open(&r->hart, fw, slow, why, why_size))
        return false;
    if (lesser == COUNTING && !hart_count_instructions(&r->hart))
        return false;
    r->hart.csr.lacks_stateen = lesser == WITHOUT_STATEEN;
    r->hart.csr.lacks_triggers = lesser == WITHOUT_TRIGGERS;
    r->checker.without_stateen = lesser == WITHOUT_STATEEN;
    if (!scene_boot(&r->scene, &r->hart, why, why_size))
        return false;
    check_boot(r);
    struct prng rng = prng_fork(r->seed, 0);
    struct scene_call call;
    bool ok = true;
    for (unsigned i = 0; ok && scene_next_call(&r->scene, i, &call); i++)
        ok = step_setup(r, &call, &rng);
    r->usable = ok && step_first_run(r, &rng) && declare(r, COVG_ADD_MMIO_REGION, SCENE_MMIO, false, &rng) &&
                declare(r, COVG_SHARE_MEMORY_REGION, SCENE_GPA + SCENE_SHARED_PAGE * PAGE_SIZE, true, &rng);
    save_base(r);
    return true;
}

static bool open_replayer(struct replayer *r, const struct firmware_image *fw, bool slow, enum lesser lesser,
                          uint64_t seed, struct findings *findings, char *why, size_t why_size)
{
    *r = (struct replayer){.findings = findings, .seed = seed};
    r->checker = (struct checker){.scene = &r->scene, .findings = findings};
    if (!check_text(&r->checker, fw))
        return true; /* what nobody owns is not replayed */
    return open_on(r, fw, slow, lesser, why, why_size);
}

bool replayer_open(struct replayer *r, const struct firmware_image *fw, bool slow, uint64_t seed,
                   struct findings *findings, char *why, size_t why_size)
{
    return open_replayer(r, fw, slow, WITH_ALL, seed, findings, why, why_size);
}

bool replayer_open_lesser(struct replayer *r, const struct firmware_image *fw, enum lesser lesser, uint64_t seed,
                          struct findings *findings, char *why, size_t why_size)
{
    return open_replayer(r, fw, false, lesser, seed, findings, why, why_size);
}

void replayer_close(struct replayer *r)
{
    hart_close(&r->hart);
}

static bool replay_is_over(const struct replayer *r)
{
    return r->stop_early && findings_total_violations(r->findings) != 0;
}

/* --- the walk ------------------------------------------------------------------------------------------------- */

/* Everything that a step left behind, in one number. */
static uint64_t digest_of(const struct emulated_hart *h)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const uint64_t *words[] = {h->regs.x, h->regs.f, h->regs.v[0], h->csr.value};
    const size_t counts[] = {32, 32, 32 * VECTOR_WORDS, CSR_SLOTS};
    for (size_t part = 0; part < COUNT(words); part++) {
        for (size_t i = 0; i < counts[part]; i++)
            hash = (hash ^ words[part][i]) * UINT64_C(0x100000001b3) + (hash >> 29);
    }
    uint64_t rest[] = {h->regs.pc, (uint64_t)h->csr.mode, h->csr.virt, h->outside_count, (uint64_t)h->stop};
    for (size_t i = 0; i < COUNT(rest); i++)
        hash = (hash ^ rest[i]) * UINT64_C(0x100000001b3) + (hash >> 29);
    for (uint32_t i = 0; i < h->outside_count && i < MAX_OUTSIDE_STORES; i++) {
        hash = (hash ^ h->outside[i].address) * UINT64_C(0x100000001b3) + (hash >> 29);
        hash = (hash ^ h->outside[i].value) * UINT64_C(0x100000001b3) + (hash >> 29);
    }
    return hash;
}

/* A vCPU that runs already cannot be started once more: that would be no exit. */
static enum edge possible_exit(const struct replayer *r, enum edge edge)
{
    return edge == EDGE_EXIT_VCPU_START && r->other_started ? EDGE_EXIT_NOTIFIED : edge;
}

static bool walk_step(struct replayer *r, struct prng *rng)
{
    struct prng secret = {prng_next(rng)};
    uint64_t choice = prng_next(rng) >> 32;
    if (r->in_guest) {
        guest_randomise(r, rng, &secret);
        if (choice % 5 < 3)
            return step_exit(r, possible_exit(r, exit_edges[choice / 8 % COUNT(exit_edges)]), rng, &secret);
        return step_guest(r, guest_edges[choice / 8 % COUNT(guest_edges)], rng, &secret);
    }
    if (choice % 8 < 5)
        return step_run(r, rng);
    return step_host(r, host_edges[choice / 8 % COUNT(host_edges)], rng);
}

void replay_walk(struct replayer *r, uint64_t steps)
{
    if (!r->usable)
        return;
    replay_back_to_base(r);
    for (uint64_t i = 0; i < steps && !replay_is_over(r); i++) {
        struct prng rng = prng_fork(r->seed, 1 + i);
        bool dead = r->guest_dead;
        bool ok = dead ? step_host(r, EDGE_HOST_REFUSED, &rng) : walk_step(r, &rng);
        if (r->digests != NULL)
            r->digests[i] = digest_of(&r->hart);
        /* A dead vCPU is refused once; then the next life begins. */
        if (!ok || dead)
            replay_back_to_base(r);
    }
}

/* --- pairs ---------------------------------------------------------------------------------------------------- */

struct pair_plan {
    enum edge edge;
    bool guest_secrets; /* the runs differ in these and the host compares; else the other way round */
    uint64_t shown, host, secret[2], other_host[2];
};

static bool is_one_of(enum edge edge, const enum edge *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == edge)
            return true;
    }
    return false;
}

/* What the guest does with its secrets, up to the moment at which the host runs again; then what the host does. */
static bool pair_run(struct replayer *r, const struct pair_plan *plan, unsigned run, struct observation *seen)
{
    struct prng shown = {plan->shown}, secret = {plan->secret[run]}, host = {plan->other_host[run]};
    bool exits = is_one_of(plan->edge, exit_edges, COUNT(exit_edges));
    replay_back_to_base(r);
    guest_randomise(r, &shown, &secret);
    if (is_one_of(plan->edge, guest_edges, COUNT(guest_edges)) && !step_guest(r, plan->edge, &shown, &secret))
        return false;
    if (!step_exit(r, exits ? plan->edge : EDGE_EXIT_SSI, &shown, &secret))
        return false;
    if (plan->guest_secrets)
        observe(&r->hart, seen);
    if (is_one_of(plan->edge, host_edges, COUNT(host_edges))) {
        bool ok = step_host(r, plan->edge, &host);
        observe(&r->hart, seen);
        return ok;
    }
    bool again = r->guest_dead ? step_host(r, EDGE_HOST_REFUSED, &host) : step_run(r, &host);
    if (!plan->guest_secrets)
        observe(&r->hart, seen);
    return again;
}

static enum edge pick_pair_edge(struct prng *rng)
{
    uint64_t choice = prng_next(rng) >> 32;
    switch (choice % 8) {
    case 0: return guest_edges[choice / 8 % COUNT(guest_edges)];
    case 1: return host_edges[choice / 8 % COUNT(host_edges)];
    default: return exit_edges[choice / 8 % COUNT(exit_edges)];
    }
}

/* From time to time another host state and another guest state to start from. */
static void new_epoch(struct replayer *r, struct prng *rng)
{
    struct prng secret = {prng_next(rng)};
    replay_back_to_base(r);
    guest_randomise(r, rng, &secret);
    if (step_exit(r, EDGE_EXIT_SSI, rng, &secret) && step_run(r, rng))
        save_base(r);
}

void replay_pairs(struct replayer *r, uint64_t pairs)
{
    static struct observation seen[2];
    if (!r->usable)
        return;
    for (uint64_t i = 0; i < pairs && !replay_is_over(r); i++) {
        struct prng rng = prng_fork(~r->seed, 1 + i);
        if (i % EPOCH_PAIRS == 0)
            new_epoch(r, &rng);
        struct pair_plan plan = {.guest_secrets = i % 2 == 0, .shown = prng_next(&rng)};
        plan.secret[0] = prng_next(&rng);
        plan.secret[1] = plan.guest_secrets ? prng_next(&rng) : plan.secret[0];
        plan.other_host[0] = prng_next(&rng);
        plan.other_host[1] = plan.guest_secrets ? plan.other_host[0] : prng_next(&rng);
        plan.edge = plan.guest_secrets ? pick_pair_edge(&rng) : exit_edges[prng_below(&rng, EXITS_WITHOUT_ANSWER)];
        if (!pair_run(r, &plan, 0, &seen[0]) || !pair_run(r, &plan, 1, &seen[1]))
            continue;
        enum edge edge = plan.guest_secrets ? plan.edge : EDGE_HOST_RUN;
        check_pair(&r->checker, edge, !plan.guest_secrets, &seen[0], &seen[1]);
    }
    replay_back_to_base(r);
}

/* --- costs --------------------------------------------------------------------------------------------------------- */

/* General registers, pc and mstatus, which every trap moves twice: into the frame and out of one. */
#define FRAME_ELEMENTS (31u + 2u)

/* Registers and CSRs of a world that the processor does not bank, beyond the frame. */
static uint64_t banked_elements(void)
{
    uint64_t count = 32 + 32; /* f and v */
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        enum csr_class class = csr_table[slot].class;
        count += class == CLASS_SWAP || class == CLASS_FLOAT || class == CLASS_VECTOR;
    }
    return count;
}

bool replay_costs(const struct firmware_image *fw, struct path_cost costs[PATH_COSTS], struct findings *findings,
                  char *why, size_t why_size)
{
    static struct replayer r;
    static const enum edge exits[] = {EDGE_EXIT_SSI, EDGE_EXIT_MMIO_LOAD};
    bool opened = replayer_open_lesser(&r, fw, COUNTING, 1, findings, why, why_size);
    uint64_t round_trip = 2 * (2 * FRAME_ELEMENTS + 2 * banked_elements());
    costs[0] = (struct path_cost){.name = "host-null-call", .elements = 2 * FRAME_ELEMENTS};
    costs[1] = (struct path_cost){.name = "guest-exit-and-entry", .elements = round_trip};
    costs[2] = (struct path_cost){.name = "mmio-load-round-trip", .elements = round_trip};
    for (unsigned i = 0; opened && r.usable && i < COUNT(exits); i++) {
        struct prng rng = {1}, secret = {2};
        replay_back_to_base(&r);
        uint64_t before = r.hart.instructions;
        bool ok = step_exit(&r, exits[i], &rng, &secret);
        uint64_t exit = r.hart.instructions - before;
        before = r.hart.instructions;
        if (i == 0 && ok && step_host(&r, EDGE_HOST_BASE, &rng))
            costs[0].instructions = r.hart.instructions - before;
        before = r.hart.instructions;
        if (ok && step_run(&r, &rng))
            costs[1 + i].instructions = exit + r.hart.instructions - before;
    }
    replayer_close(&r);
    return opened;
}
