/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exit shows the host and what the host's answer may bring back: every word of the mailbox, device accesses of
 * every width, sign and form, answers that are out of range, answers to nothing.
 */
#include "harness/tests/guest_kit.h"

#define WFI 0x10500073u

/* --- every exit writes every word ------------------------------------------------------------------------------- */

static void soil_mailbox(struct world *w, uint32_t hart)
{
    for (uint32_t offset = 0; offset < NACL_SHMEM_SIZE; offset += 8)
        write_mailbox(w, hart, offset, UINT64_C(0xa5a5a5a500000000) | offset);
}

static uint64_t word_expected(const struct world *w, uint32_t offset, uint64_t vsie, uint64_t vstimecmp)
{
    const struct monitor *m = w->machine->monitor;
    const struct tvm *t = (const void *)(w->machine->window + (size_t)m->tvm[0].frame.index * PAGE_SIZE);

    switch (offset) {
    case 0x50:
    case 0x58:
    case 0x60:
    case 0x68:
    case 0x70:
    case 0x78:
    case 0x80:
    case 0x88:
    case 0x1a18:              /* htval */
    case 0x1a28: return 0;    /* hvip */
    case 0x1a50: return WFI;  /* htinst */
    case 0x1020: return vsie; /* vsie */
    case 0x1268: return vstimecmp;
    case 0x1828: return t->htimedelta;
    default: return UINT64_C(0xa5a5a5a500000000) | offset;
    }
}

static void an_exit_writes_its_words_and_no_others(void)
{
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x104, 0x222, 0, 0);
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_time_set_timer, 0x123456789a);
    soil_mailbox(w, 0);
    struct step_result r = kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.stval, WFI);
    for (uint32_t offset = 0; offset < NACL_SHMEM_SIZE; offset += 8)
        CHECK_EQ(mailbox(w, 0, offset), word_expected(w, offset, 0x222, 0x123456789a));
    CHECK(word_expected(w, 0x1828, 0, 0) != 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- device accesses -------------------------------------------------------------------------------------------- */

#define REPLY UINT64_C(0x89abcdeff7e6d5c4)

struct device_load {
    uint32_t insn; /* rd is t0 (x5) in long forms, as given in short ones */
    unsigned rd, width, length;
    uint32_t shown;
    uint64_t value; /* of REPLY */
};

static const struct device_load loads[] = {
    {0x00050283, 5, 1, 4, 0x0503, UINT64_C(0xffffffffffffffc4)}, /* lb */
    {0x00051283, 5, 2, 4, 0x1503, UINT64_C(0xffffffffffffd5c4)}, /* lh */
    {0x00052283, 5, 4, 4, 0x2503, UINT64_C(0xfffffffff7e6d5c4)}, /* lw */
    {0x00053283, 5, 8, 4, 0x3503, REPLY},                        /* ld */
    {0x00054283, 5, 1, 4, 0x4503, 0xc4},                         /* lbu */
    {0x00055283, 5, 2, 4, 0x5503, 0xd5c4},                       /* lhu */
    {0x00056283, 5, 4, 4, 0x6503, 0xf7e6d5c4},                   /* lwu */
    {0x00052003, 0, 4, 4, 0x2503, 0},                            /* lw x0 */
    {0x7ff52283, 5, 4, 4, 0x2503, UINT64_C(0xfffffffff7e6d5c4)}, /* lw with an offset, and another base */
    {0x4118, 14, 4, 2, 0x2503, UINT64_C(0xfffffffff7e6d5c4)},    /* c.lw a4, 0(a0) */
    {0x611c, 15, 8, 2, 0x3503, REPLY},                           /* c.ld a5, 0(a0) */
    {0x4f82, 31, 4, 2, 0x2503, UINT64_C(0xfffffffff7e6d5c4)},    /* c.lwsp t6, 0(sp) */
    {0x6182, 3, 8, 2, 0x3503, REPLY},                            /* c.ldsp gp, 0(sp) */
    {0x00053503, A0, 8, 4, 0x3503, REPLY},                       /* ld a0 */
};

static struct world *guest_with_devices(void)
{
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    declare_devices(w);
    return w;
}

static void a_load_completes_with_the_hosts_bytes(struct world *w, const struct device_load *load, bool described,
                                                  uint64_t at)
{
    uint64_t before[32];
    uint64_t pc = KIT_GPA + 0x100;

    set_pc(w, 0, pc);
    for (unsigned i = 1; i < 32; i++)
        kit_op(w, 0, OP_GUEST_REG, i, UINT64_C(0x1111111111111111) * i, 0, 0);
    memcpy(before, w->machine->hart[0].x, sizeof(before));
    struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, load->insn, at, described, 0);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.value, 0);
    CHECK_EQ(r.scause, 21);
    CHECK_EQ(r.stval, at & 3);
    CHECK_EQ(r.htval, at >> 2);
    CHECK_EQ(r.htinst, load->shown);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(r.a[i], 0);
    CHECK_EQ(vcpu_state(w, 0), VCPU_BLOCKED);

    soil_mailbox(w, 0);
    write_mailbox(w, 0, NACL_GPR_OFFSET(A0), REPLY);
    ENTERS(w, 0, 0);
    CHECK_EQ(mailbox(w, 0, NACL_GPR_OFFSET(A0)), 0);
    CHECK_EQ(w->machine->hart[0].pc, pc + load->length);
    for (unsigned i = 1; i < 32; i++)
        CHECK_EQ(reg(w, 0, i), i == load->rd ? load->value : before[i]);
    CHECK_EQ(reg(w, 0, 0), 0);

    /* Consumed: what comes at the next run is nobody's answer. */
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_EXIT);
    write_mailbox(w, 0, NACL_GPR_OFFSET(A0), ~REPLY);
    ENTERS(w, 0, 0);
    for (unsigned i = 1; i < 32; i++)
        CHECK_EQ(reg(w, 0, i), i == load->rd ? load->value : before[i]);
}

