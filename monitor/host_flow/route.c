/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing of host calls, made from the ABI table.
 */
#include "monitor/core/route.h"

#include "monitor/core/boot.h"
#include "monitor/host_flow/handlers.h"

struct decision host_route(struct hart *h, const struct sbi_args *args)
{
    uint64_t key = route_key(args);
    bool tsm_info = key == ROUTE_KEY(SBI_EID_COVH, 0);
    if (args->eid == SBI_EID_COVH && key != ROUTE_NONE && !tsm_info && !monitor_is_ready(h->monitor))
        return decide_error(SBI_ERR_FAILED);

    switch (key) {
#define ABI_CALL_CASE_HOST(ext, fid, name)                                                                             \
    case ROUTE_KEY(SBI_EID_##ext, fid):                                                                                \
        return name(h, args);
#define ABI_CALL_CASE_GUEST(ext, fid, name)
#define ABI_CALL(id, caller, ext, fid, name, arguments) ABI_CALL_CASE_##caller(ext, fid, name)
#include "monitor/abi/calls.def"
#undef ABI_CALL_CASE_HOST
#undef ABI_CALL_CASE_GUEST
    default: return decide_error(SBI_ERR_NOT_SUPPORTED);
    }
}
