/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN judges answers: values that the ABI does not promise, calls that do not exist, arguments that are never valid, and
 * effects that did not happen. The oracles are shown another argument than the monitor gets, or the answer is changed
 * on its way out.
 */
#include "harness/tests/oracle_kit.h"

static void step_finds(struct world *w, enum severity severity, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, severity, property);
    world_destroy(w);
}

/* --- values ----------------------------------------------------------------------------------------------------- */

static uint64_t answer[2];

static void answer_otherwise(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[10] = answer[0];
    w->machine->hart[event->hart].x[11] = answer[1];
}

static void host_answer(uint16_t call, const uint64_t args[6], int64_t error, uint64_t value, const char *property)
{
    struct world *w = kit_world();

    answer[0] = (uint64_t)error;
    answer[1] = value;
    sabotage_at_leave(w, answer_otherwise);
    kit_call(w, 0, call, args);
    step_finds(w, S4_ABI, property);
}

static void guest_answer(uint64_t eid, int64_t error, uint64_t value, const char *property)
{
    struct world *w = kit_in_guest();
    struct trace_op op = {.op = OP_GUEST_ECALL, .a = {[7] = eid}};

    answer[0] = (uint64_t)error;
    answer[1] = value;
    sabotage_at_leave(w, answer_otherwise);
    world_step(w, &op, NULL);
    step_finds(w, S4_ABI, property);
}

static void answers_are_what_the_abi_promises(void)
{
    const uint64_t none[6] = {0};

    host_answer(CALL_base_get_spec_version, none, 0, 1, "value");
    host_answer(CALL_covh_local_fence, none, 0, 1, "value");
    host_answer(CALL_covh_reclaim_pages, (const uint64_t[6]){kit_window(3), 2}, 0, 1, "value");
    host_answer(CALL_covh_get_tsm_info, (const uint64_t[6]){kit_ram(3), 64}, 0, 64, "value");
    host_answer(CALL_dbcn_console_write, (const uint64_t[6]){3, kit_ram(3)}, 0, 4, "value");
    host_answer(CALL_base_probe_extension, (const uint64_t[6]){SBI_EID_COVG}, 0, 1, "value");
    host_answer(CALL_hsm_hart_get_status, (const uint64_t[6]){1}, 0, 0, "value");
    host_answer(CALL_covh_convert_pages, none, SBI_ERR_DENIED, 3, "value"); /* an error has no value */
    host_answer(CALL_covh_convert_pages, none, -77, 0, "value");            /* nor is this one */
    host_answer(CALL_covh_convert_pages, none, INT64_MIN, 0, "value");
    host_answer(CALL_covg_get_attcaps, none, 0, 0, "accepted"); /* no host may */
    guest_answer(SBI_EID_BASE, 0, 77, "value");
    guest_answer(SBI_EID_BASE, -77, 0, "value");
    guest_answer(SBI_EID_COVI, 0, 0, "accepted");
    guest_answer(SBI_EID_COVH, 0, 0, "accepted");
    guest_answer(0x12345, 0, 0, "accepted");
}

/* --- arguments -------------------------------------------------------------------------------------------------- */

/* The call succeeds with `args`; the oracles believe that argument `number` was `bad`. */
static void never_accepts(struct world *w, uint16_t call, const uint64_t args[6], unsigned number, uint64_t bad,
                          enum severity severity)
{
    show_argument(w, number, bad);
    kit_call(w, 0, call, args);
    step_finds(w, severity, "accepted");
}

static struct world *runnable(void)
{
    struct world *w = kit_world();

    kit_runnable(w, 0);
    return w;
}

static struct world *building(void)
{
    struct world *w = kit_world();

    kit_populate(w, 0, kit_create(w, 0));
    return w;
}

static void host_call_never_accepts(uint16_t call, const uint64_t args[6], unsigned number, uint64_t bad)
{
    never_accepts(kit_world(), call, args, number, bad, S1_ISOLATION);
}

