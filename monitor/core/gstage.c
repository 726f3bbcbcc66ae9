/* SPDX-License-Identifier: Apache-2.0 */
/* Second-stage tables; see gstage.h. */
#include "monitor/core/gstage.h"

#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

#define PTE_V (UINT64_C(1) << 0)
#define PTE_R (UINT64_C(1) << 1)
#define PTE_W (UINT64_C(1) << 2)
#define PTE_X (UINT64_C(1) << 3)
#define PTE_U (UINT64_C(1) << 4)
#define PTE_A (UINT64_C(1) << 6)
#define PTE_D (UINT64_C(1) << 7)
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK (((UINT64_C(1) << 44) - 1) << PTE_PPN_SHIFT)
#define PTE_LEAF (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

#define INDEX_BITS 9u
#define TABLE_ENTRIES 512u
#define ROOT_EXTRA_BITS 2u /* the root of a G-stage table has four times the entries */

/* Levels of `mode`; level 0 holds the leaves, the root is level gstage_levels - 1. */
static unsigned gstage_levels(uint32_t mode)
{
    return mode - GSTAGE_SV39X4 + 3u;
}

uint64_t gstage_gpa_limit(uint32_t mode)
{
    return UINT64_C(1) << (PAGE_SHIFT + INDEX_BITS * gstage_levels(mode) + ROOT_EXTRA_BITS);
}

uint64_t gstage_hgatp(const struct monitor *m, const struct tvm *t)
{
    uint64_t ppn = conf_page_address(m, t->root) >> PAGE_SHIFT;
    return ((uint64_t)t->gstage_mode << HGATP_MODE_SHIFT) | ((uint64_t)t->vmid << HGATP_VMID_SHIFT) | ppn;
}

/* Index of `gfn` in a table of `level`. */
static uint32_t table_index(const struct tvm *t, uint64_t gfn, unsigned level)
{
    uint64_t index = gfn >> (INDEX_BITS * level);
    bool root = level == gstage_levels(t->gstage_mode) - 1;
    return (uint32_t)(index & (root ? (TABLE_ENTRIES << ROOT_EXTRA_BITS) - 1 : TABLE_ENTRIES - 1));
}

static uint32_t table_frames(const struct tvm *t, unsigned level)
{
    return level == gstage_levels(t->gstage_mode) - 1 ? TVM_ROOT_PAGES : 1;
}

/* Frame that a table entry of ours points to. */
static struct conf_page entry_frame(const struct monitor *m, uint64_t entry)
{
    uint64_t address = ((entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT) << PAGE_SHIFT;
    return (struct conf_page){(uint32_t)((address - m->platform.window_base) >> PAGE_SHIFT)};
}

static uint64_t entry_for(const struct monitor *m, struct conf_page page, uint64_t flags)
{
    return ((conf_page_address(m, page) >> PAGE_SHIFT) << PTE_PPN_SHIFT) | flags;
}

/*
 * Walk from the root towards the table of `level` that covers `gfn`. True and *table when it exists.
 */
static bool walk(const struct monitor *m, const struct tvm *t, uint64_t gfn, unsigned level, struct conf_page *table)
{
    struct conf_page current = t->root;
    for (unsigned at = gstage_levels(t->gstage_mode) - 1; at > level; at--) {
        const uint64_t *entries = hal_conf_ro(m, current, table_frames(t, at));
        uint64_t entry = entries[table_index(t, gfn, at)];
        if ((entry & PTE_V) == 0)
            return false;
        current = entry_frame(m, entry);
    }
    *table = current;
    return true;
}

bool gstage_is_mapped(const struct monitor *m, const struct tvm *t, struct gpa gpa)
{
    uint64_t gfn = gpa.value >> PAGE_SHIFT;
    struct conf_page table;
    if (!walk(m, t, gfn, 0, &table))
        return false;
    const uint64_t *entries = hal_conf_ro(m, table, 1);
    return entries[table_index(t, gfn, 0)] != 0;
}

uint32_t gstage_tables_needed(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint32_t count)
{
    uint64_t first = gpa.value >> PAGE_SHIFT;
    uint64_t last = first + count - 1;
    uint32_t needed = 0;
    for (unsigned level = 0; level + 1 < gstage_levels(t->gstage_mode); level++) {
        unsigned span = INDEX_BITS * (level + 1);
        for (uint64_t block = first >> span; block <= last >> span; block++) {
            struct conf_page table;
            if (!walk(m, t, block << span, level, &table))
                needed++;
        }
    }
    return needed;
}

/* Take one frame from the pool and link it below entry `index` of `parent`. */
static struct conf_page add_table(struct hart *h, struct tvm *t, uint64_t *entry)
{
    struct monitor *m = h->monitor;
    if (t->pool_count == 0)
        hal_fatal(h, "gstage: page-table pool empty after it was checked");
    struct conf_page table = {t->pool_head};
    hal_lock(h, &m->pages_lock);
    t->pool_head = m->page[table.index].link;
    t->pool_count--;
    page_record_set(m, table, PAGE_TABLE);
    m->page[table.index].owner = (uint8_t)t->slot;
    hal_unlock(h, &m->pages_lock);
    /* The frame was scrubbed on donation; publish it only as a whole. */
    __atomic_store_n(entry, entry_for(m, table, PTE_V), __ATOMIC_RELEASE);
    return table;
}

void gstage_map(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page page)
{
    struct monitor *m = h->monitor;
    uint64_t gfn = gpa.value >> PAGE_SHIFT;
    struct conf_page table = t->root;
    for (unsigned level = gstage_levels(t->gstage_mode) - 1; level > 0; level--) {
        uint32_t index = table_index(t, gfn, level);
        const uint64_t *entries = hal_conf_ro(m, table, table_frames(t, level));
        if ((entries[index] & PTE_V) != 0) {
            table = entry_frame(m, entries[index]);
            continue;
        }
        uint64_t *writable = hal_conf_rw(m, table, table_frames(t, level));
        table = add_table(h, t, &writable[index]);
    }
    uint64_t *leaf = (uint64_t *)hal_conf_rw(m, table, 1) + table_index(t, gfn, 0);
    if (*leaf != 0)
        hal_fatal(h, "gstage: leaf present after it was checked absent");
    hal_lock(h, &m->pages_lock);
    m->page[page.index].gfn = gfn;
    hal_unlock(h, &m->pages_lock);
    __atomic_store_n(leaf, entry_for(m, page, PTE_LEAF), __ATOMIC_RELEASE);
}
