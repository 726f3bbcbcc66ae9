/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replay that bytes decide about: which edge comes next, what the registers and CSRs of the world that runs hold, what of it
 * is secret, and whether one step is taken or two runs are compared. Made for a fuzzer: any bytes are an input, and the
 * same bytes are the same replay.
 *
 *   step   edge and kind (1 byte), words of the shown state (1), words of the secret state or of the host's (1), then both
 *
 * A world's state takes some 150 words; where there are fewer, the rest follows from the first three bytes and the number
 * of the step.
 */
#ifndef TOUCHSTONE_UNICORN_DRIVEN_H
#define TOUCHSTONE_UNICORN_DRIVEN_H

#include "emulation/unicorn/replay.h"

#define DRIVEN_STEPS_MAX 64u

/* From the base state and back to it. Ends at the first violation, which is in the findings of `r`. */
void replay_driven(struct replayer *r, const uint8_t *bytes, size_t size);

#endif
