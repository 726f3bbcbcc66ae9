/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that begin in the host; see steps.h. */
#include "emulation/unicorn/steps.h"

#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define COVH_RUN_TVM_VCPU 15u
#define COVE_SDID_SHIFT 26
#define UNKNOWN_EID UINT64_C(0x0bad0000)

const struct expected_stores no_stores = {.count = 0};
const struct expected_stores msip_cleared = {.list = {{.address = CLINT_MSIP, .size = 4}}, .count = 1};

const enum edge host_edges[] = {EDGE_HOST_BASE,   EDGE_HOST_UNKNOWN,   EDGE_RUN_NO_TVM,
                                EDGE_RUN_NO_VCPU, EDGE_RUN_STOPPED,    EDGE_RUN_NO_MAILBOX,
                                EDGE_HOST_MSI,    EDGE_HOST_INTERRUPT, EDGE_HOST_UNEXPECTED};
const unsigned host_edge_count = COUNT(host_edges);

#define NACL_SET_SHMEM 1u
#define HOST_ECALL 9u
#define ABSENT_VCPU 2u /* the scene makes vCPUs 0 and 1 */
#define STOPPED_VCPU 1u

bool play(struct replayer *r, enum edge edge, const struct csr_trap *trap)
{
    r->findings->replays[edge]++;
    r->findings->replay_number++;
    if ((trap->cause & ~INTERRUPT_BIT) < 64)
        r->findings->causes[r->in_guest][trap->cause >> 63] |= UINT64_C(1) << (trap->cause & 63);
    if (!check_reaches_monitor(&r->checker, edge, trap->cause))
        return false;
    if (hart_trap(&r->hart, trap) == STOP_WORLD)
        return true;
    check_stopped(&r->checker, edge);
    return false;
}
void host_call(struct replayer *r, uint64_t eid, uint64_t fid)
{
    r->hart.regs.x[A6] = fid;
    r->hart.regs.x[A7] = eid;
}

/* The run call for a vCPU, in either of the supervisor domains that the monitor answers for. */
void host_run_call(struct replayer *r, uint64_t tvm, uint64_t vcpu, struct prng *rng)
{
    host_call(r, SBI_EID_COVH, COVH_RUN_TVM_VCPU | (prng_next(rng) & 1) << COVE_SDID_SHIFT);
    r->hart.regs.x[A0] = tvm;
    r->hart.regs.x[A1] = vcpu;
}

void check_guest_memory(struct replayer *r, enum edge edge)
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

static uint64_t answer_of_host(const struct emulated_hart *h, unsigned reg)
{
    uint64_t word;
    memcpy(&word, hart_peek(h, SCENE_SHMEM + NACL_GPR_OFFSET(reg), sizeof(word)), sizeof(word));
    return word;
}

/* A load from a device: the value in a0, as wide as the load and extended as it does. */
static void take_loaded_value(struct replayer *r)
{
    const struct mmio_access *m = &r->mmio;
    uint64_t value = answer_of_host(&r->hart, A0), mask = UINT64_MAX >> (64 - 8 * m->width);
    bool negative = m->sign && (value >> (8 * m->width - 1) & 1) != 0;
    if (m->reg != 0)
        r->guest.regs.x[m->reg] = negative ? value | ~mask : value & mask;
    r->guest.regs.pc += m->length;
    r->loads_value = false;
}

/* An error that SBI knows, with success a value up to the limit of the call, and no value with an error. */
void take_answer(struct replayer *r)
{
    int64_t error = (int64_t)answer_of_host(&r->hart, A0);
    uint64_t value = answer_of_host(&r->hart, A1);
    value = value < r->answer_limit ? value : r->answer_limit;
    bool known = error <= SBI_SUCCESS && error >= SBI_ERR_NO_SHMEM;
    r->guest.regs.x[A0] = (uint64_t)(known ? error : SBI_ERR_FAILED);
    r->guest.regs.x[A1] = error == SBI_SUCCESS ? value : 0;
    r->guest.regs.pc += 4;
    r->waits_for_answer = false;
    r->misfits = false;
}

/* The run call is set up: the guest goes on as r->guest says. */
bool run_guest(struct replayer *r, const struct expected_stores *stores)
{
    const enum edge edge = EDGE_HOST_RUN;
    struct emulated_hart *h = &r->hart;
    r->host = view_of(h);
    struct csr_file live = h->csr;
    if (!play(r, edge, &(struct csr_trap){.cause = HOST_ECALL}))
        return false;
    check_world(&r->checker, edge, true, true, &r->guest, &live);
    check_stores(&r->checker, edge, stores);
    check_guest_memory(r, edge);
    r->in_guest = h->csr.virt;
    return r->in_guest;
}

/* host -> guest: everything that the guest had is there again. */
bool step_run(struct replayer *r, struct prng *rng)
{
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    host_run_call(r, r->scene.tvm_id, 0, rng);
    host_spoils_mailbox(r, rng);
    static const uint64_t yes = SBI_SUCCESS, no = (uint64_t)SBI_ERR_DENIED;
    if (r->waits_for_answer && !r->changes_region && (prng_next(rng) & 1) != 0)
        hart_poke(h, SCENE_SHMEM + NACL_GPR_OFFSET(A0), &yes, sizeof(yes));
    if (r->changes_region && answer_of_host(h, A0) == yes) /* what stands there is anything, and may be that */
        hart_poke(h, SCENE_SHMEM + NACL_GPR_OFFSET(A0), &no, sizeof(no));
    if (r->waits_for_answer)
        take_answer(r);
    struct expected_stores stores = {.count = r->loads_value ? 1u : 0u}; /* the value is taken out of the mailbox */
    stores.list[0] = (struct store){.address = SCENE_SHMEM + NACL_GPR_OFFSET(A0), .size = 8};
    if (r->loads_value)
        take_loaded_value(r);
    return run_guest(r, &stores);
}

