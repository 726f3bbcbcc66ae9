/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TVM remembers about guest-physical addresses: its list of regions, the fence that its blocked pages wait for,
 * the calls by which a guest declares devices, and the memory of a promoted TVM, which the monitor moves itself.
 */
#include "harness/tests/monitor_kit.h"
#include "monitor/core/region_change.h"
#include "monitor/core/tvm_fence.h"
#include "monitor/core/tvm_frames.h"

#define C REGION_CONFIDENTIAL
#define CR REGION_CONFIDENTIAL_REMOVABLE
#define S REGION_SHARED
#define SR REGION_SHARED_REMOVABLE

static struct tvm list; /* only its regions and its fence are used */

static bool insert(uint64_t first, uint64_t pages, enum region_type type)
{
    return tvm_region_insert(&list, (struct gpa){first * PAGE_SIZE}, pages * PAGE_SIZE, type);
}

static bool retype(uint64_t first, uint64_t pages, enum region_type type)
{
    return tvm_region_retype(&list, (struct gpa){first * PAGE_SIZE}, pages * PAGE_SIZE, type);
}

#define IS(index, first, pages, kind)                                                                                  \
    CHECK(list.region[index].base == (uint64_t)(first)*PAGE_SIZE &&                                                    \
          list.region[index].len == (uint64_t)(pages)*PAGE_SIZE && list.region[index].type == (uint32_t)(kind))

static void neighbours_merge_unless_one_is_pending_or_a_device(void)
{
    memset(&list, 0, sizeof(list));
    CHECK(insert(10, 5, C) && insert(20, 5, C) && insert(15, 5, C));
    CHECK_EQ(list.region_count, 1);
    IS(0, 10, 15, C);
    CHECK(insert(25, 5, S) && insert(5, 5, S));
    CHECK_EQ(list.region_count, 3);
    CHECK(insert(30, 1, REGION_MMIO) && insert(31, 1, REGION_MMIO));
    CHECK_EQ(list.region_count, 5);
    CHECK(retype(10, 2, CR) && retype(12, 2, CR));
    CHECK_EQ(list.region_count, 7);
    IS(1, 10, 2, CR);
    IS(2, 12, 2, CR);
    IS(3, 14, 11, C);
    /* Each change ends by itself, into whatever stands beside it. */
    CHECK(retype(10, 2, S));
    IS(0, 5, 7, S);
    CHECK(retype(12, 2, C));
    IS(1, 12, 13, C);
    CHECK_EQ(list.region_count, 5);
    tvm_region_remove_mmio(&list, (struct gpa){31 * PAGE_SIZE}, 10 * PAGE_SIZE);
    CHECK_EQ(list.region_count, 4);
    IS(3, 30, 1, REGION_MMIO);
    tvm_region_remove_mmio(&list, (struct gpa){0}, 100 * PAGE_SIZE);
    CHECK_EQ(list.region_count, 3);
}

static void cuts_need_room(void)
{
    memset(&list, 0, sizeof(list));
    CHECK(insert(0, 10, C));
    for (uint64_t i = 1; i < TVM_MAX_REGIONS - 1; i++)
        CHECK(insert(20 * i, 1, C));
    struct tvm before = list;
    CHECK(!retype(3, 2, CR));
    CHECK_EQ(memcmp(&before, &list, sizeof(list)), 0);
    CHECK(retype(0, 2, CR));
    CHECK_EQ(list.region_count, TVM_MAX_REGIONS);
    before = list;
    CHECK(!insert(11, 1, C));
    CHECK(!retype(9, 1, CR));
    CHECK_EQ(memcmp(&before, &list, sizeof(list)), 0);
    /* A full table still takes what only makes a neighbour longer, and ends what is pending. */
    CHECK(insert(10, 1, C));
    CHECK(retype(20, 1, CR));
    CHECK(retype(0, 2, S));
    CHECK_EQ(list.region_count, TVM_MAX_REGIONS);
}

