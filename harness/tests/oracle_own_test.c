/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN notices each disagreement between records, TVM objects, tables, PMP and translation caches: a healthy world with
 * a running TVM gets exactly one fact changed and is audited.
 */
#include "harness/tests/oracle_kit.h"

#define DATA_GFN (KIT_GPA >> PAGE_SHIFT)

/* A world with one runnable TVM and a second that is being built, nothing running. */
static struct world *two_tvms(void)
{
    struct world *w = kit_world();

    kit_runnable(w, 0);
    kit_populate(w, KIT_STRIDE, kit_create(w, KIT_STRIDE));
    CHECK(world_audit(w));
    return w;
}

static void audit_finds(struct world *w, enum severity severity, const char *property)
{
    CHECK(!world_audit(w));
    CHECK_FINDING(w, ORACLE_OWN, severity, property);
    world_destroy(w);
}

static struct page_record *record(struct world *w, uint32_t frame)
{
    return &w->machine->monitor->page[frame];
}

static void records_that_lie(void)
{
    struct world *w = two_tvms();
    record(w, KIT_DATA)->state = PAGE_CONF_FREE;
    record(w, KIT_DATA)->gfn = 0;
    audit_finds(w, S1_ISOLATION, "owner");

    w = two_tvms();
    record(w, KIT_DATA)->owner = 1;
    audit_finds(w, S1_ISOLATION, "owner");

    w = two_tvms();
    record(w, KIT_SPARE)->state = PAGE_DATA;
    record(w, KIT_SPARE)->owner = 9;
    audit_finds(w, S1_ISOLATION, "owner");

    w = two_tvms();
    record(w, KIT_SPARE)->state = PAGE_TABLE;
    audit_finds(w, S1_ISOLATION, "owner");

    w = two_tvms();
    record(w, KIT_DATA)->gfn++;
    audit_finds(w, S1_ISOLATION, "gfn");

    w = two_tvms();
    record(w, 200)->owner = 1;
    audit_finds(w, S1_ISOLATION, "record");

    w = two_tvms();
    record(w, 200)->state = PAGE_BUSY;
    audit_finds(w, S1_ISOLATION, "state");

    w = two_tvms();
    record(w, 200)->state = 77;
    audit_finds(w, S1_ISOLATION, "state");
}

static void objects_that_lie(void)
{
    struct world *w = two_tvms();
    kit_tvm(w, 0)->root.index += 1;
    audit_finds(w, S1_ISOLATION, "root");

    w = two_tvms();
    kit_tvm(w, 0)->root = kit_tvm(w, 1)->root;
    audit_finds(w, S1_ISOLATION, "alias");

    w = two_tvms();
    kit_tvm(w, 0)->gstage_mode = 0;
    audit_finds(w, S1_ISOLATION, "mode");

    w = two_tvms();
    kit_tvm(w, 0)->vmid = kit_tvm(w, 1)->vmid;
    audit_finds(w, S1_ISOLATION, "vmid");

    w = two_tvms();
    kit_tvm(w, 0)->pool_count++;
    audit_finds(w, S1_ISOLATION, "pool");

    w = two_tvms();
    record(w, kit_tvm(w, 0)->pool_head)->link = KIT_VCPU;
    audit_finds(w, S1_ISOLATION, "alias");

    w = two_tvms();
    kit_tvm(w, 0)->vcpu[1] = kit_tvm(w, 0)->vcpu[0];
    audit_finds(w, S1_ISOLATION, "alias");

    w = two_tvms();
    kit_tvm(w, 0)->id++;
    audit_finds(w, S1_ISOLATION, "slot");

    w = two_tvms();
    w->machine->monitor->tvm[0].frame.index = w->machine->config.window_pages - 1;
    audit_finds(w, S1_ISOLATION, "reach");
}

/* Change the leaf of the first data page of TVM 0. */
static void leaf_becomes(uint64_t set, uint64_t clear, const char *property)
{
    struct world *w = two_tvms();
    uint64_t entry = kit_entry(w, 0, KIT_GPA, 0);

    kit_write_entry(w, entry, (kit_read_entry(w, entry) & ~clear) | set);
    audit_finds(w, S1_ISOLATION, property);
}

static uint64_t pointing_to(uint64_t address)
{
    return address >> 12 << 10;
}

