/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cheap feedback for hunt: which combinations of call, outcome and abstract state have been seen.
 *
 * Compiler coverage says which lines ran. For a state machine it matters more in which state a call was made and what it
 * answered, and that can be read off the world after each step without instrumenting anything.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_NOVELTY_H
#define TOUCHSTONE_HARNESS_CLI_NOVELTY_H

#include "harness/agents/features.h"
#include "harness/cli/cli.h"

#define NOVELTY_BITS 20u

struct novelty {
    uint8_t seen[(1u << NOVELTY_BITS) / 8u];
    struct features features; /* of the trace that runs */
    size_t count;             /* seen so far */
};

/* A new trace begins. */
void novelty_begin(struct novelty *n);

/* Account for a step. Returns how many features were new. */
unsigned novelty_step(struct novelty *n, const struct world *w, const struct trace_op *op,
                      const struct step_result *seen);

#endif
