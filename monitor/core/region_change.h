/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a guest shares with the host and takes back (cove-abi, regions). Two ways, fixed by how the TVM was made:
 *
 *   multi-step TVM   begin makes the range removable; the host takes the pages out (invalidate, fence, remove) and
 *                    answers; finish wants the range empty, and turns it into its new type
 *   promoted TVM     begin(share) makes the range removable; the host answers with the address of host memory of the
 *                    same length; finish takes the TVM's own frames out, forgets translations on every hart that runs
 *                    the TVM, scrubs the frames into its reserve and maps the host memory. Unsharing needs no answer:
 *                    begin does all of it, and the guest's next touch finds a zero page
 *
 * Contents are lost both ways.
 */
#ifndef TOUCHSTONE_CORE_REGION_CHANGE_H
#define TOUCHSTONE_CORE_REGION_CHANGE_H

#include "monitor/core/tvm.h"

enum region_change { REGION_SHARE, REGION_UNSHARE };

/*
 * The guest that runs on this hart asks to change [gpa, gpa + len). Checks alignment and length (INVALID_PARAM for
 * len 0 or unaligned, INVALID_ADDRESS for a bad address), that the range lies wholly in regions of the old type
 * (INVALID_PARAM), and resources (FAILED: page tables, room for regions, more than 512 pages of a promoted TVM); on an error
 * nothing has changed. No lock may be held.
 * *answer: true when the host has to answer and region_change_finish follows; false when all is done.
 */
int64_t region_change_begin(struct hart *h, enum region_change change, struct gpa gpa, uint64_t len, bool *answer);

/*
 * The host answers for the vCPU that `h` has claimed (h->tvm_slot; the vCPU is VCPU_RUNNING, so the TVM cannot go away).
 * accept: whether the host agreed; host_base: promoted TVM and REGION_SHARE, what it offers.
 * SUCCESS: the range has its new type (or, refused, its old one). INVALID_PARAM: pages are still in the range.
 * INVALID_ADDRESS: host_base is no host memory, unaligned or not of the wanted length. On an error nothing has changed,
 * and the operation stays pending. No lock may be held.
 */
int64_t region_change_finish(struct hart *h, enum region_change change, struct gpa gpa, uint64_t len, bool accept,
                             struct hpa host_base);

/*
 * First touch of a confidential page of a promoted TVM: map a zeroed frame of its reserve. True when the guest can go
 * on, also when another vCPU was faster; false when the TVM is not promoted, the address lies outside its confidential
 * regions, or the reserve is empty. No lock may be held.
 */
bool reserve_fault_in(struct hart *h, struct gpa page);

#endif
