/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oracles compare at each step they compare whole: a change of any byte of any page record is noticed, in records that
 * nobody has used before and in others, and of any slot of a TVM; a change of any byte of a frame is found in its block, and
 * by the walk of tables in its line.
 */
#include "harness/tests/world_kit.h"
#include "monitor/core/tvm.h"

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

static uint64_t moved(struct world *w)
{
    w->oracle_state->scanned = false;
    records_scan(w);
    return w->oracle_state->slots_moved;
}

static void each_byte_of_a_slot_counts(void)
{
    struct world *w = kit_world_of(1, ORACLE_SINGLE);
    struct tvm_slot *slot = w->machine->monitor->tvm;

    for (uint32_t i = 0; i < sizeof(*slot) * MONITOR_MAX_TVMS; i++) {
        uint8_t *at = (uint8_t *)slot + i;
        *at ^= 0x80;
        CHECK_EQ(moved(w), UINT64_C(1) << i / sizeof(*slot));
        *at ^= 0x80;
        CHECK_EQ(moved(w), 0);
    }
    world_destroy(w);
}

static void each_byte_of_a_table_counts(void)
{
    const uint32_t frame = 3;
    struct world *w = kit_world_of(1, ORACLE_SINGLE);
    uint8_t *bytes = w->machine->window + frame * PAGE_SIZE;

    memset(bytes, 0, PAGE_SIZE);
    lines_zero(w->oracle_state, frame);
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        CHECK_EQ(lines_of(w, frame), 0);
        bytes[i] ^= 0x80;
        lines_written(w, frame, (block_set)(1u << i / BLOCK_BYTES));
        CHECK_EQ(lines_of(w, frame), UINT64_C(1) << i / 64);
        frame_set_remove(&w->oracle_state->lined, frame);
        CHECK_EQ(lines_of(w, frame), UINT64_C(1) << i / 64);
        bytes[i] ^= 0x80;
        lines_written(w, frame, (block_set)(1u << i / BLOCK_BYTES));
    }
    world_destroy(w);
}

static void each_byte_of_zeros_counts(void)
{
    static uint8_t bytes[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        CHECK(bytes_zero(bytes, PAGE_SIZE));
        bytes[i] = 0x80;
        CHECK(!bytes_zero(bytes, PAGE_SIZE));
        CHECK(!bytes_zero(bytes + i / 8 * 8, 8));
        CHECK(bytes_zero(bytes, i / 8 * 8));
        CHECK(bytes_zero(bytes + i / 8 * 8 + 8, PAGE_SIZE - i / 8 * 8 - 8));
        bytes[i] = 0;
    }
}

static void each_byte_of_a_frame_counts(void)
{
    static uint8_t one[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    static uint8_t other[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    CHECK_EQ(blocks_differing(one, other, FRAME_BLOCKS), 0);
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        one[i] ^= 0x01;
        CHECK_EQ(blocks_differing(one, other, FRAME_BLOCKS), 1u << i / BLOCK_BYTES);
        CHECK_EQ(blocks_differing(one, other, i / BLOCK_BYTES), 0);
        CHECK_EQ(blocks_differing(one, other, i / BLOCK_BYTES + 1), 1u << i / BLOCK_BYTES);
        blocks_copy(other, one, blocks_differing(one, other, FRAME_BLOCKS));
        CHECK(memcmp(one, other, sizeof(one)) == 0);
    }
}

/* Every bit of a line is seen, in that line and in no other, whichever are asked for. */
static void each_byte_of_a_line_counts(void)
{
    static uint8_t bytes[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    const uint32_t lines = PAGE_SIZE / LINE_BYTES;

    CHECK_EQ(lines_in(bytes, 0, lines), 0);
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        uint32_t line = i / LINE_BYTES;
        bytes[i] = 0x10;
        CHECK_EQ(lines_in(bytes, 0, lines), UINT64_C(1) << line);
        CHECK_EQ(lines_in(bytes, line, 1), UINT64_C(1) << line);
        CHECK_EQ(lines_in(bytes, 0, line), 0);
        CHECK_EQ(lines_in(bytes, line + 1, lines - line - 1), 0);
        bytes[i] = 0;
    }
}

/* The set of vCPUs has each that is there, in whatever state, and no other. */
static void each_vcpu_counts(void)
{
    static struct tvm t;

    CHECK_EQ(oracle_vcpus(&t), 0);
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++) {
        for (uint32_t state = VCPU_ABSENT + 1; state <= VCPU_SUSPENDED; state++) {
            t.vcpu[i].state = state;
            CHECK_EQ(oracle_vcpus(&t), UINT64_C(1) << i);
        }
        t.vcpu[i].state = VCPU_ABSENT;
    }
}

int main(void)
{
    each_byte_of_a_record_counts();
    each_byte_of_a_slot_counts();
    each_byte_of_a_table_counts();
    each_byte_of_zeros_counts();
    each_byte_of_a_frame_counts();
    each_byte_of_a_line_counts();
    each_vcpu_counts();
    return test_finish();
}
