/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that give a TVM memory and take it away: 4 KiB and 2 MiB pages, measured, zero and shared; blocking, the fence of
 * a TVM, removing. What each call does to tables and page records, and that each refusal changes nothing.
 */
#include "harness/tests/monitor_kit.h"

#define PTE_DATA 0xdfu
#define PTE_SHARED 0xd7u
#define PTE_BLOCKED 0x100u
#define NO_TVM 77u

static unsigned state_of(const struct world *w, uint32_t frame)
{
    return w->machine->monitor->page[frame].state;
}

static uint64_t leaf(struct world *w, uint64_t gpa, unsigned level)
{
    return kit_read_entry(w, kit_entry(w, 0, gpa, level));
}

static uint64_t pte(uint64_t address, uint64_t flags)
{
    return address >> 12 << 10 | flags;
}

/* --- adding ----------------------------------------------------------------------------------------------------- */

static void large_page_is_measured_as_512_small_ones(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t large = large_tvm(w, 0);
    uint64_t small = large_tvm(w, KIT_STRIDE);

    for (uint32_t i = 0; i < LARGE_PAGES; i++)
        kit_op(w, 0, OP_HOST_WRITE64, kit_ram(LARGE_FRAME + i), i * 0x10001 + 1, 0, 0);
    kit_convert(w, LARGE_FRAME, 2 * LARGE_PAGES);
    KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, large, kit_ram(LARGE_FRAME), kit_window(LARGE_FRAME), TSM_PAGE_2M, 1,
           KIT_GPA);
    KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, small, kit_ram(LARGE_FRAME), kit_window(LARGE_FRAME + LARGE_PAGES),
           TSM_PAGE_4K, LARGE_PAGES, KIT_GPA);
    CHECK_EQ(memcmp(&kit_tvm(w, 0)->pages, &kit_tvm(w, 1)->pages, sizeof(struct measurement)), 0);
    CHECK_EQ(leaf(w, KIT_GPA, 1), pte(kit_window(LARGE_FRAME), PTE_DATA));
    CHECK_EQ(kit_tvm(w, 0)->pool_count, KIT_TABLE_COUNT - 2);
    for (uint32_t i = 0; i < LARGE_PAGES; i++)
        CHECK_EQ(w->machine->monitor->page[LARGE_FRAME + i].gfn, (KIT_GPA >> 12) + i);

    kit_finalize(w, large);
    kit_shmem(w, 0);
    kit_run(w, 0, large);
    CHECK_EQ(guest_loads(w, KIT_GPA + 511 * PAGE_SIZE), 511 * 0x10001 + 1);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_FETCH, KIT_GPA + 300 * PAGE_SIZE, 0, 0, 0).kind, EXPECT_VALUE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* What all calls that map memory refuse, by the arguments that they have in common. */
static void scalars_and_addresses_are_refused(struct world *w, uint64_t id)
{
    const uint64_t base = kit_window(LARGE_FRAME);
    const uint64_t overflow = UINT64_MAX / LARGE_SIZE + 1;
    static const uint64_t bad_types[] = {TSM_PAGE_1G, TSM_PAGE_512G, 4, UINT64_C(1) << 32};

    for (size_t i = 0; i < sizeof(bad_types) / sizeof(bad_types[0]); i++)
        REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_zero_pages, id, base, bad_types[i], 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_zero_pages, NO_TVM, base, TSM_PAGE_4K, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_2M, 0, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_2M, overflow, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_4K, overflow, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, base + PAGE_SIZE, TSM_PAGE_2M, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_2M, 1, KIT_GPA + PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_2M, 1, KIT_GPA + ROOM);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, base, TSM_PAGE_2M, 2,
            KIT_GPA + ROOM - LARGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_ram(LARGE_FRAME), TSM_PAGE_2M, 1,
            KIT_GPA);
}

