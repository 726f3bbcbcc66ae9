/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that fails has changed nothing: whatever can fail inside of it, at whichever use.
 *
 * The functions are those of harness/machine/fail_points.def. Each trace of the corpora runs once; before each of
 * its calls the same call is made once for each of those functions and each of its uses, with that use failing. Every
 * time the call has to return an error, and then the whole state has to be what it was, to the bit, but for the
 * registers that a call returns in and for what free frames hold. So the trace goes on as if nothing had happened,
 * with its expectations and all oracles. At last the register that isolation depends on does not take its value.
 */
#include "harness/agents/world.h"
#include "harness/concurrency/quiet.h"
#include "harness/machine/fail_points.h"
#include "harness/machine/internal.h"
#include "harness/oracles/oracle.h"
#include "harness/tests/test.h"

#include <dirent.h>

#define CORPORA "corpora/seeds" /* below the current folder, or below the one that is the argument */
#define MAX_TRACES 1024u
#define USES_ALL 24u  /* the first uses of a function in one call fail one by one */
#define USES_STEP 37u /* of those after them, every so many */
#define ORACLES (ORACLE_OWN | ORACLE_LIV | ORACLE_ORD | ORACLE_REF)

/* --- what fails -------------------------------------------------------------------------------------------------- */

static uint32_t uses[FAIL_POINTS]; /* of one call */
static struct fail_watch watch;    /* what fails next: set for the whole process */
static uint64_t injected[FAIL_POINTS];
static bool promotion; /* a trace makes a TVM in one step */
static bool sloppy;    /* self-test: a failure comes after something was changed */

/* Use `use`, counted from 1, of the function fails. */
static void arm(enum fail_point point, uint32_t use)
{
    watch = (struct fail_watch){.armed = true, .only = point, .skip = use - 1};
}

/* From now on everything works again. Did it fail? */
static bool disarm(void)
{
    enum fail_point failed = watch.failed;

    watch = (struct fail_watch){0};
    injected[failed]++;
    return failed != FAIL_POINT_none;
}

/* Hardware that fails is no function of the monitor: it is linked through a wrapper. */
static uint32_t pmp_use; /* the read that fails, counted from 1; 0: none */
static bool pmp_failed;
static uint64_t pmp_injected;

void __real_hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr);
void __wrap_hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr);

/* The entry did not take what was written: it is still off. */
void __wrap_hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr)
{
    __real_hal_pmp_read(h, index, config, addr);
    if (pmp_use == 0 || --pmp_use != 0)
        return;
    *config ^= PMP_R;
    pmp_failed = true;
    pmp_injected++;
}

/* --- one failing call ------------------------------------------------------------------------------------------- */

/* What a call may change on the hart that makes it, whatever becomes of it. */
struct caller {
    struct machine_hart hart;
    struct world_ctx *frame;
    struct world_ctx ctx;
    uint64_t time;
    uint32_t step;
    uint64_t calls;
};

static struct caller caller_before(const struct world *w, uint32_t h)
{
    const struct hart *mh = &w->machine->monitor->hart[h];

    return (struct caller){.hart = w->machine->hart[h],
                           .frame = mh->frame,
                           .ctx = *mh->frame,
                           .time = w->machine->time,
                           .step = w->step,
                           .calls = w->calls};
}

/* Put that back, so that everything that still differs is the monitor's doing. */
static void caller_restore(struct world *w, uint32_t h, const struct caller *before)
{
    static const unsigned trap_csrs[] = {SLOT_mstatus, SLOT_mepc, SLOT_mcause, SLOT_mtval, SLOT_mtval2, SLOT_mtinst};
    struct machine_hart *hart = &w->machine->hart[h];

    memcpy(hart->x, before->hart.x, sizeof(hart->x));
    hart->pc = before->hart.pc;
    for (unsigned i = 0; i < sizeof(trap_csrs) / sizeof(trap_csrs[0]); i++)
        hart->csr[trap_csrs[i]] = before->hart.csr[trap_csrs[i]];
    memcpy(before->frame->x, before->ctx.x, sizeof(before->ctx.x));
    before->frame->pc = before->ctx.pc;
    before->frame->status = before->ctx.status;
    w->machine->time = before->time;
    w->step = before->step;
    w->calls = before->calls;
}

