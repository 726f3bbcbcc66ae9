/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of 64 bytes of a frame that hold an entry of a page table, as bits: tables are mostly empty, and most of them stay as
 * they are from one walk to the next. They are looked up once, and then followed as long as it is known where the frame is
 * written; nothing but the frame itself says what is in it.
 */
#include "harness/oracles/oracle.h"

#define LINE_WORDS 8u
#define FRAME_LINES (PAGE_SIZE / (8 * LINE_WORDS))
#define BLOCK_LINES (BLOCK_BYTES / (8 * LINE_WORDS))

static uint64_t lines_in(const uint8_t *bytes, uint32_t first, uint32_t count)
{
    uint64_t lines = 0;

    for (uint32_t i = first; i < first + count; i++) {
        uint64_t word[LINE_WORDS];
        memcpy(word, bytes + (size_t)i * sizeof(word), sizeof(word));
        uint64_t any = word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7];
        lines |= (uint64_t)(any != 0) << i;
    }
    return lines;
}

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
    o->lines[frame] = lines_in(frame_bytes(w, frame), 0, FRAME_LINES);
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