static void zero_pages(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_tvm(w, 0);

    kit_convert(w, LARGE_FRAME, LARGE_PAGES + 1);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_zero_pages, id, kit_window(LARGE_FRAME), TSM_PAGE_2M, 1,
            KIT_GPA);
    kit_finalize(w, id);
    kit_shmem(w, 0);
    scalars_and_addresses_are_refused(w, id);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(LARGE_FRAME), TSM_PAGE_2M, 1, KIT_GPA);
    /* The frame is in use; the address is in use, by either end of the leaf. */
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(LARGE_FRAME), TSM_PAGE_2M, 1,
            KIT_GPA + LARGE_SIZE);
    for (uint32_t i = 0; i < LARGE_PAGES; i += LARGE_PAGES - 1)
        REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(2 * LARGE_FRAME),
                TSM_PAGE_4K, 1, KIT_GPA + i * PAGE_SIZE);
    /* One small page in the middle of 2 MiB is in the way of a large one. */
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(2 * LARGE_FRAME), TSM_PAGE_4K, 1,
           KIT_GPA + 7 * LARGE_SIZE + 77 * PAGE_SIZE);
    kit_convert(w, 3 * LARGE_FRAME, LARGE_PAGES);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(3 * LARGE_FRAME), TSM_PAGE_2M,
            1, KIT_GPA + 7 * LARGE_SIZE);
    /* Each small page in a new 2 MiB takes a table, until there are none. */
    for (uint32_t i = 1; i <= KIT_TABLE_COUNT - 3; i++)
        KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE - 1 + i), TSM_PAGE_4K, 1,
               KIT_GPA + i * LARGE_SIZE);
    REFUSED(w, 0, SBI_ERR_OUT_OF_PTPAGES, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE + 3), TSM_PAGE_4K, 1,
            KIT_GPA + 6 * LARGE_SIZE);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void large_page_takes_tables_too(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = kit_create(w, 0);

    kit_convert(w, LARGE_FRAME, LARGE_PAGES);
    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, id, KIT_GPA, ROOM);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(KIT_TABLES), 1);
    REFUSED(w, 0, SBI_ERR_OUT_OF_PTPAGES, CALL_covh_add_tvm_measured_pages, id, kit_ram(LARGE_FRAME),
            kit_window(LARGE_FRAME), TSM_PAGE_2M, 1, KIT_GPA);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(KIT_TABLES + 1), 1);
    KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, id, kit_ram(LARGE_FRAME), kit_window(LARGE_FRAME), TSM_PAGE_2M, 1,
           KIT_GPA);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- blocking --------------------------------------------------------------------------------------------------- */

/* A TVM with a 2 MiB page at KIT_GPA and two small pages 2 MiB above. */
static uint64_t populated(struct world *w)
{
    uint64_t id = large_runnable(w, 0);

    kit_convert(w, LARGE_FRAME, LARGE_PAGES + 2);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(LARGE_FRAME), TSM_PAGE_2M, 1, KIT_GPA);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(LARGE_FRAME + LARGE_PAGES), TSM_PAGE_4K, 2,
           KIT_GPA + LARGE_SIZE);
    return id;
}

#define SMALL (KIT_GPA + LARGE_SIZE)
#define SMALL_FRAME (LARGE_FRAME + LARGE_PAGES)

static void ranges_of_whole_leaves_only(struct world *w, uint64_t id, uint16_t call)
{
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, call, NO_TVM, SMALL, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, call, id, SMALL, 0);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, call, id, SMALL, PAGE_SIZE + 1);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, SMALL + 1, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, ~(uint64_t)PAGE_MASK, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, SMALL, ~(uint64_t)PAGE_MASK);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, KIT_GPA, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, KIT_GPA, LARGE_SIZE - PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, KIT_GPA + PAGE_SIZE, LARGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, SMALL, 3 * PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, SMALL + 2 * PAGE_SIZE, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, KIT_GPA + ROOM, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, call, id, KIT_GPA - PAGE_SIZE, PAGE_SIZE);
}

