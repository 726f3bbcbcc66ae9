/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of harts under the scheduler, and what is judged while nobody is inside the monitor; see interleave.h. */
#include "harness/concurrency/interleave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/concurrency/quiet.h"
#include "monitor/core/tvm.h"

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

/* A hart that a remote fence is about: who ran there when it was asked for, and how far it had fenced. */
struct fence_watch {
    bool watched;
    uint32_t tvm_slot, vcpu_id;
    uint64_t before;
};

struct interleave {
    struct world *world;
    struct schedule *schedule;
    const struct trace *trace;
    struct interleave_watch watch;
    bool shared_handles;
    uint32_t latest; /* operation that began last */
    bool audited;    /* the finding comes from an audit: no single operation is to blame */
    struct program program[MONITOR_MAX_HARTS];
};

/* --- remote fences ---------------------------------------------------------------------------------------------- */

static uint64_t fences_of(const struct interleave *i, uint32_t h, bool fetch)
{
    return fetch ? schedule_fetch_fences(i->schedule, h) : schedule_fences(i->schedule, h);
}

/* Does the hart execute code of a world, or does it work for one? Not while it stops. */
static bool runs(const struct machine *m, uint32_t h)
{
    return !m->hart[h].parked && m->monitor->hart[h].hsm_state == SBI_HSM_STARTED;
}

/* The remote fence that an operation asks for, if it does: of the host, or of the guest on the hart. */
static const struct abi_call *fence_call(const struct interleave *i, const struct trace_op *op, uint32_t caller)
{
    bool guest = machine_in_guest(i->world->machine, caller);
    const struct abi_call *call = op->op == (guest ? OP_GUEST_CALL : OP_HOST_CALL) ? abi_call_by_id(op->call) : NULL;

    if (call == NULL || call->eid != SBI_EID_RFENCE || call->guest != guest)
        return NULL;
    return guest && call->fid > 2 ? NULL : call; /* a guest has no guests whose translations it could mean */
}

/* Is hart or vCPU `n` in the set that an SBI call names? */
static bool in_set(uint64_t mask, uint64_t base, uint64_t n)
{
    return base == SBI_ALL_HARTS || (n >= base && n - base < 64 && (mask >> (n - base) & 1) != 0);
}

/* A host's fence is about harts that run anything; a guest's is about those that execute its own vCPUs. */
static bool concerned(const struct interleave *i, const struct trace_op *op, bool guest, uint32_t caller, uint32_t h)
{
    const struct machine *m = i->world->machine;
    const struct hart *target = &m->monitor->hart[h];
    uint64_t mask = world_resolve(i->world, op, 0);
    uint64_t base = world_resolve(i->world, op, 1);

    if (h == caller || !runs(m, h))
        return false;
    if (!guest)
        return in_set(mask, base, h);
    return machine_in_guest(m, h) && target->tvm_slot == m->monitor->hart[caller].tvm_slot &&
           in_set(mask, base, target->vcpu_id);
}

static void watch_fences(const struct interleave *i, const struct trace_op *op, const struct abi_call *call,
                         uint32_t caller, struct fence_watch watch[MONITOR_MAX_HARTS])
{
    for (uint32_t h = 0; call != NULL && h < i->world->machine->config.harts; h++) {
        const struct hart *target = &i->world->machine->monitor->hart[h];
        watch[h] = (struct fence_watch){.watched = concerned(i, op, call->guest, caller, h),
                                        .tvm_slot = target->tvm_slot,
                                        .vcpu_id = target->vcpu_id,
                                        .before = fences_of(i, h, call->fid == 0)};
    }
}

/*
 * Is the vCPU still on the hart? An exit takes it off within the lock of its slot and writes that into struct hart behind
 * it: in between the guest runs there no more, and nobody has to ask the hart for a fence.
 */
