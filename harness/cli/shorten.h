/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimiser: makes an input as small and as plain as it can while its verdict keeps its identity (oracle, property,
 * call, site). It knows what a trace means: it drops agents, harts and TVMs as wholes, closes the gaps that this leaves in
 * handles, puts conversions of frames into one, gives frames small numbers, and replaces each argument by the plainest value
 * of its kind; of harts that overlap it also shortens the decisions of the scheduler.
 *
 *   shorten.c          the driver, and the trial
 *   shorten_ops.c      operations, agents, harts, TVMs
 *   shorten_values.c   arguments, frames, the machine
 *   shorten_order.c    decisions of the scheduler
 *
 * Every pass only ever takes a trial that is smaller by its own measure, so it ends. The result is a function of the input.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_SHORTEN_H
#define TOUCHSTONE_HARNESS_CLI_SHORTEN_H

#include "harness/cli/judge.h"

struct shortener {
    struct judge *judge;
    struct verdict wanted; /* what has to stay */
    struct trace best;     /* shortest so far */
    bool settled;          /* with a schedule: the best one, in the order that judge_run calls so */
    struct trace written;  /* with a schedule: the shortest whose order is all in the trace */
    struct verdict seen;   /* verdict on it */
    struct trace trial;    /* what is tried next */
    uint64_t trials;
    uint64_t trials_max; /* 0: as many as it takes */
    bool broken;         /* the judge cannot go on; complained already */
    bool fresh;          /* the input spoils the process that it runs in: each trial has one of its own */
};

/*
 * Shorten s->best, whose verdict is s->wanted. The caller has filled in judge, wanted, best and trials_max. False when the
 * judge could not go on: s->best is what it had reached then.
 */
bool shorten(struct shortener *s);

/* Drop the expectations of a trace: they say what a correct monitor does. */
void shorten_drop_expectations(struct trace *t);

/* --- between the files ------------------------------------------------------------------------------------------ */

/* Has the budget been used up, or did something go wrong? */
bool shorten_over(const struct shortener *s);

/* Judge s->trial; take it if it shows the same. Of harts that overlap, other orders are tried as well. */
bool shorten_accept(struct shortener *s);

/* Begin a trial: s->trial becomes a copy of the best. */
void shorten_begin(struct shortener *s);

/* Each makes one pass and says whether anything changed. */
bool shorten_ops(struct shortener *s);
bool shorten_values(struct shortener *s);
bool shorten_order(struct shortener *s);

#endif