static void a_fence_waits_for_those_who_ran(void)
{
    struct vcpu_slot a = {0};
    struct vcpu_slot b = {0};

    memset(&list, 0, sizeof(list));
    CHECK(!tvm_fence_completed(&list, 0)); /* nobody runs, but no fence was started either */
    tvm_fence_enter(&list, &a);
    CHECK(tvm_fence_initiate(&list));
    CHECK(!tvm_fence_completed(&list, 0));
    tvm_fence_enter(&list, &b); /* entered later: not waited for */
    CHECK(!tvm_fence_initiate(&list));
    CHECK_EQ(list.fence.current, 1);
    tvm_fence_leave(&list, &a);
    CHECK(tvm_fence_completed(&list, 0));
    CHECK(!tvm_fence_completed(&list, 1));
    CHECK(tvm_fence_initiate(&list));
    CHECK(tvm_fence_completed(&list, 0));
    CHECK(!tvm_fence_completed(&list, 1));
    tvm_fence_leave(&list, &b);
    CHECK(tvm_fence_completed(&list, 1));
    CHECK_EQ(list.fence.running_current + list.fence.running_previous, 0);
}

/* Leaves keep ten bits of the version: old ones look younger than they are, never older. */
static void versions_wrap_to_the_safe_side(void)
{
    struct vcpu_slot a = {0};

    memset(&list, 0, sizeof(list));
    list.fence.current = 1023;
    CHECK(!tvm_fence_completed(&list, 1023));
    CHECK(tvm_fence_initiate(&list));
    CHECK(tvm_fence_completed(&list, 1023));
    tvm_fence_enter(&list, &a);
    CHECK(tvm_fence_initiate(&list));
    CHECK_EQ(list.fence.current, 1025);
    CHECK(tvm_fence_completed(&list, 1023));
    CHECK(!tvm_fence_completed(&list, 1024 % 1024));
    CHECK(!tvm_fence_completed(&list, 1025 % 1024));
    list.fence.current = UINT64_C(5) << 40 | 7;
    CHECK(!tvm_fence_completed(&list, 7)); /* blocked at 7 or any number of 1024s later */
    CHECK(!tvm_fence_completed(&list, 6));
    CHECK(tvm_fence_completed(&list, 5));
    CHECK(tvm_fence_completed(&list, 8));
}

/* --- devices ---------------------------------------------------------------------------------------------------- */

static void declare(struct world *w, uint64_t id, uint16_t call, uint64_t gpa, uint64_t len)
{
    guest_shows(w, call, gpa, len);
    kit_run(w, 0, id);
    CHECK_EQ(w->machine->hart[0].x[10], SBI_SUCCESS);
}

static void devices_are_disjoint_from_everything(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_runnable(w, 0);
    const uint64_t device = UINT64_C(0x10001000);

    kit_run(w, 0, id);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_add_mmio_region, device, 0);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_add_mmio_region, device, 8);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, device + 8, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, ~(uint64_t)PAGE_MASK, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, UINT64_C(1) << 50, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, KIT_GPA - PAGE_SIZE, 2 * PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, KIT_GPA + ROOM - PAGE_SIZE, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_remove_mmio_region, device, PAGE_SIZE + 1);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_remove_mmio_region, device + 1, PAGE_SIZE);
    declare(w, id, CALL_covg_add_mmio_region, device, PAGE_SIZE);
    declare(w, id, CALL_covg_add_mmio_region, device + PAGE_SIZE, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_add_mmio_region, device + PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 3);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, device, PAGE_SIZE);

    /* One device goes, its neighbour stays; removing what is not there is no mistake. */
    declare(w, id, CALL_covg_remove_mmio_region, device, PAGE_SIZE);
    declare(w, id, CALL_covg_remove_mmio_region, device, PAGE_SIZE);
    declare(w, id, CALL_covg_remove_mmio_region, KIT_GPA, PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 2);
    CHECK_EQ(kit_tvm(w, 0)->region[0].base, device + PAGE_SIZE);
    for (uint64_t i = 2; i < TVM_MAX_REGIONS; i++)
        declare(w, id, CALL_covg_add_mmio_region, device + i * PAGE_SIZE, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_FAILED, CALL_covg_add_mmio_region, device, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_FAILED, CALL_covg_share_memory_region, KIT_GPA, PAGE_SIZE);
    declare(w, id, CALL_covg_remove_mmio_region, device - PAGE_SIZE, 2 * TVM_MAX_REGIONS * PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 1);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static void only_what_is_confidential_is_shared(void)
{
    struct world *w = large_world(WATCHING);
    uint64_t id = large_runnable(w, 0);

    kit_run(w, 0, id);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, KIT_GPA, 0);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, KIT_GPA, 1);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_share_memory_region, KIT_GPA + 1, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_ADDRESS, CALL_covg_share_memory_region, UINT64_C(1) << 50, PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, KIT_GPA + ROOM - PAGE_SIZE, 2 * PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, KIT_GPA - PAGE_SIZE, 2 * PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_unshare_memory_region, KIT_GPA, PAGE_SIZE);
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, 4 * PAGE_SIZE);
    CHECK_EQ(host_answers(w, id, 0, 0).kind, EXPECT_ENTER);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_share_memory_region, KIT_GPA + 3 * PAGE_SIZE, 2 * PAGE_SIZE);
    GUEST_REFUSED(w, SBI_ERR_INVALID_PARAM, CALL_covg_unshare_memory_region, KIT_GPA + 3 * PAGE_SIZE, 2 * PAGE_SIZE);
    guest_shows(w, CALL_covg_unshare_memory_region, KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 4);
    CHECK_EQ(host_answers(w, id, (uint64_t)SBI_ERR_FAILED, 0).kind, EXPECT_ENTER);
    CHECK_EQ(kit_tvm(w, 0)->region_count, 2);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* --- memory of a promoted TVM ----------------------------------------------------------------------------------- */

