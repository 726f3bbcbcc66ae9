/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world in order: the whole life of a TVM, from the first converted page to the last reclaimed one, with two harts,
 * two TVMs, faults, interrupts and system calls, and no oracle complains. And a world is a function of its trace.
 */
#include "harness/tests/world_kit.h"

#define EXIT_FAULT_LOAD 21u
#define EXIT_INTERRUPT(n) (UINT64_C(1) << 63 | (n))

static void check_exit(struct step_result r, uint64_t scause, uint64_t htval)
{
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK_EQ(r.value, 0);
    CHECK_EQ(r.scause, scause);
    CHECK_EQ(r.htval, htval);
}

static void fault_in(struct world *w, uint32_t hart, uint64_t id, uint64_t gpa, uint32_t frame)
{
    check_exit(kit_op(w, hart, OP_GUEST_LOAD, gpa, 8, 0, 0), EXIT_FAULT_LOAD, gpa >> 2);
    KIT_OK(w, hart, CALL_covh_add_tvm_zero_pages, id, kit_window(frame), 0, 1, gpa);
    kit_run(w, hart, id);
    struct step_result r = kit_op(w, hart, OP_GUEST_LOAD, gpa, 8, 0, 0);
    CHECK_EQ(r.kind, EXPECT_VALUE);
    CHECK_EQ(r.value, 0);
}

static void guest_session(struct world *w, uint32_t hart, uint64_t id, uint32_t base)
{
    kit_run(w, hart, id);
    struct step_result r = kit_op(w, hart, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0);
    CHECK_EQ(r.kind, EXPECT_VALUE);
    r = kit_op(w, hart, OP_GUEST_STORE, KIT_GPA + 8, 8, 0x1234, 0);
    CHECK_EQ(r.kind, EXPECT_VALUE);
    fault_in(w, hart, id, KIT_GPA + 5 * PAGE_SIZE, base + KIT_SPARE);
    r = kit_op(w, hart, OP_GUEST_LOAD, KIT_GPA + 8, 8, 0, 0);
    CHECK_EQ(r.value, 0x1234);

    /* A call that the monitor serves, one it does not know, an instruction it refuses, an address nobody backs. */
    struct trace_op probe = {
        .op = OP_GUEST_CALL, .hart = (uint8_t)hart, .call = CALL_guest_base_probe_extension, .a = {SBI_EID_COVH}};
    world_step(w, &probe, &r);
    CHECK_EQ(r.kind, EXPECT_RESULT);
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK_EQ(r.value, 0);
    struct trace_op unknown = {.op = OP_GUEST_ECALL, .hart = (uint8_t)hart, .a = {[7] = 0x12345}};
    world_step(w, &unknown, &r);
    CHECK_EQ(r.error, SBI_ERR_NOT_SUPPORTED);
    r = kit_op(w, hart, OP_GUEST_VIRTUAL, 0xc0002573, 0, 0, 0);
    CHECK_EQ(r.kind, EXPECT_TRAP);
    CHECK_EQ(r.value, 2);
    r = kit_op(w, hart, OP_GUEST_LOAD, 0x1000, 8, 0, 0);
    CHECK_EQ(r.kind, EXPECT_TRAP);
    CHECK_EQ(r.value, 5);
    kit_op(w, hart, OP_GUEST_REG, 9, 77, 0, 0);
    kit_op(w, hart, OP_GUEST_CSR_WRITE, CSR_SSCRATCH, 78, 0, 0);

    r = kit_op(w, hart, OP_GUEST_WFI, 0, 0, 0, 0);
    check_exit(r, 22, 0);
    CHECK_EQ(r.stval, 0x10500073);
    CHECK_EQ(r.htinst, 0x10500073);
    kit_run(w, hart, id);
    CHECK_EQ(w->machine->hart[hart].x[9], 77);
    r = kit_op(w, hart, OP_GUEST_CSR_READ, CSR_SSCRATCH, 0, 0, 0);
    CHECK_EQ(r.value, 78);
    check_exit(kit_op(w, hart, OP_IRQ, 5, 1, 0, 0), EXIT_INTERRUPT(5), 0);

    /* Still pending: the guest gets no further until the host clears it. */
    kit_run(w, hart, id);
    check_exit(kit_op(w, hart, OP_GUEST_REG, 9, 1, 0, 0), EXIT_INTERRUPT(5), 0);
    kit_op(w, hart, OP_IRQ, 5, 0, 0, 0);
}

static void destroy(struct world *w, uint64_t id, uint32_t base)
{
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(base), KIT_STRIDE);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0).error, SBI_ERR_INVALID_PARAM);
}

