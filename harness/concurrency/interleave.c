/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of harts under the scheduler, and what is judged while nobody is inside the monitor; see interleave.h. */
#include "harness/concurrency/interleave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/concurrency/quiet.h"

#define TURNS_PER_AUDIT 16u

/* One hart's program: indices of its operations in the trace. */
struct program {
    uint32_t op[TRACE_MAX_OPS];
    uint32_t count;
    uint32_t next;
    uint32_t now; /* operation that it is at, or was at last */
    bool busy;
    uint64_t tvm_id[WORLD_MAX_TVM_HANDLES]; /* TVMs that this hart created */
    uint32_t tvm_count;
};

/* How far the others had fenced when a remote fence was asked for. */
struct fence_watch {
    bool watched[MONITOR_MAX_HARTS];
    uint64_t before[MONITOR_MAX_HARTS];
};

struct interleave {
    struct world *world;
    struct schedule *schedule;
    const struct trace *trace;
    bool shared_handles;
    uint32_t latest; /* operation that began last */
    struct program program[MONITOR_MAX_HARTS];
};

/* --- remote fences ---------------------------------------------------------------------------------------------- */

static uint64_t fences_of(const struct interleave *i, uint32_t h, bool fetch)
{
    return fetch ? schedule_fetch_fences(i->schedule, h) : schedule_fences(i->schedule, h);
}

/* Harts that a host's remote fence names besides the caller, if the operation is one. */
static uint32_t fence_targets(const struct interleave *i, const struct trace_op *op, uint32_t caller, bool *fetch)
{
    const struct abi_call *call = op->op == OP_HOST_CALL ? abi_call_by_id(op->call) : NULL;
    uint32_t harts = i->world->machine->config.harts;
    uint32_t all = (1u << harts) - 1;
    uint64_t mask = world_resolve(i->world, op, 0);
    uint64_t base = world_resolve(i->world, op, 1);

    if (call == NULL || call->guest || call->eid != SBI_EID_RFENCE)
        return 0;
    *fetch = call->fid == 0;
    uint32_t named = base == SBI_ALL_HARTS ? all : base < harts ? (uint32_t)(mask << base) & all : 0;
    return named & ~(1u << caller);
}

/* Does the hart execute code of a world, or does it work for one? Not while it stops. */
static bool runs(const struct machine *m, uint32_t h)
{
    return !m->hart[h].parked && m->monitor->hart[h].hsm_state == SBI_HSM_STARTED;
}

static void watch_fences(const struct interleave *i, uint32_t targets, bool fetch, struct fence_watch *watch)
{
    for (uint32_t h = 0; h < i->world->machine->config.harts; h++) {
        watch->watched[h] = (targets >> h & 1) != 0 && runs(i->world->machine, h);
        watch->before[h] = fences_of(i, h, fetch);
    }
}

/* A remote fence is over when it returns: every target that ran all the time has fenced since it began. */
static void judge_fences(const struct interleave *i, uint32_t caller, bool fetch, const struct fence_watch *watch)
{
    struct world *w = i->world;
    struct finding *f = &w->finding;

    for (uint32_t h = 0; h < w->machine->config.harts && !f->found; h++) {
        if (!watch->watched[h] || !runs(w->machine, h) || fences_of(i, h, fetch) != watch->before[h])
            continue;
        *f = (struct finding){.found = true,
                              .oracle = ORACLE_ORD,
                              .severity = S1_ISOLATION,
                              .property = "remote-fence",
                              .step = i->program[caller].now};
        snprintf(f->text, sizeof(f->text), "the remote fence of hart %u is over, and hart %u has not fenced for it",
                 caller, h);
    }
}

/* --- programs --------------------------------------------------------------------------------------------------- */

static void split(struct interleave *i, const struct trace *t)
{
    uint32_t harts = i->world->machine->config.harts;

    memset(i->program, 0, sizeof(i->program));
    for (uint32_t n = 0; n < t->count; n++) {
        struct program *p = &i->program[t->op[n].hart % harts];
        if (t->op[n].op != OP_EXPECT && t->op[n].op != OP_NOP)
            p->op[p->count++] = n;
    }
}

/* A stopped hart keeps what is left of its program until somebody starts it. */
static bool ready(void *data, uint32_t hart)
{
    const struct interleave *i = data;
    const struct program *p = &i->program[hart];

    return p->next < p->count && !i->world->machine->hart[hart].parked && !i->world->finding.found;
}