/*
 * A TVM made step by step and declared promoted, with `reserve` frames: the monitor's part of the work without the work
 * of the promotion. No oracle watches, since none can know where the reserve comes from.
 */
static uint64_t promoted(struct world *w, uint32_t reserve)
{
    struct hart *h = &w->machine->monitor->hart[0];
    uint64_t id = large_tvm(w, 0);
    struct tvm *t = kit_tvm(w, 0);

    KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, 1, kit_window(KIT_VCPU + 1));
    kit_finalize(w, id);
    kit_shmem(w, 0);
    t->promoted = true;
    kit_convert(w, LARGE_FRAME, 2 * LARGE_PAGES);
    for (uint32_t i = 0; i < reserve; i++)
        tvm_reserve_add(h, t, (struct conf_page){LARGE_FRAME + i});
    return id;
}

static uint32_t frames_in(const struct world *w, enum page_state state)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->machine->config.window_pages; i++)
        count += w->machine->monitor->page[i].state == state;
    return count;
}

static void reserve_backs_first_touches(void)
{
    struct world *w = large_world(0);
    uint64_t id = promoted(w, 4);
    const struct tvm *t = kit_tvm(w, 0);

    kit_run(w, 0, id);
    CHECK_EQ(guest_loads(w, KIT_GPA), 0);
    CHECK_EQ(guest_loads(w, KIT_GPA + 3 * PAGE_SIZE), 0);
    CHECK_EQ(t->reserve_count, 2);
    CHECK_EQ(t->pool_count, KIT_TABLE_COUNT - 3);
    /* Outside its memory there is nothing, at any price. */
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, KIT_GPA + ROOM, 8, 0, 0).kind, EXPECT_TRAP);
    CHECK_EQ(guest_loads(w, KIT_GPA + LARGE_SIZE), 0);
    CHECK_EQ(guest_loads(w, KIT_GPA + LARGE_SIZE + PAGE_SIZE), 0);
    CHECK_EQ(t->reserve_count, 0);
    guest_faults(w, KIT_GPA + LARGE_SIZE + 2 * PAGE_SIZE);
    /* Tables come from the reserve too when the pool is empty, and a page that leaves none for itself is not there. */
    kit_tvm(w, 0)->pool_count = 0;
    tvm_reserve_add(&w->machine->monitor->hart[0], kit_tvm(w, 0), (struct conf_page){LARGE_FRAME + 4});
    kit_run(w, 0, id);
    guest_faults(w, KIT_GPA + 2 * LARGE_SIZE);
    CHECK_EQ(t->reserve_count, 1);
    tvm_reserve_add(&w->machine->monitor->hart[0], kit_tvm(w, 0), (struct conf_page){LARGE_FRAME + 5});
    kit_run(w, 0, id);
    CHECK_EQ(guest_loads(w, KIT_GPA + 2 * LARGE_SIZE), 0);
    CHECK_EQ(t->reserve_count, 0);
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    world_destroy(w);
}

