/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of a guest: which faults leave, which come back to it and how, which it just tries again; virtual instructions;
 * and the end of a vCPU.
 */
#include "harness/tests/guest_kit.h"

#define WFI 0x10500073u
#define WALK_READ 0x3000u
#define WALK_READ_32 0x2000u
#define WALK_WRITE 0x3020u
#define WALK_WRITE_32 0x2020u
#define MAPPED KIT_GPA
#define UNMAPPED (KIT_GPA + 5 * PAGE_SIZE)
#define NOTHING UINT64_C(0x40000000)
#define HANDLER_AT (KIT_GPA + 0x400)
#define CODE (KIT_GPA + 0x100)

enum outcome { LEAVES, TRIES_AGAIN, INJECTED, DEVICE_LOAD, DEVICE_STORE };

struct fault {
    uint64_t gpa;
    enum outcome fetch, load, store, walk; /* walk: for loads, stores and fetches alike */
};

static const struct fault faults[] = {
    {MAPPED, TRIES_AGAIN, TRIES_AGAIN, TRIES_AGAIN, TRIES_AGAIN},
    {UNMAPPED, LEAVES, LEAVES, LEAVES, LEAVES},
    {SHARED_PAGE, INJECTED, TRIES_AGAIN, TRIES_AGAIN, INJECTED},       /* backed */
    {SHARED_PAGE + PAGE_SIZE, INJECTED, LEAVES, LEAVES, INJECTED},     /* not backed */
    {SHARED_PAGE + 2 * PAGE_SIZE, LEAVES, LEAVES, LEAVES, LEAVES},     /* on the way to shared */
    {SHARED_PAGE + 3 * PAGE_SIZE, INJECTED, LEAVES, LEAVES, INJECTED}, /* on the way back */
    {DEVICE, INJECTED, DEVICE_LOAD, DEVICE_STORE, INJECTED},
    {NOTHING, INJECTED, INJECTED, INJECTED, INJECTED},
    {UINT64_C(1) << 50, INJECTED, INJECTED, INJECTED, INJECTED}, /* beyond the guest-physical width */
    {(UINT64_C(1) << 56) - PAGE_SIZE, INJECTED, INJECTED, INJECTED, INJECTED},
    {KIT_GPA + KIT_REGION_PAGES * PAGE_SIZE, INJECTED, INJECTED, INJECTED, INJECTED}, /* just behind the region */
};

static void call_and_run(struct world *w, uint32_t vcpu, uint16_t id, uint64_t gpa, uint64_t len)
{
    CHECK_EQ(GUEST_CALL(w, 0, id, gpa, len).kind, EXPECT_EXIT);
    write_mailbox(w, 0, NACL_GPR_OFFSET(A0), 0);
    if (vcpu < VCPUS)
        ENTERS(w, 0, vcpu);
}

/*
 * A TVM with a region of every type. Ranges on the way belong to vCPUs 1 and 2, which wait for the host's answer; vCPU 0
 * is on hart 0.
 */
static struct world *every_region(void)
{
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    declare_devices(w);
    share_page(w, true);
    call_and_run(w, 0, CALL_covg_share_memory_region, SHARED_PAGE + PAGE_SIZE, PAGE_SIZE);
    call_and_run(w, 0, CALL_covg_share_memory_region, SHARED_PAGE + 3 * PAGE_SIZE, PAGE_SIZE);
    call_and_run(w, 0, CALL_guest_hsm_hart_start, 1, KIT_GPA);
    call_and_run(w, 0, CALL_guest_hsm_hart_start, 2, KIT_GPA);
    guest_rests(w);
    ENTERS(w, 0, 1);
    call_and_run(w, VCPUS, CALL_covg_share_memory_region, SHARED_PAGE + 2 * PAGE_SIZE, PAGE_SIZE);
    ENTERS(w, 0, 2);
    call_and_run(w, VCPUS, CALL_covg_unshare_memory_region, SHARED_PAGE + 3 * PAGE_SIZE, PAGE_SIZE);
    ENTERS(w, 0, 0);
    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x105, HANDLER_AT, 0, 0);
    return w;
}

static uint64_t access_fault(uint64_t cause)
{
    return cause == 20 ? 1 : cause == 21 ? 5 : 7;
}