static void whole_life(struct world *w)
{
    kit_start_harts(w);
    uint64_t first = kit_runnable(w, 0);
    uint64_t second = kit_runnable(w, KIT_STRIDE);
    kit_shmem(w, 1);
    CHECK(first != second);
    CHECK_EQ(w->tvm_count, 2);

    guest_session(w, 0, first, 0);
    guest_session(w, 1, second, KIT_STRIDE);
    CHECK_CLEAN(w);

    /* The vCPU moves to the other hart and finds everything there. */
    kit_run(w, 1, first);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_destroy_tvm, first).error, SBI_ERR_FAILED);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, first, 0).error, SBI_ERR_INVALID_PARAM);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA + 8, 8, 0, 0).value, 0x1234);
    check_exit(kit_op(w, 1, OP_GUEST_WFI, 0, 0, 0, 0), 22, 0);

    /* The window answers the host with a fault, on both harts. */
    for (uint32_t h = 0; h < 2; h++) {
        CHECK_EQ(kit_op(w, h, OP_HOST_LOAD, kit_window(KIT_DATA), 8, 0, 0).kind, EXPECT_TRAP);
        CHECK_EQ(kit_op(w, h, OP_HOST_STORE, kit_window(KIT_DATA), 8, 1, 0).kind, EXPECT_TRAP);
        CHECK_EQ(kit_op(w, h, OP_HOST_FETCH, MACHINE_MONITOR_BASE, 0, 0, 0).kind, EXPECT_TRAP);
    }
    destroy(w, first, 0);
    destroy(w, second, KIT_STRIDE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
}

static void life_is_clean_and_repeatable(void)
{
    struct world *a = kit_world();
    struct world *b = kit_world();

    whole_life(a);
    uint64_t hash = machine_state_hash(a->machine);
    whole_life(b);
    CHECK_EQ(machine_state_hash(b->machine), hash);
    world_reset(a);
    whole_life(a);
    CHECK_EQ(machine_state_hash(a->machine), hash);
    world_destroy(a);
    world_destroy(b);
}

/* Two worlds, one operation each in turn, do what they do alone. */
static void worlds_do_not_touch_each_other(void)
{
    struct world *a = kit_world();
    struct world *b = kit_world();
    struct world *alone = kit_world();

    uint64_t id_a = kit_create(a, 0);
    KIT_OK(b, 0, CALL_covh_convert_pages, kit_window(100), 3);
    kit_populate(a, 0, id_a);
    uint64_t id_b = kit_create(b, KIT_STRIDE);
    CHECK_EQ(id_a, id_b);
    kit_finalize(a, id_a);
    CHECK_EQ(KIT_CALL(b, 0, CALL_covh_run_tvm_vcpu, id_b, 0).error, SBI_ERR_INVALID_PARAM);
    kit_shmem(a, 0);
    kit_run(a, 0, id_a);
    CHECK_CLEAN(a);
    CHECK_CLEAN(b);

    KIT_OK(alone, 0, CALL_covh_convert_pages, kit_window(100), 3);
    kit_create(alone, KIT_STRIDE);
    KIT_CALL(alone, 0, CALL_covh_run_tvm_vcpu, id_b, 0);
    CHECK_EQ(machine_state_hash(alone->machine), machine_state_hash(b->machine));
    CHECK(machine_state_hash(a->machine) != machine_state_hash(b->machine));
    world_destroy(a);
    world_destroy(b);
    world_destroy(alone);
}

