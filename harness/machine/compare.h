/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are two machines in the same state? One runs the monitor that is linked in, the other one a port of mmode.h: same
 * configuration, same operations, so everything that a world can see and everything that the monitor remembers is equal,
 * to the bit. Left out is what only M-mode sees and leaves behind: mtvec, mscratch, the CSRs of the last trap, pointers,
 * and general registers of a host that runs, whose storage is overwritten at its next trap.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_COMPARE_H
#define TOUCHSTONE_HARNESS_MACHINE_COMPARE_H

#include "harness/machine/machine.h"

struct machine_difference {
    char field[96];       /* "hart 0 stvec", "page record 12 owner", "window frame 3 +0x10" */
    uint64_t host, other; /* the value in the machine with the linked-in monitor, and in the other one */
    char note[160];       /* why the other one gave up, if it did, else "" */
};

/*
 * False, with the first difference, when they differ. After a system reset harts do nothing, and only what was asked for
 * is compared; the finisher does not tell a warm reboot from a cold one, nor a reason other than failure.
 */
bool machine_compare(const struct machine *host, const struct machine *other, struct machine_difference *d);

#endif
