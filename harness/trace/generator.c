/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weaker mutators; see generator.h. They share nothing with the full one but the format, so that a change there does not
 * move what it is measured against.
 */
#include "harness/trace/generator.h"

#include <stdlib.h>
#include <string.h>

#include "harness/trace/ops.h"
#include "harness/trace/random.h"

#define GRAMMAR_OPS 64u   /* as long as the full mutator usually lets a trace become */
#define GRAMMAR_INDEX 64u /* frames and handles that a random argument names */

static const char *const names[] = {"handles", "grammar", "raw"};

bool trace_generator_by_name(const char *name, enum trace_generator *generator)
{
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *generator = (enum trace_generator)i;
            return true;
        }
    }
    return false;
}

enum trace_generator trace_generator_wanted(void)
{
    enum trace_generator generator = TRACE_GENERATOR_HANDLES;
    const char *name = getenv("TOUCHSTONE_GENERATOR");

    if (name != NULL && !trace_generator_by_name(name, &generator)) {
        fprintf(stderr, "error: TOUCHSTONE_GENERATOR is '%s': handles, grammar or raw\n", name);
        exit(EXIT_FAILURE);
    }
    return generator;
}

/* --- bytes ------------------------------------------------------------------------------------------------ */

/* What a fuzzer without any knowledge does, for callers that bring no byte mutator of their own. */
static size_t mutate_bytes(uint8_t *bytes, size_t size, size_t max, struct random *r)
{
    size_t run = 1 + random_below(r, 32);
    size_t at = random_below(r, size + 1);

    switch (random_below(r, 6)) {
    case 0: /* more of anything */
        run = run < max - size ? run : max - size;
        memmove(bytes + at + run, bytes + at, size - at);
        for (size_t i = 0; i < run; i++)
            bytes[at + i] = (uint8_t)random_next(r);
        return size + run;
    case 1: /* less */
        run = run < size - at ? run : size - at;
        memmove(bytes + at, bytes + at + run, size - at - run);
        return size - run;
    case 2: /* a stretch once more, at the end */
        run = 1 + random_below(r, 256);
        run = run < size - at ? run : size - at;
        run = run < max - size ? run : max - size;
        memmove(bytes + size, bytes + at, run);
        return size + run;
    case 3:
        if (at < size)
            bytes[at] ^= (uint8_t)(1u << random_below(r, 8));
        return size;
    case 4:
        if (at < size)
            bytes[at] = (uint8_t)(bytes[at] + random_below(r, 33) - 16);
        return size;
    default:
        if (at < size)
            bytes[at] = (uint8_t)random_next(r);
        return size;
    }
}

static size_t crossover_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                              size_t max, struct random *r)
{
    size_t head = random_below(r, a_size + 1);
    size_t from = random_below(r, b_size + 1);

    head = head < max ? head : max;
    size_t tail = b_size - from < max - head ? b_size - from : max - head;
    memcpy(out, a, head);
    memcpy(out + head, b + from, tail);
    return head + tail;
}

/* --- operations ------------------------------------------------------------------------------------------- */

static uint64_t random_value(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0: return random_below(r, 16);
    case 1: {
        uint64_t power = 1ull << random_below(r, 64);

        return power - random_below(r, 2);
    }
    case 2: return random_below(r, 1u << 20) << 12;
    default: return random_next(r);
    }
}

static void random_argument(struct trace_op *op, unsigned arg, struct random *r)
{
    op->kind[arg] = (uint8_t)(random_chance(r, 50) ? ARG_RAW : random_below(r, ARG_KIND_COUNT));
    if (op->kind[arg] == ARG_RAW)
        op->a[arg] = random_value(r);
    else
        op->a[arg] = trace_handle((uint32_t)random_below(r, GRAMMAR_INDEX), 0);
}

static void random_op(struct trace_op *op, uint8_t harts, struct random *r)
{
    size_t calls;
    const struct abi_call *call = abi_calls(&calls);

    *op = (struct trace_op){.hart = (uint8_t)random_below(r, harts)};
    if (random_chance(r, 60)) {
        call += random_below(r, calls);
        op->op = (uint8_t)(call->guest ? OP_GUEST_CALL : OP_HOST_CALL);
        op->call = call->id;
    } else {
        do
            op->op = (uint8_t)random_below(r, OP_COUNT);
        while (op->op == OP_EXPECT || op->op == OP_NOP);
    }
    for (unsigned arg = 0; arg < trace_op_args(op); arg++)
        random_argument(op, arg, r);
    trace_op_canonical(op, harts);
}

static void mutate_ops(struct trace *t, struct random *r)
{
    uint32_t at = (uint32_t)random_below(r, t->count + 1);
    uint64_t kind = t->count == 0 ? 0 : random_below(r, 10);

    if (kind < 5) {
        if (t->count >= GRAMMAR_OPS)
            return;
        memmove(&t->op[at + 1], &t->op[at], (t->count - at) * sizeof(t->op[0]));
        random_op(&t->op[at], t->harts, r);
        t->count++;
        return;
    }
    at = (uint32_t)random_below(r, t->count);
    if (kind < 7) {
        unsigned args = trace_op_args(&t->op[at]);
        if (args != 0)
            random_argument(&t->op[at], (unsigned)random_below(r, args), r);
        trace_op_canonical(&t->op[at], t->harts);
    } else if (kind < 9) {
        memmove(&t->op[at], &t->op[at + 1], (t->count - at - 1) * sizeof(t->op[0]));
        t->count--;
    } else {
        uint32_t other = (uint32_t)random_below(r, t->count);
        struct trace_op op = t->op[at];
        t->op[at] = t->op[other];
        t->op[other] = op;
    }
}

/* --- all -------------------------------------------------------------------------------------------------- */

size_t trace_mutate_as(enum trace_generator generator, uint8_t *bytes, size_t size, size_t max, uint32_t seed,
                       trace_bytes_mutator bytes_mutate)
{
    struct random r = random_from(seed);

    if (generator == TRACE_GENERATOR_HANDLES || max < TRACE_HEADER_SIZE)
        return trace_mutate(bytes, size, max, seed, bytes_mutate);
    if (generator == TRACE_GENERATOR_RAW)
        return bytes_mutate != NULL ? bytes_mutate(bytes, size, max) : mutate_bytes(bytes, size, max, &r);
    struct trace t;
    uint32_t kept = 0;

    trace_decode_any(&t, bytes, size);
    for (uint32_t i = 0; i < t.count; i++) {
        if (t.op[i].op != OP_EXPECT)
            t.op[kept++] = t.op[i];
    }
    t.count = kept;
    do
        mutate_ops(&t, &r);
    while (random_chance(&r, 40));
    return trace_encode(&t, bytes, max);
}

size_t trace_crossover_as(enum trace_generator generator, const uint8_t *a, size_t a_size, const uint8_t *b,
                          size_t b_size, uint8_t *out, size_t max, uint32_t seed)
{
    struct random r = random_from(seed);

    if (generator == TRACE_GENERATOR_RAW)
        return crossover_bytes(a, a_size, b, b_size, out, max, &r);
    return trace_crossover(a, a_size, b, b_size, out, max, seed);
}
