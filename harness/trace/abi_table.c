/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ABI at run time: monitor/abi/calls.def as an array, and look-ups in it.
 *
 * Everything the harness knows about calls (names, numbers, argument kinds) comes from here, so a call added to the
 * list is printed, parsed, generated and mutated without another line of code.
 */
#include <string.h>

#include "harness/trace/trace.h"
#include "monitor/abi/sbi.h"

#define CALLER_HOST false
#define CALLER_GUEST true

#define ABI_NOARGS .args = 0
#define ABI_ARGS(...) .args = sizeof((struct abi_arg[]){__VA_ARGS__}) / sizeof(struct abi_arg), .arg = {__VA_ARGS__}
#define ABI_ARG(kind_name, arg_name)                                                                                   \
    {                                                                                                                  \
        .kind = ABI_KIND_##kind_name, .name = #arg_name                                                                \
    }

#define ABI_ENTRY(number, caller, extension, function, call_name, is_served, ...)                                      \
    {.id = (number),                                                                                                   \
     .guest = CALLER_##caller,                                                                                         \
     .served = (is_served),                                                                                            \
     .eid = SBI_EID_##extension,                                                                                       \
     .fid = (function),                                                                                                \
     .name = #call_name,                                                                                               \
     .ext = #extension,                                                                                                \
     __VA_ARGS__},

#define ABI_CALL(id, caller, ext, fid, name, ...) ABI_ENTRY(id, caller, ext, fid, name, true, __VA_ARGS__)
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) ABI_ENTRY(id, caller, ext, fid, name, false, __VA_ARGS__)
static const struct abi_call calls[] = {
#include "monitor/abi/calls.def"
};

/* Position of each call in the array, and from that a direct map from id to position + 1. */
#define ABI_CALL(id, caller, ext, fid, name, ...) POSITION_##name,
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) POSITION_##name,
enum position {
#include "monitor/abi/calls.def"
    POSITION_COUNT
};

#define MAX_ID 0x3ffu
#define ABI_CALL(id, caller, ext, fid, name, ...) [(id)] = POSITION_##name + 1,
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) [(id)] = POSITION_##name + 1,
static const uint8_t position_by_id[MAX_ID + 1] = {
#include "monitor/abi/calls.def"
};

_Static_assert(POSITION_COUNT < UINT8_MAX, "a position fits in a byte");

const struct abi_call *abi_calls(size_t *count)
{
    *count = POSITION_COUNT;
    return calls;
}

const struct abi_call *abi_call_by_id(uint16_t id)
{
    if (id > MAX_ID || position_by_id[id] == 0)
        return NULL;
    return &calls[position_by_id[id] - 1];
}

const struct abi_call *abi_call_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < POSITION_COUNT; i++) {
        if (strlen(calls[i].name) == len && memcmp(calls[i].name, name, len) == 0)
            return &calls[i];
    }
    return NULL;
}

const struct abi_call *abi_call_by_number(bool guest, uint64_t eid, uint32_t fid)
{
#define NUMBER(eid, fid) ((uint64_t)(eid) << 32 | (uint32_t)(fid))
#define CASE_HOST(number, position)
#define CASE_GUEST(number, position)                                                                                   \
    case number: return &calls[position];
    if (eid > UINT32_MAX)
        return NULL;
    if (guest) {
        switch (NUMBER(eid, fid)) {
#define ABI_CALL(id, caller, ext, fid, name, ...) CASE_##caller(NUMBER(SBI_EID_##ext, fid), POSITION_##name)
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) CASE_##caller(NUMBER(SBI_EID_##ext, fid), POSITION_##name)
#include "monitor/abi/calls.def"
        default: return NULL;
        }
    }
#undef CASE_HOST
#undef CASE_GUEST
#define CASE_GUEST(number, position)
#define CASE_HOST(number, position)                                                                                    \
    case number: return &calls[position];
    switch (NUMBER(eid, fid)) {
#define ABI_CALL(id, caller, ext, fid, name, ...) CASE_##caller(NUMBER(SBI_EID_##ext, fid), POSITION_##name)
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, ...) CASE_##caller(NUMBER(SBI_EID_##ext, fid), POSITION_##name)
#include "monitor/abi/calls.def"
    default: return NULL;
    }
}
