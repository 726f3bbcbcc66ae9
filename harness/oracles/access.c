/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, access: what the hardware would grant right now is what the records allow.
 *
 * PMP: a hart that may execute host code reaches neither the window, nor the monitor image, nor the machine-mode
 * devices; a hart in a guest reaches neither of the last two. Protection is probed at every edge of every PMP entry.
 *
 * Translation caches: an entry of the host grants nothing in those ranges; a guest's entry grants frames that its TVM
 * owns, at the guest-physical address of the record, and host memory that its tables share there, never executable; a
 * blocked page may stay until the hart leaves. While the host runs, no guest entry may grant the
 * window at all, because the host can name any VMID in hgatp.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

struct range {
    uint64_t base, size;
    const char *name;
};

#define RANGES 3u

/* Ranges that lower privilege is kept out of; the window, which opens for a guest, comes last. */
static void closed_ranges(const struct world *w, struct range out[RANGES])
{
    const struct platform *p = &w->machine->monitor->platform;

    out[0] = (struct range){MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE, "monitor"};
    out[1] = (struct range){MACHINE_MMIO_BASE, p->mmio_size != 0 ? MACHINE_MMIO_SIZE : 0, "machine-mode devices"};
    out[2] = (struct range){MACHINE_WINDOW_BASE, (uint64_t)w->machine->config.window_pages * PAGE_SIZE, "window"};
}

/* Is physical page `page` in one of the ranges? Its name, or NULL. */
static const char *closed_range_of(const struct world *w, uint64_t page)
{
    struct range range[RANGES];
    uint64_t pa = page << PAGE_SHIFT;

    closed_ranges(w, range);
    for (unsigned i = 0; i < RANGES; i++) {
        if (pa >= range[i].base && pa - range[i].base < range[i].size)
            return range[i].name;
    }
    return NULL;
}

/* --- PMP -------------------------------------------------------------------------------------------------------- */

/* First address of entry `i` and first address after it, from the registers; false when the entry is off. */
static bool entry_edges(const struct machine_hart *hart, unsigned i, uint64_t edge[2])
{
    uint64_t addr = hart->pmpaddr[i];

    switch (hart->pmpcfg[i] & 0x18u) {
    case 0x08: /* top of range */
        edge[0] = i == 0 ? 0 : hart->pmpaddr[i - 1] << 2;
        edge[1] = addr << 2;
        return true;
    case 0x10: /* four bytes */
        edge[0] = addr << 2;
        edge[1] = edge[0] + 4;
        return true;
    case 0x18: { /* naturally aligned power of two: as many trailing ones as doublings of eight bytes */
        uint64_t ones = addr & ~(addr + 1);
        edge[0] = (addr & ~ones) << 2;
        edge[1] = edge[0] + ((ones + 1) << 3);
        return true;
    }
    default: return false;
    }
}

static void check_closed_at(struct world *w, uint32_t h, const struct range *r, uint64_t at)
{
    if (at < r->base || at - r->base >= r->size)
        return;
    uint8_t perm = machine_pmp_check(w->machine, h, at & ~UINT64_C(3), 4);
    if (perm != 0)
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "pmp", "hart %u: PMP grants %s%s%s at 0x%llx in the %s", h,
                      (perm & PMP_R) != 0 ? "R" : "", (perm & PMP_W) != 0 ? "W" : "", (perm & PMP_X) != 0 ? "X" : "",
                      (unsigned long long)at, r->name);
}

static void check_pmp(struct world *w, uint32_t h, bool guest)
{
    const struct machine_hart *hart = &w->machine->hart[h];
    struct range range[RANGES];
    uint64_t edge[PMP_ENTRIES][2];
    uint32_t on = 0;

    closed_ranges(w, range);
    for (unsigned entry = 0; entry < PMP_ENTRIES; entry++)
        on |= (uint32_t)entry_edges(hart, entry, edge[entry]) << entry;
    for (unsigned i = 0; i < (guest ? RANGES - 1 : RANGES); i++) {
        if (range[i].size == 0)
            continue;
        check_closed_at(w, h, &range[i], range[i].base);
        check_closed_at(w, h, &range[i], range[i].base + range[i].size - 4);
        for (uint32_t rest = on; rest != 0; rest &= rest - 1) {
            unsigned entry = (unsigned)__builtin_ctz(rest);
            check_closed_at(w, h, &range[i], edge[entry][0]);
            check_closed_at(w, h, &range[i], edge[entry][1]);
        }
    }
}

/* The hardware did not take what the monitor wrote, and so the hart stays parked: nobody runs under its entries. */
static bool may_not_run(const struct world *w, uint32_t h)
{
    return machine_pmp_failed(w->machine, h) && w->machine->hart[h].parked;
}

/*
 * Look again only when the entries differ from those that were judged last for the same kind of world. The verdict
 * depends on nothing else, so it is kept across resets.
 */
