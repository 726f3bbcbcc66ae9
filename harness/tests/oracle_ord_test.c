/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ORD and LIV: events in the wrong order or missing, locks, endless work, misuse of primitives. Events are hidden from
 * the oracles or repeated, as if the monitor had left something out or done it twice, or the monitor's own data is
 * bent so that the machine notices.
 */
#include "harness/tests/oracle_kit.h"

typedef void (*action)(struct world *w, const struct machine_event *event);

static void step_finds(struct world *w, uint32_t oracle, enum severity severity, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, oracle, severity, property);
    world_destroy(w);
}

static struct world *runnable(void)
{
    struct world *w = kit_world();

    kit_runnable(w, 0);
    return w;
}

static void run(struct world *w)
{
    KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, w->tvm_id[0], 0);
}

static void leave_guest(struct world *w)
{
    kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0);
}

/* --- crossings -------------------------------------------------------------------------------------------------- */

static void on_the_way_out(enum machine_event_kind kind, enum when when, action act, enum severity severity,
                           const char *property)
{
    struct world *w = kit_in_guest();

    sabotage_begin(w, kind, when, act);
    leave_guest(w);
    step_finds(w, ORACLE_ORD, severity, property);
}

static void on_the_way_in(enum machine_event_kind kind, enum when when, const char *property)
{
    struct world *w = runnable();

    sabotage_begin(w, kind, when, NULL);
    run(w);
    step_finds(w, ORACLE_ORD, S1_ISOLATION, property);
}

static void open_window(struct world *w, const struct machine_event *event)
{
    hal_pmp_write(&w->machine->monitor->hart[event->hart], 2, PMP_NAPOT | PMP_R, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff);
    w->machine->hart[event->hart].pmp_unfenced = false;
}

static void crossings_are_complete(void)
{
    on_the_way_out(EVENT_FP_ZERO, DROP_EVENT, NULL, S0_CONFIDENTIALITY, "fp-exit");
    on_the_way_out(EVENT_FP_SAVE, DROP_EVENT, NULL, S1_ISOLATION, "fp-order");
    on_the_way_out(EVENT_VECTOR_ZERO, DROP_EVENT, NULL, S0_CONFIDENTIALITY, "vector-exit");
    on_the_way_out(EVENT_VECTOR_SAVE, DROP_EVENT, NULL, S1_ISOLATION, "vector-order");
    on_the_way_out(EVENT_CSR_SWAP, DROP_EVENT, NULL, S1_ISOLATION, "csr-swap");
    on_the_way_out(EVENT_CSR_SWAP, REPEAT_EVENT, NULL, S1_ISOLATION, "csr-swap");
    on_the_way_out(EVENT_FENCE_ALL, DROP_EVENT, NULL, S1_ISOLATION, "switch-unfenced");
    on_the_way_out(EVENT_LEAVE_MONITOR, BEFORE_EVENT, open_window, S0_CONFIDENTIALITY, "window-open");
    on_the_way_in(EVENT_FP_LOAD, DROP_EVENT, "fp-enter");
    on_the_way_in(EVENT_VECTOR_LOAD, DROP_EVENT, "vector-enter");
    on_the_way_in(EVENT_CSR_SWAP, DROP_EVENT, "csr-swap");
    on_the_way_in(EVENT_CSR_SWAP, REPEAT_EVENT, "csr-swap");
    on_the_way_in(EVENT_FENCE_ALL, DROP_EVENT, "switch-unfenced");
}

/* --- fences that are counted and do not happen -------------------------------------------------------------------- */

static void call_without(enum machine_event_kind kind, uint16_t call, const uint64_t args[6], const char *property)
{
    struct world *w = kit_world();

    if (call != CALL_hsm_hart_start)
        kit_start_harts(w);
    sabotage_begin(w, kind, DROP_EVENT, NULL);
    kit_call(w, 0, call, args);
    step_finds(w, ORACLE_ORD, S1_ISOLATION, property);
}

static void fences_happen(void)
{
    call_without(EVENT_FENCE_ALL, CALL_covh_global_fence, (const uint64_t[6]){0}, "fence-skipped");
    call_without(EVENT_FENCE_ALL, CALL_covh_local_fence, (const uint64_t[6]){0}, "fence-skipped");
    call_without(EVENT_FENCE_ALL, CALL_hsm_hart_start, (const uint64_t[6]){1, kit_ram(0)}, "start-unfenced");
    call_without(EVENT_FENCE_ALL, CALL_rfence_sfence_vma, (const uint64_t[6]){1, 1}, "rfence");
    call_without(EVENT_FENCE_ALL, CALL_rfence_hfence_gvma, (const uint64_t[6]){3, 0}, "rfence");
    call_without(EVENT_FENCE_ALL, CALL_rfence_hfence_vvma_asid, (const uint64_t[6]){0, UINT64_MAX}, "rfence");
    call_without(EVENT_FENCE_I, CALL_rfence_fence_i, (const uint64_t[6]){2, 0}, "rfence");
}

