/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces whose harts overlap inside the monitor.
 *
 * Each hart gets the operations that a trace has for it as a program of its own, in their order; which hart goes on when is
 * up to the scheduler (harness/machine/schedule.h). What is judged is what can be judged without knowing an order:
 * what the machine notices at any time (LIV and broken fence rules), ownership whenever no hart is inside the monitor
 * (OWN), and that a remote fence has happened on every running target when it returns.
 *
 * A run is a function of the trace, its decisions and the configuration, to the bit.
 */
#ifndef TOUCHSTONE_HARNESS_CONCURRENCY_INTERLEAVE_H
#define TOUCHSTONE_HARNESS_CONCURRENCY_INTERLEAVE_H

#include "harness/agents/world.h"
#include "harness/machine/schedule.h"

struct interleave;

/* NULL when memory is short or the configuration is impossible. */
struct interleave *interleave_create(const struct machine_config *config);
void interleave_destroy(struct interleave *i);

/*
 * Run `t`, whose harts are those of the configuration, from reset to its end. False when something was found: then
 * interleave_finding tells. Its own schedule, if it has one, is not looked at: that is interleave_decisions. Expectations
 * are shown to who watches.
 *
 * A handle of a TVM names one that the acting hart created, if it created that many, else one of all of them in order of creation;
 * with an odd decisions->seed always the latter.
 */
bool interleave_run(struct interleave *i, const struct trace *t, const struct schedule_decisions *decisions);

/* The schedule of a trace, for interleave_run; that of a trace without one is the seed 0. Points into the trace. */
struct schedule_decisions interleave_decisions(const struct trace *t);

/*
 * Who looks at each operation of each hart: before it, and after it when it came to its end. Other harts may have acted in
 * between. `seen` is told the index of the operation as well, and what the trace expects of it (NULL: nothing), with
 * handles of TVMs resolved as those of the operation are. None may change anything; each may be NULL.
 */
struct interleave_watch {
    void (*before)(const struct world *w, const struct trace_op *op, uint32_t hart);
    void (*after)(const struct world *w, const struct trace_op *op, const struct step_result *seen, uint32_t hart);
    void (*seen)(void *data, const struct world *w, uint32_t step, const struct step_result *seen,
                 const struct trace_op *expect);
    void *data; /* for `seen` */
};
void interleave_set_watch(struct interleave *i, const struct interleave_watch *watch);

/* Back to reset at once, so that the next run does not begin with cleaning up after this one. */
void interleave_reset(struct interleave *i);

const struct finding *interleave_finding(const struct interleave *i);

/* Operation that hart `h` was at when the run ended, and whether it was inside of it; false when it had none left. */
bool interleave_at(const struct interleave *i, uint32_t hart, uint32_t *step);

/* The scheduler, for its numbers. */
const struct schedule *interleave_schedule(const struct interleave *i);

/* The world, to look at after a run. */
const struct world *interleave_world(const struct interleave *i);

/* --- compose.c -------------------------------------------------------------------------------------------------- */

/*
 * Make one trace for `harts` harts out of `count` others: a trace of several harts as it is or mutated, or programs of
 * several traces side by side, in the same frames or each in its own; or one trace that the boot hart begins alone and
 * all of them go on with, or calls between harts at random. A function of its arguments; `count` is not 0.
 */
void interleave_compose(struct trace *out, const struct trace *const *from, size_t count, uint32_t harts,
                        uint64_t seed);

#endif