static void pages_are_shared_in_place(void)
{
    struct world *w = large_world(0);
    uint64_t id = promoted(w, 100);
    const struct tvm *t = kit_tvm(w, 0);
    const uint64_t ram = kit_ram(LARGE_FRAME);

    kit_run(w, 0, id);
    guest_stores(w, KIT_GPA, 0x5ec2e7);
    guest_stores(w, KIT_GPA + 2 * PAGE_SIZE, 0x5ec2e7);
    CHECK_EQ(t->reserve_count, 98);
    GUEST_REFUSED(w, SBI_ERR_FAILED, CALL_covg_share_memory_region, KIT_GPA, LARGE_SIZE + PAGE_SIZE);
    uint32_t page = (uint32_t)((kit_read_entry(w, kit_entry(w, 0, KIT_GPA, 0)) >> 10) - (MACHINE_WINDOW_BASE >> 12));

    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, 3 * PAGE_SIZE);
    /* The host may block a page meanwhile; where its own memory is, it has to say, and rightly. */
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA + 2 * PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(host_answers(w, id, 0, ram + 8).error, SBI_ERR_INVALID_ADDRESS);
    CHECK_EQ(host_answers(w, id, 0, kit_window(1024)).error, SBI_ERR_INVALID_ADDRESS);
    CHECK_EQ(host_answers(w, id, 0, MACHINE_MONITOR_BASE).error, SBI_ERR_INVALID_ADDRESS);
    CHECK_EQ(host_answers(w, id, 0, kit_ram(1535)).error, SBI_ERR_INVALID_ADDRESS);
    CHECK_EQ(t->reserve_count, 98);
    CHECK_EQ(host_answers(w, id, 0, ram).kind, EXPECT_ENTER);
    CHECK_EQ(t->reserve_count, 100);
    CHECK_EQ(w->machine->monitor->page[page].state, PAGE_RESERVE);
    for (uint32_t i = 0; i < PAGE_SIZE; i += 8)
        CHECK_EQ(*(const uint64_t *)machine_peek(w->machine, kit_window(page) + i, 8), 0);
    CHECK_EQ(frames_in(w, PAGE_BLOCKED), 0);
    guest_stores(w, KIT_GPA + PAGE_SIZE, 0x1234);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_FETCH, KIT_GPA, 0, 0, 0).kind, EXPECT_TRAP);

    /* Back at once: no answer is needed, the host hears of it, and the guest finds zeros. */
    guest_shows(w, CALL_covg_unshare_memory_region, KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    CHECK_EQ(kit_op(w, 0, OP_HOST_LOAD, ram + PAGE_SIZE, 8, 0, 0).value, 0x1234);
    kit_run(w, 0, id);
    CHECK_EQ(w->machine->hart[0].x[10], SBI_SUCCESS);
    CHECK_EQ(guest_loads(w, KIT_GPA + PAGE_SIZE), 0);
    CHECK_EQ(t->reserve_count, 99);
    CHECK_EQ(t->region_count, 4);
    guest_rests(w);
    KIT_OK(w, 0, CALL_covh_destroy_tvm, id);
    CHECK_EQ(frames_in(w, PAGE_RESERVE) + frames_in(w, PAGE_DATA) + frames_in(w, PAGE_TABLE), 0);
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    world_destroy(w);
}

/* What the host takes out itself, or puts in from its own frames, meets in the same range. */
static void host_may_move_pages_of_a_promoted_tvm(void)
{
    struct world *w = large_world(0);
    uint64_t id = promoted(w, 100);
    const struct tvm *t = kit_tvm(w, 0);

    kit_run(w, 0, id);
    guest_stores(w, KIT_GPA, 0x5ec2e7);
    guest_rests(w);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), TSM_PAGE_4K, 1, KIT_GPA + PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(KIT_SPARE + 1), 1);
    kit_run(w, 0, id);
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, 3 * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, id, KIT_GPA, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, id);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, id, KIT_GPA, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE + 2), TSM_PAGE_4K, 1, KIT_GPA + 2 * PAGE_SIZE);
    CHECK_EQ(t->reserve_count, 99);
    CHECK_EQ(host_answers(w, id, 0, kit_ram(LARGE_FRAME)).kind, EXPECT_ENTER);
    CHECK_EQ(t->reserve_count, 101);
    CHECK_EQ(w->machine->monitor->page[KIT_SPARE].state, PAGE_RESERVE);
    CHECK_EQ(w->machine->monitor->page[KIT_SPARE + 2].state, PAGE_RESERVE);
    CHECK_EQ(frames_in(w, PAGE_DATA) + frames_in(w, PAGE_BLOCKED), 0);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(kit_read_entry(w, kit_entry(w, 0, KIT_GPA + i * PAGE_SIZE, 0)) >> 10 << 12, kit_ram(LARGE_FRAME + i));
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    world_destroy(w);
}

