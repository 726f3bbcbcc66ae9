/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of the minimiser; see shorten.h. */
#include "harness/cli/shorten.h"

#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 16u
#define ORDER_PASSES_MAX 6u
/* Orders that are tried when the one at hand no longer shows it: more when a run costs little. */
#define FEW_SEEDS 12u
#define MANY_SEEDS 80u
#define SHORT_TRACE 24u

void shorten_drop_expectations(struct trace *t)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT && t->op[i].op != OP_NOP)
            t->op[kept++] = t->op[i];
    }
    t->count = kept;
}

bool shorten_over(const struct shortener *s)
{
    return s->broken || interrupted() || (s->trials_max != 0 && s->trials >= s->trials_max);
}

void shorten_begin(struct shortener *s)
{
    trace_copy(&s->trial, &s->best);
}

static bool equal_traces(const struct trace *a, const struct trace *b)
{
    return a->harts == b->harts && a->host_pages == b->host_pages && a->window_pages == b->window_pages &&
           a->seed == b->seed && a->iopmp == b->iopmp && a->count == b->count &&
           memcmp(a->op, b->op, a->count * sizeof(a->op[0])) == 0;
}

/* Does the trial show the same? */
static bool shows(struct shortener *s, bool settled, struct verdict *seen)
{
    if (shorten_over(s))
        return false;
    s->trials++;
    if (s->fresh)
        judge_renew(s->judge);
    if (!judge_run(s->judge, &s->trial, settled, seen)) {
        s->broken = true;
        return false;
    }
    return same_verdict(seen, &s->wanted);
}

static void take(struct shortener *s, const struct verdict *seen)
{
    trace_copy(&s->best, &s->trial);
    s->seen = *seen;
    if (s->best.overlap && !s->settled)
        trace_copy(&s->written, &s->best);
    /* Nothing after the step that shows it was ever executed. */
    if (!s->best.overlap && !seen->died && seen->finding.step + 1 < s->best.count)
        s->best.count = seen->finding.step + 1;
}

/* Orders without a string of decisions: every hart as long as it can, and what a few seeds say. */
static bool other_orders(struct shortener *s, struct verdict *seen)
{
    uint64_t seeds = s->trial.count <= SHORT_TRACE ? MANY_SEEDS : FEW_SEEDS;

    for (uint64_t seed = 0; seed < 2 + seeds; seed++) {
        s->trial.schedule_seed = seed;
        s->trial.decisions = 0;
        if (shows(s, seed < 2, seen)) {
            s->settled = seed < 2;
            return true;
        }
    }
    return false;
}

bool shorten_accept(struct shortener *s)
{
    static struct verdict seen;

    if (s->trial.harts == 0)
        return false;
    trace_canonical(&s->trial);
    if (equal_traces(&s->trial, &s->best))
        return false;
    if (!shows(s, s->settled, &seen) && !(s->best.overlap && other_orders(s, &seen)))
        return false;
    take(s, &seen);
    return true;
}

/*
 * Memory that was overwritten unnoticed is still so for the next input: when the same input shows something else the second or
 * third time, no process may run two.
 */
static bool spoils_its_process(struct shortener *s)
{
    static struct verdict seen;

    shorten_begin(s);
    for (unsigned time = 0; time < 2 && !shorten_over(s); time++) {
        if (!shows(s, false, &seen) && !shorten_over(s))
            return true;
    }
    return false;
}

static void shorten_trace(struct shortener *s)
{
    for (unsigned pass = 0; pass < PASSES_MAX && !shorten_over(s); pass++) {
        bool changed = shorten_ops(s);

        changed |= shorten_values(s);
        if (!changed)
            break;
    }
}

bool shorten(struct shortener *s)
{
    shorten_drop_expectations(&s->best);
    trace_canonical(&s->best);
    s->seen = s->wanted;
    trace_copy(&s->written, &s->best);
    s->fresh = !s->wanted.died && spoils_its_process(s);
    if (!s->best.overlap && !s->wanted.died) {
        /* Cut behind the step that shows it, if that was all of it. */
        shorten_begin(s);
        s->trial.count = s->wanted.finding.step + 1 < s->trial.count ? s->wanted.finding.step + 1 : s->trial.count;
        shorten_accept(s);
    }
    shorten_trace(s);
    /* In an order that is plain already, operations that were there for the sake of the order can go. */
    for (unsigned pass = 0; s->best.overlap && pass < ORDER_PASSES_MAX && !shorten_over(s); pass++) {
        uint32_t before = s->best.count;

        if (!shorten_order(s) || !shorten_ops(s) || s->best.count == before)
            break;
    }
    if (s->best.overlap && s->settled)
        trace_copy(&s->best, &s->written);
    return !s->broken;
}
