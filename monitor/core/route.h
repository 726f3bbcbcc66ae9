/* SPDX-License-Identifier: Apache-2.0 */
/* What host and guest routing share: how a call is named by a7 and a6. */
#ifndef TOUCHSTONE_CORE_ROUTE_H
#define TOUCHSTONE_CORE_ROUTE_H

#include "monitor/core/monitor.h"

/* One number for extension and function, for use in a switch. */
#define ROUTE_KEY(eid, fid) (((uint64_t)(eid) << 32) | (uint32_t)(fid))
#define ROUTE_NONE UINT64_MAX

/* Does the extension carry reserved bits and a supervisor domain id in a6? */
static inline bool route_is_cove(uint64_t eid)
{
    return eid == SBI_EID_COVH || eid == SBI_EID_COVI || eid == SBI_EID_COVG;
}

/*
 * Key of a call, or ROUTE_NONE when a7/a6 cannot name one: junk above 32 bits (a sign extension of a6 is
 * tolerated), reserved bits set, or a supervisor domain other than 0 and 1.
 */
static inline uint64_t route_key(const struct sbi_args *args)
{
    uint32_t word = (uint32_t)args->fid;
    uint64_t sign_extended = (uint64_t)(int64_t)(int32_t)word;
    if (args->eid > UINT32_MAX || (args->fid != word && args->fid != sign_extended))
        return ROUTE_NONE;
    if (!route_is_cove(args->eid))
        return ROUTE_KEY(args->eid, word);
    if (COVE_RESERVED(word) != 0 || COVE_SDID(word) > 1)
        return ROUTE_NONE;
    return ROUTE_KEY(args->eid, COVE_FID(word));
}

#endif
