/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch: the order in which a hart changes from host to guest and back. Nothing of either world runs
 * in between. Registers move in the port's assembly; the order of isolation, translation and fences is here, so that
 * both builds have the same.
 */
#ifndef TOUCHSTONE_CORE_WORLD_SWITCH_H
#define TOUCHSTONE_CORE_WORLD_SWITCH_H

#include "monitor/core/vcpu.h"

/* Park the host in h->host and load the guest; h->frame becomes the vCPU's context. */
void world_enter_guest(struct hart *h, struct vcpu *v);

/*
 * Park the guest in its vCPU and load the host; h->frame becomes &h->host. Floating-point and vector registers become
 * zero: the host saves its own before it runs a vCPU.
 */
void world_exit_guest(struct hart *h, struct vcpu *v);

/*
 * Give a hart that runs no world a fresh host context that starts at `entry` in supervisor mode with
 * a0 = hart id, a1 = `opaque`, all other registers zero, translation and interrupts off; and load it. The host's timer is
 * left as it is.
 */
void world_start_host(struct hart *h, uint64_t entry, uint64_t opaque);

#endif
