/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of host calls: one per ABI_CALL of monitor/abi/calls.def with caller HOST, of the name given there.
 *
 * A handler gets the registers of the call by value, checks everything in the order that every call shares (unknown
 * object, wrong state, scalars, addresses, resources), then commits, and returns a decision. On an error it has changed
 * nothing. No lock is held when it is called or when it returns.
 */
#ifndef TOUCHSTONE_HOST_FLOW_HANDLERS_H
#define TOUCHSTONE_HOST_FLOW_HANDLERS_H

#include "monitor/core/monitor.h"

#define ABI_CALL_PROTOTYPE_HOST(name) struct decision name(struct hart *h, const struct sbi_args *args);
#define ABI_CALL_PROTOTYPE_GUEST(name)
#define ABI_CALL(id, caller, ext, fid, name, arguments) ABI_CALL_PROTOTYPE_##caller(name)
#include "monitor/abi/calls.def"
#undef ABI_CALL_PROTOTYPE_HOST
#undef ABI_CALL_PROTOTYPE_GUEST

/* Choose the handler for an ecall of the host. Unknown calls are NOT_SUPPORTED. */
struct decision host_route(struct hart *h, const struct sbi_args *args);

/*
 * A trap of the host that is neither an ecall nor the monitor's interrupt. None is expected, since everything else is
 * delegated; should the hardware bring one, the host gets it back as its own exception.
 */
struct decision host_unexpected_trap(struct hart *h, const struct trap *t);

#endif
