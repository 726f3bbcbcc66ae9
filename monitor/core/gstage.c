/* SPDX-License-Identifier: Apache-2.0 */
/* Second-stage tables; see gstage.h. */
#include "monitor/core/gstage.h"

#include "monitor/core/address.h"
#include "monitor/core/pte.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/tvm_frames.h"
#include "monitor/hal/hal.h"

/* Software bits. */
#define PTE_BLOCKED (UINT64_C(1) << 8)
#define PTE_LEAVING (UINT64_C(2) << 8)
#define PTE_SOFTWARE (UINT64_C(3) << 8)
#define PTE_VERSION_SHIFT PTE_HIGH_SHIFT

#define PTE_SHARED (PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_DATA (PTE_SHARED | PTE_X)

#define ROOT_EXTRA_BITS 2u /* the root of a G-stage table has four times the entries */

/* Levels of `mode`; level 0 holds 4 KiB leaves, level 1 leaves of 2 MiB, the root is level gstage_levels - 1. */
static unsigned gstage_levels(uint32_t mode)
{
    return mode - GSTAGE_SV39X4 + 3u;
}

uint64_t gstage_gpa_limit(uint32_t mode)
{
    return UINT64_C(1) << (PAGE_SHIFT + PTE_TABLE_BITS * gstage_levels(mode) + ROOT_EXTRA_BITS);
}

uint64_t gstage_hgatp(const struct monitor *m, const struct tvm *t)
{
    uint64_t ppn = conf_page_address(m, t->root) >> PAGE_SHIFT;
    return ((uint64_t)t->gstage_mode << HGATP_MODE_SHIFT) | ((uint64_t)t->vmid << HGATP_VMID_SHIFT) | ppn;
}

/* Bytes that one entry of a table of `level` covers. */
static uint64_t leaf_size(unsigned level)
{
    return UINT64_C(1) << (PAGE_SHIFT + PTE_TABLE_BITS * level);
}

/* Index of `gfn` in a table of `level`. */
static uint32_t table_index(const struct tvm *t, uint64_t gfn, unsigned level)
{
    uint64_t index = gfn >> (PTE_TABLE_BITS * level);
    bool root = level == gstage_levels(t->gstage_mode) - 1;
    return (uint32_t)(index & (root ? (PTE_TABLE_ENTRIES << ROOT_EXTRA_BITS) - 1 : PTE_TABLE_ENTRIES - 1));
}

static uint32_t table_frames(const struct tvm *t, unsigned level)
{
    return level == gstage_levels(t->gstage_mode) - 1 ? TVM_ROOT_PAGES : 1;
}

