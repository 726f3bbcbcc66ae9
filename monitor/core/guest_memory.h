/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a guest's memory the way its hart would, in software: first-stage walk by vsatp, second stage by the TVM's own
 * tables. Only confidential memory that is present is ever read, so nothing the host can change while the monitor looks
 * is taken for an instruction or a table; each word is read once, because other vCPUs may write it.
 */
#ifndef TOUCHSTONE_CORE_GUEST_MEMORY_H
#define TOUCHSTONE_CORE_GUEST_MEMORY_H

#include "monitor/core/monitor.h"

/*
 * Fetch the instruction at the pc of the guest that runs on this hart, as its current privilege may: 2 bytes of a
 * compressed one, else 4, which may lie on two pages. False when the guest's own tables do not allow it or anything on
 * the way is not present; the guest's tables may have changed since the hart fetched, so the answer to that is to let the
 * hart try again. Bounded: two walks of at most five steps. No lock may be held.
 */
bool guest_fetch(struct hart *h, uint32_t *insn);

#endif
