/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through the host's second-stage tables; see promote.h.
 *
 * Depth first, with one frame per level that holds the copy of the table being read. Any table may be reached in many
 * ways, its own entries among them: each way is a visit that copies it anew, and the number of visits is bounded.
 */
#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/promote.h"
#include "monitor/core/pte.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

#define LEVELS_MAX 5u
#define HGATP_RESERVED (UINT64_C(3) << 58)
#define HGATP_PPN_MASK ((UINT64_C(1) << HGATP_VMID_SHIFT) - 1)
#define ROOT_SIZE ((uint64_t)TVM_ROOT_PAGES * PAGE_SIZE)
/* Bits that must be zero in an entry that points to a table. */
#define POINTER_RESERVED (PTE_U | PTE_A | PTE_D)

struct host_walk {
    struct promotion *p;
    uint32_t visits;                     /* table pages that may still be copied */
    uint64_t first[LEVELS_MAX];          /* guest frame of entry 0 of the copied table */
    uint32_t next[LEVELS_MAX];           /* entry to look at next */
    struct conf_page copies[LEVELS_MAX]; /* the copied tables */
    const uint64_t *entries[LEVELS_MAX];
};

/* Guest frames that one entry of a table of `level` covers. */
static uint64_t entry_span(unsigned level)
{
    return UINT64_C(1) << PTE_TABLE_BITS * level;
}

static uint64_t entry_ppn(uint64_t entry)
{
    return (entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT;
}

/* Copy one page of a table of `level`, whose first entry is for guest frame `first`, and go on there. */
static int64_t enter_table(struct host_walk *w, unsigned level, struct nonconf_addr table, uint64_t first)
{
    struct hart *h = w->p->h;
    if (w->visits == 0)
        return SBI_ERR_OUT_OF_MEMORY;
    w->visits--;
    uint64_t *copy = hal_conf_rw(h->monitor, w->copies[level], 1);
    hal_untrusted_read(h, copy, table, PAGE_SIZE);
    w->entries[level] = copy;
    w->first[level] = first;
    w->next[level] = 0;
    return SBI_SUCCESS;
}

/* Copy one page of the VM into a frame of its own. */
static int64_t copy_page(struct promotion *p, uint64_t gfn, struct nonconf_addr source)
{
    struct conf_page page;
    if (!promote_take(p, 1, PAGE_DATA, &page))
        return SBI_ERR_OUT_OF_MEMORY;
    hal_untrusted_read(p->h, hal_conf_rw(p->h->monitor, page, 1), source, PAGE_SIZE);
    if (!promote_map(p, gfn, &page))
        return SBI_ERR_OUT_OF_MEMORY;
    p->mapped++;
    return SBI_SUCCESS;
}

/* A leaf at `level`: 4 KiB, or a superpage that becomes as many pages. Its permissions are not the TVM's. */
static int64_t copy_leaf(struct host_walk *w, uint64_t entry, unsigned level, uint64_t gfn)
{
    struct promotion *p = w->p;
    uint64_t count = entry_span(level);
    uint64_t limit = gstage_gpa_limit(p->t->gstage_mode) >> PAGE_SHIFT;
    struct hpa base = {entry_ppn(entry) << PAGE_SHIFT};
    struct nonconf_addr source;
    bool unreadable = (entry & (PTE_R | PTE_W)) == PTE_W || (entry & PTE_U) == 0;
    if (unreadable || gfn >= limit || count > limit - gfn)
        return SBI_ERR_FAILED;
    if (!nonconf_range(p->h->monitor, base, count * PAGE_SIZE, count * PAGE_SIZE, &source))
        return SBI_ERR_FAILED;
    if (promote_exceeds(p, count))
        return SBI_ERR_OUT_OF_MEMORY;
    int64_t error = SBI_SUCCESS;
    for (uint64_t i = 0; error == SBI_SUCCESS && i < count; i++)
        error = copy_page(p, gfn + i, (struct nonconf_addr){source.value + i * PAGE_SIZE});
    return error;
}

/* One entry of a copied table. A pointer takes the walk one level down: *level. */
static int64_t follow_entry(struct host_walk *w, uint64_t entry, unsigned *level, uint64_t gfn)
{
    struct nonconf_addr table;
    if ((entry & PTE_V) == 0)
        return SBI_SUCCESS;
    if (entry >> PTE_HIGH_SHIFT != 0)
        return SBI_ERR_FAILED;
    if ((entry & (PTE_R | PTE_W | PTE_X)) != 0)
        return copy_leaf(w, entry, *level, gfn);
    if (*level == 0 || (entry & POINTER_RESERVED) != 0)
        return SBI_ERR_FAILED;
    struct hpa base = {entry_ppn(entry) << PAGE_SHIFT};
    if (!nonconf_range(w->p->h->monitor, base, PAGE_SIZE, PAGE_SIZE, &table))
        return SBI_ERR_FAILED;
    (*level)--;
    return enter_table(w, *level, table, gfn);
}

/* Everything below one page of the root, at level `top`. Each turn takes an entry of a visited table or leaves one. */
static int64_t walk_root_page(struct host_walk *w, unsigned top, struct nonconf_addr page, uint64_t first)
{
    unsigned level = top;
    int64_t error = enter_table(w, top, page, first);
    while (error == SBI_SUCCESS) {
        if (w->next[level] < PTE_TABLE_ENTRIES) {
            uint32_t index = w->next[level]++;
            uint64_t gfn = w->first[level] + index * entry_span(level);
            error = follow_entry(w, w->entries[level][index], &level, gfn);
        } else if (level == top) {
            return SBI_SUCCESS;
        } else {
            level++;
        }
    }
    return error;
}

/* Levels of the tables that hgatp selects, 0 for a mode that does not exist. */
static unsigned levels_of(uint64_t hgatp)
{
    switch (hgatp >> HGATP_MODE_SHIFT) {
    case GSTAGE_SV39X4: return 3;
    case GSTAGE_SV48X4: return 4;
    case GSTAGE_SV57X4: return LEVELS_MAX;
    default: return 0;
    }
}

int64_t promote_copy_memory(struct promotion *p, uint64_t hgatp)
{
    struct monitor *m = p->h->monitor;
    struct hpa base = {(hgatp & HGATP_PPN_MASK) << PAGE_SHIFT};
    struct nonconf_addr root;
    struct host_walk w = {.p = p, .visits = m->platform.window_pages};
    unsigned levels = levels_of(hgatp);
    if (levels == 0 || (hgatp & HGATP_RESERVED) != 0)
        return SBI_ERR_FAILED;
    if (!nonconf_range(m, base, ROOT_SIZE, ROOT_SIZE, &root))
        return SBI_ERR_FAILED;

    for (unsigned level = 0; level < levels; level++)
        if (!promote_take(p, 1, PAGE_BUSY, &w.copies[level]))
            return SBI_ERR_OUT_OF_MEMORY;
    int64_t error = SBI_SUCCESS;
    for (uint32_t i = 0; error == SBI_SUCCESS && i < TVM_ROOT_PAGES; i++) {
        uint64_t first = (uint64_t)i * PTE_TABLE_ENTRIES * entry_span(levels - 1);
        error = walk_root_page(&w, levels - 1, (struct nonconf_addr){root.value + (uint64_t)i * PAGE_SIZE}, first);
    }
    return error;
}
