/* SPDX-License-Identifier: Apache-2.0 */
/* Memory isolation by PMP; see isolation.h for the layout. */
#include "monitor/core/isolation.h"

#include "monitor/hal/hal.h"

#define PMP_ALL (PMP_R | PMP_W | PMP_X)
#define PMPADDR_EVERYTHING (UINT64_MAX >> 10) /* NAPOT over the whole 56-bit physical space */

/* pmpaddr of a naturally aligned power-of-two range of at least 8 bytes. */
static uint64_t napot(uint64_t base, uint64_t size)
{
    return (base >> 2) | ((size >> 3) - 1);
}

static uint64_t window_napot(const struct platform *p)
{
    return napot(p->window_base, (uint64_t)p->window_pages * PAGE_SIZE);
}

static bool program(struct hart *h, unsigned entry, uint8_t config, uint64_t addr)
{
    uint8_t config_back;
    uint64_t addr_back;
    hal_pmp_write(h, entry, config, addr);
    hal_pmp_read(h, entry, &config_back, &addr_back);
    return config_back == config && (config == 0 || addr_back == addr);
}

bool isolation_init(struct hart *h)
{
    const struct platform *p = &h->monitor->platform;
    bool ok = program(h, ISOLATION_ENTRY_MONITOR, PMP_NAPOT, napot(p->monitor_base, p->monitor_size));
    if (p->mmio_size != 0)
        ok = program(h, ISOLATION_ENTRY_MMIO, PMP_NAPOT, napot(p->mmio_base, p->mmio_size)) && ok;
    else
        ok = program(h, ISOLATION_ENTRY_MMIO, 0, 0) && ok;
    ok = program(h, ISOLATION_ENTRY_WINDOW, PMP_NAPOT, window_napot(p)) && ok;
    /* What firmware left in the entries between must not decide anything. */
    for (unsigned entry = ISOLATION_ENTRY_WINDOW + 1; entry < ISOLATION_ENTRY_REST; entry++)
        ok = program(h, entry, 0, 0) && ok;
    return program(h, ISOLATION_ENTRY_REST, PMP_NAPOT | PMP_ALL, PMPADDR_EVERYTHING) && ok;
}

static bool program_device(struct hart *h, unsigned entry, uint8_t config, uint64_t addr)
{
    uint8_t config_back;
    uint64_t addr_back;
    hal_iopmp_write(h, entry, config, addr);
    hal_iopmp_read(h, entry, &config_back, &addr_back);
    return config_back == config && (config == 0 || addr_back == addr);
}

bool isolation_close_devices(struct hart *h)
{
    const struct platform *p = &h->monitor->platform;
    if (p->iopmp_entries == 0)
        return p->open_to_devices;
    if (p->iopmp_entries <= ISOLATION_ENTRY_WINDOW + 1)
        return false;
    uint8_t mmio = p->mmio_size != 0 ? PMP_NAPOT : 0;
    bool ok = program_device(h, ISOLATION_ENTRY_MONITOR, PMP_NAPOT, napot(p->monitor_base, p->monitor_size));
    ok = program_device(h, ISOLATION_ENTRY_MMIO, mmio, mmio != 0 ? napot(p->mmio_base, p->mmio_size) : 0) && ok;
    ok = program_device(h, ISOLATION_ENTRY_WINDOW, PMP_NAPOT, window_napot(p)) && ok;
    /* Bounded by the entries that the hardware has. */
    for (unsigned entry = ISOLATION_ENTRY_WINDOW + 1; entry < p->iopmp_entries - 1; entry++)
        ok = program_device(h, entry, 0, 0) && ok;
    return program_device(h, p->iopmp_entries - 1, PMP_NAPOT | PMP_R | PMP_W, PMPADDR_EVERYTHING) && ok;
}

void isolation_open_window(struct hart *h)
{
    hal_pmp_write(h, ISOLATION_ENTRY_WINDOW, PMP_NAPOT | PMP_ALL, window_napot(&h->monitor->platform));
}

void isolation_close_window(struct hart *h)
{
    hal_pmp_write(h, ISOLATION_ENTRY_WINDOW, PMP_NAPOT, window_napot(&h->monitor->platform));
}
