/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN judges what a step changed: states of frames and who may change them, content that comes along, guest memory,
 * lives of TVMs, and that a call that failed changed nothing. In each test a real call of the monitor does a little
 * more, or a little less, than it should.
 */
#include "harness/tests/oracle_kit.h"

typedef void (*action)(struct world *w, const struct machine_event *event);

static struct page_record *record(struct world *w, uint32_t frame)
{
    return &w->machine->monitor->page[frame];
}

static void step_finds(struct world *w, enum severity severity, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, severity, property);
    world_destroy(w);
}

/* A runnable TVM in slot 0 and one that is being built in slot 1; hart 0 in the host. */
static struct world *two_tvms(void)
{
    struct world *w = kit_world();

    kit_runnable(w, 0);
    kit_populate(w, KIT_STRIDE, kit_create(w, KIT_STRIDE));
    CHECK_CLEAN(w);
    return w;
}

/* --- states ----------------------------------------------------------------------------------------------------- */

#define VICTIM 200u

static void victim_free(struct world *w, const struct machine_event *event)
{
    (void)event;
    record(w, VICTIM)->state = PAGE_CONF_FREE;
}

static void victim_converting(struct world *w, const struct machine_event *event)
{
    (void)event;
    record(w, VICTIM)->state = PAGE_CONVERTING;
}

static void data_free(struct world *w, const struct machine_event *event)
{
    (void)event;
    record(w, KIT_DATA)->state = PAGE_CONF_FREE;
    record(w, KIT_DATA)->gfn = 0;
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA, 0), 0);
}

static void data_to_other(struct world *w, const struct machine_event *event)
{
    (void)event;
    record(w, KIT_DATA)->owner = 1;
}

static void state_after_call(uint16_t call, const uint64_t args[6], action act, const char *property)
{
    struct world *w = two_tvms();

    sabotage_at_leave(w, act);
    kit_call(w, 0, call, args);
    step_finds(w, S1_ISOLATION, property);
}

static void frames_change_state_only_by_the_table(void)
{
    const uint64_t none[6] = {0};
    const uint64_t next[6] = {kit_window(VICTIM + 1), 1};

    state_after_call(CALL_base_get_spec_version, none, victim_free, "transition");
    state_after_call(CALL_covh_convert_pages, next, victim_free, "transition"); /* wrong state */
    state_after_call(CALL_covh_convert_pages, next, victim_converting,
                     "transition"); /* right state, not in the range */
    state_after_call(CALL_base_get_spec_version, none, data_free, "transition");
    state_after_call(CALL_base_get_spec_version, none, data_to_other, "transition");

    /* A guest's trap changes no frame at all. */
    struct world *w = kit_in_guest();
    sabotage_at_leave(w, victim_converting);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    step_finds(w, S1_ISOLATION, "transition");
}

/* The monitor is made to believe that everybody has fenced. */
static void pretend_fenced(struct world *w)
{
    for (uint32_t h = 0; h < w->machine->config.harts; h++)
        w->machine->monitor->fence.seen[h] = 1000;
}

static void frames_are_used_only_after_the_fence(void)
{
    struct world *w = two_tvms();
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(VICTIM), 2);
    pretend_fenced(w);
    KIT_CALL(w, 0, CALL_covh_add_tvm_page_table_pages, w->tvm_id[1], kit_window(VICTIM), 1);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "fence");
    world_destroy(w);

    /* One hart of two has not fenced. */
    w = two_tvms();
    kit_start_harts(w);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(VICTIM), 2);
    KIT_OK(w, 0, CALL_covh_global_fence, 0);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(VICTIM), 1).error, SBI_ERR_INVALID_ADDRESS);
    CHECK_CLEAN(w);
    pretend_fenced(w);
    KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(VICTIM), 1);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "fence");
    world_destroy(w);

    /* A hart that stopped does not count; one that started again has caught up. */
    w = two_tvms();
    kit_start_harts(w);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(VICTIM), 2);
    KIT_OK(w, 0, CALL_covh_global_fence, 0);
    KIT_CALL(w, 1, CALL_hsm_hart_stop, 0);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(VICTIM), 1);
    kit_start_harts(w);
    KIT_OK(w, 0, CALL_covh_reclaim_pages, kit_window(VICTIM + 1), 1);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- content ---------------------------------------------------------------------------------------------------- */

static void soil_spare(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_SPARE, 4095);
}

static void soil_state_tail(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, 2 * KIT_STRIDE + KIT_STATE + 1, 4000);
}