static void tables_that_lie(void)
{
    const uint64_t ppn = ((UINT64_C(1) << 44) - 1) << 10;

    leaf_becomes(0, 0x10, "pte");              /* not for user: the guest could never use it */
    leaf_becomes(0x20, 0, "pte");              /* global */
    leaf_becomes(UINT64_C(1) << 54, 0, "pte"); /* reserved */
    leaf_becomes(UINT64_C(1) << 61, 0, "pte"); /* memory type */
    leaf_becomes(0, 0x1, "pte");               /* invalid, but still naming a frame */
    leaf_becomes(pointing_to(kit_ram(3)), ppn, "reach");
    leaf_becomes(pointing_to(MACHINE_MONITOR_BASE), ppn, "reach");
    leaf_becomes(pointing_to(kit_window(KIT_ROOT)), ppn, "alias");
    leaf_becomes(pointing_to(kit_window(KIT_STATE)), ppn, "alias");
    leaf_becomes(pointing_to(kit_window(KIT_VCPU)), ppn, "alias");
    leaf_becomes(pointing_to(kit_window(KIT_SPARE)), ppn, "owner"); /* a free frame */
    leaf_becomes(pointing_to(kit_window(KIT_DATA + 1)), ppn, "alias");
    leaf_becomes(pointing_to(kit_window(KIT_STRIDE + KIT_DATA)), ppn, "alias"); /* of another TVM */

    struct world *w = two_tvms();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + 10 * PAGE_SIZE, 0), kit_read_entry(w, kit_entry(w, 0, KIT_GPA, 0)));
    audit_finds(w, S1_ISOLATION, "alias"); /* one frame at two addresses */

    w = two_tvms();
    uint64_t outside = KIT_GPA + KIT_REGION_PAGES * PAGE_SIZE;
    kit_write_entry(w, kit_entry(w, 0, outside, 0), pointing_to(kit_window(KIT_SPARE)) | 0xdf);
    audit_finds(w, S1_ISOLATION, "region");

    w = two_tvms();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + (UINT64_C(1) << 21), 1), pointing_to(MACHINE_WINDOW_BASE) | 0xdf);
    audit_finds(w, S1_ISOLATION, "region"); /* a large leaf */

    w = two_tvms();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + (UINT64_C(1) << 30), 2), pointing_to(MACHINE_WINDOW_BASE) | 0xdf);
    audit_finds(w, S1_ISOLATION, "pte"); /* a leaf of 1 GiB */

    w = two_tvms();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + (UINT64_C(1) << 21), 1),
                    kit_read_entry(w, kit_entry(w, 0, KIT_GPA, 1)));
    audit_finds(w, S1_ISOLATION, "alias"); /* one table, reached twice */

    w = two_tvms();
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA, 1), 0);
    audit_finds(w, S1_ISOLATION, "owner"); /* frames nobody reaches */
}

/* --- PMP and translation caches --------------------------------------------------------------------------------- */

static void pmp_entry_opens(uint32_t hart, unsigned index, uint8_t config, uint64_t addr)
{
    struct world *w = two_tvms();

    hal_pmp_write(&w->machine->monitor->hart[hart], index, config, addr);
    audit_finds(w, S0_CONFIDENTIALITY, "pmp");
}

static void pmp_that_opens(void)
{
    const uint8_t all = PMP_R | PMP_W | PMP_X;

    pmp_entry_opens(0, 2, 0, 0);                                                    /* window entry off */
    pmp_entry_opens(1, 2, PMP_NAPOT | PMP_R, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff); /* readable, on a stopped hart */
    pmp_entry_opens(0, 2, PMP_NAPOT, (MACHINE_WINDOW_BASE >> 2) | 0xffff);          /* half as large */
    pmp_entry_opens(0, 0, 0, 0);                                                    /* monitor image */
    pmp_entry_opens(0, 1, 0, 0);                                                    /* machine-mode devices */
    pmp_entry_opens(0, 0, 0x10 | PMP_R, (kit_window(77) + 0x124) >> 2);             /* four bytes in the middle */
    pmp_entry_opens(0, 0, 0x08 | all, (MACHINE_WINDOW_BASE + 16) >> 2);             /* top of range */
}

static void tlb_entry_grants(bool running, struct tlb_entry e, enum severity severity)
{
    struct world *w = running ? kit_in_guest() : two_tvms();

    e.perm = e.perm != 0 ? e.perm : PMP_R;
    e.pmp = e.pmp != 0 ? e.pmp : PMP_R | PMP_W;
    kit_cache(w, MACHINE_TLB_ENTRIES - 1, e);
    audit_finds(w, severity, "tlb");
}