/* --- scrub and read order ----------------------------------------------------------------------------------------- */

static void release_first(struct world *w, const struct machine_event *event)
{
    w->machine->monitor->page[event->a].state = PAGE_NONCONF;
}

static void frames_are_scrubbed_before_they_go_back(void)
{
    struct world *w = kit_world();
    kit_convert(w, 10, 4);
    sabotage_begin(w, EVENT_SCRUB, DROP_EVENT, NULL);
    KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(10), 2);
    step_finds(w, ORACLE_ORD, S0_CONFIDENTIALITY, "scrub-missing");

    w = kit_world();
    kit_convert(w, 10, 4);
    sabotage_begin(w, EVENT_SCRUB, BEFORE_EVENT, release_first);
    KIT_CALL(w, 0, CALL_covh_reclaim_pages, kit_window(10), 2);
    step_finds(w, ORACLE_ORD, S0_CONFIDENTIALITY, "scrub-order");
}

static void read_overlapping(struct world *w, const struct machine_event *event)
{
    struct machine_event again = *event;

    again.a += event->b - 1;
    sabotage_now.watching(w, &again);
}

static void read_adjacent(struct world *w, const struct machine_event *event)
{
    struct machine_event next = *event;

    next.a += event->b;
    next.b = 8;
    sabotage_now.watching(w, &next);
}

static struct world *about_to_create(void)
{
    struct world *w = kit_world();

    kit_convert(w, 0, KIT_STRIDE);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS), kit_window(KIT_ROOT), 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS) + 8, kit_window(KIT_STATE), 0, 0);
    return w;
}

static void host_memory_is_read_once(void)
{
    struct world *w = about_to_create();
    sabotage_begin(w, EVENT_UNTRUSTED_READ, REPEAT_EVENT, NULL);
    KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    step_finds(w, ORACLE_ORD, S1_ISOLATION, "double-fetch");

    w = about_to_create();
    sabotage_begin(w, EVENT_UNTRUSTED_READ, AFTER_EVENT, read_overlapping);
    KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    step_finds(w, ORACLE_ORD, S1_ISOLATION, "double-fetch");

    w = about_to_create();
    sabotage_begin(w, EVENT_UNTRUSTED_READ, AFTER_EVENT, read_adjacent);
    KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    sabotage_end(w);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- what the machine notices ------------------------------------------------------------------------------------- */

static void pmp_without_fence(struct world *w, const struct machine_event *event)
{
    struct hart *h = &w->machine->monitor->hart[event->hart];

    hal_pmp_write(h, 3, 0, 5);
    hal_pmp_write(h, 3, 0, 0);
}

static void hgatp_without_fence(struct world *w, const struct machine_event *event)
{
    struct hart *h = &w->machine->monitor->hart[event->hart];
    uint64_t before = hal_hgatp_read(h);

    hal_hgatp_write(h, before ^ UINT64_C(1) << 44);
    hal_hgatp_write(h, before);
}

static void stop_fatally(struct world *w, const struct machine_event *event)
{
    hal_fatal(&w->machine->monitor->hart[event->hart], "test");
}

static void keep_lock(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->pages_lock.owner = 2;
}

static void release_twice(struct world *w, const struct machine_event *event)
{
    struct monitor *m = w->machine->monitor;

    hal_unlock(&m->hart[event->hart], &m->create_lock);
}

static void work_for_ever(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->steps = MACHINE_STEP_BUDGET;
}

static void touch_outside(struct world *w, const struct machine_event *event)
{
    (void)event;
    hal_conf_ro(w->machine->monitor, (struct conf_page){w->machine->config.window_pages}, 1);
}

static void enter_as_machine(struct world *w, const struct machine_event *event)
{
    w->machine->monitor->hart[event->hart].frame->status |= UINT64_C(3) << 11;
}

static void during_a_call(enum machine_event_kind kind, action act, uint32_t oracle, enum severity severity,
                          const char *property)
{
    struct world *w = kit_world();

    kit_start_harts(w);
    sabotage_begin(w, kind, BEFORE_EVENT, act);
    KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(9), 1);
    step_finds(w, oracle, severity, property);
}

