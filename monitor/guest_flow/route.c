/* SPDX-License-Identifier: Apache-2.0 */
/* Routing of guest calls, made from the ABI table. */
#include "monitor/core/route.h"

#include "monitor/guest_flow/handlers.h"

struct decision guest_route(struct hart *h, const struct sbi_args *args)
{
    switch (route_key(args)) {
#define ABI_CALL_CASE_HOST(ext, fid, name)
#define ABI_CALL_CASE_GUEST(ext, fid, name)                                                                            \
    case ROUTE_KEY(SBI_EID_##ext, fid):                                                                                \
        return name(h, args);
#define ABI_CALL(id, caller, ext, fid, name, arguments) ABI_CALL_CASE_##caller(ext, fid, name)
#include "monitor/abi/calls.def"
#undef ABI_CALL_CASE_HOST
#undef ABI_CALL_CASE_GUEST
    default: return decide_error(SBI_ERR_NOT_SUPPORTED);
    }
}