static void loads_of_every_kind(void)
{
    struct world *w = guest_with_devices();

    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        a_load_completes_with_the_hosts_bytes(w, &loads[i], false, DEVICE);
        a_load_completes_with_the_hosts_bytes(w, &loads[i], true, DEVICE + 2 * PAGE_SIZE - loads[i].width);
    }
    a_load_completes_with_the_hosts_bytes(w, &loads[0], false, DEVICE + 5);
    a_load_completes_with_the_hosts_bytes(w, &loads[1], true, DEVICE + 0xffe);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static const struct {
    uint32_t insn, shown;
    unsigned width, length;
} stores[] = {
    {0x00b50023, 0x00a00023, 1, 4}, {0x00b51023, 0x00a01023, 2, 4}, {0x00b52023, 0x00a02023, 4, 4},
    {0x00b53023, 0x00a03023, 8, 4}, {0xc10c, 0x00a02023, 4, 2}, /* c.sw a1, 0(a0) */
    {0xe10c, 0x00a03023, 8, 2},                                 /* c.sd a1, 0(a0) */
    {0xc02e, 0x00a02023, 4, 2},                                 /* c.swsp a1, 0(sp) */
    {0xe02e, 0x00a03023, 8, 2},                                 /* c.sdsp a1, 0(sp) */
};