static void violations_become_findings(void)
{
    during_a_call(EVENT_UNLOCK, pmp_without_fence, ORACLE_ORD, S0_CONFIDENTIALITY, "pmp-unfenced");
    during_a_call(EVENT_UNLOCK, hgatp_without_fence, ORACLE_ORD, S1_ISOLATION, "hgatp-unfenced");
    during_a_call(EVENT_UNLOCK, stop_fatally, ORACLE_LIV, S3_AVAILABILITY, "fatal");
    during_a_call(EVENT_LOCK, keep_lock, ORACLE_LIV, S3_AVAILABILITY, "lock");
    during_a_call(EVENT_LOCK, release_twice, ORACLE_LIV, S3_AVAILABILITY, "lock");
    during_a_call(EVENT_LOCK, work_for_ever, ORACLE_LIV, S3_AVAILABILITY, "budget");
    during_a_call(EVENT_LOCK, touch_outside, ORACLE_LIV, S2_MEMORY_SAFETY, "bad-access");
    during_a_call(EVENT_UNLOCK, enter_as_machine, ORACLE_LIV, S1_ISOLATION, "world-state");
}

/* --- lock order --------------------------------------------------------------------------------------------------- */

static struct lock *second_lock;

static void take_second(struct world *w, const struct machine_event *event)
{
    struct hart *h = &w->machine->monitor->hart[event->hart];

    sabotage_now.kind = EVENT_RESET; /* our own events pass */
    hal_lock(h, second_lock);
    hal_unlock(h, second_lock);
}

/* While convert_pages holds pages_lock, or a call on a TVM holds its slot lock. */
static void lock_under(uint16_t call, size_t which, uint32_t slot, bool allowed)
{
    struct world *w = runnable();
    struct monitor *m = w->machine->monitor;

    second_lock = which == 0 ? &m->create_lock : which == 1 ? &m->tvm[slot].lock : &m->pages_lock;
    /* Just before the first release of a lock: the call holds it then. */
    sabotage_begin(w, EVENT_UNLOCK, BEFORE_EVENT, take_second);
    if (call == CALL_covh_convert_pages)
        KIT_CALL(w, 0, call, kit_window(100), 1);
    else
        KIT_CALL(w, 0, call, w->tvm_id[0], 0, PAGE_SIZE);
    sabotage_end(w);
    if (allowed)
        CHECK_CLEAN(w);
    else
        CHECK_FINDING(w, ORACLE_LIV, S3_AVAILABILITY, "lock-order");
    world_destroy(w);
}

static void locks_are_taken_in_order(void)
{
    lock_under(CALL_covh_convert_pages, 0, 0, false);
    lock_under(CALL_covh_convert_pages, 1, 3, false);
    lock_under(CALL_covh_add_tvm_memory_region, 0, 0, false);
    lock_under(CALL_covh_add_tvm_memory_region, 1, 3, false); /* two slots at once */
    lock_under(CALL_covh_add_tvm_memory_region, 2, 0, true);
}

/* --- oracles can be chosen ---------------------------------------------------------------------------------------- */

static void an_oracle_that_is_off_says_nothing(void)
{
    struct world *w = kit_world_of(2, ORACLE_OWN);
    sabotage_begin(w, EVENT_FENCE_ALL, DROP_EVENT, NULL);
    KIT_CALL(w, 0, CALL_covh_local_fence, 0);
    sabotage_end(w);
    CHECK_CLEAN(w);
    world_destroy(w);

    w = kit_world_of(2, ORACLE_ORD);
    w->machine->monitor->page[9].owner = 3;
    CHECK(world_audit(w));
    sabotage_begin(w, EVENT_FENCE_ALL, DROP_EVENT, NULL);
    KIT_CALL(w, 0, CALL_covh_local_fence, 0);
    step_finds(w, ORACLE_ORD, S1_ISOLATION, "fence-skipped");

    w = kit_world_of(2, 0);
    kit_run(w, 0, kit_runnable(w, 0));
    leave_guest(w);
    w->machine->monitor->page[9].owner = 3;
    CHECK(world_audit(w));
    world_destroy(w);
    CHECK_STR(oracle_name(ORACLE_ORD), "ORD");
    CHECK_STR(severity_name(S0_CONFIDENTIALITY), "S0 confidentiality");
}

int main(void)
{
    crossings_are_complete();
    fences_happen();
    frames_are_scrubbed_before_they_go_back();
    host_memory_is_read_once();
    violations_become_findings();
    locks_are_taken_in_order();
    an_oracle_that_is_off_says_nothing();
    return test_finish();
}