static void check_pmp_if_changed(struct world *w, uint32_t h)
{
    const struct machine_hart *hart = &w->machine->hart[h];
    bool guest = machine_in_guest(w->machine, h);

    if (may_not_run(w, h))
        return;
    struct pmp_verdict *good = &w->oracle_state->pmp[h][guest];

    if (good->known && memcmp(good->config, hart->pmpcfg, sizeof(hart->pmpcfg)) == 0 &&
        memcmp(good->addr, hart->pmpaddr, sizeof(hart->pmpaddr)) == 0)
        return;
    check_pmp(w, h, guest);
    good->known = !w->finding.found;
    memcpy(good->config, hart->pmpcfg, sizeof(hart->pmpcfg));
    memcpy(good->addr, hart->pmpaddr, sizeof(hart->pmpaddr));
}

/* --- translation caches ----------------------------------------------------------------------------------------- */

/* Does the record of the entry's frame give it to a live TVM with the entry's VMID, at the entry's address? */
static bool entry_matches_record(const struct world *w, const struct tlb_entry *e, uint32_t only_slot)
{
    const struct oracle_state *o = w->oracle_state;
    uint64_t frame = e->pa_page - (MACHINE_WINDOW_BASE >> PAGE_SHIFT);

    if (frame >= o->pages)
        return false;
    const struct page_record *r = &w->machine->monitor->page[frame];
    if ((r->state != PAGE_DATA && r->state != PAGE_BLOCKED) || r->gfn != e->gpa_page || r->owner >= MONITOR_MAX_TVMS)
        return false;
    if (only_slot != HART_NO_TVM && r->owner != only_slot)
        return false;
    return w->machine->monitor->tvm[r->owner].state != TVM_ABSENT && o->tvm[r->owner].facts.vmid == e->vmid;
}

/* Do the tables of the running TVM share this page of host memory, at this address? */
static bool entry_is_shared(const struct world *w, const struct tlb_entry *e, uint32_t slot)
{
    struct own_leaf leaf;

    return own_leaf(w, slot, e->gpa_page, &leaf) && leaf.shared && leaf.page == e->pa_page && (e->perm & PMP_X) == 0;
}

static void report_entry(struct world *w, uint32_t h, const struct tlb_entry *e, enum severity severity,
                         const char *what)
{
    oracle_report(w, ORACLE_OWN, severity, "tlb",
                  "hart %u: cached %s translation of page 0x%llx (VMID %u) to physical page 0x%llx %s", h,
                  e->virt ? "guest" : "host", (unsigned long long)(e->virt ? e->gpa_page : e->va_page), e->vmid,
                  (unsigned long long)e->pa_page, what);
}

static void check_entry(struct world *w, uint32_t h, const struct tlb_entry *e, uint32_t running_slot)
{
    const struct oracle_state *o = w->oracle_state;

    if ((e->perm & e->pmp) == 0)
        return;
    const char *closed = closed_range_of(w, e->pa_page);
    bool window = machine_is_window(w->machine, e->pa_page << PAGE_SHIFT, PAGE_SIZE);
    if (!e->virt) {
        if (closed != NULL)
            report_entry(w, h, e, S0_CONFIDENTIALITY, "gives the host what is closed to it");
        return;
    }
    if (closed != NULL && !window) {
        report_entry(w, h, e, S0_CONFIDENTIALITY, "reaches the monitor or its devices");
        return;
    }
    if (running_slot == HART_NO_TVM) {
        if (window)
            report_entry(w, h, e, S0_CONFIDENTIALITY,
                         "stayed behind when the guest left, for a host that names its VMID");
        return;
    }
    bool own = running_slot < MONITOR_MAX_TVMS && e->vmid == o->tvm[running_slot].facts.vmid;
    if (own && !window && !entry_is_shared(w, e, running_slot))
        report_entry(w, h, e, S1_ISOLATION, "lets a TVM use host memory that it does not share there");
    else if (own && window && !entry_matches_record(w, e, running_slot))
        report_entry(w, h, e, S1_ISOLATION, "is used by a TVM whose frame that is not, at that address");
    else if (!own && window && !entry_matches_record(w, e, HART_NO_TVM))
        report_entry(w, h, e, S1_ISOLATION, "outlived the ownership of the frame");
}

static void check_tlb(struct world *w, uint32_t h)
{
    uint32_t running = w->machine->monitor->hart[h].tvm_slot;

    if (!machine_in_guest(w->machine, h))
        running = HART_NO_TVM;
    const struct machine_hart *hart = &w->machine->hart[h];
    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1)
        check_entry(w, h, &hart->tlb[__builtin_ctz(rest)], running); /* the first report is kept */
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

void access_after(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    /* A step of the monitor may change records or other harts; any other step only its own hart's cache. */
    for (uint32_t h = 0; h < w->machine->config.harts && !w->finding.found; h++) {
        if (h != o->hart && !o->entered)
            continue;
        if (o->entered)
            check_pmp_if_changed(w, h);
        if (h == o->hart || o->entry[h].entered || o->changed_count != 0)
            check_tlb(w, h);
    }
}

void access_audit(struct world *w)
{
    for (uint32_t h = 0; h < w->machine->config.harts && !w->finding.found; h++) {
        check_pmp_if_changed(w, h);
        check_tlb(w, h);
    }
}
