/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN judges shared, blocked and large pages, regions, fences of TVMs and what a guest's step may change: one fact of a
 * live world is changed, or the monitor is led to believe something, and exactly that finding is wanted.
 */
#include "harness/tests/guest_kit.h"

#define LEAF UINT64_C(0xdf)
#define SHARED_LEAF UINT64_C(0xd7)
#define BLOCKED UINT64_C(0x100)

static uint64_t pointing_to(uint64_t address)
{
    return address >> 12 << 10;
}

/* vCPU 0 runs on hart 0, and shares a page with the host, which is behind it. */
static struct world *sharing(void)
{
    struct world *w = guest_world(2);

    w->oracles = ORACLE_OWN;
    ENTERS(w, 0, 0);
    share_page(w, true);
    CHECK(world_audit(w));
    return w;
}

static void audit_finds(struct world *w, const char *property)
{
    CHECK(!world_audit(w));
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, property);
    world_destroy(w);
}

static void step_finds(struct world *w, const char *property)
{
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, property);
    world_destroy(w);
}

/* --- leaves ------------------------------------------------------------------------------------------------------- */

static void shared_leaf_becomes(uint64_t pte, const char *property)
{
    struct world *w = sharing();

    kit_write_entry(w, kit_entry(w, 0, SHARED_PAGE, 0), pte);
    audit_finds(w, property);
}

static void shared_leaves(void)
{
    shared_leaf_becomes(pointing_to(kit_window(KIT_SPARE)) | SHARED_LEAF, "shared-reach");
    shared_leaf_becomes(pointing_to(MACHINE_MONITOR_BASE) | SHARED_LEAF, "shared-reach");
    shared_leaf_becomes(pointing_to(kit_ram(64)) | SHARED_LEAF, "shared-reach"); /* behind the end of host memory */
    shared_leaf_becomes(pointing_to(MACHINE_MMIO_BASE) | SHARED_LEAF, "shared-reach");
    shared_leaf_becomes(pointing_to(kit_ram(40)) | LEAF, "region");                      /* executable */
    shared_leaf_becomes(pointing_to(kit_ram(40)) | (SHARED_LEAF & ~UINT64_C(1)), "pte"); /* invalid, not blocked */
    shared_leaf_becomes(pointing_to(kit_ram(40)) | SHARED_LEAF | BLOCKED, "pte");        /* valid and blocked */
    shared_leaf_becomes(pointing_to(kit_window(9)) | (SHARED_LEAF & ~UINT64_C(1)) | BLOCKED, "shared-reach");
    shared_leaf_becomes(pointing_to(kit_ram(40)) | (SHARED_LEAF & ~UINT64_C(4)), "pte"); /* not writable */

    /* Host memory where the guest keeps its own, and the other way round. */
    struct world *w = sharing();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + 5 * PAGE_SIZE, 0), pointing_to(kit_ram(40)) | SHARED_LEAF);
    audit_finds(w, "region");
    w = sharing();
    kit_write_entry(w, kit_entry(w, 0, SHARED_PAGE, 0), pointing_to(kit_window(KIT_SPARE)) | LEAF);
    audit_finds(w, "region");

    w = sharing();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + (UINT64_C(1) << 21), 1), pointing_to(kit_window(1)) | LEAF);
    audit_finds(w, "pte"); /* 2 MiB, not aligned */

    w = sharing();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA, 0), kit_read_entry(w, kit_entry(w, 0, KIT_GPA, 0)) ^ (1 | BLOCKED));
    audit_finds(w, "owner"); /* blocked, but the record says that it is mapped */
}

static void guest_entry(uint8_t perm, uint64_t gpa, uint64_t page)
{
    struct world *w = sharing();

    kit_cache(w, MACHINE_TLB_ENTRIES - 1,
              (struct tlb_entry){
                  .virt = true, .vmid = 1, .gpa_page = gpa >> 12, .pa_page = page >> 12, .perm = perm, .pmp = 7});
    audit_finds(w, "tlb");
}

