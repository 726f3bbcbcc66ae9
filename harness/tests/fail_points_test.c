/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trace can make fail inside of a call: every function of machine/fail_points.def does so in a seed, one use in one
 * call and no more, and a monitor that answers with an error and keeps half of a change, or answers as if nothing had
 * failed, is found.
 */
#include <dirent.h>

#include "harness/machine/fail_points.h"
#include "harness/tests/oracle_kit.h"

#define SEEDS "corpora/seeds" /* below the current folder */

/* --- from a trace ----------------------------------------------------------------------------------------------- */

static bool failed[FAIL_POINTS];

static void note_failed(const char *name)
{
    for (unsigned point = FAIL_POINT_none + 1; point < FAIL_POINTS; point++)
        if (name != NULL && strcmp(name, fail_point_name((enum fail_point)point)) == 0)
            failed[point] = true;
}

/* What each operation is to do stands in the seed, and is checked where all seeds are. */
static void run_seed(const char *path)
{
    static struct trace t;
    struct trace_error error;

    if (!CHECK(trace_load(&t, path, &error)))
        return;
    struct machine_config config = world_config_for(&t);
    struct world *w = world_create(&config, ORACLE_ALL);
    if (w == NULL)
        test_error("no world");
    for (uint32_t i = 0; i < t.count; i++) {
        CHECK(world_step(w, &t.op[i], NULL));
        note_failed(w->failed);
        if (w->failed != NULL && w->twin_runs)
            CHECK(w->twin->failed != NULL && strcmp(w->failed, w->twin->failed) == 0);
    }
    CHECK(world_audit(w));
    world_destroy(w);
}

static void every_function_fails_in_a_seed(void)
{
    DIR *folder = opendir(SEEDS);
    char path[4096];

    if (folder == NULL)
        test_error("no " SEEDS ": run from the top of the tree");
    for (const struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (strncmp(e->d_name, "fail_", 5) != 0)
            continue;
        snprintf(path, sizeof(path), SEEDS "/%s", e->d_name);
        run_seed(path);
    }
    closedir(folder);
    for (unsigned point = FAIL_POINT_none + 1; point < FAIL_POINTS; point++) {
        if (!CHECK(failed[point]))
            fprintf(stderr, "    %s fails in no seed\n", fail_point_name((enum fail_point)point));
    }
}

static void it_is_for_one_operation(void)
{
    struct world *w = kit_world_of(2, ORACLE_ALL);

    kit_op(w, 0, OP_FAIL, MACHINE_FAIL_ADDRESS, 0, 0, 0);
    CHECK(machine_fail_waits(w->machine, 0) && !machine_fail_waits(w->machine, 1));
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(0), 8).error, SBI_ERR_INVALID_ADDRESS);
    CHECK(w->failed != NULL && strcmp(w->failed, "window_run") == 0);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(0), 8);
    CHECK(w->failed == NULL);

    /* Of another kind, and after more uses than there are: then nothing fails, not even later. */
    kit_op(w, 0, OP_FAIL, MACHINE_FAIL_OBJECT, 0, 0, 0);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(8), 8);
    kit_op(w, 0, OP_FAIL, MACHINE_FAIL_ADDRESS, 1, 0, 0);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(16), 8);
    CHECK(!machine_fail_waits(w->machine, 0));
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(24), 8);

    kit_op(w, 0, OP_FAIL, MACHINE_FAIL_ADDRESS, 0, 0, 0);
    uint64_t waits = machine_state_hash(w->machine);
    kit_op(w, 0, OP_FAIL, MACHINE_FAIL_ADDRESS, 1, 0, 0);
    CHECK(machine_state_hash(w->machine) != waits);
    CHECK_CLEAN(w);
    world_reset(w);
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(0), 8);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- a monitor that gets it wrong ------------------------------------------------------------------------------- */

static void keep_a_frame(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[KIT_SPARE] = (struct page_record){.state = PAGE_TABLE_POOL, .link = CONF_PAGE_NONE};
}

static void keep_a_region(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->region_count--;
}

static void use_up_a_table(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->pool_count--;
}

static void keep_a_vcpu(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->vcpu[1].state = VCPU_STOPPED;
}

static void succeed(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[10] = SBI_SUCCESS;
}

static void answer_otherwise(struct world *w, const struct machine_event *event)
{
    w->machine->hart[event->hart].x[10] = (uint64_t)SBI_ERR_DENIED;
}

/* A call whose frames, or page tables, are refused, by a monitor that does `act` all the same. */
static void found(enum machine_fail kind, uint32_t skip, void (*act)(struct world *, const struct machine_event *),
                  uint32_t oracle, enum severity severity, const char *property)
{
    struct world *w = kit_world_of(1, oracle);
    uint64_t id = kit_create(w, 0);

    kit_populate(w, 0, id);
    kit_op(w, 0, OP_FAIL, kind, skip, 0, 0);
    if (act != NULL)
        sabotage_at_leave(w, act);
    KIT_CALL(w, 0, CALL_covh_add_tvm_measured_pages, id, kit_ram(KIT_SOURCE), kit_window(KIT_SPARE), 0, 1,
             KIT_GPA + 8 * PAGE_SIZE);
    CHECK(w->failed != NULL);
    if (act != NULL)
        sabotage_end(w);
    world_audit(w);
    if (act == NULL)
        CHECK_CLEAN(w);
    else
        CHECK_FINDING(w, oracle, severity, property);
    world_destroy(w);
}

static void half_a_change_is_found(void)
{
    for (uint32_t skip = 0; skip < 5; skip++) {
        found(MACHINE_FAIL_ADDRESS, skip, NULL, ORACLE_REF, 0, NULL);
        found(MACHINE_FAIL_ADDRESS, skip, keep_a_frame, ORACLE_OWN, S1_ISOLATION, "error-changed-state");
        found(MACHINE_FAIL_ADDRESS, skip, keep_a_frame, ORACLE_REF, S5_MODEL, "frame");
    }
    found(MACHINE_FAIL_ROOM, 0, keep_a_region, ORACLE_REF, S5_MODEL, "region");
    found(MACHINE_FAIL_ROOM, 0, use_up_a_table, ORACLE_REF, S5_MODEL, "pool");
    found(MACHINE_FAIL_ROOM, 0, keep_a_vcpu, ORACLE_REF, S5_MODEL, "vcpu");
}

static void a_wrong_answer_is_found(void)
{
    found(MACHINE_FAIL_ROOM, 0, succeed, ORACLE_REF, S5_MODEL, "failure");
    found(MACHINE_FAIL_ROOM, 0, answer_otherwise, ORACLE_REF, S5_MODEL, "failure");
    found(MACHINE_FAIL_OBJECT, 0, answer_otherwise, ORACLE_REF, S5_MODEL, "failure");
}

int main(void)
{
    every_function_fails_in_a_seed();
    it_is_for_one_operation();
    half_a_change_is_found();
    a_wrong_answer_is_found();
    return test_finish();
}
