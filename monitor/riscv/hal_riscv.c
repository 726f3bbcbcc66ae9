/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware primitives on a real RISC-V machine. Contracts are in monitor/hal/hal.h; here is how the hardware
 * keeps them. hal_csr_swap and the hal_fp functions are in switch.S, hal_fatal in fatal.c,
 * hal_system_reset in reset.c. Physical memory is
 * addressed as it is: M-mode does not translate.
 */
#include "monitor/hal/hal.h"

#include <string.h>

#include "monitor/core/monitor.h"
#include "monitor/riscv/csr.h"
#include "monitor/riscv/hart.h"
#include "monitor/riscv/platform.h"
#include "monitor/riscv/uart.h"

#define MIX_MSI (UINT64_C(1) << 3)  /* machine software interrupt in mie and mip */
#define MIX_SSIP (UINT64_C(1) << 1) /* supervisor software interrupt */
#define MIX_MACHINE UINT64_C(0x888) /* software, timer and external interrupt of M-mode */

/* Orders memory and device accesses of this hart, both ways. */
static void fence_full(void)
{
    __asm__ volatile("fence iorw, iorw" : : : "memory");
}

/* --- world registers -------------------------------------------------------------------------------------- */

uint64_t hal_csr_read(struct hart *h, unsigned slot)
{
    switch (slot) {
#define WORLD_CSR(index, number, name)                                                                                 \
    case (index): return csr_read(number);
        WORLD_CSRS(WORLD_CSR)
#undef WORLD_CSR
    default: hal_fatal(h, "read of a CSR slot that does not exist");
    }
}

void hal_csr_write(struct hart *h, unsigned slot, uint64_t value)
{
    switch (slot) {
#define WORLD_CSR(index, number, name)                                                                                 \
    case (index): csr_write(number, value); return;
        WORLD_CSRS(WORLD_CSR)
#undef WORLD_CSR
    default: hal_fatal(h, "write of a CSR slot that does not exist");
    }
}

/* --- memory isolation ------------------------------------------------------------------------------------- */

/* CSR numbers are part of the instruction, so each entry has its own. */
#define FOR_EACH_PMP_ENTRY(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static void pmpaddr_write(unsigned index, uint64_t addr)
{
    switch (index) {
#define PMP_ENTRY(n)                                                                                                   \
    case (n): csr_write(CSR_PMPADDR0 + (n), addr); return;
        FOR_EACH_PMP_ENTRY(PMP_ENTRY)
#undef PMP_ENTRY
    default: return;
    }
}

static uint64_t pmpaddr_read(unsigned index)
{
    switch (index) {
#define PMP_ENTRY(n)                                                                                                   \
    case (n): return csr_read(CSR_PMPADDR0 + (n));
        FOR_EACH_PMP_ENTRY(PMP_ENTRY)
#undef PMP_ENTRY
    default: return 0;
    }
}

void hal_pmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr)
{
    if (index >= PMP_ENTRIES)
        hal_fatal(h, "write of a PMP entry that does not exist");
    unsigned shift = 8 * (index % 8);
    pmpaddr_write(index, addr);
    uint64_t configs = index < 8 ? csr_read(CSR_PMPCFG0) : csr_read(CSR_PMPCFG2);
    configs = (configs & ~(UINT64_C(0xff) << shift)) | (uint64_t)config << shift;
    if (index < 8)
        csr_write(CSR_PMPCFG0, configs);
    else
        csr_write(CSR_PMPCFG2, configs);
}

void hal_pmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr)
{
    if (index >= PMP_ENTRIES)
        hal_fatal(h, "read of a PMP entry that does not exist");
    uint64_t configs = index < 8 ? csr_read(CSR_PMPCFG0) : csr_read(CSR_PMPCFG2);
    *config = (uint8_t)(configs >> 8 * (index % 8));
    *addr = pmpaddr_read(index);
}

/* No platform with an IOPMP is known yet: platform.iopmp_entries is 0, and the core calls neither. */
void hal_iopmp_write(struct hart *h, unsigned index, uint8_t config, uint64_t addr)
{
    (void)index, (void)config, (void)addr;
    hal_fatal(h, "an IOPMP that does not exist was used");
}

void hal_iopmp_read(struct hart *h, unsigned index, uint8_t *config, uint64_t *addr)
{
    (void)index, (void)config, (void)addr;
    hal_fatal(h, "an IOPMP that does not exist was used");
}

/* --- translation roots and fences ------------------------------------------------------------------------- */

void hal_hgatp_write(struct hart *h, uint64_t value)
{
    (void)h;
    csr_write(CSR_HGATP, value);
}

uint64_t hal_hgatp_read(struct hart *h)
{
    (void)h;
    return csr_read(CSR_HGATP);
}

void hal_vsatp_write(struct hart *h, uint64_t value)
{
    (void)h;
    csr_write(CSR_VSATP, value);
}

uint64_t hal_vsatp_read(struct hart *h)
{
    (void)h;
    return csr_read(CSR_VSATP);
}

