/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATT: a measurement depends on content, address and order of all pages, on entry point and argument, and on nothing
 * else; a register or a frame that differs from what was measured is a finding.
 */
#include "harness/oracles/att.h"
#include "harness/tests/oracle_kit.h"

static struct world *att_world(void)
{
    return kit_world_of(1, ORACLE_ATT);
}

static void spoil_pages(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->pages.value[47] ^= 1;
}

static void spoil_config(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->config.value[0] ^= 0x80;
}

static void spoil_frame(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_DATA, 4095);
}

static void step_finds(struct world *w, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_ATT, S1_ISOLATION, property);
    world_destroy(w);
}

static void what_was_measured_is_what_is_there(void (*act)(struct world *w, const struct machine_event *event),
                                               const char *property)
{
    struct world *w = att_world();
    uint64_t id = kit_create(w, 0);

    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, id, KIT_GPA, 16 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(KIT_TABLES), KIT_TABLE_COUNT);
    CHECK_CLEAN(w);
    sabotage_at_leave(w, act);
    KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, id, kit_ram(KIT_SOURCE), kit_window(KIT_DATA), 0, 1, KIT_GPA);
    step_finds(w, property);
}

static void the_entry_point_is_measured(void)
{
    struct world *w = att_world();
    uint64_t id = kit_create(w, 0);

    kit_populate(w, 0, id);
    show_argument(w, 2, KIT_ARG + 1); /* the oracles believe in another argument than the monitor */
    KIT_OK(w, 0, CALL_covh_finalize_tvm, id, KIT_ENTRY, KIT_ARG, 0);
    step_finds(w, "config");
}

struct page_at {
    unsigned fill;
    uint64_t gpa;
};

/* Register 4 of a TVM whose two pages are added as told. */
static void measure(const struct page_at pages[2], uint8_t value[ATT_HASH_SIZE])
{
    struct world *w = att_world();
    uint64_t id = kit_create(w, 0);

    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, id, KIT_GPA, 16 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(KIT_TABLES), KIT_TABLE_COUNT);
    for (unsigned i = 0; i < 2; i++) {
        kit_op(w, 0, OP_HOST_FILL, kit_ram(KIT_SOURCE), PAGE_SIZE, pages[i].fill, 0);
        KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, id, kit_ram(KIT_SOURCE), kit_window(KIT_DATA + i), 0, 1,
               pages[i].gpa);
    }
    CHECK_CLEAN(w);
    memcpy(value, kit_tvm(w, 0)->pages.value, ATT_HASH_SIZE);
    world_destroy(w);
}

static void every_permutation_shows(void)
{
    const uint64_t a = KIT_GPA;
    const uint64_t b = KIT_GPA + PAGE_SIZE;
    const struct page_at orders[][2] = {
        {{1, a}, {2, b}}, /* as told */
        {{2, b}, {1, a}}, /* other order */
        {{2, a}, {1, b}}, /* contents exchanged */
        {{1, b}, {2, a}}, /* addresses exchanged */
        {{1, a}, {3, b}}, /* other content */
        {{1, a}, {2, b + PAGE_SIZE}},
    };
    enum { ORDERS = sizeof(orders) / sizeof(orders[0]) };
    uint8_t value[ORDERS][ATT_HASH_SIZE];
    uint8_t again[ATT_HASH_SIZE];

    for (unsigned i = 0; i < ORDERS; i++)
        measure(orders[i], value[i]);
    measure(orders[0], again);
    CHECK(memcmp(again, value[0], ATT_HASH_SIZE) == 0);
    for (unsigned i = 0; i < ORDERS; i++)
        for (unsigned j = i + 1; j < ORDERS; j++)
            CHECK(memcmp(value[i], value[j], ATT_HASH_SIZE) != 0);
}

int main(void)
{
    what_was_measured_is_what_is_there(spoil_pages, "pages");
    what_was_measured_is_what_is_there(spoil_config, "config");
    what_was_measured_is_what_is_there(spoil_frame, "pages");
    the_entry_point_is_measured();
    every_permutation_shows();
    return test_finish();
}
