/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a planted bug may tell about itself. A plant's patch includes this header in the file it changes and marks
 *
 *   TOUCHSTONE_PLANT_REACHED()          the changed line was executed
 *   TOUCHSTONE_PLANT_TRIGGERED(cond)    it made a difference: the state is now, or the answer will be, wrong
 *
 * "Reached" without "triggered" means that no input had the value that matters; "triggered" without "detected" means that
 * no oracle looked. The clean monitor never includes this file, and nothing in it acts on the monitor.
 */
#ifndef TOUCHSTONE_HARNESS_PLANTS_CANARY_H
#define TOUCHSTONE_HARNESS_PLANTS_CANARY_H

#ifdef __riscv
/* On the firmware nobody counts. */
#define TOUCHSTONE_PLANT_REACHED() ((void)0)
#define TOUCHSTONE_PLANT_TRIGGERED(cond) ((void)(cond))
#else
/* Number of times, in a file that outlives the process; see canary.c. */
void touchstone_plant_count(int which);

#define TOUCHSTONE_PLANT_REACHED() touchstone_plant_count(0)
#define TOUCHSTONE_PLANT_TRIGGERED(cond) ((cond) ? touchstone_plant_count(1) : (void)0)
#endif

#endif