static void faults_as(struct world *w, uint64_t gpa, uint64_t cause, uint64_t tinst, enum outcome outcome)
{
    uint64_t tval = gpa + 0x7f8 + (tinst != 0 && (tinst & 1) == 0 ? 3 : 0);

    set_pc(w, 0, CODE);
    struct step_result r = kit_op(w, 0, OP_GUEST_TRAP, cause, tval, (gpa + 0x7f8) >> 2, tinst);
    switch (outcome) {
    case LEAVES:
        CHECK_EQ(r.kind, EXPECT_EXIT);
        CHECK_EQ(r.value, 0);
        CHECK_EQ(r.scause, cause);
        CHECK_EQ(r.stval | r.htinst, 0);
        CHECK_EQ(r.htval, gpa >> 2);
        CHECK_EQ(vcpu_state(w, 0), VCPU_RUNNABLE);
        break;
    case DEVICE_LOAD:
    case DEVICE_STORE:
        CHECK_EQ(r.kind, EXPECT_EXIT);
        CHECK_EQ(r.htval, (gpa + 0x7f8) >> 2);
        CHECK_EQ(vcpu_state(w, 0), VCPU_BLOCKED);
        break;
    case TRIES_AGAIN:
        CHECK_EQ(r.kind, EXPECT_NONE);
        CHECK_EQ(w->machine->hart[0].pc, CODE);
        break;
    case INJECTED:
        CHECK_EQ(r.kind, EXPECT_TRAP);
        HANDLER(w, 0, access_fault(cause), tval, CODE);
        break;
    }
    if (!machine_in_guest(w->machine, 0)) {
        ENTERS(w, 0, 0);
        if (outcome == LEAVES)
            CHECK_EQ(w->machine->hart[0].pc, CODE);
    }
}

static void faults_are_judged_by_region(void)
{
    static const uint64_t walks[] = {WALK_READ, WALK_READ_32, WALK_WRITE, WALK_WRITE_32};
    struct world *w = every_region();

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const struct fault *f = &faults[i];
        faults_as(w, f->gpa, 20, 0, f->fetch);
        faults_as(w, f->gpa, 21, 0x3503, f->load);
        faults_as(w, f->gpa, 23, 0x00a03023, f->store);
        for (unsigned k = 0; k < 4; k++)
            for (uint64_t cause = 20; cause <= 23; cause += cause == 21 ? 2 : 1)
                faults_as(w, f->gpa, cause, walks[k], f->walk);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* The monitor takes a page out while harts still know it: they wait until it is gone. */
static void a_page_that_is_being_taken_out(void)
{
    struct world *w = every_region();
    struct hart *h = &w->machine->monitor->hart[0];
    struct tvm *t = tvm_lock_current(h);

    gstage_leave(h, t, (struct gpa){MAPPED});
    tvm_unlock(h, t);
    faults_as(w, MAPPED, 21, 0, TRIES_AGAIN);
    faults_as(w, MAPPED, 20, 0, TRIES_AGAIN);
    world_destroy(w);
}

/* With nothing in mtinst the instruction at pc is what counts; where it cannot be read, the guest tries again. */
static void an_instruction_that_is_not_there(void)
{
    struct world *w = every_region();
    static const uint64_t nowhere[] = {UNMAPPED, SHARED_PAGE, SHARED_PAGE + PAGE_SIZE, NOTHING,
                                       KIT_GPA + 2 * PAGE_SIZE - 2};

    kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 2 * PAGE_SIZE - 2, 2, 0x3503,
           0); /* a load that goes on in an unmapped page */
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        set_pc(w, 0, nowhere[i]);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 21, DEVICE, DEVICE >> 2, 0).kind, EXPECT_NONE);
        CHECK_EQ(w->machine->hart[0].pc, nowhere[i]);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 22, 0, 0, 0).kind, EXPECT_NONE);
        CHECK_EQ(w->machine->hart[0].pc, nowhere[i]);
    }
    /* A load where the hart saw a store, and the reverse: code that changed. */
    for (uint64_t cause = 21; cause <= 23; cause += 2) {
        kit_op(w, 0, OP_GUEST_STORE, CODE, 4, cause == 21 ? 0x00b53023 : 0x00053583, 0);
        set_pc(w, 0, CODE);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, cause, DEVICE, DEVICE >> 2, 0).kind, EXPECT_TRAP);
        HANDLER(w, 0, access_fault(cause), DEVICE, CODE);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- how an exception is delivered -------------------------------------------------------------------------------- */

#define SIE 0x002u
#define SPIE 0x020u
#define SPP 0x100u