static void caches_of_shared_memory(void)
{
    guest_entry(PMP_R | PMP_X, SHARED_PAGE, kit_ram(40)); /* executable */
    guest_entry(PMP_R, SHARED_PAGE, kit_ram(41));         /* another page */
    guest_entry(PMP_R, SHARED_PAGE + PAGE_SIZE, kit_ram(40));
    guest_entry(PMP_R, SHARED_PAGE, kit_window(KIT_SPARE)); /* free */
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static void objects_that_lie(void)
{
    struct world *w = sharing();
    kit_tvm(w, 0)->region[0].len += PAGE_SIZE;
    audit_finds(w, "regions"); /* overlaps the next one */

    w = sharing();
    kit_tvm(w, 0)->region[1].type = REGION_CONFIDENTIAL;
    audit_finds(w, "regions"); /* should have joined */

    w = sharing();
    kit_tvm(w, 0)->region[0].type = 9;
    audit_finds(w, "regions");

    w = sharing();
    kit_tvm(w, 0)->region_count = TVM_MAX_REGIONS + 1;
    audit_finds(w, "regions");

    w = sharing();
    kit_tvm(w, 0)->vcpu[1].state = VCPU_RUNNING;
    audit_finds(w, "vcpu"); /* on the hart of another one */

    w = sharing();
    kit_tvm(w, 0)->vcpu[1].state = 77;
    audit_finds(w, "vcpu");

    w = sharing();
    kit_tvm(w, 0)->fence.running_current++;
    audit_finds(w, "tvm-fence-count");

    w = sharing();
    kit_tvm(w, 0)->fence.current++;
    audit_finds(w, "tvm-fence-count");

    w = sharing();
    kit_tvm(w, 0)->reserve_count = 1;
    audit_finds(w, "pool");
}

/* --- fences of TVMs ----------------------------------------------------------------------------------------------- */

/* The guest offers its second page, and the host blocks it. */
static struct world *blocked_page(void)
{
    struct world *w = guest_world(2);

    w->oracles = ORACLE_OWN;
    ENTERS(w, 0, 0);
    start_second_vcpu(w, w->tvm_id[0]);
    CHECK_EQ(GUEST_CALL(w, 0, CALL_covg_share_memory_region, KIT_GPA + PAGE_SIZE, PAGE_SIZE).kind, EXPECT_EXIT);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, w->tvm_id[0], KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    return w;
}

static void remove_page(struct world *w, const char *property)
{
    KIT_CALL(w, 0, CALL_covh_tvm_remove_pages, w->tvm_id[0], KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, property);
    world_destroy(w);
}

static void pages_leave_after_the_fence(void)
{
    /* The monitor believes that there was a fence. */
    struct world *w = blocked_page();
    kit_tvm(w, 0)->fence.current++;
    kit_tvm(w, 0)->fence.running_current = 0;
    remove_page(w, "tvm-fence");

    /* It believes that vCPU 1, which still runs, has left. */
    w = blocked_page();
    KIT_OK(w, 0, CALL_covh_tvm_fence, w->tvm_id[0]);
    kit_tvm(w, 0)->fence.running_previous = 0;
    remove_page(w, "tvm-fence");

    /* And rightly done. */
    w = blocked_page();
    KIT_OK(w, 0, CALL_covh_tvm_fence, w->tvm_id[0]);
    kit_op(w, 1, OP_IRQ, 1, 1, 0, 0);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, w->tvm_id[0], KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    CHECK_CLEAN(w);
    CHECK(world_audit(w));
    world_destroy(w);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void block_other_frame(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[KIT_DATA].state = PAGE_BLOCKED;
}

static void free_frame(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[KIT_DATA + 1].state = PAGE_CONF_FREE;
    w->machine->monitor->page[KIT_DATA + 1].owner = 0;
    w->machine->monitor->page[KIT_DATA + 1].gfn = 0;
}

static void take_reserve(struct world *w, const struct machine_event *event)
{
    (void)event;
    w->machine->monitor->page[KIT_DATA + 1].state = PAGE_RESERVE;
}

static void calls_change_what_they_name(void)
{
    struct world *w = blocked_page();
    sabotage_at_leave(w, block_other_frame);
    KIT_CALL(w, 0, CALL_covh_tvm_validate_pages, w->tvm_id[0], KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    step_finds(w, "transition");

    w = blocked_page();
    sabotage_at_leave(w, free_frame);
    KIT_CALL(w, 0, CALL_covh_tvm_validate_pages, w->tvm_id[0], KIT_GPA + PAGE_SIZE, PAGE_SIZE);
    step_finds(w, "transition");

    w = blocked_page();
    sabotage_at_leave(w, take_reserve); /* only a promoted TVM has one */
    KIT_CALL(w, 0, CALL_covh_tvm_fence, w->tvm_id[0]);
    step_finds(w, "transition");
}

static void soil_object(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_STATE, offsetof(struct tvm, identity));
}

static void soil_table(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + 9 * PAGE_SIZE, 0), pointing_to(kit_ram(40)) | SHARED_LEAF);
}