/* What a load into x0 brought is nowhere, so a store of x0 has nothing to show. */
static void a_load_into_x0_leaves_nothing(void)
{
    struct world *w = guest_with_devices();

    CHECK_EQ(kit_op(w, 0, OP_GUEST_EXEC, 0x00053003, DEVICE, 0, 0).kind, EXPECT_EXIT); /* ld x0 */
    write_mailbox(w, 0, NACL_GPR_OFFSET(A0), REPLY);
    ENTERS(w, 0, 0);
    struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, 0x00053023, DEVICE, 0, 0); /* sd x0 */
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.a[0], 0);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void stores_show_their_bytes_and_read_nothing(void)
{
    struct world *w = guest_with_devices();
    uint64_t before[32];

    for (size_t i = 0; i < 2 * sizeof(stores) / sizeof(stores[0]); i++) {
        unsigned width = stores[i / 2].width;
        uint64_t at = DEVICE + (i % 2 == 0 ? 0 : 2 * PAGE_SIZE - width);
        set_pc(w, 0, KIT_GPA + 0x200);
        kit_op(w, 0, OP_GUEST_REG, 11, REPLY, 0, 0);
        memcpy(before, w->machine->hart[0].x, sizeof(before));
        struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, stores[i / 2].insn, at, i % 2, 0);
        CHECK_EQ(r.kind, EXPECT_EXIT);
        CHECK_EQ(r.value, 0);
        CHECK_EQ(r.scause, 23);
        CHECK_EQ(r.stval, at & 3);
        CHECK_EQ(r.htval, at >> 2);
        CHECK_EQ(r.htinst, stores[i / 2].shown);
        CHECK_EQ(r.a[0], width == 8 ? REPLY : REPLY & ((UINT64_C(1) << 8 * width) - 1));
        for (unsigned k = 1; k < 8; k++)
            CHECK_EQ(r.a[k], 0);
        soil_mailbox(w, 0);
        ENTERS(w, 0, 0);
        CHECK_EQ(mailbox(w, 0, NACL_GPR_OFFSET(A0)), 0xa5a5a5a500000050);
        CHECK_EQ(memcmp(before, w->machine->hart[0].x, sizeof(before)), 0);
        CHECK_EQ(w->machine->hart[0].pc, KIT_GPA + 0x200 + stores[i / 2].length);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* What is no plain load or store of one page takes an access fault, at the instruction. */
static void accesses_that_no_device_takes(void)
{
    static const struct {
        uint32_t insn;
        uint64_t at, cause;
    } bad[] = {
        {0x0805252f, DEVICE, 7}, /* amoswap.w */
        {0x1005252f, DEVICE, 5}, /* lr.w */
        {0x18b5252f, DEVICE, 7}, /* sc.w */
        {0x00053007, DEVICE, 5}, /* fld */
        {0x00053027, DEVICE, 7}, /* fsd */
        {0x2108, DEVICE, 5},     /* c.fld */
        {0xa108, DEVICE, 7},     /* c.fsd */
    };
    struct world *w = guest_with_devices();

    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x105, KIT_GPA + 0x801, 0, 0);
    for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
        set_pc(w, 0, KIT_GPA + 0x300);
        struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, bad[i / 2].insn, bad[i / 2].at, i % 2, 0);
        CHECK_EQ(r.kind, EXPECT_TRAP);
        HANDLER(w, 0, bad[i / 2].cause, bad[i / 2].at, KIT_GPA + 0x300);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* An access that goes on in the next page, and one that is the second half of such, whatever lies there. */
static void accesses_of_two_pages(void)
{
    struct world *w = guest_with_devices();
    uint64_t last = DEVICE + PAGE_SIZE;

    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x105, KIT_GPA + 0x800, 0, 0);
    for (unsigned back = 1; back < 8; back++) {
        set_pc(w, 0, KIT_GPA + 0x300);
        kit_op(w, 0, OP_GUEST_TRAP, 21, last - back, (last - back) >> 2, 0x3503);
        HANDLER(w, 0, 5, last - back, KIT_GPA + 0x300);
        set_pc(w, 0, KIT_GPA + 0x300);
        kit_op(w, 0, OP_GUEST_TRAP, 23, last, last >> 2, 0x00a03023 | back << 15);
        HANDLER(w, 0, 7, last, KIT_GPA + 0x300);
    }
    /* Bytes up to the end are fine. */
    CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 21, last - 4, (last - 4) >> 2, 0x2503).kind, EXPECT_EXIT);
    world_destroy(w);
}

