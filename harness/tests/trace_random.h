/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes and random canonical traces for the tests of the trace code. Half of the records are biased towards
 * legal operations, because pure noise would be raw ecalls most of the time.
 */
#ifndef TOUCHSTONE_HARNESS_TESTS_TRACE_RANDOM_H
#define TOUCHSTONE_HARNESS_TESTS_TRACE_RANDOM_H

#include <string.h>

#include "harness/trace/random.h"
#include "harness/trace/trace.h"

/* Fill `bytes` with something that resembles a trace more or less; returns the length, at most `max`. */
static inline size_t random_trace_bytes(struct random *r, uint8_t *bytes, size_t max)
{
    size_t len = random_below(r, max + 1);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)random_next(r);
    if (random_chance(r, 90) && len >= 8) {
        memcpy(bytes, "TST1\x01\x00", 6);
        bytes[6] = (uint8_t)random_below(r, 10);
    }
    size_t calls;
    const struct abi_call *call = abi_calls(&calls);
    for (size_t at = TRACE_HEADER_SIZE; at + TRACE_RECORD_SIZE <= len; at += TRACE_RECORD_SIZE) {
        if (random_chance(r, 50))
            continue;
        uint16_t id = call[random_below(r, calls)].id;
        bytes[at] = (uint8_t)random_below(r, OP_COUNT + 1);
        bytes[at + 1] = (uint8_t)random_below(r, 4);
        bytes[at + 4] = (uint8_t)id;
        bytes[at + 5] = (uint8_t)(id >> 8);
        for (unsigned i = 0; i < 8; i++) {
            bytes[at + 8 + i] = (uint8_t)random_below(r, ARG_KIND_COUNT);
            /* Small values half of the time, so that named constants and 0 occur. */
            if (random_chance(r, 50))
                memset(bytes + at + 16 + 8 * i + 1, random_chance(r, 20) ? 0xff : 0, 7);
        }
    }
    /* A tail, more or less: header and records give way to it. */
    if (len >= TRACE_HEADER_SIZE + 32 && random_chance(r, 30)) {
        uint8_t *tail = bytes + len - 8 - random_below(r, 24);
        bytes[28] = (uint8_t)(bytes + len - tail);
        memset(bytes + 29, 0, 3);
        memcpy(tail, "\x01\x00\x00\x00", 4);
        bytes[len - 1] = 0;
        tail[4] = (uint8_t)random_below(r, 28);
        memset(tail + 5, 0, 3);
    } else if (len >= TRACE_HEADER_SIZE && random_chance(r, 80)) {
        memset(bytes + 28, 0, 4);
    }
    return len;
}

#endif
