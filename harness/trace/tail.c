/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tail of the binary form: what does not fit into records of one size, as tagged blobs one after the other.
 *
 *   blob      0 u16 tag | 2 u16 0 | 4 u32 length | 8 data
 *   schedule  (tag 1)  0 u64 seed | 8 decisions, one byte each
 *
 * Canonical: tags ascend, each occurs at most once, none is unknown, and what a blob could say by being absent it does
 * not say by being empty. The total reader takes the first blob of each tag, skips those that it does not know, takes as
 * much of a cut one as is there, and fills up with zeros what is missing of a seed.
 */
#include <string.h>

#include "harness/trace/ops.h"

#define SEED_SIZE 8u

void trace_drop_schedule(struct trace *t)
{
    t->overlap = false;
    t->decisions = 0;
    t->schedule_seed = 0;
}

size_t trace_tail_size(const struct trace *t)
{
    return t->overlap ? TRACE_BLOB_HEADER_SIZE + SEED_SIZE + t->decisions : 0;
}

void trace_tail_encode(const struct trace *t, uint8_t *bytes)
{
    if (!t->overlap)
        return;
    trace_put(bytes, 2, BLOB_SCHEDULE);
    trace_put(bytes + 2, 2, 0);
    trace_put(bytes + 4, 4, SEED_SIZE + t->decisions);
    trace_put(bytes + TRACE_BLOB_HEADER_SIZE, SEED_SIZE, t->schedule_seed);
    memcpy(bytes + TRACE_BLOB_HEADER_SIZE + SEED_SIZE, t->decision, t->decisions);
}

/* --- total ---------------------------------------------------------------------------------------------------- */

static void decode_schedule(struct trace *t, const uint8_t *data, size_t len)
{
    size_t decisions = len > SEED_SIZE ? len - SEED_SIZE : 0;

    if (t->overlap)
        return;
    t->overlap = true;
    t->schedule_seed = trace_get(data, len < SEED_SIZE ? (unsigned)len : SEED_SIZE);
    t->decisions = (uint16_t)(decisions < TRACE_MAX_DECISIONS ? decisions : TRACE_MAX_DECISIONS);
    memcpy(t->decision, data + (len - decisions), t->decisions);
}

void trace_tail_decode(struct trace *t, const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    trace_drop_schedule(t);
    /* Bounded by the length: each round consumes at least a blob's header. */
    while (len - at >= TRACE_BLOB_HEADER_SIZE) {
        uint64_t tag = trace_get(bytes + at, 2);
        uint64_t size = trace_get(bytes + at + 4, 4);
        at += TRACE_BLOB_HEADER_SIZE;
        if (size > len - at)
            size = len - at;
        if (tag == BLOB_SCHEDULE)
            decode_schedule(t, bytes + at, (size_t)size);
        at += (size_t)size;
    }
}

/* --- strict --------------------------------------------------------------------------------------------------- */

static bool check_schedule(size_t at, uint64_t size, struct trace_error *error)
{
    if (size < SEED_SIZE)
        return trace_refuse(error, at + 4, "schedule: %u bytes, but its seed alone has %u", (unsigned)size, SEED_SIZE);
    if (size - SEED_SIZE > TRACE_MAX_DECISIONS)
        return trace_refuse(error, at + 4, "schedule: %u decisions, but at most %u are possible",
                            (unsigned)(size - SEED_SIZE), TRACE_MAX_DECISIONS);
    return true;
}

bool trace_tail_check(const uint8_t *bytes, size_t at, size_t len, struct trace_error *error)
{
    uint64_t last = 0;

    for (size_t i = 0; i < len;) {
        if (len - i < TRACE_BLOB_HEADER_SIZE)
            return trace_refuse(error, at + i, "tail: %u bytes are left, but a blob begins with %u",
                                (unsigned)(len - i), TRACE_BLOB_HEADER_SIZE);
        uint64_t tag = trace_get(bytes + i, 2);
        uint64_t size = trace_get(bytes + i + 4, 4);
        if (tag != BLOB_SCHEDULE)
            return trace_refuse(error, at + i, "tail: unknown tag %u", (unsigned)tag);
        if (tag <= last)
            return trace_refuse(error, at + i, "tail: tag %u after tag %u, but tags ascend", (unsigned)tag,
                                (unsigned)last);
        if (trace_get(bytes + i + 2, 2) != 0)
            return trace_refuse(error, at + i + 2, "tail: a reserved field is not 0");
        if (size > len - i - TRACE_BLOB_HEADER_SIZE)
            return trace_refuse(error, at + i + 4, "tail: a blob of %u bytes, but %u are left", (unsigned)size,
                                (unsigned)(len - i - TRACE_BLOB_HEADER_SIZE));
        if (!check_schedule(at + i, size, error))
            return false;
        last = tag;
        i += TRACE_BLOB_HEADER_SIZE + (size_t)size;
    }
    return true;
}
