/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary form: a 32-byte header, 80-byte records and a tail (tail.c), little-endian.
 *
 *   header  0 u32 magic | 4 u16 version | 6 u8 harts | 7 u8 iopmp | 8 u32 host pages | 12 u32 window pages
 *           16 u64 seed | 24 u32 number of records | 28 u32 bytes of the tail
 *   record  0 u8 op | 1 u8 hart | 2 u8 0 | 3 u8 0 | 4 u16 call | 6 u16 0 | 8 u8 kind[8] | 16 u64 a[8]
 *
 * The decoder is total and the encoder canonical: decode(encode(decode(x))) == decode(x) for every x. An OP_EXPECT
 * that follows no other operation has nothing to expect from; such records are left out. The number of records in
 * the header is for the strict reader only, which would otherwise not see that a file was cut between two records.
 * The total one counts the tail from the end, so that records may be put in and taken out by who knows no header; a tail
 * that cannot be there is none.
 */
#include <stdarg.h>
#include <string.h>

#include "harness/trace/ops.h"

/* No padding, so that operations can be compared and hashed as bytes. */
_Static_assert(sizeof(struct trace_op) == TRACE_RECORD_SIZE, "an operation is as large as its record");

uint64_t trace_get(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

void trace_put(uint8_t *p, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

/* --- header ----------------------------------------------------------------------------------------------- */

static uint8_t clamp_harts(uint8_t harts)
{
    if (harts < 1)
        return 1;
    return harts > TRACE_MAX_HARTS ? TRACE_MAX_HARTS : harts;
}

#define TAIL_AT 28u /* place of the size of the tail in the header */

static bool has_header(const uint8_t *bytes, size_t len)
{
    return len >= TRACE_HEADER_SIZE && trace_get(bytes, 4) == TRACE_MAGIC && trace_get(bytes + 4, 2) == TRACE_VERSION;
}

static void decode_header(struct trace *t, const uint8_t *bytes, size_t len)
{
    t->harts = TRACE_DEFAULT_HARTS;
    t->iopmp = IOPMP_PRESENT;
    t->host_pages = 0;
    t->window_pages = 0;
    t->seed = 0;
    if (!has_header(bytes, len))
        return;
    t->harts = clamp_harts(bytes[6]);
    t->iopmp = bytes[7] % IOPMP_COUNT;
    t->host_pages = trace_legal_host_pages((uint32_t)trace_get(bytes + 8, 4));
    t->window_pages = trace_legal_window_pages((uint32_t)trace_get(bytes + 12, 4));
    t->seed = trace_get(bytes + 16, 8);
}

static void encode_header(const struct trace *t, uint8_t *bytes, uint32_t records, size_t tail)
{
    memset(bytes, 0, TRACE_HEADER_SIZE);
    trace_put(bytes, 4, TRACE_MAGIC);
    trace_put(bytes + 4, 2, TRACE_VERSION);
    bytes[6] = t->harts;
    bytes[7] = t->iopmp;
    trace_put(bytes + 8, 4, t->host_pages);
    trace_put(bytes + 12, 4, t->window_pages);
    trace_put(bytes + 16, 8, t->seed);
    trace_put(bytes + 24, 4, records);
    trace_put(bytes + TAIL_AT, 4, tail);
}

/* Where the records of any bytes end and the tail begins. */
static size_t records_end(const uint8_t *bytes, size_t len)
{
    size_t tail = has_header(bytes, len) ? (size_t)trace_get(bytes + TAIL_AT, 4) : 0;

    return tail <= TRACE_MAX_TAIL && tail + TRACE_HEADER_SIZE <= len ? len - tail : len;
}

/* --- records ---------------------------------------------------------------------------------------------- */

static void decode_record(struct trace_op *op, const uint8_t *p)
{
    op->op = p[0];
    op->hart = p[1];
    op->flags = p[2];
    op->zero = p[3];
    op->call = (uint16_t)trace_get(p + 4, 2);
    op->zero2 = (uint16_t)trace_get(p + 6, 2);
    memcpy(op->kind, p + 8, 8);
    for (unsigned i = 0; i < 8; i++)
        op->a[i] = trace_get(p + 16 + 8 * i, 8);
}

static void encode_record(const struct trace_op *op, uint8_t *p)
{
    p[0] = op->op;
    p[1] = op->hart;
    p[2] = op->flags;
    p[3] = op->zero;
    trace_put(p + 4, 2, op->call);
    trace_put(p + 6, 2, op->zero2);
    memcpy(p + 8, op->kind, 8);
    for (unsigned i = 0; i < 8; i++)
        trace_put(p + 16 + 8 * i, 8, op->a[i]);
}

/* An expectation belongs to the operation right before it, and to that one's hart. False: it has none. */
static bool place_expect(const struct trace *t, struct trace_op *op)
{
    if (t->count == 0 || t->op[t->count - 1].op == OP_EXPECT)
        return false;
    op->hart = t->op[t->count - 1].hart;
    return true;
}

void trace_decode(struct trace *t, const uint8_t *bytes, size_t len)
{
    size_t end = records_end(bytes, len);

    decode_header(t, bytes, len);
    t->count = 0;
    for (size_t at = TRACE_HEADER_SIZE; at + TRACE_RECORD_SIZE <= end && t->count < TRACE_MAX_OPS;
         at += TRACE_RECORD_SIZE) {
        struct trace_op *op = &t->op[t->count];
        decode_record(op, bytes + at);
        trace_op_canonical(op, t->harts);
        if (op->op == OP_EXPECT && !place_expect(t, op))
            continue;
        t->count++;
    }
    trace_tail_decode(t, end < len ? bytes + end : NULL, len - end);
}

size_t trace_encode(const struct trace *t, uint8_t *bytes, size_t max)
{
    size_t tail = trace_tail_size(t);

    if (max < TRACE_HEADER_SIZE)
        return 0;
    if (tail > max - TRACE_HEADER_SIZE)
        tail = 0;
    size_t room = (max - TRACE_HEADER_SIZE - tail) / TRACE_RECORD_SIZE;
    uint32_t records = t->count < room ? t->count : (uint32_t)room;
    size_t end = TRACE_HEADER_SIZE + (size_t)records * TRACE_RECORD_SIZE;
    encode_header(t, bytes, records, tail);
    for (uint32_t i = 0; i < records; i++)
        encode_record(&t->op[i], bytes + TRACE_HEADER_SIZE + (size_t)i * TRACE_RECORD_SIZE);
    if (tail != 0)
        trace_tail_encode(t, bytes + end);
    return end + tail;
}

void trace_decode_any(struct trace *t, const uint8_t *bytes, size_t len)
{
    struct trace_error ignored;

    if (trace_looks_like_text(bytes, len) && trace_parse(t, (const char *)bytes, len, &ignored))
        return;
    trace_decode(t, bytes, len);
}

/* --- strict reader ---------------------------------------------------------------------------------------- */

bool trace_refuse(struct trace_error *error, size_t offset, const char *format, ...)
{
    va_list args;

    error->offset = offset;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return false;
}

static bool check_header(const uint8_t *bytes, size_t len, struct trace_error *error)
{
    if (len == 0)
        return trace_refuse(error, 0, "empty file");
    if (len < TRACE_HEADER_SIZE)
        return trace_refuse(error, len, "truncated: the header has %u bytes", TRACE_HEADER_SIZE);
    if (trace_get(bytes, 4) != TRACE_MAGIC)
        return trace_refuse(error, 0, "not a trace: it begins with neither \"TST1\" nor \"touchstone\"");
    if (trace_get(bytes + 4, 2) != TRACE_VERSION)
        return trace_refuse(error, 4, "version %u, but only version %u is known", (unsigned)trace_get(bytes + 4, 2),
                            TRACE_VERSION);
    if (bytes[6] != clamp_harts(bytes[6]))
        return trace_refuse(error, 6, "%u harts, but 1 to %u are possible", bytes[6], TRACE_MAX_HARTS);
    uint32_t host_pages = (uint32_t)trace_get(bytes + 8, 4);
    if (host_pages != trace_legal_host_pages(host_pages))
        return trace_refuse(error, 8, "%u host pages, but 0 or %u to %u are possible", host_pages, TRACE_MIN_PAGES,
                            TRACE_MAX_HOST_PAGES);
    uint32_t window_pages = (uint32_t)trace_get(bytes + 12, 4);
    if (window_pages != trace_legal_window_pages(window_pages))
        return trace_refuse(error, 12, "%u window pages, but 0 or a power of two from %u to %u is possible",
                            window_pages, TRACE_MIN_PAGES, TRACE_MAX_WINDOW_PAGES);
    if (bytes[7] >= IOPMP_COUNT)
        return trace_refuse(error, 7, "IOPMP %u, but only 0 to %u are known", bytes[7], IOPMP_COUNT - 1);
    return true;
}

static bool check_size(const uint8_t *bytes, size_t len, struct trace_error *error)
{
    size_t records = (len - TRACE_HEADER_SIZE) / TRACE_RECORD_SIZE;
    uint64_t declared = trace_get(bytes + 24, 4);
    uint64_t tail = trace_get(bytes + TAIL_AT, 4);

    if (declared > TRACE_MAX_OPS)
        return trace_refuse(error, 24, "%u operations, but a trace has at most %u", (unsigned)declared, TRACE_MAX_OPS);
    if (tail > TRACE_MAX_TAIL)
        return trace_refuse(error, TAIL_AT, "a tail of %u bytes, but at most %u are possible", (unsigned)tail,
                            TRACE_MAX_TAIL);
    if (records < declared)
        return trace_refuse(error, len, "truncated: the header announces %u operations, the file ends in number %u",
                            (unsigned)declared, (unsigned)records);
    size_t end = TRACE_HEADER_SIZE + (size_t)declared * TRACE_RECORD_SIZE;
    if (len - end < tail)
        return trace_refuse(error, len, "truncated: the header announces a tail of %u bytes, the file has %u of them",
                            (unsigned)tail, (unsigned)(len - end));
    if (len - end > tail)
        return trace_refuse(error, end + (size_t)tail, "%zu bytes follow the %s", len - end - (size_t)tail,
                            tail != 0 ? "tail" : "last operation");
    return true;
}

/* The records are canonical when decoding and encoding gives them back. */
static bool check_records(const uint8_t *bytes, size_t end, struct trace_error *error)
{
    struct trace t;
    uint32_t index = 0;

    decode_header(&t, bytes, end);
    t.count = 0;
    for (size_t at = TRACE_HEADER_SIZE; at < end; at += TRACE_RECORD_SIZE, index++) {
        struct trace_op *op = &t.op[t.count];
        uint8_t canonical[TRACE_RECORD_SIZE];

        decode_record(op, bytes + at);
        if (op->op >= OP_COUNT)
            return trace_refuse(error, at, "operation %u: unknown code %u", index, op->op);
        if (op->hart >= t.harts)
            return trace_refuse(error, at + 1, "operation %u: hart %u, but the machine has %u", index, op->hart,
                                t.harts);
        trace_op_canonical(op, t.harts);
        if (op->op == OP_EXPECT && !place_expect(&t, op))
            return trace_refuse(error, at, "operation %u: an expectation without an operation before it", index);
        encode_record(op, canonical);
        for (unsigned i = 0; i < TRACE_RECORD_SIZE; i++) {
            if (canonical[i] != bytes[at + i])
                return trace_refuse(error, at + i, "operation %u: byte 0x%02x where the canonical form has 0x%02x",
                                    index, bytes[at + i], canonical[i]);
        }
        t.count++;
    }
    return true;
}

bool trace_check(const uint8_t *bytes, size_t len, struct trace_error *error)
{
    if (!check_header(bytes, len, error) || !check_size(bytes, len, error))
        return false;
    size_t end = len - (size_t)trace_get(bytes + TAIL_AT, 4);
    return check_records(bytes, end, error) && trace_tail_check(bytes + end, end, len - end, error);
}
