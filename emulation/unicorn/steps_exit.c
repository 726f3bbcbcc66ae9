/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of a TVM: what the guest does, what the host is shown of it, and what the guest finds later; see steps.h. */
#include "emulation/unicorn/steps.h"

#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define INSN_WFI 0x10500073u
#define COVG_ADD_MMIO_REGION 0u
#define COVG_REMOVE_MMIO_REGION 1u
#define COVG_SHARE_MEMORY_REGION 2u
#define COVG_UNSHARE_MEMORY_REGION 3u
#define COVG_DENY_EXTERNAL_INTERRUPT 5u
#define VS_EXTERNAL_INTERRUPT 10u
#define DBCN_CONSOLE_WRITE 0u
#define DBCN_CONSOLE_WRITE_BYTE 2u
#define HSM_START 0u
#define HSM_STOP 1u
#define HSM_SUSPEND 3u

/* The ones behind the first fifteen: the host answers, or decides that the guest does not run again. */
const enum edge exit_edges[] = {
    EDGE_EXIT_SSI,        EDGE_EXIT_STI,          EDGE_EXIT_SEI,     EDGE_EXIT_FETCH,          EDGE_EXIT_LOAD,
    EDGE_EXIT_STORE,      EDGE_EXIT_WFI,          EDGE_EXIT_SHARED,  EDGE_EXIT_NOTIFIED,       EDGE_EXIT_VCPU_START,
    EDGE_EXIT_MMIO_STORE, EDGE_EXIT_VCPU_SUSPEND, EDGE_EXIT_REGION,  EDGE_EXIT_SUSPEND_FRESH,  EDGE_EXIT_IPI,
    EDGE_EXIT_MMIO_LOAD,  EDGE_EXIT_FORWARDED,    EDGE_EXIT_CONSOLE, EDGE_EXIT_SHARE,          EDGE_EXIT_UNSHARE,
    EDGE_EXIT_VCPU_STOP,  EDGE_EXIT_RESET,        EDGE_EXIT_FATAL,   EDGE_EXIT_FATAL_INTERRUPT};
const unsigned exit_edge_count = COUNT(exit_edges);
const unsigned exits_without_answer = 15;
#define SOME_LENGTH 64u

struct exit_plan {
    struct csr_trap trap;
    uint64_t scause, stval, htval, htinst, value;
    uint64_t a[8];
    uint64_t pc_step; /* by how much the guest's pc is ahead when it runs again */
    uint64_t lines;   /* interrupt lines that are up */
};

struct csr_trap page_fault(uint64_t cause, uint64_t page_gpa, struct prng *secret)
{
    uint64_t offset = prng_next(secret) & 0xfff;
    return (struct csr_trap){.cause = cause,
                             .tval = (prng_next(secret) & ~UINT64_C(0xfff)) | offset,
                             .tval2 = (page_gpa | offset) >> 2,
                             .tinst = (prng_next(secret) & 1) != 0 ? prng_next(secret) & 0xffffffff : 0,
                             .gva = true};
}

uint64_t page_of_region(struct prng *rng, unsigned first, unsigned count)
{
    return SCENE_GPA + (first + prng_below(rng, count)) * PAGE_SIZE;
}

/* Sometimes one that is wider than any. */
static uint64_t fatal_cause(const struct replayer *r, struct prng *shown)
{
    bool wide = prng_below(shown, 16) == 0 && r->wanted_cause == 0;
    return wide ? UINT64_C(0x10000000a) : unserved_cause(r, true, shown);
}

static uint64_t fatal_interrupt(struct prng *shown)
{
    static const uint64_t numbers[] = {7, 11, 13, 15, 63};
    return IRQ(numbers[prng_below(shown, COUNT(numbers))]);
}

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

