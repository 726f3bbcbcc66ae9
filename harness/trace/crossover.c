/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-over: the beginning of one trace, then a stretch or the end of another. The machine is that of the first.
 */
#include <string.h>

#include "harness/trace/ops.h"
#include "harness/trace/random.h"

#define USUAL_OPS 64u

/* Append operations [from, to) of `source`, without expectations, as far as there is room. */
static void append(struct trace *t, const struct trace *source, uint32_t from, uint32_t to, uint32_t limit)
{
    for (uint32_t i = from; i < to && t->count < limit; i++) {
        if (source->op[i].op == OP_EXPECT)
            continue;
        t->op[t->count] = source->op[i];
        trace_op_canonical(&t->op[t->count], t->harts);
        t->count++;
    }
}

size_t trace_crossover(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out, size_t max,
                       uint32_t seed)
{
    struct trace first, second, child;
    struct random r = random_from(seed);

    if (max < TRACE_HEADER_SIZE)
        return 0;
    trace_decode_any(&first, a, a_size);
    trace_decode_any(&second, b, b_size);
    child = first; /* machine and schedule */
    child.count = 0;

    size_t tail = trace_tail_size(&child);
    size_t room = (max - TRACE_HEADER_SIZE - (tail <= max - TRACE_HEADER_SIZE ? tail : 0)) / TRACE_RECORD_SIZE;
    uint32_t limit = room < USUAL_OPS ? (uint32_t)room : USUAL_OPS;
    uint32_t head = (uint32_t)random_below(&r, first.count + 1);
    uint32_t from = (uint32_t)random_below(&r, second.count + 1);
    append(&child, &first, 0, head, limit);
    if (random_chance(&r, 50)) {
        append(&child, &second, from, second.count, limit);
    } else {
        append(&child, &second, from, from + (uint32_t)random_below(&r, second.count - from + 1), limit);
        append(&child, &first, head, first.count, limit);
    }
    return trace_encode(&child, out, max);
}
