/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI sees a secret of the guest wherever it gets to the host, and nothing else: each way out is opened once, in both
 * worlds alike, as a broken monitor would open it.
 */
#include "harness/tests/ni_kit.h"

#define SECRET_REGISTER 5u /* one that carries a marker */

static uint64_t secret_of(const struct world *w)
{
    return marker_value(w->tvm_id[0], 0, SECRET_REGISTER) ^ (w->is_twin ? NI_REGISTER_SECRET : 0);
}

static void by_register(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].x[20] = secret_of(w);
}

static void by_float(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].f[3] = secret_of(w);
}

static void by_csr(struct world *w, uint32_t hart)
{
    machine_csr_write(w->machine, hart, 0x140, secret_of(w));
}

static void by_memory(struct world *w, uint32_t hart)
{
    uint64_t secret = secret_of(w);

    (void)hart;
    machine_poke(w->machine, kit_ram(30), &secret, sizeof(secret));
}

static void by_mailbox(struct world *w, uint32_t hart)
{
    uint64_t secret = secret_of(w);

    (void)hart;
    machine_poke(w->machine, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(13), &secret, sizeof(secret));
}

static void by_console(struct world *w, uint32_t hart)
{
    struct machine *m = w->machine;

    (void)hart;
    m->console[m->console_len++] = (uint8_t)(secret_of(w) >> 5);
}

static void by_work(struct world *w, uint32_t hart)
{
    (void)hart;
    w->machine->steps += secret_of(w) & 0x3ff;
}

static void by_way(struct world *w, uint32_t hart)
{
    w->machine->hart[hart].pc += w->is_twin ? 4 : 0;
}

static void leak_is_found(void (*way)(struct world *w, uint32_t hart), const char *property)
{
    struct world *w = kit_world_of(2, ORACLE_NI);

    kit_run(w, 0, kit_runnable(w, 0));
    watch(w, way);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    unwatch(w);
    CHECK_FINDING(w, ORACLE_NI, S0_CONFIDENTIALITY, property);
    world_destroy(w);
}

/* Secrets in registers and memory of the guest, exits of all kinds, another TVM: the hosts stay alike. */
static void what_stays_inside_is_silent(void)
{
    struct world *w = kit_world_of(2, ORACLE_NI);
    uint64_t id = kit_runnable(w, 0);
    uint64_t mine, twins;

    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 64, 8, 0x1230, 0);
    memcpy(&mine, machine_peek(w->machine, kit_window(KIT_DATA) + 64, 8), 8);
    memcpy(&twins, machine_peek(w->twin->machine, kit_window(KIT_DATA) + 64, 8), 8);
    CHECK_EQ(mine, 0x1230);
    CHECK_EQ(twins, 0x1230 ^ NI_MEMORY_SECRET);
    CHECK(w->machine->hart[0].x[SECRET_REGISTER] != w->twin->machine->hart[0].x[SECRET_REGISTER]);
    kit_op(w, 0, OP_GUEST_LOAD, KIT_GPA + 5 * PAGE_SIZE, 8, 0, 0);
    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(0), KIT_STRIDE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/*
 * A twin that was copied from the world is one that did all that the world did: at first, after a reset, and when runs that are
 * refused come in between.
 */
static void a_copied_twin_is_one_that_caught_up(void)
{
    struct world *copied = kit_world_of(2, ORACLE_NI);
    struct world *caught_up = kit_world_of(2, ORACLE_NI);

    for (unsigned round = 0; round < 3; round++) {
        world_reset(copied);
        world_reset(caught_up);
        world_reset(caught_up->twin);
        caught_up->twin_copied = true; /* as it is: both are at the beginning */
        uint64_t id = kit_runnable(copied, 0);
        CHECK_EQ(kit_runnable(caught_up, 0), id);
        for (unsigned i = 0; round == 2 && i < 2; i++)
            KIT_CALL(i == 0 ? copied : caught_up, 0, CALL_covh_run_tvm_vcpu, id, 7);
        CHECK(copied->twin_copied);
        kit_run(copied, 0, id);
        kit_run(caught_up, 0, id);
        CHECK(copied->past_count == 0 && caught_up->past_count == 0);
        CHECK(machine_in_guest(copied->twin->machine, 0));
        CHECK_EQ(copied->twin->tvm_id[0], id);
        CHECK_EQ(machine_state_hash(copied->twin->machine), machine_state_hash(caught_up->twin->machine));
        kit_op(copied, 0, OP_GUEST_WFI, 0, 0, 0, 0);
        kit_op(caught_up, 0, OP_GUEST_WFI, 0, 0, 0, 0);
        CHECK_EQ(machine_state_hash(copied->twin->machine), machine_state_hash(caught_up->twin->machine));
        CHECK_CLEAN(copied);
        CHECK_CLEAN(caught_up);
    }
    world_destroy(copied);
    world_destroy(caught_up);
}

/* Raw calls that begin a guest are not foreseen: the twin catches up, with what an earlier run left in it gone. */
static void a_twin_that_was_not_copied_catches_up(void)
{
    struct world *w = kit_world_of(2, ORACLE_NI);

    for (unsigned round = 0; round < 2; round++) {
        uint64_t id = kit_create(w, 0);
        struct trace_op finalize = {.op = OP_HOST_ECALL, .a = {id, KIT_ENTRY, KIT_ARG, [6] = 6, [7] = SBI_EID_COVH}};
        struct trace_op run = {.op = OP_HOST_ECALL, .a = {id, 0, [6] = 15, [7] = SBI_EID_COVH}};
        struct step_result r;

        kit_populate(w, 0, id);
        kit_shmem(w, 0);
        world_step(w, &finalize, &r);
        CHECK_EQ(r.error, SBI_SUCCESS);
        world_step(w, &run, &r);
        CHECK_EQ(r.kind, EXPECT_ENTER);
        CHECK(!w->twin_copied && machine_in_guest(w->twin->machine, 0));
        kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 64, 8, 0x1230, 0);
        kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
        CHECK_CLEAN(w);
        world_reset(w);
    }
    world_destroy(w);
}

int main(void)
{
    leak_is_found(by_register, "ni-register");
    leak_is_found(by_float, "ni-register");
    leak_is_found(by_csr, "ni-csr");
    leak_is_found(by_memory, "ni-memory");
    leak_is_found(by_mailbox, "ni-memory");
    leak_is_found(by_console, "ni-console");
    leak_is_found(by_work, "ni-work");
    leak_is_found(by_way, "ni-register");
    what_stays_inside_is_silent();
    a_copied_twin_is_one_that_caught_up();
    a_twin_that_was_not_copied_catches_up();
    return test_finish();
}
