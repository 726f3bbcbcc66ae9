/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of 64 bytes of a frame that hold an entry of a page table, as bits: tables are mostly empty, and most of them stay as
 * they are from one walk to the next. They are looked up once, and then followed as long as it is known where the frame is
 * written; nothing but the frame itself says what is in it.
 */
#include "harness/oracles/oracle.h"

#define BLOCK_LINES (BLOCK_BYTES / LINE_BYTES)

static const uint8_t *frame_bytes(const struct world *w, uint32_t frame)
{
    return w->machine->window + (size_t)frame * PAGE_SIZE;
}

static bool is_known(const struct oracle_state *o, uint32_t frame)
{
    return (o->lined.word[frame / 64] >> frame % 64 & 1) != 0;
}

uint64_t lines_of(const struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;

    if (is_known(o, frame))
        return o->lines[frame];
    o->lines[frame] = lines_in(frame_bytes(w, frame), 0, PAGE_SIZE / LINE_BYTES);
    frame_set_add(&o->lined, frame);
    return o->lines[frame];
}

void lines_written(const struct world *w, uint32_t frame, block_set blocks)
{
    struct oracle_state *o = w->oracle_state;

    if (!is_known(o, frame))
        return;
    for (unsigned rest = blocks; rest != 0; rest &= rest - 1) {
        uint32_t first = (uint32_t)__builtin_ctz(rest) * BLOCK_LINES;
        o->lines[frame] &= ~(((UINT64_C(1) << BLOCK_LINES) - 1) << first);
        o->lines[frame] |= lines_in(frame_bytes(w, frame), first, BLOCK_LINES);
    }
}

void lines_zero(struct oracle_state *o, uint32_t frame)
{
    o->lines[frame] = 0;
    frame_set_add(&o->lined, frame);
}