static void blocked_pages_come_back_as_they_were(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = populated(w);
    const uint64_t large = pte(kit_window(LARGE_FRAME), PTE_DATA);
    const uint64_t small = pte(kit_window(SMALL_FRAME), PTE_DATA);

    kit_run(w, 0, id);
    guest_stores(w, SMALL, 0x5151);
    guest_rests(w);
    ranges_of_whole_leaves_only(w, id, CALL_covh_tvm_invalidate_pages);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_validate_pages, id, SMALL, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, LARGE_SIZE + 2 * PAGE_SIZE);
    const uint64_t version = UINT64_C(1) << 54;
    CHECK_EQ(leaf(w, KIT_GPA, 1), (large & ~UINT64_C(1)) | PTE_BLOCKED | version);
    CHECK_EQ(leaf(w, SMALL, 0), (small & ~UINT64_C(1)) | PTE_BLOCKED | version);
    for (uint32_t i = 0; i < LARGE_PAGES + 2; i++)
        CHECK_EQ(state_of(w, LARGE_FRAME + i), PAGE_BLOCKED);

    /* Neither blocked again, nor covered by something else, nor reachable. */
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_invalidate_pages, id, SMALL, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), 0, 1, SMALL);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), 0, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_reclaim_pages, kit_window(SMALL_FRAME), 1);
    ranges_of_whole_leaves_only(w, id, CALL_covh_tvm_validate_pages);
    kit_run(w, 0, id);
    guest_faults(w, SMALL);
    kit_run(w, 0, id);
    guest_faults(w, KIT_GPA + 7 * PAGE_SIZE);

    KIT_OK(w, 0, CALL_covh_tvm_validate_pages, id, KIT_GPA, LARGE_SIZE);
    CHECK_EQ(leaf(w, KIT_GPA, 1), large);
    CHECK_EQ(state_of(w, LARGE_FRAME + 511), PAGE_DATA);
    CHECK_EQ(state_of(w, SMALL_FRAME), PAGE_BLOCKED);
    KIT_OK(w, 0, CALL_covh_tvm_validate_pages, id, SMALL, 2 * PAGE_SIZE);
    CHECK_EQ(leaf(w, SMALL, 0), small);
    CHECK_EQ(state_of(w, SMALL_FRAME), PAGE_DATA);
    kit_run(w, 0, id);
    CHECK_EQ(guest_loads(w, SMALL), 0x5151);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void not_before_finalize(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_tvm(w, 0);

    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_tvm_fence, NO_TVM);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_tvm_validate_pages, id, KIT_GPA, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_tvm_remove_pages, id, KIT_GPA, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_shared_pages, id, kit_ram(LARGE_FRAME), 0, 1, KIT_GPA);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- sharing ---------------------------------------------------------------------------------------------------- */

