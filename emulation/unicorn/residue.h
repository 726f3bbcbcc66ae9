/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that stay behind. After each way out of a TVM all memory that was written since is searched for words that the guest
 * had in its registers, CSRs and memory and did not show. They may be in the frames of the guest alone: its pages and the
 * save areas of its vCPUs. Host memory, other frames of the window, data of the monitor and the stack of the hart must have none,
 * and the stack must not have been used deeper than it is wiped.
 */
#ifndef TOUCHSTONE_UNICORN_RESIDUE_H
#define TOUCHSTONE_UNICORN_RESIDUE_H

#include "emulation/unicorn/replay.h"

/* `rounds` exits in turn over all exit edges. */
void replay_residue(struct replayer *r, uint64_t rounds);

#endif
