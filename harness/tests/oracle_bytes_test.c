/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oracles compare at each step they compare whole: a change of any byte of any page record is noticed, in records that
 * nobody has used before and in others, and a change of any byte of a frame is found in its block.
 */
#include "harness/tests/world_kit.h"

static bool noticed(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    bool only = true;

    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_clear(&o->fresh[i]);
    o->scanned = false;
    records_scan(w);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        only = only && frame_set_next(&o->fresh[i], 0) == frame &&
               frame_set_next(&o->fresh[i], frame + 1) == FRAME_SET_END;
    return only;
}

static void each_byte_of_a_record_counts(void)
{
    struct world *w = kit_world_of(1, ORACLE_SINGLE);
    struct page_record *page = w->machine->monitor->page;
    uint32_t pages = w->machine->config.window_pages;

    for (uint32_t byte = 0; byte < sizeof(*page); byte++) {
        for (uint32_t frame = 0; frame < pages; frame++) {
            uint8_t *at = (uint8_t *)&page[frame] + byte;
            world_reset(w);
            *at ^= 0x80;
            CHECK(noticed(w, frame));
            *at ^= 0x80; /* back: noticed as well, and nobody has used its neighbours */
            CHECK(noticed(w, frame));
        }
    }
    CHECK(!noticed(w, pages - 1));
    world_destroy(w);
}

static void each_byte_of_a_frame_counts(void)
{
    static uint8_t one[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    static uint8_t other[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    CHECK_EQ(blocks_differing(one, other), 0);
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        one[i] ^= 0x01;
        CHECK_EQ(blocks_differing(one, other), 1u << i / BLOCK_BYTES);
        blocks_copy(other, one, blocks_differing(one, other));
        CHECK(memcmp(one, other, sizeof(one)) == 0);
    }
}

int main(void)
{
    each_byte_of_a_record_counts();
    each_byte_of_a_frame_counts();
    return test_finish();
}