static void shared_memory_goes_and_comes(uint16_t remove)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = populated(w);

    kit_run(w, 0, id);
    guest_shows(w, CALL_covg_share_memory_region, SMALL, LARGE_SIZE);
    /* Not while a page is there, blocked or not, and not without a fence. */
    CHECK_EQ(host_answers(w, id, 0, 0).error, SBI_ERR_INVALID_PARAM);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, remove, id, SMALL, 2 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, SMALL, 2 * PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, remove, id, SMALL, 2 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    ranges_of_whole_leaves_only(w, id, remove);
    CHECK_EQ(host_answers(w, id, 0, 0).error, SBI_ERR_INVALID_PARAM);
    KIT_OK(w, 0, remove, id, SMALL, 2 * PAGE_SIZE);
    CHECK_EQ(state_of(w, SMALL_FRAME), PAGE_CONF_FREE);
    CHECK_EQ(leaf(w, SMALL, 0), 0);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, kit_ram(LARGE_FRAME), 0, 1, SMALL);

    /* What is not in the range may be blocked, but not removed. */
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, LARGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, remove, id, KIT_GPA, LARGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_validate_pages, id, KIT_GPA, LARGE_SIZE);

    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    CHECK_EQ(w->machine->hart[0].x[10], 0);
    guest_faults(w, SMALL);
    /* A table is linked here already: 512 small leaves, from the 2 MiB of one call. */
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, kit_ram(LARGE_FRAME), TSM_PAGE_2M, 1, SMALL);
    CHECK_EQ(leaf(w, SMALL + 511 * PAGE_SIZE, 0), pte(kit_ram(LARGE_FRAME + 511), PTE_SHARED));
    kit_run(w, 0, id);
    guest_stores(w, SMALL + 511 * PAGE_SIZE, 0x7777);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_FETCH, SMALL, 0, 0, 0).kind, EXPECT_TRAP);

    /* And back: the page of the host goes, the guest finds zeros. */
    guest_shows(w, CALL_covg_unshare_memory_region, SMALL + 511 * PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(kit_op(w, 0, OP_HOST_LOAD, kit_ram(LARGE_FRAME + 511), 8, 0, 0).value, 0x7777);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, SMALL + 511 * PAGE_SIZE, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_remove_pages, id, SMALL + 510 * PAGE_SIZE, 2 * PAGE_SIZE);
    KIT_OK(w, 0, remove, id, SMALL + 511 * PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    guest_faults(w, SMALL + 511 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(SMALL_FRAME), 0, 1, SMALL + 511 * PAGE_SIZE);
    kit_run(w, 0, id);
    CHECK_EQ(guest_loads(w, SMALL + 511 * PAGE_SIZE), 0);
    guest_rests(w);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void refused_share_leaves_memory_as_it_was(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = populated(w);

    kit_run(w, 0, id);
    guest_stores(w, SMALL, 0x5151);
    guest_shows(w, CALL_covg_share_memory_region, SMALL, PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 3);
    CHECK_EQ(host_answers(w, id, (uint64_t)SBI_ERR_DENIED, 0).kind, EXPECT_ENTER);
    CHECK((int64_t)w->machine->hart[0].x[10] < 0);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 1);
    CHECK_EQ(guest_loads(w, SMALL), 0x5151);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void shared_pages_are_host_memory(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_runnable(w, 0);
    const uint64_t ram = kit_ram(LARGE_FRAME);

    kit_run(w, 0, id);
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, 2 * LARGE_SIZE);
    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    guest_rests(w);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_1G, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_2M, 0, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_PARAM, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_2M,
            UINT64_MAX / LARGE_SIZE + 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, kit_window(LARGE_FRAME), 0, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, MACHINE_MONITOR_BASE, 0, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, MACHINE_MMIO_BASE, 0, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram + 8, 0, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram, 0, 1, KIT_GPA + 8);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram + PAGE_SIZE, 1, 1, KIT_GPA);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram, 1, 1, KIT_GPA + PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram, 1, 1, KIT_GPA + 2 * LARGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram, 1, 3, KIT_GPA);
    /* The last 2 MiB of host RAM and what lies behind them: the window. */
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, kit_ram(2 * LARGE_FRAME), 1, 2, KIT_GPA);

    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_2M, 1, KIT_GPA);
    CHECK_EQ(leaf(w, KIT_GPA, 1), pte(ram, PTE_SHARED));
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_shared_pages, id, ram, 0, 1, KIT_GPA + 9 * PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), 0, 1,
            KIT_GPA + LARGE_SIZE);
    /* The same host page twice is the host's business. */
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_4K, 2, KIT_GPA + LARGE_SIZE);
    kit_run(w, 0, id);
    guest_stores(w, KIT_GPA + PAGE_SIZE, 0x1234);
    CHECK_EQ(guest_loads(w, KIT_GPA + LARGE_SIZE + PAGE_SIZE), 0x1234);
    guest_rests(w);
    CHECK_EQ(kit_op(w, 0, OP_HOST_LOAD, ram + PAGE_SIZE, 8, 0, 0).value, 0x1234);

    /* A range over two regions is refused whole, even when all of it is mapped. */
    const uint64_t edge = KIT_GPA + 2 * LARGE_SIZE;
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, ram, TSM_PAGE_4K, 1, edge - PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), TSM_PAGE_4K, 1, edge);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_invalidate_pages, id, edge - PAGE_SIZE, 2 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, edge - PAGE_SIZE, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, edge, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_validate_pages, id, edge - PAGE_SIZE, 2 * PAGE_SIZE);

    /* Blocked and back, without becoming executable. */
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, LARGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_remove_pages, id, KIT_GPA, LARGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_validate_pages, id, KIT_GPA, LARGE_SIZE);
    CHECK_EQ(leaf(w, KIT_GPA, 1), pte(ram, PTE_SHARED));
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* The range of a change ends inside 2 MiB leaves: they are split, or the change is refused. */
static void change_within_large_pages_splits_them(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = populated(w);
    const uint64_t cut = KIT_GPA + 3 * PAGE_SIZE;
    uint32_t pool = kit_tvm(w, 0)->pool_count;

    kit_run(w, 0, id);
    guest_stores(w, cut - PAGE_SIZE, 0x42);
    guest_shows(w, CALL_covg_share_memory_region, cut, 2 * PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->pool_count, pool - 1);
    for (uint32_t i = 0; i < LARGE_PAGES; i++)
        CHECK_EQ(leaf(w, KIT_GPA + i * PAGE_SIZE, 0), pte(kit_window(LARGE_FRAME + i), PTE_DATA));
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, cut, 2 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, id, cut, 2 * PAGE_SIZE);
    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    CHECK_EQ(guest_loads(w, cut - PAGE_SIZE), 0x42);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);

    w = large_world(WATCHING);
    id = populated(w);
    kit_convert(w, 3 * LARGE_FRAME, LARGE_PAGES);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(3 * LARGE_FRAME), TSM_PAGE_2M, 1,
           KIT_GPA + 2 * LARGE_SIZE);
    /* Use up the tables but one: both ends need one. */
    for (uint32_t i = 3; kit_tvm(w, 0)->pool_count > 1; i++)
        KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE - 3 + i), TSM_PAGE_4K, 1,
               KIT_GPA + i * LARGE_SIZE);
    kit_run(w, 0, id);
    GUEST_REFUSED(w, SBI_ERR_FAILED, CALL_covg_share_memory_region, cut, 2 * LARGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 1);
    CHECK_EQ(leaf(w, KIT_GPA, 1), pte(kit_window(LARGE_FRAME), PTE_DATA));
    /* Whole leaves need none, and go as a whole. */
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, LARGE_SIZE);
    CHECK_EQ(leaf(w, KIT_GPA, 1), pte(kit_window(LARGE_FRAME), PTE_DATA));
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, LARGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, id, KIT_GPA, LARGE_SIZE);
    for (uint32_t i = 0; i < LARGE_PAGES; i++)
        CHECK_EQ(state_of(w, LARGE_FRAME + i), PAGE_CONF_FREE);
    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    /* The far end of a range cuts a leaf as well. */
    guest_shows(w, CALL_covg_share_memory_region, SMALL + LARGE_SIZE, 5 * PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->pool_count, 0);
    CHECK_EQ(leaf(w, SMALL + LARGE_SIZE + 5 * PAGE_SIZE, 0), pte(kit_window(3 * LARGE_FRAME + 5), PTE_DATA));
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* Pages that a running vCPU may still reach are not removed, however often the host asks. */
static void removing_waits_for_running_vcpus(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_tvm(w, 0);

    KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, 1, kit_window(KIT_VCPU + 1));
    kit_finalize(w, id);
    kit_shmem(w, 0);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), TSM_PAGE_4K, 1, SMALL);
    kit_run(w, 0, id);
    start_second_vcpu(w, id);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_STORE, SMALL, 8, 0x99, 0).kind, EXPECT_VALUE);
    guest_shows(w, CALL_covg_share_memory_region, SMALL, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, SMALL, PAGE_SIZE);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_remove_pages, id, SMALL, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_ALREADY_STARTED, CALL_covh_tvm_fence, id);
    REFUSED(w, 0, SBI_ERR_INVALID_ADDRESS, CALL_covh_tvm_remove_pages, id, SMALL, PAGE_SIZE);
    /* It was never told to forget: what it remembers is still its own memory. */
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, SMALL, 8, 0, 0).value, 0x99);
    CHECK_EQ(kit_op(w, 1, OP_IRQ, 5, 1, 0, 0).kind, EXPECT_EXIT);
    kit_op(w, 1, OP_IRQ, 5, 0, 0, 0);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, id, SMALL, PAGE_SIZE);
    CHECK_EQ(KIT_CALL(w, 1, CALL_covh_run_tvm_vcpu, id, 1).kind, EXPECT_ENTER);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, SMALL, 8, 0, 0).kind, EXPECT_EXIT);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    CHECK(world_audit(w));
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    large_page_is_measured_as_512_small_ones();
    zero_pages();
    blocked_pages_come_back_as_they_were();
    not_before_finalize();
    shared_memory_goes_and_comes(CALL_covh_tvm_remove_pages);
    shared_memory_goes_and_comes(CALL_covh_tvm_remove_pages_linux);
    refused_share_leaves_memory_as_it_was();
    shared_pages_are_host_memory();
    change_within_large_pages_splits_them();
    large_page_takes_tables_too();
    removing_waits_for_running_vcpus();
    return test_finish();
}
