/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second-stage tables of a TVM that promote_to_tvm builds; see promote.h. They are what gstage.h describes, with leaves
 * of 4 KiB, but their frames are not the TVM's yet: gstage.c takes tables from a TVM's own frames and writes records.
 */
#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/promote.h"
#include "monitor/core/pte.h"
#include "monitor/hal/hal.h"

#define LEAF_FLAGS (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

static uint64_t entry_for(const struct monitor *m, struct conf_page page, uint64_t flags)
{
    return conf_page_address(m, page) >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

static struct conf_page entry_frame(const struct monitor *m, uint64_t entry)
{
    uint64_t address = (entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT;
    return (struct conf_page){(uint32_t)((address - m->platform.window_base) >> PAGE_SHIFT)};
}

bool promote_map(struct promotion *p, uint64_t gfn, const struct conf_page *page)
{
    const struct monitor *m = p->h->monitor;
    unsigned level = p->t->gstage_mode - GSTAGE_SV39X4 + 2u;
    uint64_t *table = hal_conf_rw(m, p->t->root, TVM_ROOT_PAGES);
    uint64_t *entry = &table[gfn >> PTE_TABLE_BITS * level];
    while (level > 0) {
        struct conf_page next;
        if (*entry != 0)
            next = entry_frame(m, *entry);
        else if (promote_take(p, 1, PAGE_TABLE, &next))
            *entry = entry_for(m, next, PTE_V);
        else
            return false;
        level--;
        table = hal_conf_rw(m, next, 1);
        entry = &table[gfn >> PTE_TABLE_BITS * level & (PTE_TABLE_ENTRIES - 1)];
    }
    if (page != NULL)
        *entry = entry_for(m, *page, LEAF_FLAGS);
    return true;
}

bool promote_next(const struct promotion *p, uint64_t *gfn, struct conf_page *page)
{
    uint64_t limit = gstage_gpa_limit(p->t->gstage_mode);
    /* Each step passes over a whole entry of a table, so there are no more steps than entries in the TVM's tables. */
    for (uint64_t gpa = *gfn << PAGE_SHIFT; gpa < limit;) {
        struct gstage_leaf leaf = gstage_lookup(p->h->monitor, p->t, (struct gpa){gpa});
        if (leaf.kind == LEAF_DATA) {
            *gfn = gpa >> PAGE_SHIFT;
            *page = leaf.frame;
            return true;
        }
        gpa = (gpa & ~(leaf.span - 1)) + leaf.span;
    }
    return false;
}