/*
 * A guest on hart 1 that touches its page whenever hart 0 takes a lock, from the moment on that hart 1 was made to forget.
 */
struct watcher {
    struct world *w;
    bool forgot;
    uint32_t tries, reached;
};

static void touch_behind_the_monitor(void *data, const struct machine_event *event)
{
    struct watcher *s = data;

    s->forgot = s->forgot || (event->kind == EVENT_FENCE_ALL && event->hart == 1);
    if (!s->forgot || event->kind != EVENT_LOCK || event->hart != 0)
        return;
    s->tries++;
    struct access_result r = machine_access(s->w->machine, 1, KIT_GPA, ACCESS_LOAD, 8, 0);
    s->reached += r.ok && r.value != 0x1111; /* the host's word, once it is there */
}

static void nobody_reaches_a_page_on_its_way_out(void)
{
    struct world *w = large_world(0);
    uint64_t id = promoted(w, 100);
    struct watcher watcher = {.w = w};

    kit_run(w, 0, id);
    guest_stores(w, KIT_GPA, 0x5ec2e7);
    start_second_vcpu(w, id);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0x5ec2e7);
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, PAGE_SIZE);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(LARGE_FRAME), 0x1111, 0, 0);
    w->machine->on_event = touch_behind_the_monitor;
    w->machine->event_data = &watcher;
    CHECK_EQ(host_answers(w, id, 0, kit_ram(LARGE_FRAME)).kind, EXPECT_ENTER);
    w->machine->on_event = NULL;
    CHECK(watcher.tries >= 2);
    CHECK_EQ(watcher.reached, 0);
    world_destroy(w);
}

/* The monitor itself makes other harts forget; and nothing is brought into a range on its way out. */
static void other_harts_lose_what_was_shared(void)
{
    struct world *w = large_world(0);
    uint64_t id = promoted(w, 100);
    const struct tvm *t = kit_tvm(w, 0);
    const uint64_t ram = kit_ram(LARGE_FRAME);

    kit_run(w, 0, id);
    guest_stores(w, KIT_GPA, 0x5ec2e7);
    start_second_vcpu(w, id);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0x5ec2e7);
    guest_shows(w, CALL_covg_share_memory_region, KIT_GPA, 2 * PAGE_SIZE);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0x5ec2e7);
    uint32_t reserve = t->reserve_count;
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA + PAGE_SIZE, 8, 0, 0).kind, EXPECT_EXIT);
    CHECK_EQ(t->reserve_count, reserve);
    CHECK_EQ(KIT_CALL(w, 1, CALL_covh_run_tvm_vcpu, id, 1).kind, EXPECT_ENTER);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0x5ec2e7);
    kit_op(w, 0, OP_HOST_WRITE64, ram, 0x1111, 0, 0);
    CHECK_EQ(host_answers(w, id, 0, ram).kind, EXPECT_ENTER);
    kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0); /* may have to try once more */
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0x1111);
    guest_shows(w, CALL_covg_unshare_memory_region, KIT_GPA, PAGE_SIZE);
    kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0);
    CHECK_EQ(kit_op(w, 1, OP_GUEST_LOAD, KIT_GPA, 8, 0, 0).value, 0);
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    world_destroy(w);
}

int main(void)
{
    neighbours_merge_unless_one_is_pending_or_a_device();
    cuts_need_room();
    a_fence_waits_for_those_who_ran();
    versions_wrap_to_the_safe_side();
    devices_are_disjoint_from_everything();
    only_what_is_confidential_is_shared();
    reserve_backs_first_touches();
    pages_are_shared_in_place();
    host_may_move_pages_of_a_promoted_tvm();
    nobody_reaches_a_page_on_its_way_out();
    other_harts_lose_what_was_shared();
    return test_finish();
}