static void caches_that_remember(void)
{
    const uint64_t window = MACHINE_WINDOW_BASE >> PAGE_SHIFT;
    const uint64_t data = window + KIT_DATA;

    tlb_entry_grants(false, (struct tlb_entry){.bare = true, .pa_page = data}, S0_CONFIDENTIALITY);
    tlb_entry_grants(false, (struct tlb_entry){.pa_page = MACHINE_MONITOR_BASE >> PAGE_SHIFT}, S0_CONFIDENTIALITY);
    tlb_entry_grants(false, (struct tlb_entry){.pa_page = MACHINE_MMIO_BASE >> PAGE_SHIFT}, S0_CONFIDENTIALITY);
    /* A guest's own translation, right in every way, while the host runs. */
    tlb_entry_grants(false, (struct tlb_entry){.virt = true, .vmid = 1, .gpa_page = DATA_GFN, .pa_page = data},
                     S0_CONFIDENTIALITY);
    /* In the guest: a frame that is free, the wrong address, a frame of the host, the monitor, a VMID of nobody. */
    tlb_entry_grants(true,
                     (struct tlb_entry){.virt = true, .vmid = 1, .gpa_page = DATA_GFN, .pa_page = window + KIT_SPARE},
                     S1_ISOLATION);
    tlb_entry_grants(true, (struct tlb_entry){.virt = true, .vmid = 1, .gpa_page = DATA_GFN + 1, .pa_page = data},
                     S1_ISOLATION);
    tlb_entry_grants(
        true, (struct tlb_entry){.virt = true, .vmid = 1, .gpa_page = 5, .pa_page = MACHINE_HOST_BASE >> PAGE_SHIFT},
        S1_ISOLATION);
    tlb_entry_grants(true, (struct tlb_entry){.virt = true, .vmid = 1, .pa_page = MACHINE_MONITOR_BASE >> PAGE_SHIFT},
                     S0_CONFIDENTIALITY);
    tlb_entry_grants(true, (struct tlb_entry){.virt = true, .vmid = 9, .gpa_page = DATA_GFN, .pa_page = data},
                     S1_ISOLATION);

    /* What PMP did not grant when it was cached is harmless. */
    struct world *w = two_tvms();
    kit_cache(w, 3, (struct tlb_entry){.pa_page = data, .perm = PMP_R, .pmp = 0});
    CHECK(world_audit(w));
    world_destroy(w);
}

/* --- in the step where it happens, not only in an audit ---------------------------------------------------------- */

static void map_data_again(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_write_entry(w, kit_entry(w, 0, KIT_GPA + 9 * PAGE_SIZE, 0), kit_read_entry(w, kit_entry(w, 0, KIT_GPA, 0)));
}

static void open_other_hart(struct world *w, const struct machine_event *event)
{
    (void)event;
    hal_pmp_write(&w->machine->monitor->hart[1], 2, PMP_NAPOT | PMP_R, (MACHINE_WINDOW_BASE >> 2) | 0x1ffff);
}

static void stale_entry(struct world *w, const struct machine_event *event)
{
    (void)event;
    kit_cache(
        w, 0,
        (struct tlb_entry){.bare = true, .perm = PMP_R, .pmp = PMP_R, .pa_page = MACHINE_WINDOW_BASE >> PAGE_SHIFT});
}

static void found_at_once(void)
{
    struct world *w = two_tvms();
    uint64_t id = w->tvm_id[0];

    sabotage_at_leave(w, map_data_again);
    KIT_CALL(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(KIT_SPARE), 0, 1, KIT_GPA + 5 * PAGE_SIZE);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, S1_ISOLATION, "alias");
    CHECK_EQ(w->finding.call, CALL_covh_add_tvm_zero_pages);
    world_destroy(w);

    w = two_tvms();
    sabotage_at_leave(w, open_other_hart);
    KIT_CALL(w, 0, CALL_base_get_spec_version, 0);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "pmp");
    world_destroy(w);

    w = two_tvms();
    sabotage_at_leave(w, stale_entry);
    KIT_CALL(w, 0, CALL_base_get_spec_version, 0);
    sabotage_end(w);
    CHECK_FINDING(w, ORACLE_OWN, S0_CONFIDENTIALITY, "tlb");
    CHECK_EQ(w->finding.call, CALL_base_get_spec_version);
    uint32_t step = w->finding.step;

    /* Nothing happens any more in a world with a finding, and a reset takes it away. */
    struct trace_op op = {.op = OP_HOST_REG, .a = {5, 1}};
    CHECK(!world_step(w, &op, NULL));
    CHECK_EQ(w->finding.step, step);
    world_reset(w);
    CHECK_CLEAN(w);
    CHECK(world_audit(w));
    world_destroy(w);
}

int main(void)
{
    records_that_lie();
    objects_that_lie();
    tables_that_lie();
    pmp_that_opens();
    caches_that_remember();
    found_at_once();
    return test_finish();
}