/* --- answers to calls ------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t a0, a1, error, value;
} answers[] = {
    {0, 0, 0, 0},
    {0, 16, 0, 16},
    {0, 17, 0, 16},
    {0, UINT64_MAX, 0, 16},
    {(uint64_t)SBI_ERR_DENIED, 3, (uint64_t)SBI_ERR_DENIED, 0},
    {(uint64_t)SBI_ERR_NO_SHMEM, 3, (uint64_t)SBI_ERR_NO_SHMEM, 0},
    {(uint64_t)-10, 3, (uint64_t)SBI_ERR_FAILED, 0},
    {1, 3, (uint64_t)SBI_ERR_FAILED, 0},
    {(uint64_t)INT64_MIN, 3, (uint64_t)SBI_ERR_FAILED, 0},
    {(uint64_t)SBI_ERR_AUTH, 3, (uint64_t)SBI_ERR_FAILED, 0},
    {UINT32_MAX, 3, (uint64_t)SBI_ERR_FAILED, 0},
};

static void answers_are_filtered(void)
{
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    share_page(w, true);
    for (size_t i = 0; i < 2 * sizeof(answers) / sizeof(answers[0]); i++) {
        bool byte = i % 2 != 0;
        uint64_t pc = w->machine->hart[0].pc;
        struct step_result r;
        if (byte) {
            r = GUEST_CALL(w, 0, CALL_guest_dbcn_console_write_byte, 0x1241);
            EXIT_SHOWS(r, 0, 0x41, [6] = 2, [7] = SBI_EID_DBCN);
        } else {
            r = GUEST_CALL(w, 0, CALL_guest_dbcn_console_write, 16, SHARED_PAGE + PAGE_SIZE - 16, 0, 77, 78, 79);
            EXIT_SHOWS(r, 0, 16, SHARED_PAGE + PAGE_SIZE - 16, [6] = 0, [7] = SBI_EID_DBCN);
        }
        CHECK_EQ(vcpu_state(w, 0), VCPU_BLOCKED);
        soil_mailbox(w, 0);
        CHECK_EQ(host_answers(w, w->tvm_id[0], answers[i / 2].a0, answers[i / 2].a1).kind, EXPECT_ENTER);
        CHECK_EQ(reg(w, 0, A0), answers[i / 2].error);
        CHECK_EQ(reg(w, 0, A0 + 1), byte ? 0 : answers[i / 2].value);
        CHECK_EQ(w->machine->hart[0].pc, pc + 4);
        CHECK_EQ(mailbox(w, 0, NACL_GPR_OFFSET(A0)), answers[i / 2].a0);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* The console is the host's, and so is all that it may be asked to read or write. */
static void consoles_use_shared_memory(void)
{
    static const struct {
        uint64_t len, lo, hi;
    } bad[] = {
        {1, SHARED_PAGE - 1, 0},
        {2, SHARED_PAGE - 1, 0},
        {2, SHARED_PAGE + PAGE_SIZE - 1, 0},
        {PAGE_SIZE + 1, SHARED_PAGE, 0},
        {1, SHARED_PAGE + PAGE_SIZE, 0},
        {1, SHARED_PAGE, 1},
        {1, SHARED_PAGE, UINT64_C(1) << 63},
        {UINT64_MAX, SHARED_PAGE, 0},
        {UINT64_MAX - SHARED_PAGE + 2, SHARED_PAGE, 0},
        {1, UINT64_MAX, 0},
        {1, DEVICE, 0},
        {1, 0, 0},
        {1, SHARED_PAGE + 4 * PAGE_SIZE, 0}, /* on the way to shared */
    };
    struct world *w = guest_with_devices();

    share_page(w, true);
    CHECK_EQ(GUEST_CALL(w, 0, CALL_guest_hsm_hart_start, 1, KIT_GPA).kind, EXPECT_EXIT);
    ENTERS(w, 0, 1);
    CHECK_EQ(GUEST_CALL(w, 0, CALL_covg_share_memory_region, SHARED_PAGE + 4 * PAGE_SIZE, PAGE_SIZE).kind, EXPECT_EXIT);
    ENTERS(w, 0, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_dbcn_console_write, bad[i].len, bad[i].lo, bad[i].hi);
        ANSWERED(w, 0, SBI_ERR_INVALID_PARAM, 0, CALL_guest_dbcn_console_read, bad[i].len, bad[i].lo, bad[i].hi);
    }
    ANSWERED(w, 0, SBI_SUCCESS, 0, CALL_guest_dbcn_console_write, 0, DEVICE, 1);
    struct step_result r = GUEST_CALL(w, 0, CALL_guest_dbcn_console_read, PAGE_SIZE, SHARED_PAGE, 0);
    EXIT_SHOWS(r, 0, PAGE_SIZE, SHARED_PAGE, [6] = 1, [7] = SBI_EID_DBCN);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* A call that is only told of has its result before the host hears of it. */