static void injection_moves_the_status_stack(void)
{
    struct world *w = every_region();
    uint64_t keep = UINT64_C(0x80000) | UINT64_C(2) << 32; /* MXR and the constant UXL */

    for (unsigned bits = 0; bits < 16; bits++) {
        bool enabled = (bits & 1) != 0;
        bool user = (bits & 2) != 0;
        bool vectored = (bits & 8) != 0;
        machine_csr_write(w->machine, 0, 0x205, HANDLER_AT | (vectored ? 1 : 0));
        machine_csr_write(w->machine, 0, 0x200, keep | (enabled ? SIE : 0) | ((bits & 4) != 0 ? SPP | SPIE : 0));
        machine_csr_write(w->machine, 0, 0x204, 0);
        set_pc(w, 0, CODE);
        kit_op(w, 0, OP_GUEST_USER, user, 0, 0, 0);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, NOTHING + 8, 8, 0, 0).kind, EXPECT_TRAP);
        HANDLER(w, 0, 5, NOTHING + 8, CODE);
        CHECK_EQ(csr(w, 0, 0x200), keep | (enabled ? SPIE : 0) | (user ? 0 : SPP));
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void virtual_instructions(void)
{
    static const struct {
        uint32_t insn;
        bool waits;
    } insns[] = {
        {WFI, true}, {0xc0002573, false} /* rdcycle */, {0x60002573, false} /* hstatus */, {0x62000073, false}};
    struct world *w = every_region();

    for (unsigned i = 0; i < 8; i++) {
        uint32_t insn = insns[i / 2].insn;
        kit_op(w, 0, OP_GUEST_STORE, CODE, 4, insn, 0);
        set_pc(w, 0, CODE);
        /* mtval has the instruction, or nothing. */
        struct step_result r = kit_op(w, 0, OP_GUEST_TRAP, 22, i % 2 == 0 ? insn : 0, 0, 0);
        if (!insns[i / 2].waits) {
            CHECK_EQ(r.kind, EXPECT_TRAP);
            HANDLER(w, 0, 2, insn, CODE);
            continue;
        }
        CHECK_EQ(r.kind, EXPECT_EXIT);
        CHECK_EQ(r.value, 0);
        CHECK_EQ(r.scause, 22);
        CHECK_EQ(r.stval, WFI);
        CHECK_EQ(r.htinst, WFI);
        ENTERS(w, 0, 0);
        CHECK_EQ(w->machine->hart[0].pc, CODE + 4);
    }
    /* What only looks like it in its lower half. */
    set_pc(w, 0, CODE);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 22, UINT64_C(1) << 32 | WFI, 0, 0).kind, EXPECT_TRAP);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- the end of a vCPU -------------------------------------------------------------------------------------------- */

static void a_trap_that_nobody_expects_ends_the_vcpu(void)
{
    static const uint64_t causes[] = {19, UINT64_C(1) << 63 | 20, 24, 63, UINT64_C(1) << 32 | 21};
    unsigned ended = 0;

    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        struct world *w = every_region();
        struct hart *h = &w->machine->monitor->hart[0];
        /* Past the machine, which knows no such cause. */
        machine_trap(w->machine, 0, &(struct trap){.cause = causes[i], .tval = DEVICE, .tval2 = DEVICE >> 2});
        CHECK_EQ(h->tvm_slot, HART_NO_TVM);
        CHECK_EQ(reg(w, 0, A0), SBI_SUCCESS);
        CHECK_EQ(reg(w, 0, A0 + 1), 1);
        CHECK_EQ(csr(w, 0, 0x142), (causes[i] >> 63 != 0) ? UINT64_C(1) << 63 : causes[i]);
        CHECK_EQ(csr(w, 0, 0x143), 0);
        CHECK_EQ(vcpu_state(w, 0), VCPU_DEAD);
        for (uint32_t k = 0; k < 8; k++)
            CHECK_EQ(mailbox(w, 0, NACL_GPR_OFFSET(A0 + k)), 0);
        ended++;
        world_destroy(w);
    }
    CHECK_EQ(ended, 5);

    /* The others live on, and know. */
    struct world *w = every_region();
    CHECK_EQ(GUEST_CALL(w, 0, CALL_guest_hsm_hart_start, 3, KIT_GPA).kind, EXPECT_EXIT);
    ENTERS(w, 0, 3);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 19, 0, 0, 0).value, 1);
    CHECK_EQ(run_vcpu(w, 0, 3).error, SBI_ERR_INVALID_PARAM);
    ENTERS(w, 0, 0);
    ANSWERED(w, 0, SBI_SUCCESS, SBI_HSM_STOPPED, CALL_guest_hsm_hart_get_status, 3);
    ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_hsm_hart_start, 3, KIT_GPA, 0);
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_ipi_send, 8, 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    faults_are_judged_by_region();
    a_page_that_is_being_taken_out();
    an_instruction_that_is_not_there();
    injection_moves_the_status_stack();
    virtual_instructions();
    a_trap_that_nobody_expects_ends_the_vcpu();
    return test_finish();
}
