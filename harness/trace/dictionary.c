/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dictionary for AFL++ and libFuzzer, made from the ABI table: call ids, extension ids, function words and the
 * numbers at which implementations of this ABI tend to be wrong, all as they stand in a record.
 */
#include <inttypes.h>

#include "harness/trace/ops.h"

static void write_token(FILE *out, const char *name, uint64_t value, unsigned bytes)
{
    fprintf(out, "%s=\"", name);
    for (unsigned i = 0; i < bytes; i++)
        fprintf(out, "\\x%02x", (unsigned)(value >> (8 * i) & 0xff));
    fprintf(out, "\"\n");
}

static void write_calls(FILE *out)
{
    size_t count;
    const struct abi_call *call = abi_calls(&count);

    for (size_t i = 0; i < count; i++) {
        /* First 6 bytes of a record: op, hart 0, two zeros, call id. */
        uint64_t start = (call[i].guest ? OP_GUEST_CALL : OP_HOST_CALL) | (uint64_t)call[i].id << 32;
        write_token(out, call[i].name, start, 6);
    }
}

static void write_extensions(FILE *out)
{
    size_t count;
    const struct abi_call *call = abi_calls(&count);
    char name[32];

    for (size_t i = 0; i < count; i++) {
        if (call[i].fid != 0 || call[i].guest)
            continue;
        snprintf(name, sizeof(name), "eid_%s", call[i].ext);
        write_token(out, name, call[i].eid, 8);
    }
}

static void write_operations(FILE *out)
{
    for (uint8_t op = 0; op < OP_COUNT; op++) {
        const char *name = trace_op_shape(op)->name;
        if (name != NULL)
            write_token(out, name, op, 2);
    }
}

static void write_numbers(FILE *out)
{
    static const uint64_t numbers[] = {
        1ull << 12,       (1ull << 12) - 1, 1ull << 21, 1ull << 31,       (1ull << 31) - 1, 1ull << 32,
        (1ull << 32) - 1, 1ull << 52,       1ull << 63, (1ull << 63) - 1, UINT64_MAX,       UINT64_MAX - 4095,
        0x80000000u,      0x90000000u,      1ull << 41, 1ull << 50,       1ull << 59,
    };
    char name[32];

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(name, sizeof(name), "number_%" PRIx64, numbers[i]);
        write_token(out, name, numbers[i], 8);
    }
}

void trace_write_dictionary(FILE *out)
{
    fprintf(out, "# Made from the ABI table: calls, operations, extension ids, and numbers at the edges.\n");
    write_calls(out);
    write_operations(out);
    write_extensions(out);
    write_numbers(out);
}
