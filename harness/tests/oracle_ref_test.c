/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF predicts: an answer, a value, an exit or a piece of the abstract state that is not what the ABI says is a finding,
 * and whole lives of TVMs that are right are none.
 */
#include "harness/oracles/ref.h"
#include "harness/tests/oracle_kit.h"

#define SHARED_GPA (KIT_GPA + 8 * PAGE_SIZE)

static struct world *ref_world(void)
{
    return kit_world_of(2, ORACLE_REF);
}

static struct world *ref_in_guest(void)
{
    struct world *w = ref_world();

    kit_run(w, 0, kit_runnable(w, 0));
    return w;
}

static void step_finds(struct world *w, enum severity severity, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_REF, severity, property);
    world_destroy(w);
}

static uint64_t answer[2];

static void answer_otherwise(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[10] = answer[0];
    w->machine->hart[event->hart].x[11] = answer[1];
}

static void answers(struct world *w, uint16_t call, const uint64_t args[6], int64_t error, uint64_t value,
                    const char *property)
{
    answer[0] = (uint64_t)error;
    answer[1] = value;
    sabotage_at_leave(w, answer_otherwise);
    kit_call(w, 0, call, args);
    step_finds(w, S4_ABI, property);
}

static void a_wrong_answer_is_found(void)
{
    answers(ref_world(), CALL_covh_convert_pages, (const uint64_t[6]){kit_window(3), 2}, SBI_ERR_INVALID_ADDRESS, 0,
            "result");
    answers(ref_world(), CALL_covh_convert_pages, (const uint64_t[6]){kit_window(3), 2}, 0, 1, "value");
    answers(ref_world(), CALL_covh_convert_pages, (const uint64_t[6]){kit_window(3), 0}, SBI_ERR_INVALID_ADDRESS, 0,
            "result");
    answers(ref_world(), CALL_covh_destroy_tvm, (const uint64_t[6]){1}, SBI_ERR_FAILED, 0, "result");
    answers(ref_world(), CALL_hsm_hart_start, (const uint64_t[6]){1, 0}, SBI_ERR_INVALID_PARAM, 0, "result");
}

static void forget_frame(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[KIT_SPARE].state = PAGE_NONCONF;
}

static void wake_vcpu(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->vcpu[0].state = VCPU_RUNNABLE;
}

static void widen_region(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->region[0].len += PAGE_SIZE;
}

static void grow_pool(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->pool_count++;
}

static void kill_tvm(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[0].state = TVM_DEAD;
}

static void a_wrong_state_is_found(void (*act)(struct world *w, const struct machine_event *event),
                                   const char *property)
{
    struct world *w = ref_world();

    uint64_t id = kit_create(w, 0);

    kit_populate(w, 0, id);
    CHECK_CLEAN(w);
    sabotage_at_leave(w, act);
    KIT_CALL(w, 0, CALL_covh_tvm_fence, id); /* refused: nothing changes */
    step_finds(w, S5_MODEL, property);
}

static uint64_t *mailbox_word(struct world *w, uint64_t offset)
{
    return (uint64_t *)(w->machine->host_ram + KIT_SHMEM * PAGE_SIZE + offset);
}

static void show_more(struct world *w, const struct machine_event *event)
{
    (void)event;
    *mailbox_word(w, NACL_GPR_OFFSET(12)) = 1;
}

static void show_cause(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, 0x142, 21);
}

static void a_wrong_exit_is_found(void (*act)(struct world *w, const struct machine_event *event))
{
    struct world *w = ref_in_guest();

    sabotage_at_leave(w, act);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    step_finds(w, S5_MODEL, "exit");
}

static void resume_at_host(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].virt = false;
}

static void a_wrong_way_is_found(void)
{
    struct world *w = ref_in_guest();
    struct trace_op op = {.op = OP_GUEST_ECALL, .a = {[7] = SBI_EID_BASE}};

    sabotage_at_leave(w, resume_at_host);
    world_step(w, &op, NULL);
    step_finds(w, S5_MODEL, "way");
}

/* A life with sharing, blocking and removal: predicted to the end. */
static void a_right_life_is_silent(void)
{
    struct world *w = ref_in_guest();
    struct trace_op share = {.op = OP_GUEST_CALL, .call = CALL_covg_share_memory_region, .a = {SHARED_GPA, PAGE_SIZE}};
    uint64_t id = w->tvm_id[0];

    world_step(w, &share, NULL);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10), 0, 0, 0);
    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_STORE, SHARED_GPA, 8, 1, 0);
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, kit_ram(40), 0, 1, SHARED_GPA);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, SHARED_GPA, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    KIT_OK(w, 0, CALL_covh_tvm_validate_pages, id, SHARED_GPA, PAGE_SIZE);
    kit_run(w, 0, id);
    kit_op(w, 0, OP_GUEST_STORE, SHARED_GPA, 8, 1, 0);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    CHECK(ref_of(w)->judged > 15);
    CHECK(!ref_of(w)->lost);
    world_destroy(w);
}

int main(void)
{
    a_wrong_answer_is_found();
    a_wrong_state_is_found(forget_frame, "frame");
    a_wrong_state_is_found(wake_vcpu, "vcpu");
    a_wrong_state_is_found(widen_region, "region");
    a_wrong_state_is_found(grow_pool, "pool");
    a_wrong_state_is_found(kill_tvm, "tvm");
    a_wrong_exit_is_found(show_more);
    a_wrong_exit_is_found(show_cause);
    a_wrong_way_is_found();
    a_right_life_is_silent();
    return test_finish();
}