static bool creates_tvm(const struct trace_op *op)
{
    const struct abi_call *call = op->op == OP_HOST_CALL ? abi_call_by_id(op->call) : NULL;

    return call != NULL &&
           (strcmp(call->name, "covh_create_tvm") == 0 || strcmp(call->name, "covh_promote_to_tvm") == 0);
}

/* Handles of TVMs that this hart created become their ids; the others are left to the world. */
static void resolve_own(const struct interleave *i, const struct program *p, struct trace_op *op)
{
    for (unsigned n = 0; n < 8 && !i->shared_handles; n++) {
        uint32_t number = (uint32_t)op->a[n];
        if (op->kind[n] != ARG_TVM || number >= p->tvm_count)
            continue;
        op->a[n] = p->tvm_id[number] + (uint64_t)(int64_t)(int32_t)(op->a[n] >> 32);
        op->kind[n] = ARG_RAW;
    }
}

static void turn(void *data, uint32_t hart)
{
    struct interleave *i = data;
    struct program *p = &i->program[hart];
    struct fence_watch watch;
    struct step_result seen;
    bool fetch = false;

    p->now = i->latest = p->op[p->next++];
    struct trace_op op = i->trace->op[p->now];
    op.hart = (uint8_t)hart;
    resolve_own(i, p, &op);
    uint32_t targets = fence_targets(i, &op, hart, &fetch);
    watch_fences(i, targets, fetch, &watch);
    p->busy = true;
    world_step(i->world, &op, &seen);
    p->busy = false;
    bool answered = seen.kind == EXPECT_RESULT && seen.error == SBI_SUCCESS;
    if (answered && targets != 0)
        judge_fences(i, hart, fetch, &watch);
    if (answered && creates_tvm(&op) && p->tvm_count < WORLD_MAX_TVM_HANDLES)
        p->tvm_id[p->tvm_count++] = seen.value;
}

/* --- what is judged --------------------------------------------------------------------------------------------- */

/* The finding of a violation is about the operation that its hart was at. */
static void judge(struct interleave *i, enum schedule_end end)
{
    struct world *w = i->world;
    uint32_t hart = w->machine->violation.hart;

    if (w->finding.found)
        return;
    quiet_take_violation(w);
    if (w->finding.found) {
        w->finding.step = i->program[hart].now;
        return;
    }
    if (end == SCHEDULE_STOPPED)
        return; /* a system reset, in the middle of anything */
    quiet_audit(w);
    w->finding.step = i->latest;
}

static uint16_t call_at(const struct trace *t, uint32_t step)
{
    const struct trace_op *op = step < t->count ? &t->op[step] : NULL;

    return op != NULL && (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) ? op->call : 0;
}

bool interleave_run(struct interleave *i, const struct trace *t, const struct schedule_decisions *decisions)
{
    struct world *w = i->world;
    enum schedule_end end;

    world_reset(w);
    i->trace = t;
    i->latest = 0;
    i->shared_handles = (decisions->seed & 1) != 0;
    split(i, t);
    schedule_start(i->schedule, decisions);
    do {
        end = schedule_run(i->schedule, TURNS_PER_AUDIT);
        judge(i, end);
    } while (end == SCHEDULE_QUIET && !w->finding.found);
    if (w->finding.found)
        w->finding.call = call_at(t, w->finding.step);
    return !w->finding.found;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

struct interleave *interleave_create(const struct machine_config *config)
{
    struct interleave *i = calloc(1, sizeof(*i));

    if (i == NULL)
        return NULL;
    /* Without oracles: those that follow single steps would judge an order that there is not. */
    i->world = world_create(config, 0);
    if (i->world != NULL)
        i->schedule =
            schedule_create(i->world->machine, &(struct schedule_programs){.ready = ready, .turn = turn, .data = i});
    if (i->schedule == NULL) {
        interleave_destroy(i);
        return NULL;
    }
    return i;
}

void interleave_destroy(struct interleave *i)
{
    if (i == NULL)
        return;
    schedule_destroy(i->schedule);
    world_destroy(i->world);
    free(i);
}

const struct finding *interleave_finding(const struct interleave *i)
{
    return &i->world->finding;
}

bool interleave_at(const struct interleave *i, uint32_t hart, uint32_t *step)
{
    *step = i->program[hart].now;
    return i->program[hart].busy;
}

const struct schedule *interleave_schedule(const struct interleave *i)
{
    return i->schedule;
}

const struct world *interleave_world(const struct interleave *i)
{
    return i->world;
}
