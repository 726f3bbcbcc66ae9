/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps and findings in words that are the same on every machine: for the `touchstone` command and for reproducers in C.
 */
#ifndef TOUCHSTONE_HARNESS_TELLING_H
#define TOUCHSTONE_HARNESS_TELLING_H

#include <stdio.h>

#include "harness/agents/world.h"

/* The step as an OP_EXPECT that it would fulfil. */
struct trace_op expect_of(const struct step_result *seen);

/* Are two step results equal in every field that their kind has? */
bool same_result(const struct step_result *a, const struct step_result *b);

/* Print "h0 call(...) -> SEEN" without a newline. */
void print_step(FILE *out, const struct trace_op *op, const struct step_result *seen);

/* Name of the call a finding is about, or "none". */
const char *finding_call(const struct finding *f);

/*
 * Tell a finding: which promise broke, what was done last, in a sentence. `name` is the file or ""; the first word is
 * between `colour` and `plain`.
 */
void tell_finding(FILE *out, const char *name, const struct trace *t, const struct finding *f, const char *colour,
                  const char *plain);

/* Do two findings have the same identity: oracle, property and call? */
bool same_finding(const struct finding *a, const struct finding *b);

#endif