static void soil_blocked_page(struct world *w, const struct machine_event *event)
{
    (void)event;
    scribble(w, KIT_DATA + 1, 8);
}

static void contents_stay(void)
{
    struct world *w = sharing();
    sabotage_at_leave(w, soil_object);
    CHECK_EQ(GUEST_CALL(w, 0, CALL_covg_add_mmio_region, DEVICE, 1).error, SBI_ERR_INVALID_PARAM);
    step_finds(w, "error-changed-state");

    w = sharing();
    sabotage_at_leave(w, soil_table);
    GUEST_CALL(w, 0, CALL_guest_time_set_timer, 5);
    step_finds(w, "tables");

    w = blocked_page();
    sabotage_at_leave(w, soil_blocked_page);
    KIT_CALL(w, 0, CALL_covh_tvm_fence, w->tvm_id[0]);
    step_finds(w, "guest-memory");
}

/* --- regions ------------------------------------------------------------------------------------------------------ */

static void longer_region(struct world *w, const struct machine_event *event)
{
    (void)event;
    struct tvm *t = kit_tvm(w, 0);
    t->region[t->region_count - 1].len += PAGE_SIZE;
}

static void lose_region(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->region_count--;
}

static void other_type(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_tvm(w, 0)->region[1].type = REGION_SHARED_REMOVABLE;
}

static void region_step(void (*act)(struct world *w, const struct machine_event *event), uint16_t call, uint64_t gpa)
{
    struct world *w = sharing();

    sabotage_at_leave(w, act);
    GUEST_CALL(w, 0, call, gpa, PAGE_SIZE);
    step_finds(w, "region-change");
}

static void regions_change_as_asked(void)
{
    region_step(longer_region, CALL_covg_add_mmio_region, UINT64_C(0x90000000));
    region_step(lose_region, CALL_covg_share_memory_region, KIT_GPA + 20 * PAGE_SIZE);
    region_step(other_type, CALL_covg_add_mmio_region, DEVICE + (UINT64_C(1) << 32));

    /* The host agrees, and the memory is called something else. */
    struct world *w = sharing();
    GUEST_CALL(w, 0, CALL_covg_unshare_memory_region, SHARED_PAGE, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_invalidate_pages, w->tvm_id[0], SHARED_PAGE, PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_tvm_fence, w->tvm_id[0]);
    KIT_OK(w, 0, CALL_covh_tvm_remove_pages, w->tvm_id[0], SHARED_PAGE, PAGE_SIZE);
    sabotage_at_leave(w, longer_region);
    host_answers(w, w->tvm_id[0], 0, 0);
    step_finds(w, "region-change");
}

int main(void)
{
    shared_leaves();
    caches_of_shared_memory();
    objects_that_lie();
    pages_leave_after_the_fence();
    calls_change_what_they_name();
    contents_stay();
    regions_change_as_asked();
    return test_finish();
}
