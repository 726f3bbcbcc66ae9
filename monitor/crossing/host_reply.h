/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host may tell a vCPU: its answer to the operation that the vCPU left with, and nothing else. The one place
 * where values that the host chose reach a guest's registers.
 *
 *   pending        read from the mailbox   reaches the guest
 *   MMIO load      a0, then cleared        rd, truncated and extended as the instruction says; x0 never
 *   MMIO store     nothing                 nothing
 *   call           a0, a1                  a0 if it is an error of SBI 2.0 or SUCCESS, else FAILED; on SUCCESS a1, at
 *                                          most what the call allows, else 0
 *   share          a0; a1 when accepted    a0 as above; a1, the address of host memory, goes to core/region_change.h
 *                  by a promoted TVM
 *   unshare        a0                      a0 as above
 *
 * Which register, width and length it is comes from the monitor's own record. Each word is read once.
 */
#ifndef TOUCHSTONE_CROSSING_HOST_REPLY_H
#define TOUCHSTONE_CROSSING_HOST_REPLY_H

#include "monitor/core/vcpu.h"

/*
 * Take the host's answer for the vCPU that this hart has claimed and not yet entered; its mailbox is set. SUCCESS: the
 * operation is over. An error of region_change_finish: the answer does not fit, nothing has changed, the operation stays
 * pending. No lock may be held.
 */
int64_t host_reply_take(struct hart *h);

#endif
