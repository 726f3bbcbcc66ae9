/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call ids as constants, made from the ABI table: CALL_covh_convert_pages and so on, for code that knows what a call
 * means.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_CALL_IDS_H
#define TOUCHSTONE_HARNESS_TRACE_CALL_IDS_H

#define ABI_CALL(id, caller, ext, fid, name, ...) CALL_##name = (id),
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) CALL_##name = (id),
enum call_id {
    CALL_none = 0,
#include "monitor/abi/calls.def"
};

#endif
