/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure-aware mutation: decode, change operations, encode. One to a few changes per call; most of them insert
 * what fits the state (generate.c, sequences.c), the others disturb what is there.
 *
 * Expectations are dropped: a changed trace no longer does what they say.
 */
#include <string.h>

#include "harness/trace/generate.h"

#define USUAL_OPS 64u   /* longer traces are cut back: short ones run faster and read better */
#define MAX_ATTEMPTS 4u /* a change that changes nothing is followed by another, this often */

struct mutation {
    struct trace trace;
    struct random random;
    trace_bytes_mutator bytes_mutate;
};

/* --- editing the list of operations ----------------------------------------------------------------------- */

static bool open_gap(struct trace *t, uint32_t at, uint32_t count)
{
    if (t->count + count > TRACE_MAX_OPS)
        return false;
    memmove(&t->op[at + count], &t->op[at], (t->count - at) * sizeof(t->op[0]));
    t->count += count;
    return true;
}

static void close_gap(struct trace *t, uint32_t at, uint32_t count)
{
    memmove(&t->op[at], &t->op[at + count], (t->count - at - count) * sizeof(t->op[0]));
    t->count -= count;
}

/* A place to insert at: often the end, where the state is deepest. */
static uint32_t some_place(struct mutation *m)
{
    return random_chance(&m->random, 55) ? m->trace.count : (uint32_t)random_below(&m->random, m->trace.count + 1);
}

static uint32_t some_op(struct mutation *m)
{
    return (uint32_t)random_below(&m->random, m->trace.count);
}

static struct aim aim_at(struct mutation *m, struct sketch *s, uint32_t at)
{
    sketch_run(s, &m->trace, at);
    return (struct aim){.r = &m->random, .s = s, .t = &m->trace, .at = at};
}

/* --- changes ---------------------------------------------------------------------------------------------- */

static void insert_op(struct mutation *m)
{
    struct sketch s;
    uint32_t at = some_place(m);
    struct aim aim = aim_at(m, &s, at);
    struct trace_op op;

    generate_op(&aim, &op);
    if (open_gap(&m->trace, at, 1))
        m->trace.op[at] = op;
}

static void insert_sequence(struct mutation *m)
{
    struct sequence q;
    uint32_t at = some_place(m);

    generate_sequence(&q, &m->trace, at, &m->random);
    if (open_gap(&m->trace, at, q.count))
        memcpy(&m->trace.op[at], q.op, q.count * sizeof(q.op[0]));
}

/* Something comes in between while the monitor works for one of the operations. */
static void disturb_op(struct mutation *m)
{
    struct sketch s;
    uint32_t at = some_op(m);
    struct aim aim = aim_at(m, &s, at);
    struct trace_op op;

    generate_disturbance(&aim, &m->trace.op[at], &op);
    if (open_gap(&m->trace, at, 1))
        m->trace.op[at] = op;
}

static void delete_ops(struct mutation *m)
{
    uint32_t at = some_op(m);
    uint32_t count = random_chance(&m->random, 75) ? 1 : 1 + (uint32_t)random_below(&m->random, 8);

    close_gap(&m->trace, at, count < m->trace.count - at ? count : m->trace.count - at);
}

/* The same once more, right behind or at the end. */
static void duplicate_ops(struct mutation *m)
{
    uint32_t from = some_op(m);
    uint32_t count = random_chance(&m->random, 70) ? 1 : 1 + (uint32_t)random_below(&m->random, 8);
    struct trace_op copy[8];

    if (count > m->trace.count - from)
        count = m->trace.count - from;
    memcpy(copy, &m->trace.op[from], count * sizeof(copy[0]));
    uint32_t to = random_chance(&m->random, 50) ? from + count : some_place(m);
    if (open_gap(&m->trace, to, count))
        memcpy(&m->trace.op[to], copy, count * sizeof(copy[0]));
}

static void swap_ops(struct mutation *m)
{
    uint32_t a = some_op(m);
    uint32_t b = random_chance(&m->random, 60) && a + 1 < m->trace.count ? a + 1 : some_op(m);
    struct trace_op op = m->trace.op[a];

    m->trace.op[a] = m->trace.op[b];
    m->trace.op[b] = op;
}

