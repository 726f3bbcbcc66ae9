/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the monitor and of harts; contracts in monitor.h. */
#include "monitor/core/boot.h"

#include "monitor/core/fence.h"
#include "monitor/core/ipi.h"
#include "monitor/core/isolation.h"
#include "monitor/core/page_record.h"
#include "monitor/core/world_switch.h"
#include "monitor/hal/hal.h"

/* Naturally aligned power of two, at least a page: what one PMP entry can name. */
static bool napot_range(uint64_t base, uint64_t size)
{
    bool power_of_two = size >= PAGE_SIZE && (size & (size - 1)) == 0;
    return power_of_two && (base & (size - 1)) == 0 && base <= UINT64_MAX - size;
}

static bool disjoint(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a + a_size <= b || b + b_size <= a;
}

static bool platform_valid(const struct platform *p)
{
    uint64_t window_size = (uint64_t)p->window_pages * PAGE_SIZE;
    if (p->harts == 0 || p->harts > MONITOR_MAX_HARTS)
        return false;
    if (p->gstage_mode < GSTAGE_SV39X4 || p->gstage_mode > GSTAGE_SV57X4 || p->vmid_bits > 14)
        return false;
    if (p->reserve_pages > p->window_pages || p->vlenb > VECTOR_VLENB_MAX)
        return false;
    if ((p->ram_base & PAGE_MASK) != 0 || (p->ram_size & PAGE_MASK) != 0 || p->ram_base > UINT64_MAX - p->ram_size)
        return false;
    if (!napot_range(p->monitor_base, p->monitor_size) || !napot_range(p->window_base, window_size))
        return false;
    if (p->mmio_size != 0 && !napot_range(p->mmio_base, p->mmio_size))
        return false;
    return disjoint(p->monitor_base, p->monitor_size, p->window_base, window_size) &&
           disjoint(p->mmio_base, p->mmio_size, p->window_base, window_size) &&
           disjoint(p->mmio_base, p->mmio_size, p->monitor_base, p->monitor_size);
}

bool monitor_init(struct monitor *m, const struct platform *platform)
{
    if (!platform_valid(platform))
        return false;
    m->platform = *platform;
    m->next_tvm_id = 1;
    for (uint32_t i = 0; i < platform->harts; i++) {
        struct hart *h = &m->hart[i];
        h->frame = &h->host;
        h->monitor = m;
        h->id = i;
        h->tvm_slot = HART_NO_TVM;
        h->hsm_state = SBI_HSM_STOPPED;
    }
    uint32_t reserve = platform->window_pages - platform->reserve_pages;
    for (uint32_t i = 0; i < platform->window_pages; i++)
        page_record_set(m, (struct conf_page){i}, i < reserve ? PAGE_NONCONF : PAGE_CONF_FREE);
    return true;
}

bool monitor_is_ready(const struct monitor *m)
{
    return shared_load(&m->closed) == (((1u << m->platform.harts) - 1) | MONITOR_DEVICES_CLOSED);
}

/* Catch up with the global fence and count as online, in one step for whoever computes the minimum. */
static void hart_go_online(struct hart *h)
{
    hal_lock(h, &h->monitor->pages_lock);
    fence_local(h);
    shared_store(&h->hsm_state, SBI_HSM_STARTED);
    hal_unlock(h, &h->monitor->pages_lock);
}

bool monitor_boot_hart(struct hart *h, bool boot, uint64_t entry, uint64_t opaque)
{
    if (!isolation_init(h))
        return false;
    world_start_host(h, entry, opaque);
    hal_host_timer_set(h, UINT64_MAX);
    /* Which hart comes first is the port's business: each does it, with the same values. */
    if (isolation_close_devices(h))
        shared_or(&h->monitor->closed, MONITOR_DEVICES_CLOSED);
    shared_or(&h->monitor->closed, 1u << h->id);
    if (boot)
        hart_go_online(h);
    return true;
}

/* A suspended hart whose time has come is on its way back: RESUME_PENDING. Nobody else takes it out of SUSPENDED. */
static bool leave_suspension(struct hart *h)
{
    if (shared_load(&h->hsm_state) != SBI_HSM_SUSPENDED || !hal_host_interrupt_pending(h))
        return false;
    hal_lock(h, &h->monitor->pages_lock);
    shared_store(&h->hsm_state, SBI_HSM_RESUME_PENDING);
    hal_unlock(h, &h->monitor->pages_lock);
    return true;
}

bool monitor_hart_wake(struct hart *h)
{
    /*
     * A hart that parks serves what others ask of it: they wait for a suspended one, and for a stopped one a request left
     * from before is harmless. What comes after this is served when the hart is back in its world.
     */
    ipi_serve(h);
    bool resume = leave_suspension(h);
    hal_lock(h, &h->monitor->pages_lock);
    bool start = h->hsm_state == SBI_HSM_START_PENDING;
    uint64_t entry = h->hsm_start;
    uint64_t opaque = h->hsm_opaque;
    hal_unlock(h, &h->monitor->pages_lock);
    /* Whatever happened to the hart meanwhile, it is closed off again before the host gets it. */
    if ((!start && !resume) || !isolation_init(h))
        return false;
    /* A suspended hart is still its host's own, and its timer may be what it waits for: that one keeps running. */
    if (start)
        hal_host_timer_set(h, UINT64_MAX);
    if (start || h->hsm_fresh)
        world_start_host(h, entry, opaque);
    hart_go_online(h);
    return true;
}
