/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of a step: small numbers that say in which abstract state something was done and what came of it. What is
 * new to them is worth keeping.
 *
 * For `touchstone hunt` (cli/novelty.c) and for merging corpora, which know nothing else:
 *
 *   state     operation, outcome, and a coarse state of the world
 *   sequence  the operation before and whether it worked, this operation and its outcome
 *   page      for each window frame that an argument names: its use before and after, operation and outcome
 *
 * The state is coarse on purpose: what the first few TVMs are in, whether the hart runs a guest, whether a global fence
 * is under way, whether the mailbox is set. Finer and every input would be new; coarser and no sequence would be.
 *
 * For fuzzers (targets/state_feedback.c), whom coverage tells what was done and what came of it, only where a sequence has led to.
 * Each state is a step towards the next one; with many more of them the inputs that matter are drowned (doc/targets.md):
 *
 *   state     the coarse state of the world
 *   life      of a TVM: its state, kinds of its regions, states of its vCPUs, and what they wait for
 *   page      for each window frame that an argument names: its use before and after, the operation, and whether it worked
 */
#ifndef TOUCHSTONE_HARNESS_FEATURES_H
#define TOUCHSTONE_HARNESS_FEATURES_H

#include "harness/agents/world.h"

#define FEATURES_MAX 11u

struct features {
    uint64_t last; /* operation before, in this trace */
    uint32_t frames;
    uint32_t frame[8]; /* window frames that the arguments name */
    uint8_t use[8];    /* and their use before the step */
};

/* A new trace begins. */
void features_begin(struct features *f);

/* Before the step: remember the frames. Without this call there are no page features. */
void features_before(struct features *f, const struct world *w, const struct trace_op *op);

/* After the step. Returns how many features were written to `out`: state, sequence, then pages. All 64 bits are mixed. */
unsigned features_after(struct features *f, const struct world *w, const struct trace_op *op,
                        const struct step_result *seen, uint64_t out[FEATURES_MAX]);

/* The same for who has coverage: state, lives, then pages. */
unsigned features_beside_coverage(struct features *f, const struct world *w, const struct trace_op *op,
                                  const struct step_result *seen, uint64_t out[FEATURES_MAX]);

#endif
