/* SPDX-License-Identifier: Apache-2.0 */
/* What the port finds out about the machine before the monitor starts; see platform.h. */
#include "monitor/riscv/platform.h"

#include <string.h>

#include "monitor/core/riscv_bits.h"
#include "monitor/riscv/csr.h"
#include "monitor/riscv/fdt_edit.h"
#include "monitor/riscv/isa_hart.h"

#define DEFAULT_TIME_HZ UINT64_C(10000000)
#define MACHINE_DEVICES_MAX (UINT64_C(1) << 32) /* more than that in one PMP entry would close other devices as well */

struct riscv_devices riscv_devices = {.uart = {.base = PLATFORM_EARLY_UART, .width = 1}, .time_hz = DEFAULT_TIME_HZ};

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a < b + b_len && b < a + a_len;
}

/* hgatp.MODE is WARL: an unsupported value does not stick. Nothing is translated with it while M-mode runs. */
static bool gstage_mode_sticks(uint64_t mode)
{
    csr_write(CSR_HGATP, mode << HGATP_MODE_SHIFT);
    bool ok = csr_read(CSR_HGATP) >> HGATP_MODE_SHIFT == mode;
    csr_write(CSR_HGATP, 0);
    return ok;
}

static uint32_t probe_vmid_bits(uint64_t mode)
{
    uint64_t all = UINT64_C(0x3fff) << HGATP_VMID_SHIFT;
    csr_write(CSR_HGATP, mode << HGATP_MODE_SHIFT | all);
    uint64_t vmid = (csr_read(CSR_HGATP) & all) >> HGATP_VMID_SHIFT;
    csr_write(CSR_HGATP, 0);
    uint32_t bits = 0;
    for (; (vmid & 1u) != 0; vmid >>= 1)
        bits++;
    return bits;
}

static const char *describe_ram(struct platform *p, const struct fdt_facts *facts, uint64_t fdt, uint64_t fdt_size)
{
    uint64_t base = facts->ram.base, size = facts->ram.size;
    if (size == 0 || ((base | size) & PAGE_MASK) != 0 || base > UINT64_C(1) << 48 || size > UINT64_C(1) << 48)
        return "the device tree names no usable RAM";
    if (base + size - RISCV_IMAGE_BASE < RISCV_IMAGE_SIZE)
        return "the image does not lie in RAM as a whole";
    p->ram_base = base;
    p->ram_size = size;
    if (PLATFORM_WINDOW_BASE < base || PLATFORM_WINDOW_BASE + PLATFORM_WINDOW_SIZE > base + size)
        return "too little RAM for the window";
    if (overlaps(fdt, fdt_size, PLATFORM_WINDOW_BASE, PLATFORM_WINDOW_SIZE))
        return "the device tree lies in the window";
    if (!platform_is_host_ram(p, fdt, fdt_size))
        return "the device tree does not lie in RAM that the host may use";
    return NULL;
}

/* Hart ids index tables: the harts must be 0..n-1. */
static const char *describe_harts(struct platform *p, const struct fdt_facts *facts)
{
    while (p->harts < 64 && (facts->harts >> p->harts & 1u) != 0)
        p->harts++;
    if (p->harts == 0 || p->harts > MONITOR_MAX_HARTS || facts->hart_beyond || facts->harts >> p->harts != 0)
        return "hart ids are not 0..n-1 with room for all of them";
    return NULL;
}

/* The smallest naturally aligned power of two that covers the devices of M-mode: what one PMP entry can close. */
static bool close_machine_devices(struct platform *p, struct fdt_span devices)
{
    uint64_t size = PAGE_SIZE;
    while (size < MACHINE_DEVICES_MAX && devices.base - (devices.base & ~(size - 1)) + devices.size > size)
        size *= 2;
    p->mmio_base = devices.base & ~(size - 1);
    p->mmio_size = size;
    return size < MACHINE_DEVICES_MAX && !overlaps(p->mmio_base, size, p->ram_base, p->ram_size) &&
           !overlaps(p->mmio_base, size, riscv_devices.uart.base, 1);
}

static const char *describe_devices(struct platform *p, const struct fdt_facts *facts)
{
    if (facts->uart.base != 0)
        riscv_devices.uart = facts->uart;
    riscv_devices.mswi = facts->mswi;
    riscv_devices.finisher = facts->finisher;
    riscv_devices.poweroff = facts->poweroff;
    riscv_devices.reboot = facts->reboot;
    if (facts->timebase != 0)
        riscv_devices.time_hz = facts->timebase;
    if (facts->mswis != 1)
        return "the device tree does not name one device for machine software interrupts";
    if (!close_machine_devices(p, facts->machine_only))
        return "one PMP entry cannot close the devices of M-mode";
    return NULL;
}

