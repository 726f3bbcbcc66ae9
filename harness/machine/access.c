/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and fetches of the world that runs on a hart: through its translation cache when an entry allows the
 * access, through the tables otherwise. What PMP said when an entry was made holds as long as the entry.
 */
#include <string.h>

#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"

#define PMP_RWX (PMP_R | PMP_W | PMP_X)
#define UART_SIZE 0x100u

static struct access_result refuse(uint64_t cause, uint64_t va)
{
    return (struct access_result){.trap = {.cause = cause, .tval = va}};
}

static uint8_t needed(enum access_kind kind)
{
    return kind == ACCESS_LOAD ? PMP_R : kind == ACCESS_STORE ? PMP_W : PMP_X;
}

static bool within(uint64_t pa, uint64_t base, uint64_t size)
{
    return pa >= base && pa - base < size;
}

/* Physical addresses that answer without being memory of the model: reads give 0, stores vanish. */
static bool silent_device(uint64_t pa)
{
    return within(pa, MACHINE_UART_BASE, UART_SIZE) || within(pa, MACHINE_MMIO_BASE, MACHINE_MMIO_SIZE) ||
           within(pa, MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE);
}

/* The access itself, permission granted. */
static struct access_result perform(struct machine *m, uint64_t va, uint64_t pa, enum access_kind kind, unsigned width,
                                    uint64_t value)
{
    struct access_result result = {.ok = true};
    const uint8_t *at = machine_peek(m, pa, width);

    if (at == NULL)
        return silent_device(pa) ? result : refuse(cause_access_fault(kind), va);
    if (kind == ACCESS_STORE)
        machine_poke(m, pa, &value, width);
    else
        sanitize_racy_read(&result.value, at, width);
    return result;
}

/* Does a cached entry allow the access without another look at the tables? */
static bool entry_allows(const struct machine_hart *hart, const struct tlb_entry *e, enum access_kind kind)
{
    if ((e->perm & needed(kind)) == 0)
        return false;
    if (e->bare)
        return true;
    if (hart->priv == PRIV_U)
        return e->user;
    uint64_t status = hart->csr[e->virt ? SLOT_vsstatus : SLOT_mstatus];
    return !e->user || (kind != ACCESS_FETCH && (status & STATUS_SUM) != 0);
}

static struct access_result access_aligned(struct machine *m, uint32_t h, uint64_t va, enum access_kind kind,
                                           unsigned width, uint64_t value)
{
    const struct machine_hart *hart = &m->hart[h];
    const struct tlb_entry *e = tlb_find(m, h, tlb_space_now(m, h), va >> PAGE_SHIFT);
    uint64_t pa;
    uint8_t pmp;

    if (e != NULL && entry_allows(hart, e, kind)) {
        pa = e->pa_page << PAGE_SHIFT | (va & PAGE_MASK);
        pmp = e->pmp;
    } else {
        struct walk_result w = walk(m, h, va, kind);
        if (!w.ok)
            return (struct access_result){.trap = w.trap};
        pa = w.pa;
        /* A page that PMP treats in parts is checked at each access and never cached. */
        if (pmp_page(m, h, w.entry.pa_page, &w.entry.pmp)) {
            pmp = w.entry.pmp;
            tlb_fill(m, h, &w.entry);
        } else {
            pmp = pmp_access(m, h, pa, width);
        }
    }
    if ((pmp & needed(kind)) == 0)
        return refuse(cause_access_fault(kind), va);
    return perform(m, va, pa, kind, width, value);
}

struct access_result machine_access(struct machine *m, uint32_t h, uint64_t va, enum access_kind kind, unsigned width,
                                    uint64_t store_value)
{
    if (machine_halted(m) || m->hart[h].parked)
        return refuse(cause_access_fault(kind), va);
    if (kind != ACCESS_FETCH) {
        if ((va & (width - 1)) != 0)
            return refuse(kind == ACCESS_LOAD ? 4 : 6, va);
        return access_aligned(m, h, va, kind, width, store_value);
    }
    if ((va & 1) != 0)
        return refuse(0, va);
    if (width == 2 || (va & 3) == 0)
        return access_aligned(m, h, va, kind, width, 0);
    /* An instruction of four bytes at an odd half: two parcels, perhaps on two pages. */
    struct access_result low = access_aligned(m, h, va, kind, 2, 0);
    if (!low.ok)
        return low;
    struct access_result high = access_aligned(m, h, va + 2, kind, 2, 0);
    if (high.ok)
        high.value = high.value << 16 | low.value;
    return high;
}