static bool all_locks_free(const struct machine *m)
{
    bool free = m->monitor->create_lock.owner == 0 && m->monitor->pages_lock.owner == 0;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        free = free && m->monitor->tvm[i].lock.owner == 0;
    for (uint32_t h = 0; h < m->config.harts; h++)
        free = free && m->locks_held[h] == 0;
    return free;
}

static void complain(const char *trace, const struct trace_op *op, enum fail_point point, uint32_t use,
                     const char *what)
{
    char text[1024];

    trace_print_op(text, sizeof(text), op, NULL);
    fprintf(stderr, "%s: %s\n    use %u of %s fails: %s\n", trace, text, use, fail_point_name(point), what);
    test_count(false);
    test_stop_after_many();
}

/*
 * Make the call with one use failing. True when it came back with an error and changed nothing, so that everything is as
 * it was; otherwise complains (unless it is to be expected: `quiet`), and the world is not to be used any more.
 */
static bool fail_once(struct world *w, const struct trace_op *op, enum fail_point point, uint32_t use,
                      const char *trace)
{
    struct machine *m = w->machine;
    uint32_t h = op->hart % m->config.harts;
    struct caller before = caller_before(w, h);
    uint64_t hash = machine_owned_hash(m);
    uint32_t oracles = w->oracles;
    struct step_result seen;
    const char *wrong = NULL;

    arm(point, use);
    w->oracles = 0;
    m->on_event = NULL;
    world_step(w, op, &seen);
    w->oracles = oracles;
    bool fired = disarm();
    if (sloppy)
        m->monitor->page[m->config.window_pages - 1].version++;

    if (!fired)
        test_error("a call used a function more often the first time than the second");
    if (m->violation.kind != VIOLATION_NONE)
        wrong = m->violation.text;
    else if (!all_locks_free(m))
        wrong = "a lock is held";
    else if (seen.kind != EXPECT_RESULT || m->monitor->hart[h].frame != before.frame)
        wrong = "the call did not come back";
    else if (seen.error == SBI_SUCCESS)
        wrong = "the call succeeded";
    else {
        caller_restore(w, h, &before);
        if (machine_owned_hash(m) != hash)
            wrong = "the state is not what it was";
    }
    if (wrong != NULL && !sloppy)
        complain(trace, op, point, use, wrong);
    else if (wrong == NULL)
        test_count(true);
    return wrong == NULL;
}

/* --- a trace ---------------------------------------------------------------------------------------------------- */

static bool is_call(const struct world *w, const struct trace_op *op)
{
    bool guest = op->op == OP_GUEST_CALL || op->op == OP_GUEST_ECALL;
    bool host = op->op == OP_HOST_CALL || op->op == OP_HOST_ECALL;
    uint32_t h = op->hart % w->machine->config.harts;

    return !w->machine->halted && !w->machine->hart[h].parked &&
           ((host && !machine_in_guest(w->machine, h)) || (guest && machine_in_guest(w->machine, h)));
}

/*
 * How often the next operation uses each function. Found out in another world that has come the same way, because the
 * call has its effects there.
 */
static void count_uses(struct world *scout, const struct trace_op *op, struct step_result *seen)
{
    memset(uses, 0, sizeof(uses));
    watch.uses = uses;
    world_step(scout, op, seen);
    watch.uses = NULL;
}

static bool promotes(const struct trace_op *op)
{
    const struct abi_call *call = op->op == OP_HOST_CALL ? abi_call_by_id(op->call) : NULL;

    return call != NULL && strcmp(call->name, "covh_promote_to_tvm") == 0;
}

/* Frames are looked at one after the other until one is free: that one is not says nothing about the call. */
static bool tolerated(const struct trace_op *op, enum fail_point point)
{
    return (point == FAIL_POINT_page_records_are_free || point == FAIL_POINT_page_record_is_free) && promotes(op);
}

static bool fail_all(struct world *w, const struct trace_op *op, const uint32_t *counts, const char *trace)
{
    for (unsigned point = FAIL_POINT_none + 1; point < FAIL_POINTS; point++) {
        for (uint32_t use = 1; use <= counts[point] && !tolerated(op, (enum fail_point)point);
             use += use < USES_ALL ? 1 : USES_STEP) {
            if (!fail_once(w, op, (enum fail_point)point, use, trace))
                return false;
        }
    }
    return true;
}

