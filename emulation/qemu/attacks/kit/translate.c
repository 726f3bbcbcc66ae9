/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses through translation that the host sets up: its own (satp), and that of its virtual machines (hgatp). The
 * tables allow everything, so that whatever stops an access is not a table.
 */
#include "emulation/qemu/attacks/kit/attack.h"

#define GIB UINT64_C(0x40000000)
#define PTE_ALL UINT64_C(0xcf)  /* V R W X A D */
#define PTE_USER UINT64_C(0x10) /* G-stage leaves need it */
#define PTE_V UINT64_C(1)
#define MODE_39 (UINT64_C(8) << 60)
#define STOLEN UINT64_C(8) /* root entry that points to a table of somebody else */
#define CSR_SATP 0x180
#define CSR_VSATP 0x280
#define CSR_HGATP 0x680

/* access.S */
struct outcome below_guest_load(uint64_t addr);
struct outcome below_hlv(uint64_t addr);
struct outcome below_hlvx(uint64_t addr);
struct outcome below_hsv(uint64_t addr);

/* A root of hgatp has four times the entries, and is aligned to its size. */
static uint64_t root[4 * PAGE / 8] __attribute__((aligned(16384)));

static uint64_t entry(uint64_t addr, uint64_t flags)
{
    return addr / PAGE << 10 | flags;
}

static void fences(void)
{
    __asm__ volatile("sfence.vma\n\t"
                     ".insn r 0x73, 0, 0x31, x0, x0, x0\n\t"
                     ".insn r 0x73, 0, 0x11, x0, x0, x0"
                     :
                     :
                     : "memory");
}

static uint64_t make_root(uint64_t flags)
{
    for (unsigned i = 0; i < 4; i++) {
        root[i] = entry(i * GIB, PTE_ALL | flags);
        root[ALIAS / GIB + i] = entry(i * GIB, PTE_ALL | flags);
    }
    return MODE_39 | (uint64_t)(uintptr_t)root / PAGE;
}

static struct outcome with_satp(uint64_t addr)
{
    csr_write(CSR_SATP, make_root(0));
    fences();
    struct outcome got = way_load(addr);
    csr_write(CSR_SATP, 0);
    fences();
    return got;
}

static struct outcome with_hgatp(struct outcome (*way)(uint64_t addr), uint64_t addr)
{
    csr_write(CSR_VSATP, 0);
    csr_write(CSR_HGATP, make_root(PTE_USER));
    fences();
    struct outcome got = way(addr);
    csr_write(CSR_HGATP, 0);
    fences();
    return got;
}

struct outcome way_translated(uint64_t addr)
{
    return with_satp(ALIAS + addr);
}

struct outcome way_hlv(uint64_t addr)
{
    return with_hgatp(below_hlv, ALIAS + addr);
}

struct outcome way_hlvx(uint64_t addr)
{
    return with_hgatp(below_hlvx, ALIAS + addr);
}

struct outcome way_hsv(uint64_t addr)
{
    return with_hgatp(below_hsv, ALIAS + addr);
}

struct outcome way_guest_load(uint64_t addr)
{
    return with_hgatp(below_guest_load, ALIAS + addr);
}

struct outcome way_satp_table(uint64_t addr)
{
    root[STOLEN] = entry(addr, PTE_V);
    return with_satp(STOLEN * GIB + (uint64_t)(uintptr_t)bait % (2u << 20));
}

struct outcome way_hgatp_table(uint64_t addr)
{
    root[STOLEN] = entry(addr, PTE_V);
    return with_hgatp(below_hlv, STOLEN * GIB + (2u << 20) + (uint64_t)(uintptr_t)bait % (2u << 20));
}
