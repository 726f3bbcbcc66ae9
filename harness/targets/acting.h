/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What targets have in common whose inputs become traces that a world acts out.
 */
#ifndef TOUCHSTONE_HARNESS_ACTING_H
#define TOUCHSTONE_HARNESS_ACTING_H

#include "harness/agents/world.h"

/* A world that is as good as new, for what `t` asks for. Ends the process when memory is short. */
struct world *acting_world(const struct trace *t, uint32_t oracles);

/* Run a whole trace on a reset world, with state feedback. False when something was found, which is in w->finding. */
bool acting_run(struct world *w, const struct trace *t);

/*
 * Print a finding to stderr: first line `FINDING <oracle> <property> <call>`, then what happened in words and the trace
 * as text, which `touchstone run` takes back.
 */
void acting_print(const struct finding *finding, const struct trace *t);

/* The same, and abort, so that every engine keeps the input. */
void acting_report(const struct finding *finding, const struct trace *t) __attribute__((noreturn));

#endif
