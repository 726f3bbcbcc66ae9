/* SPDX-License-Identifier: Apache-2.0 */
/* What the port finds out about the machine before the monitor starts; see platform.h. */
#include "monitor/riscv/platform.h"

#include "monitor/core/riscv_bits.h"
#include "monitor/riscv/csr.h"
#include "monitor/riscv/fdt.h"

#define WINDOW_SIZE ((uint64_t)PLATFORM_WINDOW_PAGES * PAGE_SIZE)

/* What the loader before us hands over in a2 (fw_dynamic convention), as far as this port reads it. */
#define FW_DYNAMIC_MAGIC UINT64_C(0x4942534f)
#define FW_DYNAMIC_NEXT_MODE_S 1u

struct fw_dynamic_info {
    uint64_t magic, version, next_addr, next_mode;
};

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

const char *platform_describe(struct platform *p, uint64_t fdt)
{
    *p = (struct platform){
        .ram_base = PLATFORM_RAM_BASE,
        .monitor_base = RISCV_IMAGE_BASE,
        .monitor_size = RISCV_IMAGE_SIZE,
        .window_base = PLATFORM_WINDOW_BASE,
        .window_pages = PLATFORM_WINDOW_PAGES,
        .mmio_base = PLATFORM_CLINT_BASE,
        .mmio_size = PLATFORM_CLINT_SIZE,
        .mvendorid = csr_read(CSR_MVENDORID),
        .marchid = csr_read(CSR_MARCHID),
        .mimpid = csr_read(CSR_MIMPID),
    };

    /* The tree lies in RAM above the image; how far RAM goes is known only after reading it. */
    if ((fdt & 7) != 0 || fdt < PLATFORM_HOST_ENTRY || fdt > UINT32_MAX)
        return "no device tree where one is expected";
    struct fdt_facts facts;
    if (!fdt_read((const uint8_t *)(uintptr_t)fdt, FDT_MAX_BYTES, PLATFORM_RAM_BASE, &facts))
        return "the device tree is damaged";
    if (facts.ram_size == 0 || (facts.ram_size & PAGE_MASK) != 0 || facts.ram_size > UINT64_C(1) << 48)
        return "the device tree names no usable RAM";
    p->ram_size = facts.ram_size;
    if (PLATFORM_WINDOW_BASE + WINDOW_SIZE > PLATFORM_RAM_BASE + p->ram_size)
        return "too little RAM for the window";
    if (overlaps(fdt, facts.size, PLATFORM_WINDOW_BASE, WINDOW_SIZE))
        return "the device tree lies in the window";

    /* Hart ids index tables: the harts must be 0..n-1. */
    while ((facts.harts >> p->harts & 1u) != 0)
        p->harts++;
    if (p->harts == 0 || p->harts > MONITOR_MAX_HARTS || facts.hart_beyond || facts.harts >> p->harts != 0)
        return "hart ids are not 0..n-1 with room for all of them";

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

uint64_t platform_host_entry(const struct platform *p, uint64_t info)
{
    bool in_rom = info >= PLATFORM_BOOT_ROM_BASE && info < PLATFORM_BOOT_ROM_END - sizeof(struct fw_dynamic_info);
    if ((info & 7) != 0 || (!in_rom && !platform_is_host_ram(p, info, sizeof(struct fw_dynamic_info))))
        return PLATFORM_HOST_ENTRY;
    const struct fw_dynamic_info *dynamic = (const struct fw_dynamic_info *)(uintptr_t)info;
    if (dynamic->magic != FW_DYNAMIC_MAGIC || dynamic->next_addr == 0)
        return PLATFORM_HOST_ENTRY;
    if (dynamic->next_mode != FW_DYNAMIC_NEXT_MODE_S)
        return 0;
    if ((dynamic->next_addr & 1) != 0 || !platform_is_host_ram(p, dynamic->next_addr, 4))
        return 0;
    return dynamic->next_addr;
}