void hal_fence_all(struct hart *h)
{
    (void)h;
    __asm__ volatile("sfence.vma\n\t"
                     ".insn r 0x73, 0, 0x31, x0, x0, x0\n\t" /* hfence.gvma x0, x0 */
                     ".insn r 0x73, 0, 0x11, x0, x0, x0"     /* hfence.vvma x0, x0 */
                     :
                     :
                     : "memory");
}

void hal_fence_i(struct hart *h)
{
    (void)h;
    __asm__ volatile("fence.i" : : : "memory");
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static uintptr_t frame_address(const struct monitor *m, struct conf_page page)
{
    return (uintptr_t)(m->platform.window_base + (uint64_t)page.index * PAGE_SIZE);
}

void *hal_conf_rw(const struct monitor *m, struct conf_page page, uint32_t count)
{
    (void)count;
    return (void *)frame_address(m, page);
}

const void *hal_conf_ro(const struct monitor *m, struct conf_page page, uint32_t count)
{
    (void)count;
    return (const void *)frame_address(m, page);
}

void hal_conf_scrub(const struct monitor *m, struct conf_page page)
{
    volatile uint64_t *word = (volatile uint64_t *)frame_address(m, page);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        word[i] = 0;
    __asm__ volatile("fence w, w" : : : "memory");
}

void hal_untrusted_read(struct hart *h, void *dst, struct nonconf_addr addr, size_t len)
{
    (void)h;
    uint8_t *to = dst;
    uintptr_t from = (uintptr_t)addr.value;
    if (from % sizeof(uint64_t) == 0) {
        for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
            uint64_t value = *(const volatile uint64_t *)from;
            memcpy(to, &value, sizeof(value));
            to += sizeof(value);
            from += sizeof(value);
        }
    }
    for (; len > 0; len--)
        *to++ = *(const volatile uint8_t *)from++;
}

void hal_untrusted_write(struct hart *h, struct nonconf_addr addr, const void *src, size_t len)
{
    (void)h;
    const uint8_t *from = src;
    uintptr_t to = (uintptr_t)addr.value;
    if (to % sizeof(uint64_t) == 0 && (uintptr_t)from % sizeof(uint64_t) == 0) {
        for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
            uint64_t value;
            memcpy(&value, __builtin_assume_aligned(from, sizeof(value)), sizeof(value));
            *(volatile uint64_t *)to = value;
            from += sizeof(value);
            to += sizeof(value);
        }
    }
    for (; len > 0; len--)
        *(volatile uint8_t *)to++ = *from++;
}

/* --- harts ------------------------------------------------------------------------------------------------ */

void hal_lock(struct hart *h, struct lock *l)
{
    uint32_t self = h->id + 1;
    if (shared_load(&l->owner) == self)
        hal_fatal(h, "lock taken twice");
    while (!shared_compare_exchange(&l->owner, 0, self))
        hal_relax(h);
}

void hal_unlock(struct hart *h, struct lock *l)
{
    if (shared_load(&l->owner) != h->id + 1)
        hal_fatal(h, "lock released by a hart that does not hold it");
    shared_store(&l->owner, 0);
}

static volatile uint32_t *msip(uint32_t hart)
{
    return (volatile uint32_t *)(uintptr_t)(riscv_devices.mswi + sizeof(uint32_t) * hart);
}

void hal_ipi_send(struct hart *h, uint32_t target)
{
    if (target >= h->monitor->platform.harts)
        hal_fatal(h, "interrupt to a hart that does not exist");
    fence_full();
    *msip(target) = 1;
}

void hal_ipi_clear(struct hart *h)
{
    *msip(h->id) = 0;
    fence_full();
}

void hal_relax(struct hart *h)
{
    (void)h;
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" : : : "memory"); /* pause */
}

void hal_host_ssip_set(struct hart *h)
{
    (void)h;
    csr_set(CSR_MIP, MIX_SSIP);
}

bool hal_host_interrupt_pending(struct hart *h)
{
    (void)h;
    return (csr_read(CSR_MIP) & csr_read(CSR_MIE) & ~MIX_MACHINE) != 0;
}

void hal_park(struct hart *h)
{
    /* wfi wakes on what mie enables, also while mstatus.MIE masks the trap. */
    uint64_t mie = csr_read(CSR_MIE);
    bool suspended = shared_load(&h->hsm_state) == SBI_HSM_SUSPENDED;
    uint64_t enabled = MIX_MSI | (suspended ? mie & ~MIX_MACHINE : 0);
    csr_write(CSR_MIE, enabled);
    while ((csr_read(CSR_MIP) & enabled) == 0)
        __asm__ volatile("wfi" : : : "memory");
    csr_write(CSR_MIE, mie);
}

/* --- time, console ---------------------------------------------------------------------------------------- */

void hal_host_timer_set(struct hart *h, uint64_t value)
{
    (void)h;
    csr_write(CSR_STIMECMP, value);
}

uint64_t hal_time(struct hart *h)
{
    (void)h;
    return csr_read(CSR_TIME);
}

void hal_console_put(struct hart *h, uint8_t byte)
{
    (void)h;
    uart_put(byte);
}

int hal_console_get(struct hart *h)
{
    (void)h;
    return uart_get();
}
