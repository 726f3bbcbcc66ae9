/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the trace code: the shape of each operation (name, arguments, what values they may take), the canonical
 * form of one operation, and names of constants. Codec, printer, parser and mutator share these tables.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_OPS_H
#define TOUCHSTONE_HARNESS_TRACE_OPS_H

#include "harness/trace/trace.h"

#define TRACE_DEFAULT_HARTS 2u
#define TRACE_MAX_HARTS 8u
#define TRACE_MIN_PAGES 64u
#define TRACE_MAX_HOST_PAGES 1536u /* the machine has no more room before the window */
#define TRACE_MAX_WINDOW_PAGES 2048u
#define TRACE_MAX_FILL 0x10000u
#define TRACE_MAX_REGISTER 97u

/* Values an argument may take. Everything but ANY is always a plain number, reduced into its set. */
enum arg_rule {
    RULE_ANY = 0,
    RULE_WIDTH,     /* 1, 2, 4, 8 */
    RULE_CSR,       /* 12 bits */
    RULE_REGISTER,  /* 1..TRACE_MAX_REGISTER */
    RULE_BIT,       /* 0, 1 */
    RULE_TWO_BITS,  /* 0..3 */
    RULE_BYTE,      /* 0..255 */
    RULE_WORD,      /* 32 bits */
    RULE_IRQ,       /* 1, 5, 9 */
    RULE_FENCE,     /* 0..2 */
    RULE_FAIL_KIND, /* 0..2, enum machine_fail */
    RULE_FILL       /* 0..TRACE_MAX_FILL */
};

struct op_shape {
    const char *name; /* in text; NULL for the operations that are printed by the name of their call, and OP_EXPECT */
    bool guest;       /* the guest on the hart acts */
    unsigned args;
    struct {
        const char *name;
        enum arg_rule rule;
    } arg[8];
};

/* Shape of an operation; `op` is smaller than OP_COUNT. */
const struct op_shape *trace_op_shape(uint8_t op);

/* OP code of a named operation, or -1. */
int trace_op_by_name(const char *name, size_t len);

/* Arguments that count in this canonical operation, from a[0] on (call arguments without sdid; 8 for raw ecalls). */
unsigned trace_op_args(const struct trace_op *op);

/*
 * Bring one operation into canonical form for a machine of `harts` harts: reserved fields 0, unknown codes and calls
 * turned into raw ecalls, unused arguments 0. Idempotent. An OP_EXPECT keeps its hart: its place decides about it.
 */
void trace_op_canonical(struct trace_op *op, uint8_t harts);

/* --- tail.c: what follows the records -------------------------------------------------------------------------- */

/* Bytes of the canonical tail of a trace; 0 when there is nothing to say. */
size_t trace_tail_size(const struct trace *t);

/* Write the canonical tail: trace_tail_size bytes. */
void trace_tail_encode(const struct trace *t, uint8_t *bytes);

/* Total: whatever the bytes are, the tail of *t is legal afterwards. */
void trace_tail_decode(struct trace *t, const uint8_t *bytes, size_t len);

/* Strict: is it a canonical tail? `at` is its offset in the file. */
bool trace_tail_check(const uint8_t *bytes, size_t at, size_t len, struct trace_error *error);

/* Little-endian numbers of 1 to 8 bytes. */
uint64_t trace_get(const uint8_t *p, unsigned bytes);
void trace_put(uint8_t *p, unsigned bytes, uint64_t value);

/* Fill an error; returns false. */
bool trace_refuse(struct trace_error *error, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nearest legal number of frames: 0 stays 0 (default), the rest is clamped; the window also to a power of two. */
uint32_t trace_legal_host_pages(uint32_t pages);
uint32_t trace_legal_window_pages(uint32_t pages);

/* What the header of a text calls enum trace_iopmp. */
const char *trace_iopmp_name(uint8_t iopmp);

/* Argument made from a handle kind, an index and a byte offset. */
static inline uint64_t trace_handle(uint32_t index, int32_t offset)
{
    return (uint64_t)index | (uint64_t)(uint32_t)offset << 32;
}

static inline uint32_t trace_handle_index(uint64_t value)
{
    return (uint32_t)value;
}

static inline int32_t trace_handle_offset(uint64_t value)
{
    return (int32_t)(uint32_t)(value >> 32);
}

/* Word before the bracket of a handle ("win"), NULL for ARG_RAW. */
const char *trace_kind_name(uint8_t kind);

/* Names of constants: SBI errors, extension ids, page types. The name for a value, or NULL; and back. */
const char *trace_eid_name(uint64_t eid);
const char *trace_page_type_name(uint64_t type);
bool trace_error_by_name(const char *name, size_t len, uint64_t *value);
bool trace_eid_by_name(const char *name, size_t len, uint64_t *value);
bool trace_page_type_by_name(const char *name, size_t len, uint64_t *value);

/* Number of fields an expectation can compare (bits 0.. of its mask), by expect_kind, and the name of a field. */
#define TRACE_EXPECT_FIELDS 14u
unsigned trace_expect_fields(uint16_t kind);
const char *trace_expect_name(unsigned field);

/* Index of a[] where an expectation with this mask keeps `field`; -1 when the mask lacks it or there is no room. */
int trace_expect_slot(uint64_t mask, unsigned field);

/* Does the text that starts here look like the text form: "touchstone" after comments and blank lines? */
bool trace_looks_like_text(const uint8_t *bytes, size_t len);

/* Does the guest on the hart perform it, and nobody else? */
bool trace_op_is_guest(uint8_t op);

#endif
