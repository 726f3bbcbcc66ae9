/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of guest calls, one per ABI_CALL of monitor/abi/calls.def with caller GUEST, and of guest traps.
 * Registers come by value; a handler returns a decision and holds no lock before or after.
 */
#ifndef TOUCHSTONE_GUEST_FLOW_HANDLERS_H
#define TOUCHSTONE_GUEST_FLOW_HANDLERS_H

#include "monitor/core/monitor.h"

#define ABI_CALL_PROTOTYPE_HOST(name)
#define ABI_CALL_PROTOTYPE_GUEST(name) struct decision name(struct hart *h, const struct sbi_args *args);
#define ABI_CALL(id, caller, ext, fid, name, arguments) ABI_CALL_PROTOTYPE_##caller(name)
#include "monitor/abi/calls.def"
#undef ABI_CALL_PROTOTYPE_HOST
#undef ABI_CALL_PROTOTYPE_GUEST

/* Choose the handler for an ecall of the guest. Unknown calls are NOT_SUPPORTED and show the host nothing. */
struct decision guest_route(struct hart *h, const struct sbi_args *args);

/* Every trap of the guest that is neither an ecall nor the monitor's own interrupt. */
struct decision guest_exception(struct hart *h, const struct trap *t);

/* A guest-page fault (cause 20, 21 or 23). */
struct decision guest_page_fault(struct hart *h, const struct trap *t);

/* A load or store (cause 21 or 23) at `gpa`, which lies in a region of devices. */
struct decision guest_mmio(struct hart *h, const struct trap *t, struct gpa gpa);

/* A virtual-instruction trap (cause 22). */
struct decision guest_virtual_instruction(struct hart *h, const struct trap *t);

#endif