static void notifications_take_no_answer(void)
{
    struct world *w = guest_world(1);

    ENTERS(w, 0, 0);
    uint64_t pc = w->machine->hart[0].pc;
    /* Of the function word only the function is shown, not the domain. */
    struct trace_op add = {
        .op = OP_GUEST_CALL, .call = CALL_covg_add_mmio_region, .a = {DEVICE, PAGE_SIZE, 3, 4, 5, 6, [6] = 1}};
    struct step_result r;
    world_step(w, &add, &r);
    EXIT_SHOWS(r, 0, DEVICE, PAGE_SIZE, [7] = SBI_EID_COVG);
    CHECK_EQ(vcpu_state(w, 0), VCPU_RUNNABLE);
    CHECK_EQ(host_answers(w, w->tvm_id[0], (uint64_t)SBI_ERR_DENIED, 99).kind, EXPECT_ENTER);
    CHECK_EQ(reg(w, 0, A0), SBI_SUCCESS);
    CHECK_EQ(reg(w, 0, A0 + 1), 0);
    CHECK_EQ(w->machine->hart[0].pc, pc + 4);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* Sharing asks for an empty range: until then the answer does not fit, and the question stays. */
static void an_answer_that_does_not_fit_leaves_the_question(void)
{
    struct world *w = guest_world(2);
    uint64_t id = w->tvm_id[0];
    uint64_t pc;

    ENTERS(w, 0, 0);
    pc = w->machine->hart[0].pc;
    CHECK_EQ(GUEST_CALL(w, 0, CALL_covg_share_memory_region, KIT_GPA + PAGE_SIZE, PAGE_SIZE).kind, EXPECT_EXIT);
    for (unsigned round = 0; round < 2; round++) {
        struct step_result r = host_answers(w, id, 0, 0);
        CHECK_EQ(r.kind, EXPECT_RESULT);
        CHECK_EQ(r.error, SBI_ERR_INVALID_PARAM);
        CHECK_EQ(vcpu_state(w, 0), VCPU_BLOCKED);
        CHECK_EQ(w->machine->monitor->tvm[0].running, 0);
        CHECK_EQ(w->machine->monitor->hart[0].tvm_slot, HART_NO_TVM);
    }
    /* Any hart may bring the answer, from its own mailbox. */
    write_mailbox(w, 1, NACL_GPR_OFFSET(A0), (uint64_t)SBI_ERR_DENIED);
    ENTERS(w, 1, 0);
    CHECK_EQ((int64_t)reg(w, 1, A0), SBI_ERR_DENIED);
    CHECK_EQ(reg(w, 1, A0 + 1), 0);
    CHECK_EQ(w->machine->hart[1].pc, pc + 4);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA + PAGE_SIZE, 8, 0, 0).kind, EXPECT_VALUE);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    an_exit_writes_its_words_and_no_others();
    loads_of_every_kind();
    a_load_into_x0_leaves_nothing();
    stores_show_their_bytes_and_read_nothing();
    accesses_that_no_device_takes();
    accesses_of_two_pages();
    answers_are_filtered();
    consoles_use_shared_memory();
    notifications_take_no_answer();
    an_answer_that_does_not_fit_leaves_the_question();
    return test_finish();
}
