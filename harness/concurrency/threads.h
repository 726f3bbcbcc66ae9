/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces whose harts are threads of the process (harness/machine/threads.h). For ThreadSanitizer: runs are not repeatable,
 * and only what the machine notices and the audit at the end are judged here.
 */
#ifndef TOUCHSTONE_HARNESS_CONCURRENCY_THREADS_H
#define TOUCHSTONE_HARNESS_CONCURRENCY_THREADS_H

#include "harness/agents/world.h"

/*
 * Run `t` from reset on `w`, which was made without oracles: each hart's operations in a thread of their own, until all
 * are through. False when something was found, which is in w->finding; the operation it names is the last one of its
 * hart. A system reset ends the run without an audit.
 */
bool threads_run(struct world *w, const struct trace *t);

#endif