/* A call that has to succeed, while the TVM is made. */
bool step_setup(struct replayer *r, const struct scene_call *call, struct prng *rng)
{
    const enum edge edge = EDGE_HOST_SETUP;
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    host_call(r, call->eid, call->fid);
    memcpy(&h->regs.x[A0], call->args, sizeof(call->args));
    struct view expected = view_of(h);
    struct csr_file live = h->csr;
    if (!play(r, edge, &(struct csr_trap){.cause = HOST_ECALL}))
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

bool is_unserved_cause(const struct csr_file *csr, bool guest, uint64_t cause)
{
    const uint64_t served = guest ? UINT64_C(1) << 10 | UINT64_C(0xf) << 20 : UINT64_C(1) << HOST_ECALL;
    return cause < 64 && (served >> cause & 1) == 0 && csr_trap_reaches_m(csr, cause);
}

uint64_t unserved_cause(const struct replayer *r, bool guest, struct prng *rng)
{
    uint64_t cause = r->wanted_cause - 1;
    while (!is_unserved_cause(&r->hart.csr, guest, cause))
        cause = prng_below(rng, 64);
    return cause;
}

/* host -> host: an exception that cannot be delegated, in any mode of the host or of its own virtual machines. */
static bool step_host_unexpected(struct replayer *r, struct prng *rng)
{
    const enum edge edge = EDGE_HOST_UNEXPECTED;
    struct emulated_hart *h = &r->hart;
    world_random_host(h, rng);
    h->csr.mode = (prng_next(rng) & 1) != 0 ? MODE_S : MODE_U;
    h->csr.virt = (prng_next(rng) & 1) != 0;
    struct csr_trap trap = {.cause = unserved_cause(r, false, rng),
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
/* Interrupts that are M-mode's own and that the monitor never enables: should one come, nothing happens. */
static uint64_t undelegated_interrupt(struct prng *rng)
{
    static const uint64_t numbers[] = {7, 11, 13, 15, 63};
    return IRQ(numbers[prng_below(rng, COUNT(numbers))]);
}

static bool host_step(struct replayer *r, enum edge edge, struct prng *rng)
{
    struct emulated_hart *h = &r->hart;
    struct view expected;
    struct csr_trap trap = {.cause = HOST_ECALL};
    int64_t error = SBI_SUCCESS;
    uint64_t value = 0;
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
    case EDGE_RUN_NO_TVM:
        host_run_call(r, r->scene.tvm_id + 1 + prng_next(rng) / 2, 0, rng);
        error = SBI_ERR_INVALID_PARAM;
        break;
    case EDGE_RUN_NO_VCPU:
        host_run_call(r, r->scene.tvm_id, ABSENT_VCPU + ((prng_next(rng) & 1) != 0 ? prng_next(rng) / 2 : 0), rng);
        error = SBI_ERR_INVALID_PARAM;
        break;
    case EDGE_RUN_STOPPED:
        host_run_call(r, r->scene.tvm_id, STOPPED_VCPU, rng);
        error = SBI_ERR_INVALID_PARAM;
        break;
    case EDGE_RUN_EARLY:
    case EDGE_RUN_RUNNING:
    case EDGE_RUN_DEAD:
        host_run_call(r, r->scene.tvm_id, 0, rng);
        error = SBI_ERR_INVALID_PARAM;
        break;
    case EDGE_RUN_NO_MAILBOX:
        host_run_call(r, r->scene.tvm_id, 0, rng);
        error = SBI_ERR_NO_SHMEM;
        break;
    case EDGE_RUN_MISFIT: {
        static const uint64_t yes = SBI_SUCCESS;
        host_run_call(r, r->scene.tvm_id, 0, rng);
        hart_poke(h, SCENE_SHMEM + NACL_GPR_OFFSET(A0), &yes, sizeof(yes));
        error = SBI_ERR_INVALID_PARAM;
        break;
    }
    case EDGE_HOST_INTERRUPT: trap.cause = undelegated_interrupt(rng); break;
    default:
        /* It may come while user code or a virtual machine of the host runs. */
        trap.cause = IRQ(3);
        h->csr.mode = (prng_next(rng) & 1) != 0 ? MODE_S : MODE_U;
        h->csr.virt = (prng_next(rng) & 1) != 0;
        break;
    }
    bool call = edge != EDGE_HOST_MSI && edge != EDGE_HOST_INTERRUPT;
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
    check_stores(&r->checker, edge, edge == EDGE_HOST_MSI ? &msip_cleared : &no_stores);
    return true;
}

static bool set_mailbox(struct replayer *r, uint64_t low, uint64_t high, struct prng *rng)
{
    const struct scene_call call = {
        .name = "set_shmem", .eid = SBI_EID_NACL, .fid = NACL_SET_SHMEM, .args = {low, high}};
    return step_setup(r, &call, rng);
}

bool step_host(struct replayer *r, enum edge edge, struct prng *rng)
{
    switch (edge) {
    case EDGE_HOST_UNEXPECTED: return step_host_unexpected(r, rng);
    case EDGE_RUN_STOPPED: return host_step(r, r->other_started ? EDGE_RUN_NO_VCPU : edge, rng);
    case EDGE_RUN_NO_MAILBOX:
        return set_mailbox(r, UINT64_MAX, UINT64_MAX, rng) && host_step(r, edge, rng) &&
               set_mailbox(r, SCENE_SHMEM, 0, rng);
    default: return host_step(r, edge, rng);
    }
}