static bool on_hart(const struct machine *m, uint32_t h, const struct fence_watch *watch)
{
    const struct tvm *t = machine_tvm_object(m, watch->tvm_slot);

    return t != NULL && t->vcpu[watch->vcpu_id].state == VCPU_RUNNING && t->vcpu[watch->vcpu_id].hart == h;
}

/* Is what was to be fenced on the hart still there? Else the hart has forgotten everything on the way. */
static bool still_there(const struct machine *m, uint32_t h, bool guest, const struct fence_watch *watch)
{
    const struct hart *target = &m->monitor->hart[h];

    if (!guest)
        return runs(m, h);
    return machine_in_guest(m, h) && target->tvm_slot == watch->tvm_slot && target->vcpu_id == watch->vcpu_id &&
           on_hart(m, h, watch);
}

/* A remote fence is over when it returns: every target that ran all the time has fenced since it began. */
static void judge_fences(const struct interleave *i, const struct abi_call *call, uint32_t caller,
                         const struct fence_watch watch[MONITOR_MAX_HARTS])
{
    struct world *w = i->world;
    struct finding *f = &w->finding;

    for (uint32_t h = 0; h < w->machine->config.harts && !f->found; h++) {
        if (!watch[h].watched || !still_there(w->machine, h, call->guest, &watch[h]) ||
            fences_of(i, h, call->fid == 0) != watch[h].before)
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

static void show_seen(const struct interleave *i, const struct program *p, const struct step_result *seen)
{
    const struct trace_op *next = &i->trace->op[p->now + 1];
    bool expected = p->now + 1 < i->trace->count && next->op == OP_EXPECT;
    struct trace_op expect = {0};

    if (expected) {
        expect = *next;
        resolve_own(i, p, &expect);
    }
    i->watch.seen(i->watch.data, i->world, p->now, seen, expected ? &expect : NULL);
}

static void turn(void *data, uint32_t hart)
{
    struct interleave *i = data;
    struct program *p = &i->program[hart];
    struct fence_watch watch[MONITOR_MAX_HARTS];
    struct step_result seen;

    p->now = i->latest = p->op[p->next++];
    struct trace_op op = i->trace->op[p->now];
    op.hart = (uint8_t)hart;
    resolve_own(i, p, &op);
    const struct abi_call *fence = fence_call(i, &op, hart);
    watch_fences(i, &op, fence, hart, watch);
    if (i->watch.before != NULL)
        i->watch.before(i->world, &op, hart);
    p->busy = true;
    world_step(i->world, &op, &seen);
    p->busy = false;
    if (i->watch.after != NULL)
        i->watch.after(i->world, &op, &seen, hart);
    bool answered = seen.kind == EXPECT_RESULT && seen.error == SBI_SUCCESS;
    if (answered && fence != NULL)
        judge_fences(i, fence, hart, watch);
    if (answered && creates_tvm(&op) && p->tvm_count < WORLD_MAX_TVM_HANDLES)
        p->tvm_id[p->tvm_count++] = seen.value;
    if (i->watch.seen != NULL)
        show_seen(i, p, &seen);
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
    i->audited = w->finding.found;
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
    i->audited = false;
    i->shared_handles = (decisions->seed & 1) != 0;
    split(i, t);
    schedule_start(i->schedule, decisions);
    do {
        end = schedule_run(i->schedule, TURNS_PER_AUDIT);
        judge(i, end);
    } while (end == SCHEDULE_QUIET && !w->finding.found);
    if (w->finding.found)
        w->finding.call = i->audited ? 0 : call_at(t, w->finding.step);
    return !w->finding.found;
}

struct schedule_decisions interleave_decisions(const struct trace *t)
{
    return (struct schedule_decisions){.seed = t->schedule_seed, .bytes = t->decision, .len = t->decisions};
}

void interleave_set_watch(struct interleave *i, const struct interleave_watch *watch)
{
    i->watch = *watch;
}

void interleave_reset(struct interleave *i)
{
    world_reset(i->world);
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