static void frames_change_hands_clean(void)
{
    struct world *w = two_tvms();
    sabotage_at_leave(w, soil_spare);
    KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(KIT_SPARE - 1), 3);
    step_finds(w, S0_CONFIDENTIALITY, "scrub");

    w = two_tvms();
    sabotage_at_leave(w, soil_spare);
    KIT_CALL(w, 0, CALL_covh_add_tvm_zero_pages, w->tvm_id[0], kit_window(KIT_SPARE), 0, 1, KIT_GPA + 4 * PAGE_SIZE);
    step_finds(w, S0_CONFIDENTIALITY, "scrub");

    w = two_tvms();
    sabotage_at_leave(w, soil_spare);
    KIT_CALL(w, 0, CALL_covh_add_tvm_page_table_pages, w->tvm_id[0], kit_window(KIT_SPARE), 1);
    step_finds(w, S0_CONFIDENTIALITY, "scrub");

    w = two_tvms();
    sabotage_at_leave(w, soil_spare);
    KIT_CALL(w, 0, CALL_covh_create_tvm_vcpu, w->tvm_id[1], 1, kit_window(KIT_SPARE));
    step_finds(w, S0_CONFIDENTIALITY, "scrub");

    w = two_tvms();
    sabotage_at_leave(w, soil_spare);
    KIT_CALL(w, 0, CALL_covh_add_tvm_measured_pages, w->tvm_id[1], kit_ram(KIT_SOURCE), kit_window(KIT_SPARE), 0, 1,
             KIT_GPA + 4 * PAGE_SIZE);
    step_finds(w, S1_ISOLATION, "copy");

    w = two_tvms();
    kit_convert(w, 2 * KIT_STRIDE, KIT_STRIDE);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS), kit_window(2 * KIT_STRIDE + KIT_ROOT), 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS) + 8, kit_window(2 * KIT_STRIDE + KIT_STATE), 0, 0);
    sabotage_at_leave(w, soil_state_tail);
    KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    step_finds(w, S0_CONFIDENTIALITY, "scrub");
}

static void calls_do_what_their_arguments_say(void)
{
    const uint64_t gpa = KIT_GPA + 4 * PAGE_SIZE;

    struct world *w = two_tvms();
    show_argument(w, 1, kit_window(VICTIM));
    KIT_CALL(w, 0, CALL_covh_add_tvm_measured_pages, w->tvm_id[1], kit_ram(KIT_SOURCE), kit_window(KIT_SPARE), 0, 1,
             gpa);
    step_finds(w, S0_CONFIDENTIALITY, "source");

    w = two_tvms();
    show_argument(w, 5, gpa + PAGE_SIZE);
    KIT_CALL(w, 0, CALL_covh_add_tvm_measured_pages, w->tvm_id[1], kit_ram(KIT_SOURCE), kit_window(KIT_SPARE), 0, 1,
             gpa);
    step_finds(w, S1_ISOLATION, "gfn");

    w = two_tvms();
    show_argument(w, 1, 3);
    KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(VICTIM), 2); /* one frame of the range forgotten */
    step_finds(w, S1_ISOLATION, "range");

    w = two_tvms();
    show_argument(w, 0, kit_ram(5));
    KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(VICTIM), 2);
    step_finds(w, S1_ISOLATION, "transition");

    w = two_tvms();
    show_argument(w, 1, UINT64_C(1) << 52);
    KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(VICTIM), 2); /* nothing to do, for a range that wraps */
    step_finds(w, S1_ISOLATION, "range");

    w = two_tvms();
    show_argument(w, 1, KIT_GPA + PAGE_SIZE);
    KIT_CALL(w, 0, CALL_covh_add_tvm_memory_region, w->tvm_id[1], KIT_GPA + (UINT64_C(1) << 30), PAGE_SIZE);
    step_finds(w, S1_ISOLATION, "region-change"); /* overlaps the region there is */
}

static void soil_data(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_DATA, 100);
}

static void soil_vcpu(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_VCPU, 16);
}

static void soil_root(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_ROOT, 16);
}

static void soil_nonconf(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, VICTIM, 16);
}

static void soil_pool(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, kit_tvm(w, 0)->pool_head, 16);
}

/* The same bytes once more. */
static void rewrite_data(struct world *w, const struct machine_event *event)
{
    uint64_t word;

    (void)event;
    memcpy(&word, machine_peek(w->machine, kit_window(KIT_DATA), sizeof(word)), sizeof(word));
    machine_poke(w->machine, kit_window(KIT_DATA), &word, sizeof(word));
}

/* A frame that a run has changed holds after the reset what it held at boot, and that is what it is compared with. */
static void contents_are_known_after_a_reset(void)
{
    struct world *w = two_tvms();

    world_reset(w);
    sabotage_at_leave(w, rewrite_data);
    KIT_OK(w, 0, CALL_base_get_spec_version);
    CHECK_CLEAN(w);
    sabotage_end(w);
    world_destroy(w);

    w = two_tvms();
    world_reset(w);
    sabotage_at_leave(w, soil_data);
    kit_call(w, 0, CALL_base_get_spec_version, (const uint64_t[6]){0});
    step_finds(w, S1_ISOLATION, "foreign-write");
}

