/* SPDX-License-Identifier: Apache-2.0 */
/* Replaying traces; see replay.h. */
#include "harness/concurrency/replay.h"

#include <stdio.h>
#include <string.h>

#include "harness/agents/telling.h"

static void clear(struct replay *r)
{
    r->end = REPLAY_CLEAN;
    r->finding = (struct finding){0};
    r->bad_step = 0;
    r->seen = (struct step_result){0};
    r->why[0] = '\0';
    r->steps = 0;
    r->hash = r->digest = 0;
}

static void note_step(struct replay *r, uint32_t step, const struct trace_op *op, const struct step_result *seen)
{
    r->steps++;
    r->seen = *seen;
    if (r->results != NULL)
        r->results[step] = *seen;
    if (r->each != NULL)
        r->each(r->data, step, op, seen);
}

static void note_finding(struct replay *r, const struct finding *f)
{
    r->end = REPLAY_FINDING;
    r->finding = *f;
}

/* --- one after the other ---------------------------------------------------------------------------------------- */

void replay_begin(struct replay *r, struct world *w)
{
    clear(r);
    world_reset(w);
}

bool replay_step(struct replay *r, struct world *w, const struct trace *t, uint32_t step)
{
    struct step_result seen = {0};

    w->step = step; /* a finding names the operation, expectations counted */
    bool good = world_step(w, &t->op[step], &seen);
    r->bad_step = step;
    note_step(r, step, &t->op[step], &seen);
    if (!good)
        note_finding(r, &w->finding);
    return good;
}

bool replay_expect(struct replay *r, const struct world *w, const struct trace *t, uint32_t expect)
{
    if (world_expect(w, &t->op[expect], &r->seen, r->why, sizeof(r->why)))
        return true;
    r->end = REPLAY_MISMATCH;
    return false;
}

void replay_end(struct replay *r, struct world *w)
{
    if (r->end == REPLAY_MISMATCH)
        return;
    if (r->end == REPLAY_CLEAN && !world_audit(w))
        note_finding(r, &w->finding);
    r->hash = machine_state_hash(w->machine);
}

void replay_in_order(struct replay *r, struct world *w, const struct trace *t)
{
    bool good = true;

    replay_begin(r, w);
    for (uint32_t i = 0; i < t->count && good; i++) {
        if (t->op[i].op != OP_EXPECT)
            good = replay_step(r, w, t, i);
        else if (r->expectations && i != 0)
            good = replay_expect(r, w, t, i);
    }
    replay_end(r, w);
}

/* --- overlapping ------------------------------------------------------------------------------------------------ */

struct watched {
    struct replay *replay;
    const struct trace *trace;
};

static void on_seen(void *data, const struct world *w, uint32_t step, const struct step_result *seen,
                    const struct trace_op *expect)
{
    const struct watched *watched = data;
    struct replay *r = watched->replay;
    struct step_result bad = r->seen;

    note_step(r, step, &watched->trace->op[step], seen);
    if (r->end == REPLAY_MISMATCH) {
        r->seen = bad; /* the first one counts */
    } else if (r->expectations && expect != NULL && !world_expect(w, expect, seen, r->why, sizeof(r->why))) {
        r->end = REPLAY_MISMATCH;
        r->bad_step = step;
    }
}

void replay_overlapping(struct replay *r, struct interleave *i, const struct trace *t)
{
    struct watched watched = {r, t};
    struct schedule_decisions decisions = interleave_decisions(t);

    clear(r);
    interleave_set_watch(i, &(struct interleave_watch){.seen = on_seen, .data = &watched});
    bool clean = interleave_run(i, t, &decisions);
    interleave_set_watch(i, &(struct interleave_watch){0});
    if (!clean)
        note_finding(r, interleave_finding(i));
    r->hash = machine_state_hash(interleave_world(i)->machine);
    r->digest = schedule_digest(interleave_schedule(i));
}

/* --- in words --------------------------------------------------------------------------------------------------- */

/* The part after "->" of a printed step. */
static void print_outcome(FILE *out, const char *label, const struct trace_op *op, const struct trace_op *expect)
{
    char text[1024];

    trace_print_op(text, sizeof(text), op, expect);
    const char *arrow = strstr(text, "-> ");
    fprintf(out, "    %s %s\n", label, arrow != NULL ? arrow + 3 : "(nothing)");
}

void replay_tell(FILE *out, const struct replay *r, const struct trace *t, const char *name, unsigned line,
                 const char *colour, const char *plain)
{
    const struct trace_op *op = &t->op[r->bad_step];
    struct trace_op seen = expect_of(&r->seen);
    char text[1024];

    if (r->end == REPLAY_FINDING)
        tell_finding(out, name, t, &r->finding, colour, plain);
    if (r->end != REPLAY_MISMATCH)
        return;
    trace_print_op(text, sizeof(text), op, NULL);
    fprintf(out, "%sMISMATCH%s %s\n  %s:", colour, plain, name, name);
    if (line != 0)
        fprintf(out, "%u:", line);
    fprintf(out, " step %u: %s\n", r->bad_step, text);
    print_outcome(out, "expected", op, op + 1);
    print_outcome(out, "seen    ", op, &seen);
    fprintf(out, "    %s\n", r->why);
}
