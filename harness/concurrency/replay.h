/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaying a trace as it stands: what each step did, whether that is what the trace expects, what was found, and the
 * state in the end.
 *
 * Without a schedule one operation comes to its end before the next begins, and all oracles of the world judge; with one,
 * harts overlap as it says, and what is judged is what interleave.h lists. Either way a replay is a function of trace
 * and configuration, to the bit.
 */
#ifndef TOUCHSTONE_HARNESS_CONCURRENCY_REPLAY_H
#define TOUCHSTONE_HARNESS_CONCURRENCY_REPLAY_H

#include "harness/concurrency/interleave.h"

enum replay_end {
    REPLAY_CLEAN,
    REPLAY_FINDING, /* an oracle saw a promise broken */
    REPLAY_MISMATCH /* a step did something else than the trace expects */
};

struct replay {
    /* Set by the caller. */
    bool expectations;                                                                                  /* judge them */
    void (*each)(void *data, uint32_t step, const struct trace_op *op, const struct step_result *seen); /* or NULL */
    void *data;                                                                                         /* for `each` */
    struct step_result *results; /* room for one for each operation, by index; or NULL */

    /* What became of it. */
    enum replay_end end;
    struct finding finding;  /* REPLAY_FINDING */
    uint32_t bad_step;       /* REPLAY_MISMATCH: index of the operation */
    struct step_result seen; /* and what it did */
    char why[256];           /* and what is wrong with that, in one line */
    uint32_t steps;          /* operations that came to their end */
    uint64_t hash;           /* of the machine's state after the last one; 0 after a mismatch without a schedule */
    uint64_t digest;         /* of the decisions that were made; 0 without a schedule */
};

/* Without a schedule: reset the world and run all of `t`. */
void replay_in_order(struct replay *r, struct world *w, const struct trace *t);

/*
 * The same piece by piece, for who brings the operations one by one: begin, then for each operation `step`, then for the
 * expectation behind it `expect`, in the end `end`. `step` and `expect` return false when the replay is over.
 */
void replay_begin(struct replay *r, struct world *w);
bool replay_step(struct replay *r, struct world *w, const struct trace *t, uint32_t step);
bool replay_expect(struct replay *r, const struct world *w, const struct trace *t, uint32_t expect);
void replay_end(struct replay *r, struct world *w);

/* With the schedule of `t`. The watch of `i` is replaced. */
void replay_overlapping(struct replay *r, struct interleave *i, const struct trace *t);

/*
 * Tell the end of a replay in words: nothing when it was clean. `name` is that of the trace, `line` its line in that
 * file for a mismatch (0: none); `colour` and `plain` are put around the first word.
 */
void replay_tell(FILE *out, const struct replay *r, const struct trace *t, const char *name, unsigned line,
                 const char *colour, const char *plain);

#endif
