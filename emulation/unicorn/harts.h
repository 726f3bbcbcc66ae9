/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one hart alone cannot show: two harts that boot together, and the life of a host hart by SBI HSM (start,
 * suspend, resume, stop). And what no world can cause: the boot on harts that lack extensions, and a trap inside of the
 * monitor, which has to end the hart and say why.
 *
 * Each function boots the firmware afresh, counts its checks in the matrix and records what is wrong there. False, with a
 * reason, when the emulator does not start.
 */
#ifndef TOUCHSTONE_UNICORN_HARTS_H
#define TOUCHSTONE_UNICORN_HARTS_H

#include "emulation/unicorn/replay.h"

/* `rounds` lives of the second hart: started, suspended in both ways, stopped. */
bool replay_hart_lives(const struct firmware_image *fw, uint64_t seed, uint64_t rounds, struct findings *findings,
                       char *why, size_t why_size);

/* `rounds` TVMs with a vCPU on each of two harts: one ends the TVM, the other has to leave. */
bool replay_two_guests(const struct firmware_image *fw, uint64_t seed, uint64_t rounds, struct findings *findings,
                       char *why, size_t why_size);

/* A boot on a hart without Smstateen and triggers, with some replays; one without Sstc, which must be refused. */
bool replay_lesser_harts(const struct firmware_image *fw, uint64_t seed, struct findings *findings, char *why,
                         size_t why_size);

/* `traps` traps inside of the monitor, at any of its system instructions, in boot and while it serves a world. */
bool replay_fatal_traps(const struct firmware_image *fw, uint64_t seed, uint64_t traps, struct findings *findings,
                        char *why, size_t why_size);

#endif
