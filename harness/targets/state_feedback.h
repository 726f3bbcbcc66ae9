/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feedback beside coverage: which operation was done in which abstract state with which outcome (agents/features.h),
 * told to the engine as if each combination were a place in the program.
 *
 * libFuzzer takes it from extra counters, AFL++ from guards of its own kind; without an engine it goes nowhere.
 * TOUCHSTONE_STATE_FEEDBACK=0 in the environment turns it off, so that one build measures what it is worth.
 */
#ifndef TOUCHSTONE_HARNESS_STATE_FEEDBACK_H
#define TOUCHSTONE_HARNESS_STATE_FEEDBACK_H

#include "harness/agents/features.h"

/* Once, before the first input: reads the environment. */
void state_feedback_prepare(void);

/*
 * An input begins; before each step; after each step. Steps that do not overlap share lane 0, harts that overlap have a
 * lane each, below MONITOR_MAX_HARTS.
 */
void state_feedback_begin(void);
void state_feedback_before(const struct world *w, const struct trace_op *op, uint32_t lane);
void state_feedback_after(const struct world *w, const struct trace_op *op, const struct step_result *seen,
                          uint32_t lane);

#endif
