/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no trace can show, because a simulated machine describes itself correctly and boots before a trace begins: the
 * monitor refuses every platform that breaks a rule of struct platform, and until all harts are closed off it answers
 * get_tsm_info and no other CoVE call.
 */
#include "harness/tests/test.h"
#include "harness/tests/world_kit.h"
#include "monitor/core/isolation.h"

static struct platform right;
static struct monitor *memory;

static bool accepted(const struct platform *p)
{
    memset(memory, 0, monitor_size(MACHINE_DEFAULT_WINDOW_PAGES));
    return monitor_init(memory, p);
}

#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        struct platform p = right;                                                                                     \
        change;                                                                                                        \
        CHECK(!accepted(&p));                                                                                          \
    } while (0)

static void counts_and_modes_have_limits(void)
{
    REFUSED(p.harts = 0);
    REFUSED(p.harts = MONITOR_MAX_HARTS + 1);
    REFUSED(p.gstage_mode = GSTAGE_SV39X4 - 1);
    REFUSED(p.gstage_mode = GSTAGE_SV57X4 + 1);
    REFUSED(p.vmid_bits = 15);
    REFUSED(p.reserve_pages = p.window_pages + 1);
    REFUSED(p.vlenb = VECTOR_VLENB_MAX + 1);
}

/* The boot of a machine whose IOPMP has too few entries, or none and no excuse, ends without TVMs. */
static void devices_are_closed_off_or_nobody_is_served(void)
{
    struct world *w = kit_world_of(1, 0);
    struct hart *h = &w->machine->monitor->hart[0];
    struct platform *p = &w->machine->monitor->platform;

    CHECK(isolation_close_devices(h));
    p->iopmp_entries = 3;
    CHECK(!isolation_close_devices(h));
    p->iopmp_entries = 4;
    CHECK(isolation_close_devices(h));
    CHECK_EQ(w->machine->iopmpaddr[3], UINT64_MAX >> 10);
    p->iopmp_entries = 0;
    CHECK(!isolation_close_devices(h));
    p->open_to_devices = true;
    CHECK(isolation_close_devices(h));
    world_destroy(w);
}

static void ranges_fit_one_pmp_entry(void)
{
    REFUSED(p.ram_base += 1);
    REFUSED(p.ram_size += 0x800);
    REFUSED(p.ram_base = UINT64_MAX - PAGE_SIZE + 1; p.ram_size = 2 * PAGE_SIZE);
    REFUSED(p.window_pages = 1000);
    REFUSED(p.window_pages = 0);
    REFUSED(p.window_base += PAGE_SIZE);
    REFUSED(p.monitor_size += PAGE_SIZE);
    REFUSED(p.monitor_base += PAGE_SIZE);
    REFUSED(p.monitor_size = PAGE_SIZE / 2);
    REFUSED(p.mmio_size = 3 * PAGE_SIZE);
    REFUSED(p.mmio_base += PAGE_SIZE);
}

static void ranges_do_not_overlap(void)
{
    REFUSED(p.window_base = p.monitor_base; p.window_pages = 512);
    REFUSED(p.mmio_base = p.window_base; p.mmio_size = PAGE_SIZE);
    REFUSED(p.mmio_base = p.monitor_base; p.mmio_size = PAGE_SIZE);
}

static void a_right_platform_is_taken(void)
{
    struct platform p = right;

    CHECK(accepted(&p));
    CHECK_EQ(memory->next_tvm_id, 1);
    p.mmio_base = p.mmio_size = 0; /* a platform without such devices */
    CHECK(accepted(&p));
    p = right;
    p.reserve_pages = 16;
    CHECK(accepted(&p));
    CHECK_EQ(memory->page[p.window_pages - 17].state, PAGE_NONCONF);
    CHECK_EQ(memory->page[p.window_pages - 16].state, PAGE_CONF_FREE);
    CHECK_EQ(memory->page[p.window_pages - 1].state, PAGE_CONF_FREE);
}

static void nothing_is_served_before_all_harts_are_closed(void)
{
    struct world *w = kit_world_of(2, 0);
    struct monitor *m = w->machine->monitor;
    uint32_t closed = m->closed;
    struct tsm_info info;

    m->closed = closed & 1u;
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_convert_pages, kit_window(0), 1).error, SBI_ERR_FAILED);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(0), 16).error, SBI_ERR_FAILED);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_global_fence, 0).error, SBI_ERR_FAILED);
    CHECK_EQ(KIT_CALL(w, 0, CALL_covh_destroy_tvm, 1).error, SBI_ERR_FAILED);
    KIT_OK(w, 0, CALL_covh_get_tsm_info, kit_ram(0), sizeof(info));
    memcpy(&info, machine_peek(w->machine, kit_ram(0), sizeof(info)), sizeof(info));
    CHECK_EQ(info.tsm_state, TSM_LOADED);
    CHECK_EQ(info.tsm_impl_id, 0);
    CHECK_EQ(info.tsm_capabilities, 0);
    CHECK_EQ(info.tvm_max_vcpus, 0);

    m->closed = closed;
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(0), 1);
    world_destroy(w);
}

int main(void)
{
    struct world *w = kit_world_of(2, 0);

    right = w->machine->monitor->platform;
    memory = malloc(monitor_size(MACHINE_DEFAULT_WINDOW_PAGES));
    if (memory == NULL)
        test_error("no memory");
    counts_and_modes_have_limits();
    ranges_fit_one_pmp_entry();
    devices_are_closed_off_or_nobody_is_served();
    ranges_do_not_overlap();
    a_right_platform_is_taken();
    nothing_is_served_before_all_harts_are_closed();
    free(memory);
    world_destroy(w);
    return test_finish();
}