static void no_operation_where_nobody_runs(void)
{
    struct world *w = kit_world();

    /* Hart 1 is stopped, hart 0 runs no guest; hart numbers wrap. */
    CHECK_EQ(KIT_CALL(w, 1, CALL_base_get_spec_version, 0).kind, EXPECT_NONE);
    CHECK_EQ(KIT_CALL(w, 3, CALL_base_get_spec_version, 0).kind, EXPECT_NONE);
    CHECK_EQ(KIT_CALL(w, 2, CALL_base_get_spec_version, 0).kind, EXPECT_RESULT);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, 0, 8, 0, 0).kind, EXPECT_NONE);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_NONE);
    kit_run(w, 0, kit_runnable(w, 0));
    uint64_t before = machine_state_hash(w->machine);
    CHECK_EQ(KIT_CALL(w, 0, CALL_base_get_spec_version, 0).kind, EXPECT_NONE);
    CHECK_EQ(kit_op(w, 0, OP_HOST_STORE, kit_ram(40), 8, 1, 0).kind, EXPECT_NONE);
    CHECK_EQ(machine_state_hash(w->machine), before);

    /* A reset by the host stops everything. */
    check_exit(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0), 22, 0);
    CHECK_EQ(KIT_CALL(w, 0, CALL_srst_system_reset, 0, 0).kind, EXPECT_NONE);
    CHECK(w->machine->halted);
    CHECK_EQ(KIT_CALL(w, 0, CALL_base_get_spec_version, 0).kind, EXPECT_NONE);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void handles_name_tvms_in_order(void)
{
    struct world *w = kit_world();
    struct trace_op op = {
        .op = OP_HOST_CALL, .kind = {ARG_TVM, ARG_WIN, ARG_RAM, ARG_MON, ARG_MMIO, ARG_RAW}, .a = {0, 3, 2, 1, 0, 99}};

    CHECK_EQ(world_resolve(w, &op, 0), 0);
    uint64_t first = kit_create(w, 0);
    uint64_t second = kit_create(w, KIT_STRIDE);
    CHECK_EQ(world_resolve(w, &op, 0), first);
    op.a[0] = 1 | UINT64_C(2) << 32;
    CHECK_EQ(world_resolve(w, &op, 0), second + 2);
    CHECK_EQ(world_resolve(w, &op, 1), kit_window(3));
    CHECK_EQ(world_resolve(w, &op, 2), kit_ram(2));
    op.a[2] = 2 | (uint64_t)(uint32_t)-16 << 32;
    CHECK_EQ(world_resolve(w, &op, 2), kit_ram(2) - 16);
    CHECK_EQ(world_resolve(w, &op, 3), MACHINE_MONITOR_BASE + PAGE_SIZE);
    CHECK_EQ(world_resolve(w, &op, 4), MACHINE_MMIO_BASE);
    CHECK_EQ(world_resolve(w, &op, 5), 99);
    world_reset(w);
    CHECK_EQ(w->tvm_count, 0);
    world_destroy(w);
}

static void expectations_name_the_first_difference(void)
{
    struct world *w = kit_world();
    struct step_result seen = {.kind = EXPECT_RESULT, .error = SBI_ERR_DENIED, .value = 5};
    struct trace_op expect = {.op = OP_EXPECT, .call = EXPECT_RESULT, .a = {(uint64_t)SBI_ERR_DENIED, 5, [7] = 3}};
    char why[120];

    CHECK(world_expect(w, &expect, &seen, why, sizeof(why)));
    expect.a[1] = 6;
    CHECK(!world_expect(w, &expect, &seen, why, sizeof(why)));
    CHECK_STR(why, "value: expected 0x6, saw 0x5");
    expect.a[7] = 1;
    CHECK(world_expect(w, &expect, &seen, why, sizeof(why)));
    expect.a[0] = SBI_SUCCESS;
    CHECK(!world_expect(w, &expect, &seen, why, sizeof(why)));
    CHECK_STR(why, "error: expected SUCCESS, saw DENIED");
    expect.call = EXPECT_ENTER;
    CHECK(!world_expect(w, &expect, &seen, why, sizeof(why)));
    CHECK_STR(why, "expected ENTER, saw RESULT");
    world_destroy(w);
}

static void fill_is_a_run_of_stores(void)
{
    struct world *w = kit_world();

    CHECK_EQ(kit_op(w, 0, OP_HOST_FILL, kit_ram(8) + 16, 3 * PAGE_SIZE, 9, 0).kind, EXPECT_NONE);
    uint64_t first = kit_op(w, 0, OP_HOST_LOAD, kit_ram(8) + 16, 8, 0, 0).value;
    CHECK(first != 0);
    CHECK_EQ(kit_op(w, 0, OP_HOST_LOAD, kit_ram(8) + 8, 8, 0, 0).value, 0);
    CHECK(kit_op(w, 0, OP_HOST_LOAD, kit_ram(11) + 8, 8, 0, 0).value != 0);
    CHECK_EQ(kit_op(w, 0, OP_HOST_LOAD, kit_ram(11) + 16, 8, 0, 0).value, 0);
    /* Into the window it faults at the first frame, having filled what came before. */
    CHECK_EQ(kit_op(w, 0, OP_HOST_FILL, kit_window(1), 64, 9, 0).kind, EXPECT_TRAP);
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    life_is_clean_and_repeatable();
    worlds_do_not_touch_each_other();
    no_operation_where_nobody_runs();
    handles_name_tvms_in_order();
    expectations_name_the_first_difference();
    fill_is_a_run_of_stores();
    return test_finish();
}