const char *platform_describe(struct platform *p, struct fdt_facts *facts, uint64_t fdt)
{
    *p = (struct platform){
        .monitor_base = RISCV_IMAGE_BASE,
        .monitor_size = RISCV_IMAGE_SIZE,
        .window_base = PLATFORM_WINDOW_BASE,
        .window_pages = PLATFORM_WINDOW_PAGES,
        .vlenb = isa_hart_vlenb(),
        .open_to_devices = PLATFORM_OPEN_TO_DEVICES != 0,
        .mvendorid = csr_read(CSR_MVENDORID),
        .marchid = csr_read(CSR_MARCHID),
        .mimpid = csr_read(CSR_MIMPID),
    };

    /* How far RAM goes is known only after reading the tree; the address itself comes from the stage before. */
    struct fdt tree;
    if (fdt == 0 || (fdt & 7) != 0 || overlaps(fdt, FDT_HEADER_BYTES, RISCV_IMAGE_BASE, RISCV_IMAGE_SIZE))
        return "no device tree where one is expected";
    if (!fdt_open(&tree, (const uint8_t *)(uintptr_t)fdt, FDT_MAX_BYTES) || !fdt_read(&tree, RISCV_IMAGE_BASE, facts))
        return "the device tree is damaged";
    const char *why =
        describe_devices(p, facts); /* first, so that the console is the right one for the other answers */
    if (why == NULL)
        why = describe_ram(p, facts, fdt, tree.size);
    if (why == NULL)
        why = describe_harts(p, facts);
    if (why != NULL)
        return why;

    /* First-stage tables of whatever ran before must not be walked through the roots that are tried. */
    csr_write(CSR_VSATP, 0);
    if (gstage_mode_sticks(GSTAGE_SV48X4))
        p->gstage_mode = GSTAGE_SV48X4;
    else if (gstage_mode_sticks(GSTAGE_SV39X4))
        p->gstage_mode = GSTAGE_SV39X4;
    else
        return "no G-stage translation";
    p->vmid_bits = probe_vmid_bits(p->gstage_mode);
    return NULL;
}

bool platform_is_host_ram(const struct platform *p, uint64_t addr, uint64_t len)
{
    if (addr < p->ram_base || addr - p->ram_base > p->ram_size || len > p->ram_size - (addr - p->ram_base))
        return false;
    return !overlaps(addr, len, p->monitor_base, p->monitor_size) &&
           !overlaps(addr, len, p->window_base, (uint64_t)p->window_pages * PAGE_SIZE);
}

/* May the bytes behind the old tree be used for the new one? */
static bool room_behind(const struct platform *p, const struct fdt_facts *facts, const struct fdt *old, uint64_t fdt,
                        uint32_t size, uint64_t entry)
{
    if (size <= old->size)
        return true;
    struct fdt_span more = {.base = fdt + old->size, .size = size - old->size};
    return platform_is_host_ram(p, fdt, size) && !overlaps(more.base, more.size, entry, 1) &&
           !fdt_keeps(old, facts, fdt, more);
}

const char *platform_edit_fdt(const struct platform *p, const struct fdt_facts *facts, uint64_t fdt, uint64_t entry)
{
    const struct fdt_reserved reserved[] = {
        {.name = "monitor", .span = {.base = p->monitor_base, .size = p->monitor_size}},
        {.name = "confidential-memory", .span = {.base = p->window_base, .size = PLATFORM_WINDOW_SIZE}},
    };
    struct fdt old;
    uint8_t *scratch = (uint8_t *)(uintptr_t)p->window_base;
    uint32_t max = PLATFORM_WINDOW_SIZE < FDT_MAX_BYTES ? (uint32_t)PLATFORM_WINDOW_SIZE : FDT_MAX_BYTES;
    if (!fdt_open(&old, (const uint8_t *)(uintptr_t)fdt, FDT_MAX_BYTES))
        return "the device tree changed meanwhile";
    uint32_t size = fdt_edit(&old, reserved, sizeof(reserved) / sizeof(reserved[0]), scratch, max);
    if (size == 0)
        return "the device tree cannot take the reservations of monitor and window";
    if (!room_behind(p, facts, &old, fdt, size, entry))
        return "no room behind the device tree for the reservations of monitor and window";
    memcpy((void *)(uintptr_t)fdt, scratch, size);
    return NULL;
}
