/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New operations for a trace: single ones that suit the state, and whole sequences from the life of a TVM.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_GENERATE_H
#define TOUCHSTONE_HARNESS_TRACE_GENERATE_H

#include "harness/trace/values.h"

/* How many of 100 arguments come out wrong on purpose. */
#define SPOIL_PERCENT 12u

/*
 * One operation for the state that `aim` shows, on a hart and of a kind that mostly make sense there. Canonical.
 */
void generate_op(const struct aim *aim, struct trace_op *op);

/* Arguments for a call whose id, code and hart are set: fitting together and good, as far as the state allows. */
void generate_call_args(const struct aim *aim, struct trace_op *op);

/* An instruction for the guest that runs on op->hart. */
void generate_exec(const struct aim *aim, struct trace_op *op);

/* What comes in between: for the work of the monitor in `victim`, before which it has to stand. Canonical. */
void generate_disturbance(const struct aim *aim, const struct trace_op *victim, struct trace_op *op);

/* An access of a device. */
void generate_device(const struct aim *aim, struct trace_op *op);

/* Make one argument of the operation bad, in a way that its kind suggests. */
void generate_spoil(const struct aim *aim, struct trace_op *op);

/* Operations in the making. */
#define SEQUENCE_MAX 48u
struct sequence {
    struct trace_op op[SEQUENCE_MAX];
    uint32_t count;
    struct sketch sketch; /* state after the operations so far */
};

/*
 * Write a sequence of operations that belong together (a TVM from creation to its first run, a page that is faulted
 * in, an end with reclaim, ...), fitting to the first `at` operations of `t`. A few arguments are wrong on purpose.
 */
void generate_sequence(struct sequence *q, const struct trace *t, uint32_t at, struct random *r);

#endif