static void move_op(struct mutation *m)
{
    uint32_t from = some_op(m);
    struct trace_op op = m->trace.op[from];

    close_gap(&m->trace, from, 1);
    uint32_t to = (uint32_t)random_below(&m->random, m->trace.count + 1);
    open_gap(&m->trace, to, 1);
    m->trace.op[to] = op;
}

static void change_hart(struct mutation *m)
{
    struct trace_op *op = &m->trace.op[some_op(m)];

    op->hart = (uint8_t)random_below(&m->random, m->trace.harts);
}

/* One argument becomes bad in a way that fits its kind. */
static void spoil_argument(struct mutation *m)
{
    struct sketch s;
    uint32_t at = some_op(m);
    struct aim aim = aim_at(m, &s, at);

    generate_spoil(&aim, &m->trace.op[at]);
}

/* All arguments of a call anew: what is right in this state. */
static void renew_call(struct mutation *m)
{
    struct sketch s;
    uint32_t at = some_op(m);
    struct aim aim = aim_at(m, &s, at);
    struct trace_op *op = &m->trace.op[at];

    if (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL)
        generate_call_args(&aim, op);
    else
        generate_op(&aim, op);
}

static void flip_bit(struct mutation *m)
{
    struct trace_op *op = &m->trace.op[some_op(m)];
    unsigned args = trace_op_args(op);

    if (args != 0) {
        unsigned arg = (unsigned)random_below(&m->random, args);
        op->a[arg] ^= 1ull << random_below(&m->random, 64);
    }
}

/* One argument through the byte mutator of the engine, which knows values from comparisons. */
static void engine_argument(struct mutation *m)
{
    struct trace_op *op = &m->trace.op[some_op(m)];
    unsigned args = trace_op_args(op);
    uint8_t bytes[8];

    if (m->bytes_mutate == NULL || args == 0) {
        flip_bit(m);
        return;
    }
    unsigned arg = (unsigned)random_below(&m->random, args);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(op->a[arg] >> (8 * i));
    if (m->bytes_mutate(bytes, sizeof(bytes), sizeof(bytes)) == 0)
        return;
    op->a[arg] = 0;
    for (unsigned i = 0; i < 8; i++)
        op->a[arg] |= (uint64_t)bytes[i] << (8 * i);
    if (random_chance(&m->random, 50))
        op->kind[arg] = ARG_RAW;
}

/* Something that was done earlier in this trace is done again at another place. */
static void splice_self(struct mutation *m)
{
    uint32_t from = some_op(m);
    uint32_t left = m->trace.count - from;
    uint32_t count = 1 + (uint32_t)random_below(&m->random, left < 16 ? left : 16);
    struct trace_op copy[16];

    memcpy(copy, &m->trace.op[from], count * sizeof(copy[0]));
    if (open_gap(&m->trace, m->trace.count, count))
        memcpy(&m->trace.op[m->trace.count - count], copy, count * sizeof(copy[0]));
}

static void cut_tail(struct mutation *m)
{
    m->trace.count = (uint32_t)random_below(&m->random, m->trace.count) + 1;
}

/* Another machine. Rare: every other configuration costs a new world. */
static void change_machine(struct mutation *m)
{
    m->trace.harts = (uint8_t)(1 + random_below(&m->random, random_chance(&m->random, 80) ? 3 : TRACE_MAX_HARTS));
    m->trace.iopmp = random_chance(&m->random, 90) ? IOPMP_PRESENT : (uint8_t)random_below(&m->random, IOPMP_COUNT);
}

static const struct {
    void (*apply)(struct mutation *m);
    uint8_t weight;
    bool needs_ops;
} changes[] = {
    {insert_op, 26, false}, {insert_sequence, 16, false}, {delete_ops, 9, true},      {duplicate_ops, 6, true},
    {swap_ops, 5, true},    {move_op, 4, true},           {change_hart, 4, true},     {spoil_argument, 14, true},
    {renew_call, 5, true},  {flip_bit, 2, true},          {engine_argument, 3, true}, {splice_self, 4, true},
    {cut_tail, 2, true},    {change_machine, 1, false},   {disturb_op, 2, true},
};

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