/*
 * What a guest does without calling, or what ends at the host, cannot be undone. So the trace runs in a world of its own up to
 * there, one use fails, and the trace goes on: no frame has changed hands, no lock is held, and at the end everything
 * has one owner.
 */
static void fail_elsewhere(struct world *w, const struct trace *t, uint32_t index, enum fail_point point, uint32_t use,
                           const char *name)
{
    static struct page_record before[MACHINE_DEFAULT_WINDOW_PAGES];
    struct machine *m = w->machine;
    size_t bytes = m->config.window_pages * sizeof(before[0]);
    const char *wrong = NULL;

    if (bytes > sizeof(before))
        return;
    world_reset(w);
    for (uint32_t i = 0; i < index; i++)
        world_step(w, &t->op[i], NULL);
    memcpy(before, m->monitor->page, bytes);
    arm(point, use);
    world_step(w, &t->op[index], NULL);
    if (!disarm())
        test_error("an operation used a function more often the first time than the second");
    if (m->violation.kind != VIOLATION_NONE)
        wrong = m->violation.text;
    else if (!all_locks_free(m))
        wrong = "a lock is held";
    else if (memcmp(before, m->monitor->page, bytes) != 0)
        wrong = "a frame has changed hands";
    for (uint32_t i = index + 1; wrong == NULL && i < t->count; i++)
        world_step(w, &t->op[i], NULL);
    if (wrong == NULL && m->violation.kind != VIOLATION_NONE)
        wrong = m->violation.text;
    if (wrong == NULL)
        quiet_audit(w);
    if (wrong == NULL && w->finding.found)
        wrong = w->finding.text;
    if (wrong != NULL)
        complain(name, &t->op[index], point, use, wrong);
    else
        test_count(true);
}

static void fail_all_elsewhere(struct world *w, const struct trace *t, uint32_t index, const uint32_t *counts,
                               const char *name)
{
    for (unsigned point = FAIL_POINT_none + 1; point < FAIL_POINTS; point++) {
        for (uint32_t use = 1; use <= counts[point]; use++)
            fail_elsewhere(w, t, index, (enum fail_point)point, use, name);
    }
}