static struct exit_plan plan_exit(const struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret)
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
    case EDGE_EXIT_SUSPEND_FRESH:
    case EDGE_EXIT_SHARE:
    case EDGE_EXIT_UNSHARE:
    case EDGE_EXIT_REGION:
    case EDGE_EXIT_CONSOLE:
    case EDGE_EXIT_IPI:
    case EDGE_EXIT_FORWARDED: plan.trap.cause = 10; break;
    case EDGE_EXIT_WFI:
        plan.trap = (struct csr_trap){.cause = 22, .tval = INSN_WFI};
        plan.stval = INSN_WFI;
        plan.htinst = INSN_WFI;
        plan.pc_step = 4;
        break;
    default:
        plan.trap = (struct csr_trap){.cause = edge == EDGE_EXIT_FATAL ? fatal_cause(r, shown) : fatal_interrupt(shown),
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
        r->other_pc = x[A1];
        r->other_opaque = x[A1 + 1];
        break;
    case EDGE_EXIT_VCPU_SUSPEND:
        plan_call(plan, &r->hart.regs, SBI_EID_HSM, HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
        r->hart.csr.value[SLOT_hvip] &= ~HVIP_VSSIP;
        break;
    case EDGE_EXIT_SUSPEND_FRESH:
        plan_call(plan, &r->hart.regs, SBI_EID_HSM, HSM_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE);
        x[A1] = SCENE_GPA + (prng_next(secret) & 0xffe);
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

/* A call about a range of addresses: both are shown. */
static void plan_range(struct exit_plan *plan, struct registers *regs, uint64_t fid, uint64_t gpa)
{
    plan_call(plan, regs, SBI_EID_COVG, fid, gpa);
    plan->a[0] = gpa;
    regs->x[A1] = plan->a[1] = PAGE_SIZE;
}

/* Calls about memory, the console, and other vCPUs. */
static void plan_request(struct replayer *r, struct exit_plan *plan, enum edge edge, struct prng *shown)
{
    struct registers *regs = &r->hart.regs;
    uint64_t length, offset;
    r->misfits = false;
    switch (edge) {
    case EDGE_EXIT_SHARE: /* of a page that is there the host would first have to take the frame away */
        r->misfits = (prng_next(shown) & 1) != 0;
        plan_range(plan, regs, COVG_SHARE_MEMORY_REGION,
                   SCENE_GPA + (r->misfits ? SCENE_PRESENT_PAGES - 1 : SCENE_SHARED_PAGE - 1) * PAGE_SIZE);
        break;
    case EDGE_EXIT_UNSHARE:
        plan_range(plan, regs, COVG_UNSHARE_MEMORY_REGION, SCENE_GPA + SCENE_SHARED_PAGE * PAGE_SIZE);
        break;
    case EDGE_EXIT_REGION: /* there is none: nothing changes */
        plan_range(plan, regs, COVG_REMOVE_MMIO_REGION, SCENE_MMIO + (1 + prng_below(shown, 16)) * PAGE_SIZE);
        break;
    case EDGE_EXIT_CONSOLE:
        length = 1 + prng_below(shown, SOME_LENGTH);
        offset = prng_below(shown, PAGE_SIZE - SOME_LENGTH);
        plan_call(plan, regs, SBI_EID_DBCN, DBCN_CONSOLE_WRITE, length);
        plan->a[0] = length;
        regs->x[A1] = plan->a[1] = SCENE_GPA + SCENE_SHARED_PAGE * PAGE_SIZE + offset;
        regs->x[A1 + 1] = plan->a[2] = 0;
        break;
    default: /* to the vCPU that is on no hart */
        plan_call(plan, regs, SBI_EID_IPI, 0, UINT64_C(1) << 1);
        regs->x[A1] = 0;
        break;
    }
    r->answer_limit = edge == EDGE_EXIT_CONSOLE ? plan->a[0] : 0;
}

/* The answer of the host is awaited when the guest runs again. */
static bool asks_the_host(enum edge edge)
{
    return edge == EDGE_EXIT_FORWARDED || edge == EDGE_EXIT_CONSOLE || edge == EDGE_EXIT_SHARE ||
           edge == EDGE_EXIT_UNSHARE;
}

static bool is_completed_call(enum edge edge)
{
    return edge == EDGE_EXIT_NOTIFIED || edge == EDGE_EXIT_VCPU_START || edge == EDGE_EXIT_VCPU_SUSPEND ||
           edge == EDGE_EXIT_REGION || edge == EDGE_EXIT_IPI;
}

/* A guest that gave up its registers finds what it asked for, and its timer. */
static struct view resumed_guest(const struct replayer *r)
{
    const struct registers *asked = &r->guest.regs;
    struct view v = fresh_guest(&r->guest, asked->x[A1], asked->x[A1 + 1]);
    v.csr.value[SLOT_vstimecmp] = r->guest.csr.value[SLOT_vstimecmp];
    v.csr.value[SLOT_mstatus] = r->fresh_status;
    return v;
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
    if (edge == EDGE_EXIT_SUSPEND_FRESH)
        r->guest = resumed_guest(r);
    r->waits_for_answer = asks_the_host(edge);
    r->changes_region = edge == EDGE_EXIT_SHARE || edge == EDGE_EXIT_UNSHARE;
    if (!play(r, edge, &plan->trap))
        return false;
    struct view expected = host_after_exit(&r->host, plan);
    struct expected_stores stores = exit_stores(plan, &live);
    if (r->extra_store.size != 0)
        stores.list[stores.count++] = r->extra_store;
    check_world(&r->checker, edge, false, true, &expected, &live);
    check_stores(&r->checker, edge, &stores);
    r->in_guest = h->csr.virt;
    r->guest_dead = plan->value == EXIT_NEVER_RUNS_AGAIN;
    return !r->in_guest;
}

/* guest -> host, from the state that the guest is in. */
bool step_killed(struct replayer *r)
{
    struct exit_plan plan = {
        .trap.cause = IRQ(3), .scause = 10, .value = EXIT_NEVER_RUNS_AGAIN, .a = {[7] = SBI_EID_SRST}};
    return finish_exit(r, EDGE_EXIT_KILLED, &plan);
}

bool step_exit(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret)
{
    struct emulated_hart *h = &r->hart;
    struct exit_plan plan = plan_exit(r, edge, shown, secret);
    r->answer_limit = 0;
    if (edge == EDGE_EXIT_NOTIFIED)
        plan_call(&plan, &h->regs, SBI_EID_COVG, COVG_DENY_EXTERNAL_INTERRUPT, VS_EXTERNAL_INTERRUPT);
    if (edge == EDGE_EXIT_FORWARDED)
        plan_call(&plan, &h->regs, SBI_EID_DBCN, DBCN_CONSOLE_WRITE_BYTE, prng_next(shown));
    if (edge == EDGE_EXIT_MMIO_LOAD || edge == EDGE_EXIT_MMIO_STORE)
        plan_mmio(r, &plan, shown, secret);
    if (edge == EDGE_EXIT_VCPU_START || edge == EDGE_EXIT_VCPU_SUSPEND || edge == EDGE_EXIT_SUSPEND_FRESH ||
        edge == EDGE_EXIT_VCPU_STOP || edge == EDGE_EXIT_RESET)
        plan_life(r, &plan, edge, shown, secret);
    if (edge >= EDGE_EXIT_SHARE && edge <= EDGE_EXIT_IPI)
        plan_request(r, &plan, edge, shown);
    return finish_exit(r, edge, &plan);
}

/* A vCPU that runs already cannot be started once more, and one that was never started gets no interrupt: no exits. */
enum edge possible_exit(const struct replayer *r, enum edge edge)
{
    bool impossible = edge == (r->other_started ? EDGE_EXIT_VCPU_START : EDGE_EXIT_IPI);
    return impossible ? EDGE_EXIT_NOTIFIED : edge;
}

/* A call of the guest with an address and a length, which the host hears of, and agrees to where it is asked. */
bool declare(struct replayer *r, enum edge edge, uint64_t fid, uint64_t gpa, struct prng *rng)
{
    struct prng secret = {.state = prng_next(rng)};
    struct exit_plan plan = {.trap.cause = 10, .scause = 10, .value = EXIT_MAY_RUN_AGAIN};
    static const uint64_t yes = SBI_SUCCESS;
    guest_randomise(r, rng, &secret);
    plan_range(&plan, &r->hart.regs, fid, gpa);
    r->answer_limit = 0;
    if (!finish_exit(r, edge, &plan))
        return false;
    world_random_host(&r->hart, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    hart_poke(&r->hart, SCENE_SHMEM + NACL_GPR_OFFSET(A0), &yes, sizeof(yes));
    if (r->waits_for_answer)
        take_answer(r);
    return run_guest(r, &no_stores);
}