static void change_once(struct mutation *m)
{
    unsigned total = 0;

    for (size_t i = 0; i < CHANGES; i++)
        total += changes[i].weight;
    uint64_t ticket = random_below(&m->random, total);
    for (size_t i = 0; i < CHANGES; i++) {
        if (ticket >= changes[i].weight) {
            ticket -= changes[i].weight;
            continue;
        }
        if (m->trace.count == 0 && changes[i].needs_ops)
            insert_sequence(m);
        else
            changes[i].apply(m);
        return;
    }
}

#define MORE_DECISIONS 32u /* that a change may add at once */

/* Another order of the harts: other decisions, more of them or fewer, or another seed behind them. */
static void change_schedule(struct mutation *m)
{
    struct trace *t = &m->trace;
    uint64_t kind = random_below(&m->random, 100);

    if (kind < 10) {
        t->schedule_seed = random_next(&m->random);
    } else if (kind < 25 && t->decisions != 0) {
        t->decisions = (uint16_t)random_below(&m->random, t->decisions);
    } else if (kind < 60 || t->decisions == 0) {
        uint64_t more = 1 + random_below(&m->random, MORE_DECISIONS);
        for (; more > 0 && t->decisions < TRACE_MAX_DECISIONS; more--)
            t->decision[t->decisions++] = (uint8_t)random_next(&m->random);
    } else {
        uint64_t at = random_below(&m->random, t->decisions);

        t->decision[at] = (uint8_t)random_next(&m->random);
    }
}

/* Long traces lose operations again: mostly something from the middle, so that the end stays. */
static void shorten(struct mutation *m)
{
    while (m->trace.count > USUAL_OPS && random_chance(&m->random, 90)) {
        uint32_t excess = m->trace.count - USUAL_OPS;
        uint32_t count = 1 + (uint32_t)random_below(&m->random, excess);
        close_gap(&m->trace, (uint32_t)random_below(&m->random, m->trace.count - count + 1), count);
    }
}

void trace_drop_ops(struct trace *t, enum trace_op_code code)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != code)
            t->op[kept++] = t->op[i];
    }
    t->count = kept;
}

void trace_canonical(struct trace *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        trace_op_canonical(&t->op[i], t->harts);
}

/* Fingerprint of what the trace says now, to see whether a change changed anything. */
static uint64_t fingerprint(const struct trace *t)
{
    uint64_t hash = t->harts + t->schedule_seed + t->decisions;

    for (unsigned i = 0; i < t->decisions; i++)
        hash = (hash ^ t->decision[i]) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < t->count; i++) {
        const uint8_t *bytes = (const uint8_t *)&t->op[i];
        for (size_t k = 0; k < sizeof(t->op[i]); k += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, bytes + k, sizeof(word));
            hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 29;
        }
    }
    return hash;
}

/* Encode, keeping the last operations when not all of them fit. */
static size_t finish(struct mutation *m, uint8_t *bytes, size_t max)
{
    size_t tail = trace_tail_size(&m->trace);
    size_t room = (max - TRACE_HEADER_SIZE - (tail <= max - TRACE_HEADER_SIZE ? tail : 0)) / TRACE_RECORD_SIZE;

    if (m->trace.count > room)
        close_gap(&m->trace, 0, m->trace.count - (uint32_t)room);
    return trace_encode(&m->trace, bytes, max);
}

size_t trace_mutate(uint8_t *bytes, size_t size, size_t max, uint32_t seed, trace_bytes_mutator bytes_mutate)
{
    struct mutation m;

    if (max < TRACE_HEADER_SIZE)
        return size < max ? size : max;
    trace_decode_any(&m.trace, bytes, size);
    m.random = random_from(seed);
    m.bytes_mutate = bytes_mutate;
    trace_drop_ops(&m.trace, OP_EXPECT);
    uint64_t before = fingerprint(&m.trace);
    unsigned attempts = 0;
    if (m.trace.overlap && random_chance(&m.random, 50))
        change_schedule(&m);
    do {
        change_once(&m);
        trace_canonical(&m.trace);
    } while (random_chance(&m.random, 40) || (fingerprint(&m.trace) == before && ++attempts < MAX_ATTEMPTS));
    shorten(&m);
    return finish(&m, bytes, max);
}