static void run_trace(const char *name, const struct trace *t)
{
    struct machine_config config = world_config_for(t);
    struct world *w = world_create(&config, ORACLES);
    struct world *scout = world_create(&config, 0);
    struct world *spare = world_create(&config, 0);
    void (*on_event)(void *, const struct machine_event *) = w != NULL ? w->machine->on_event : NULL;
    bool good = true;
    bool prepared[MONITOR_MAX_HARTS] = {false};
    char why[160];

    if (w == NULL || scout == NULL || spare == NULL)
        test_error("no memory for three worlds");
    for (uint32_t i = 0; good && i < t->count; i++) {
        const struct trace_op *op = &t->op[i];
        struct step_result seen;

        if (op->op == OP_EXPECT)
            continue;
        /* What was prepared to happen within this call would happen within the first one that fails. */
        bool disturbed = prepared[op->hart % config.harts];
        prepared[op->hart % config.harts] =
            op->op == OP_HOST_RACE || op->op == OP_HOST_RACE_READ || op->op == OP_FAULT || op->op == OP_FAIL;
        bool call = !disturbed && is_call(w, op);
        bool guest = machine_in_guest(w->machine, op->hart % config.harts);
        count_uses(scout, op, &seen);
        if (call && (!guest || seen.kind == EXPECT_RESULT))
            good = fail_all(w, op, uses, name);
        else if (guest && !disturbed)
            fail_all_elsewhere(spare, t, i, uses, name);
        w->machine->on_event = on_event;
        if (!good)
            break;
        w->step = i;
        good = world_step(w, op, &seen);
        promotion = promotion || (promotes(op) && seen.kind == EXPECT_RESULT && seen.error == SBI_SUCCESS);
        if (!good) {
            fprintf(stderr, "%s: step %u: after calls that failed: %s: %s\n", name, i, w->finding.property,
                    w->finding.text);
            test_count(false);
        } else if (i + 1 < t->count && t->op[i + 1].op == OP_EXPECT &&
                   !world_expect(w, &t->op[i + 1], &seen, why, sizeof(why))) {
            fprintf(stderr, "%s: step %u: after calls that failed: %s\n", name, i, why);
            test_count(false);
        }
    }
    if (good)
        CHECK(world_audit(w));
    world_destroy(spare);
    world_destroy(scout);
    world_destroy(w);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_corpora(const char *top)
{
    static char *name[MAX_TRACES];
    static struct trace trace;
    char path[4096];
    size_t count = 0;
    snprintf(path, sizeof(path), "%s/" CORPORA, top);
    DIR *folder = opendir(path);

    if (folder == NULL)
        test_error("no " CORPORA ": run from the top of the tree");
    for (const struct dirent *e; (e = readdir(folder)) != NULL && count < MAX_TRACES;) {
        if (strstr(e->d_name, ".trace") != NULL)
            name[count++] = strdup(e->d_name);
    }
    closedir(folder);
    qsort(name, count, sizeof(name[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        struct trace_error error;
        snprintf(path, sizeof(path), "%s/" CORPORA "/%s", top, name[i]);
        if (CHECK(trace_load(&trace, path, &error)))
            run_trace(name[i], &trace);
        else
            fprintf(stderr, "    %s\n", error.text);
        free(name[i]);
    }
}

/* --- isolation that does not stick ------------------------------------------------------------------------------ */

/* No hart executes code of a world when an entry reads back as something else, at whichever entry. */
static void refuse_to_boot(void)
{
    struct machine_config config = machine_default_config();

    for (uint32_t use = 1;; use++) {
        pmp_use = use;
        pmp_failed = false;
        struct machine *m = machine_create(&config);
        pmp_use = 0;
        if (m == NULL)
            test_error("no memory for a machine");
        bool stopped = m->halted && m->violation.kind == VIOLATION_FATAL;
        machine_destroy(m);
        if (!pmp_failed)
            break;
        CHECK(stopped);
    }
    CHECK(pmp_injected >= 2 * 3); /* both harts, several entries each */
}

/* A hart that is started later stays parked then. */
static void refuse_to_start(void)
{
    struct machine_config config = machine_default_config();
    struct trace_op op = {.op = OP_HOST_CALL, .call = 0x28, .kind = {[1] = ARG_RAM}, .a = {[0] = 1}};
    struct step_result seen;

    for (uint32_t use = 1;; use++) {
        struct world *w = world_create(&config, ORACLES);
        if (w == NULL)
            test_error("no memory for a world");
        pmp_use = use;
        pmp_failed = false;
        CHECK(world_step(w, &op, &seen));
        pmp_use = 0;
        if (pmp_failed) {
            CHECK(w->machine->hart[1].parked);
            CHECK(all_locks_free(w->machine));
        }
        world_destroy(w);
        if (!pmp_failed)
            break;
    }
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

/* The test notices a change that is left behind. */
static void notice(void)
{
    struct machine_config config = machine_default_config();
    struct world *w = world_create(&config, 0);
    struct trace_op op = {.op = OP_HOST_CALL, .kind = {ARG_WIN}, .a = {0, 1}};
    const struct abi_call *call = abi_call_by_name("covh_convert_pages", strlen("covh_convert_pages"));

    if (w == NULL || call == NULL)
        test_error("no world, or no call to fail");
    op.call = call->id;
    CHECK(fail_once(w, &op, FAIL_POINT_window_run, 1, "self-test"));
    sloppy = true;
    CHECK(!fail_once(w, &op, FAIL_POINT_window_run, 1, "self-test"));
    sloppy = false;
    world_destroy(w);
}

int main(int argc, char **argv)
{
    uint64_t all = 0;

    fail_watch_set(&watch);
    notice();
    run_corpora(argc > 1 ? argv[1] : ".");
    refuse_to_boot();
    refuse_to_start();
    for (unsigned i = FAIL_POINT_none + 1; i < FAIL_POINTS; i++) {
        const char *name = fail_point_name((enum fail_point)i);
        printf("%8llu failures of %s\n", (unsigned long long)injected[i], name);
        all += injected[i];
        if (!promotion && strncmp(name, "promote_", 8) == 0)
            continue;
        if (injected[i] == 0)
            fprintf(stderr, "%s never failed: no trace uses it in a call\n", name);
        test_count(injected[i] != 0);
    }
    printf("%8llu failures of hal_pmp_read\n", (unsigned long long)pmp_injected);
    printf("%8llu failures\n", (unsigned long long)(all + pmp_injected));
    return test_finish();
}