static void contents_belong_to_their_owner(void)
{
    const uint64_t none[6] = {0};

    state_after_call(CALL_base_get_spec_version, none, soil_data, "guest-memory");
    state_after_call(CALL_base_get_spec_version, none, soil_vcpu, "vcpu-state");
    state_after_call(CALL_base_get_spec_version, none, soil_root, "tables");
    state_after_call(CALL_base_get_spec_version, none, soil_nonconf, "foreign-write");
    state_after_call(CALL_base_get_spec_version, none, soil_pool, "foreign-write");

    /* Not even while the guest runs: its memory is written by its own stores only. */
    struct world *w = kit_in_guest();
    sabotage_at_leave(w, soil_data);
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
    step_finds(w, S1_ISOLATION, "guest-memory");
    w = kit_in_guest();
    kit_op(w, 0, OP_GUEST_STORE, KIT_GPA + 8, 8, 1, 0);
    CHECK_CLEAN(w);
    /* Nor by a device, whatever IOPMP should have said. */
    scribble(w, KIT_DATA, 0);
    kit_op(w, 0, OP_GUEST_REG, 5, 1, 0, 0);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "guest-memory");
    world_destroy(w);
}

/* --- errors ----------------------------------------------------------------------------------------------------- */

static void slot_running(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[0].running++;
}

static void fence_moves(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->fence.current++;
}

static void id_consumed(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->next_tvm_id++;
}

static void mailbox_moves(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->hart[0].shmem.value += PAGE_SIZE;
}

static void hart_state(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->hart[1].hsm_state = SBI_HSM_SUSPENDED;
}

static void soil_object(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_STATE, offsetof(struct tvm, identity));
}

/* What an object leaves over of its frames counts as well. */
static void soil_behind_object(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_STATE, TVM_STATE_PAGES * PAGE_SIZE - 8);
}

static void soil_behind_vcpu(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_VCPU, TVM_VCPU_STATE_PAGES * PAGE_SIZE - 8);
}

static void failed_calls_change_nothing(void)
{
    const uint64_t bad[6] = {kit_window(0) + 1, 1};
    static const action actions[] = {victim_free,   slot_running, fence_moves,        id_consumed,
                                     mailbox_moves, hart_state,   soil_object,        soil_data,
                                     soil_root,     soil_vcpu,    soil_behind_object, soil_behind_vcpu};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        state_after_call(CALL_covh_convert_pages, bad, actions[i], "error-changed-state");
}

/* --- lives ------------------------------------------------------------------------------------------------------ */

static void slot_dead(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[0].state = TVM_DEAD;
}

static void slot_appears(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[5] = w->machine->monitor->tvm[0];
}

static void slot_vanishes(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[1].state = TVM_ABSENT;
}

static void slot_renamed(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->tvm[0].id = 77;
}

static void tvms_live_in_order(void)
{
    const uint64_t none[6] = {0};

    state_after_call(CALL_base_get_spec_version, none, slot_dead, "life");
    state_after_call(CALL_base_get_spec_version, none, slot_appears, "life");
    state_after_call(CALL_base_get_spec_version, none, slot_vanishes, "life");
    state_after_call(CALL_base_get_spec_version, none, slot_renamed, "life");
    state_after_call(CALL_base_get_spec_version, none, slot_running, "life");

    /* An id comes back. */
    struct world *w = two_tvms();
    w->machine->monitor->next_tvm_id = 1;
    kit_convert(w, 2 * KIT_STRIDE, KIT_STRIDE);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS), kit_window(2 * KIT_STRIDE + KIT_ROOT), 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS) + 8, kit_window(2 * KIT_STRIDE + KIT_STATE), 0, 0);
    KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "life");
    world_destroy(w);

    /* A call succeeds in a state that does not allow it: the monitor's idea of the state is wrong. */
    w = two_tvms();
    w->machine->monitor->tvm[0].state = TVM_INITIALIZING;
    KIT_CALL(w, 0, CALL_covh_add_tvm_memory_region, w->tvm_id[0], 0, PAGE_SIZE);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "life");
    world_destroy(w);

    w = two_tvms();
    w->machine->monitor->tvm[1].state = TVM_RUNNABLE;
    KIT_CALL(w, 0, CALL_covh_add_tvm_zero_pages, w->tvm_id[1], kit_window(KIT_SPARE), 0, 1, KIT_GPA + 4 * PAGE_SIZE);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "life");
    world_destroy(w);
}

int main(void)
{
    frames_change_state_only_by_the_table();
    frames_are_used_only_after_the_fence();
    frames_change_hands_clean();
    calls_do_what_their_arguments_say();
    contents_belong_to_their_owner();
    contents_are_known_after_a_reset();
    failed_calls_change_nothing();
    tvms_live_in_order();
    return test_finish();
}