static void arguments_that_are_never_valid(void)
{
    const uint64_t window = kit_window(0);
    const uint64_t mailbox[6] = {kit_ram(3)};
    const uint64_t info[6] = {kit_ram(3), 48};
    const uint64_t print[6] = {8, kit_ram(3)};
    const uint64_t start[6] = {1, kit_ram(0)};
    const uint64_t one_hart[6] = {1, 0};

    host_call_never_accepts(CALL_nacl_set_shmem, mailbox, 0, window);
    host_call_never_accepts(CALL_nacl_set_shmem, mailbox, 0, MACHINE_MONITOR_BASE);
    host_call_never_accepts(CALL_nacl_set_shmem, mailbox, 0, kit_ram(62)); /* the end is outside */
    host_call_never_accepts(CALL_nacl_set_shmem, mailbox, 0, kit_ram(3) + 8);
    host_call_never_accepts(CALL_nacl_set_shmem, mailbox, 2, 1);
    host_call_never_accepts(CALL_covh_get_tsm_info, info, 1, 47);
    host_call_never_accepts(CALL_dbcn_console_write, print, 1, window);
    host_call_never_accepts(CALL_dbcn_console_write, print, 2, 1);
    host_call_never_accepts(CALL_hsm_hart_start, start, 0, 8);
    host_call_never_accepts(CALL_hsm_hart_start, start, 0, 0); /* running already */
    host_call_never_accepts(CALL_hsm_hart_start, start, 1, window);
    host_call_never_accepts(CALL_ipi_send, one_hart, 0, 4);
    host_call_never_accepts(CALL_ipi_send, one_hart, 1, 2);
    host_call_never_accepts(CALL_rfence_sfence_vma, one_hart, 1, UINT64_MAX - 1);

    struct world *w = runnable();
    const uint64_t pages[6] = {w->tvm_id[0], KIT_GPA, PAGE_SIZE};
    never_accepts(w, CALL_covh_tvm_invalidate_pages, pages, 2, PAGE_SIZE + 8, S1_ISOLATION);
    w = building();
    const uint64_t page[6] = {w->tvm_id[0], kit_ram(KIT_SOURCE), kit_window(KIT_SPARE), 0, 1, KIT_GPA + 4 * PAGE_SIZE};
    never_accepts(w, CALL_covh_add_tvm_measured_pages, page, 5, KIT_GPA + 4 * PAGE_SIZE + 8, S1_ISOLATION);
    w = building();
    never_accepts(w, CALL_covh_finalize_tvm, (const uint64_t[6]){w->tvm_id[0], 0, 0, kit_ram(3)}, 3, kit_ram(3) + 32,
                  S1_ISOLATION);

    /* A mailbox that the host never registered. */
    w = building();
    kit_finalize(w, w->tvm_id[0]);
    w->machine->monitor->hart[0].shmem_set = true;
    w->machine->monitor->hart[0].shmem.value = kit_ram(3);
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 0);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "accepted");
    world_destroy(w);
}

/* a6 and a7 with junk name nothing. */
static void calls_named_with_junk(void)
{
    struct world *w = kit_world();
    never_accepts(w, CALL_covh_local_fence, (const uint64_t[6]){0}, 6, 4 | UINT64_C(1) << 16, S4_ABI);
    w = kit_world();
    never_accepts(w, CALL_covh_local_fence, (const uint64_t[6]){0}, 6, 4 | UINT64_C(2) << 26, S4_ABI);
    w = kit_world();
    never_accepts(w, CALL_covh_local_fence, (const uint64_t[6]){0}, 6, 4 | UINT64_C(1) << 32, S4_ABI);
    w = kit_world();
    never_accepts(w, CALL_covh_local_fence, (const uint64_t[6]){0}, 7, SBI_EID_COVH | UINT64_C(1) << 32, S4_ABI);

    /* Domain 1 is a name as good as domain 0, and a6 may be sign-extended. */
    struct trace_op domain = {.op = OP_HOST_CALL, .call = CALL_covh_local_fence, .a = {[6] = 1}};
    struct step_result r;
    w = kit_world();
    world_step(w, &domain, &r);
    CHECK_EQ(r.error, SBI_SUCCESS);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- effects ---------------------------------------------------------------------------------------------------- */

static void soil_info(struct world *w, const struct machine_event *event)
{
    uint32_t junk = 1;

    (void)event;
    machine_poke(w->machine, kit_ram(3) + offsetof(struct tsm_info, reserved), &junk, sizeof(junk));
}

static void move_mailbox(struct world *w, const struct machine_event *event)
{
    w->machine->monitor->hart[event->hart].shmem.value += PAGE_SIZE;
}

static void change_timer(struct world *w, const struct machine_event *event)
{
    machine_csr_write(w->machine, event->hart, 0x14d, 78);
}

static void lose_ipi(struct world *w, const struct machine_event *event)
{
    (void)event;
    machine_set_pending(w->machine, 1, 1, false);
}

static void soil_after_scrub(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_DATA, 9);
}

static void effects_happen(void)
{
    struct world *w = kit_world();
    sabotage_at_leave(w, soil_info);
    KIT_CALL(w, 0, CALL_covh_get_tsm_info, kit_ram(3), 48);
    step_finds(w, S4_ABI, "tsm-info");

    w = kit_world();
    sabotage_at_leave(w, move_mailbox);
    KIT_CALL(w, 0, CALL_nacl_set_shmem, kit_ram(3));
    step_finds(w, S4_ABI, "mailbox");

    w = kit_world();
    sabotage_at_leave(w, change_timer);
    KIT_CALL(w, 0, CALL_time_set_timer, 77);
    step_finds(w, S4_ABI, "timer");

    w = kit_world();
    kit_start_harts(w);
    sabotage_at_leave(w, lose_ipi);
    sabotage_now.skip = 1; /* the sender leaves first, then the hart that was sent to */
    KIT_CALL(w, 0, CALL_ipi_send, 2, 0);
    step_finds(w, S3_AVAILABILITY, "ipi");

    w = runnable();
    sabotage_begin(w, EVENT_RESET, BEFORE_EVENT, soil_after_scrub);
    KIT_CALL(w, 0, CALL_srst_system_reset, SBI_SRST_WARM_REBOOT, 0);
    step_finds(w, S0_CONFIDENTIALITY, "reset-scrub");
}

int main(void)
{
    answers_are_what_the_abi_promises();
    arguments_that_are_never_valid();
    calls_named_with_junk();
    effects_happen();
    return test_finish();
}