static uint64_t entry_address(uint64_t entry)
{
    return ((entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT) << PAGE_SHIFT;
}

/* Window frame that a table entry of ours points to. */
static struct conf_page entry_frame(const struct monitor *m, uint64_t entry)
{
    return (struct conf_page){(uint32_t)((entry_address(entry) - m->platform.window_base) >> PAGE_SHIFT)};
}

static uint64_t entry_for(uint64_t address, uint64_t flags)
{
    return (address >> PAGE_SHIFT << PTE_PPN_SHIFT) | flags;
}

static bool is_pointer(uint64_t entry)
{
    return (entry & (PTE_V | PTE_R)) == PTE_V;
}

/* Where the walk for one guest frame ends: at a leaf, at an empty entry, or at `level` wherever it points to. */
struct place {
    struct conf_page table;
    unsigned level;
    uint32_t index;
    uint64_t entry;
};

/* Walk from the root towards the entry of `level` for `gfn`; at most five steps. */
static struct place find(const struct monitor *m, const struct tvm *t, uint64_t gfn, unsigned level)
{
    struct place p = {.table = t->root, .level = gstage_levels(t->gstage_mode) - 1};
    for (;;) {
        p.index = table_index(t, gfn, p.level);
        p.entry = ((const uint64_t *)hal_conf_ro(m, p.table, table_frames(t, p.level)))[p.index];
        if (p.level == level || !is_pointer(p.entry))
            return p;
        p.table = entry_frame(m, p.entry);
        p.level--;
    }
}

/* Publish an entry: all that it points to was written before. */
static void store(const struct monitor *m, const struct tvm *t, const struct place *p, uint64_t entry)
{
    uint64_t *table = hal_conf_rw(m, p->table, table_frames(t, p->level));
    __atomic_store_n(&table[p->index], entry, __ATOMIC_RELEASE);
}

static enum leaf_kind entry_kind(uint64_t entry)
{
    bool data = (entry & PTE_X) != 0;
    if (entry == 0)
        return LEAF_NONE;
    if ((entry & PTE_V) != 0)
        return data ? LEAF_DATA : LEAF_SHARED;
    if ((entry & PTE_SOFTWARE) == PTE_LEAVING)
        return LEAF_DATA_LEAVING;
    return data ? LEAF_DATA_BLOCKED : LEAF_SHARED_BLOCKED;
}

struct gstage_leaf gstage_lookup(const struct monitor *m, const struct tvm *t, struct gpa gpa)
{
    struct place p = find(m, t, gpa.value >> PAGE_SHIFT, 0);
    uint64_t span = leaf_size(p.level);
    struct gstage_leaf leaf = {.kind = entry_kind(p.entry), .frame = {CONF_PAGE_NONE}, .span = span};
    if (leaf.kind == LEAF_NONE)
        return leaf;
    uint64_t address = entry_address(p.entry) + (gpa.value & (span - 1) & ~(uint64_t)PAGE_MASK);
    leaf.large = p.level == 1;
    if ((p.entry & PTE_X) == 0)
        leaf.host.value = address;
    else
        leaf.frame.index = (uint32_t)((address - m->platform.window_base) >> PAGE_SHIFT);
    leaf.version = (uint32_t)(p.entry >> PTE_VERSION_SHIFT);
    return leaf;
}

bool gstage_is_mapped(const struct monitor *m, const struct tvm *t, struct gpa gpa)
{
    return find(m, t, gpa.value >> PAGE_SHIFT, 0).entry != 0;
}

bool gstage_range_empty(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t len)
{
    uint64_t end = gpa.value + len;
    for (uint64_t at = gpa.value; at < end;) {
        struct gstage_leaf leaf = gstage_lookup(m, t, (struct gpa){at});
        if (leaf.kind != LEAF_NONE)
            return false;
        at = (at & ~(leaf.span - 1)) + leaf.span;
    }
    return true;
}

/* Tables of level `lowest` and above that are missing in the range. */
static uint64_t tables_missing(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t count,
                               unsigned lowest)
{
    uint64_t first = gpa.value >> PAGE_SHIFT;
    uint64_t last = first + count - 1;
    uint64_t needed = 0;
    for (unsigned level = lowest; level + 1 < gstage_levels(t->gstage_mode); level++) {
        unsigned span = PTE_TABLE_BITS * (level + 1);
        for (uint64_t block = first >> span; block <= last >> span; block++)
            if (find(m, t, block << span, level).level != level)
                needed++;
    }
    return needed;
}

uint64_t gstage_tables_needed(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t count)
{
    return tables_missing(m, t, gpa, count, 0);
}

uint64_t gstage_tables_needed_large(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t count)
{
    return tables_missing(m, t, gpa, count, 1);
}

/* Link a table below the entry at `p`: empty where nothing was, with 512 leaves of the same meaning where a leaf was. */
static void add_table(struct hart *h, struct tvm *t, const struct place *p)
{
    struct monitor *m = h->monitor;
    struct conf_page table = tvm_take_table(h, t);
    if (p->entry != 0) {
        uint64_t *entries = hal_conf_rw(m, table, 1);
        for (uint32_t i = 0; i < PTE_TABLE_ENTRIES; i++)
            entries[i] = p->entry + entry_for(i * leaf_size(p->level - 1), 0);
    }
    store(m, t, p, entry_for(conf_page_address(m, table), PTE_V));
}

/* The place of `level` for `gfn`, with all tables on the way to it. */
static struct place reach(struct hart *h, struct tvm *t, uint64_t gfn, unsigned level)
{
    struct place p = find(h->monitor, t, gfn, level);
    while (p.level != level) {
        add_table(h, t, &p);
        p = find(h->monitor, t, gfn, level);
    }
    return p;
}

static void put_leaf(struct hart *h, const struct tvm *t, const struct place *p, uint64_t entry)
{
    if (p->entry != 0)
        hal_fatal(h, "gstage: leaf present after it was checked absent");
    store(h->monitor, t, p, entry);
}

/* One leaf of 2 MiB, or 512 leaves where a table of them is linked already. */
static void put_large(struct hart *h, struct tvm *t, uint64_t gfn, uint64_t entry)
{
    struct place p = reach(h, t, gfn, 1);
    if (!is_pointer(p.entry)) {
        put_leaf(h, t, &p, entry);
        return;
    }
    for (uint32_t i = 0; i < LARGE_PAGES; i++) {
        p = find(h->monitor, t, gfn + i, 0);
        put_leaf(h, t, &p, entry + entry_for((uint64_t)i * PAGE_SIZE, 0));
    }
}

static void record_places(struct hart *h, struct conf_page first, uint32_t count, uint64_t gfn)
{
    struct monitor *m = h->monitor;
    hal_lock(h, &m->pages_lock);
    for (uint32_t i = 0; i < count; i++)
        m->page[conf_page_next(first, i).index].gfn = gfn + i;
    hal_unlock(h, &m->pages_lock);
}

void gstage_map(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page page)
{
    uint64_t gfn = gpa.value >> PAGE_SHIFT;
    struct place p = reach(h, t, gfn, 0);
    record_places(h, page, 1, gfn);
    put_leaf(h, t, &p, entry_for(conf_page_address(h->monitor, page), PTE_DATA));
}

void gstage_map_large(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page first)
{
    uint64_t gfn = gpa.value >> PAGE_SHIFT;
    record_places(h, first, LARGE_PAGES, gfn);
    put_large(h, t, gfn, entry_for(conf_page_address(h->monitor, first), PTE_DATA));
}

void gstage_map_shared(struct hart *h, struct tvm *t, struct gpa gpa, struct nonconf_addr host, bool large)
{
    uint64_t gfn = gpa.value >> PAGE_SHIFT;
    uint64_t entry = entry_for(host.value, PTE_SHARED);
    if (large) {
        put_large(h, t, gfn, entry);
        return;
    }
    struct place p = reach(h, t, gfn, 0);
    put_leaf(h, t, &p, entry);
}

void gstage_make_table(struct hart *h, struct tvm *t, struct gpa gpa)
{
    reach(h, t, gpa.value >> PAGE_SHIFT, 0);
}

/* The leaf at `gpa`, which the caller has seen there. */
static struct place leaf_at(struct hart *h, const struct tvm *t, struct gpa gpa)
{
    struct place p = find(h->monitor, t, gpa.value >> PAGE_SHIFT, 0);
    if (p.entry == 0 || p.level > 1)
        hal_fatal(h, "gstage: leaf absent after it was checked present");
    return p;
}

/* Set the state of the frames behind a data leaf. */
static void record_states(struct hart *h, const struct place *p, enum page_state state)
{
    struct monitor *m = h->monitor;
    if ((p->entry & PTE_X) == 0)
        return;
    uint32_t count = p->level == 1 ? LARGE_PAGES : 1;
    hal_lock(h, &m->pages_lock);
    for (uint32_t i = 0; i < count; i++)
        m->page[conf_page_next(entry_frame(m, p->entry), i).index].state = (uint8_t)state;
    hal_unlock(h, &m->pages_lock);
}

void gstage_block(struct hart *h, struct tvm *t, struct gpa gpa)
{
    struct place p = leaf_at(h, t, gpa);
    store(h->monitor, t, &p, (p.entry & ~PTE_V) | PTE_BLOCKED | t->fence.current << PTE_VERSION_SHIFT);
    record_states(h, &p, PAGE_BLOCKED);
}

void gstage_leave(struct hart *h, struct tvm *t, struct gpa gpa)
{
    struct place p = leaf_at(h, t, gpa);
    store(h->monitor, t, &p, (p.entry & ~(PTE_V | PTE_SOFTWARE)) | PTE_LEAVING);
    record_states(h, &p, PAGE_BLOCKED);
}

void gstage_unblock(struct hart *h, struct tvm *t, struct gpa gpa)
{
    struct place p = leaf_at(h, t, gpa);
    uint64_t version = ~UINT64_C(0) << PTE_VERSION_SHIFT;
    record_states(h, &p, PAGE_DATA);
    store(h->monitor, t, &p, (p.entry & ~(PTE_SOFTWARE | version)) | PTE_V);
}

void gstage_clear(struct hart *h, struct tvm *t, struct gpa gpa)
{
    struct place p = leaf_at(h, t, gpa);
    store(h->monitor, t, &p, 0);
}
