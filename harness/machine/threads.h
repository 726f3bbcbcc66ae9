/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts as threads of the process: nothing is deterministic then, and ThreadSanitizer can see whether the monitor
 * relies on an order that nobody made.
 *
 * A thread touches its own hart only, but for software interrupts, the time and the stop of the machine, which are
 * atomic. Locks are real ones. What only observers need is off: events, step budgets, tracking of changed frames, console.
 * Memory of the host and of guests may be accessed by several at once, as on hardware; the monitor's own may not.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_THREADS_H
#define TOUCHSTONE_HARNESS_MACHINE_THREADS_H

#include "harness/machine/machine.h"

/*
 * From now on each hart is driven by one thread at a time. To be called after machine_reset, with no hart at work, by
 * whoever creates the threads.
 */
void threads_begin(struct machine *m);

/* The threads are gone. The machine can be looked at, and must be reset before it is used again. */
void threads_end(struct machine *m);

/* If hart `h` takes its machine software interrupt now, let it. By the hart's own thread. True when it did. */
bool threads_serve(struct machine *m, uint32_t h);

#endif
