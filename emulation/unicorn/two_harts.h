/* SPDX-License-Identifier: Apache-2.0 */
/* Two harts that take turns over one memory: for harts.c, and for two vCPUs of one TVM (two_guests.c). */
#ifndef TOUCHSTONE_UNICORN_TWO_HARTS_H
#define TOUCHSTONE_UNICORN_TWO_HARTS_H

#include "emulation/unicorn/harts.h"

#define TWO_HARTS 2u

/* Hart 0 and hart 1 over one memory: `hart` has the registers of the one whose turn it is, `waiting` of the other. */
struct two_harts {
    struct replayer r;
    struct saved_state waiting;
    uint64_t waiting_pc; /* of the wfi or pause that it is in */
    unsigned current;
};

/* The turn goes to `hart`, which goes on where it was. */
void two_harts_turn_to(struct two_harts *t, unsigned hart);

/* Hart 0 up to the host, hart 1 into its wait for a start. False, with a reason, when the emulator does not start. */
bool two_harts_boot(struct two_harts *t, const struct firmware_image *fw, char *why, size_t why_size);

/* Hart 0, in the host, starts hart 1, which has the turn then. */
bool two_harts_start(struct two_harts *t, struct prng *rng, uint64_t entry, uint64_t opaque);

#endif
