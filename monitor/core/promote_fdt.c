/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of a VM that becomes a TVM; see promote.h. It is the host's,
 * so it is taken out of the copied memory, whose pages are scattered over the
 * window, into frames that lie side by side, and only those are parsed. Of the
 * tree three things count: the cells of the root, `memory` nodes below it, and
 * CPUs below /cpus.
 */
#include "monitor/core/fdt.h"
#include "monitor/core/gstage.h"
#include "monitor/core/promote.h"
#include "monitor/hal/hal.h"

#define MEMORY_DEPTH 2u /* the root has depth 1 */
#define CPU_DEPTH 3u

struct facts {
    uint32_t address_cells, size_cells;
    bool in_memory, in_cpus; /* what the node at depth 2 is */
};

/* One range of a memory node. Ranges must not overlap: which of two properties
 * would a page have? */
static int64_t add_memory(struct promotion *p, struct gpa base, uint64_t size)
{
    if (size == 0)
        return SBI_SUCCESS;
    if ((size & PAGE_MASK) != 0 || !tvm_gpa_range_valid(p->t, base, size) || tvm_region_overlaps(p->t, base, size))
        return SBI_ERR_FAILED;
    return tvm_region_insert(p->t, base, size, REGION_CONFIDENTIAL) ? SBI_SUCCESS : SBI_ERR_FAILED;
}

/* The value of a memory node's `reg`: pairs of address and size. */
static int64_t read_memory(struct promotion *p, const struct facts *f, struct fdt_bytes reg)
{
    uint32_t address = 4 * f->address_cells;
    uint32_t pair = address + 4 * f->size_cells;
    int64_t error = reg.count % pair == 0 ? SBI_SUCCESS : SBI_ERR_FAILED;
    /* The value lies in the tree: at most FDT_MAX_BYTES. */
    for (uint32_t at = 0; error == SBI_SUCCESS && at < reg.count; at += pair) {
        struct gpa base = {fdt_cells(reg.at + at, f->address_cells)};
        error = add_memory(p, base, fdt_cells(reg.at + at + address, f->size_cells));
    }
    return error;
}

static int64_t read_cell_count(struct fdt_bytes value, uint32_t *cells)
{
    if (value.count != 4)
        return SBI_ERR_FAILED;
    *cells = fdt_be32(value.at);
    return *cells == 1 || *cells == 2 ? SBI_SUCCESS : SBI_ERR_FAILED;
}

static void read_node(struct promotion *p, struct facts *f, const struct fdt_item *item)
{
    if (item->depth == MEMORY_DEPTH) {
        f->in_memory = fdt_is(item->name, "memory") || fdt_begins(item->name, "memory@");
        f->in_cpus = fdt_is(item->name, "cpus");
    } else if (item->depth == CPU_DEPTH && f->in_cpus) {
        p->vcpus += fdt_is(item->name, "cpu") || fdt_begins(item->name, "cpu@");
    }
}

static int64_t read_property(struct promotion *p, struct facts *f, const struct fdt_item *item)
{
    if (item->depth == 1 && fdt_is(item->name, "#address-cells"))
        return read_cell_count(item->value, &f->address_cells);
    if (item->depth == 1 && fdt_is(item->name, "#size-cells"))
        return read_cell_count(item->value, &f->size_cells);
    if (item->depth == MEMORY_DEPTH && f->in_memory && fdt_is(item->name, "reg"))
        return read_memory(p, f, item->value);
    return SBI_SUCCESS;
}

static int64_t read_tree(struct promotion *p, const struct fdt *tree)
{
    struct facts f = {.address_cells = 2, .size_cells = 1}; /* defaults of the format */
    struct fdt_cursor cursor = fdt_walk(tree);
    struct fdt_item item = fdt_next(&cursor);
    int64_t error = SBI_SUCCESS;
    /* fdt_next ends every walk, after at most FDT_MAX_BYTES / 4 items. */
    for (; error == SBI_SUCCESS && item.kind < FDT_ITEM_TREE_END; item = fdt_next(&cursor)) {
        if (item.kind == FDT_ITEM_NODE)
            read_node(p, &f, &item);
        else if (item.kind == FDT_ITEM_PROPERTY)
            error = read_property(p, &f, &item);
    }
    if (error == SBI_SUCCESS && item.kind != FDT_ITEM_TREE_END)
        error = SBI_ERR_FAILED;
    return error;
}

/* The copied page at `gpa` (any alignment), or NULL when there is none. */
static const uint64_t *copied_page(const struct promotion *p, uint64_t gpa)
{
    const struct monitor *m = p->h->monitor;
    if (gpa >= gstage_gpa_limit(p->t->gstage_mode))
        return NULL;
    struct gstage_leaf leaf = gstage_lookup(m, p->t, (struct gpa){gpa});
    return leaf.kind == LEAF_DATA ? hal_conf_ro(m, leaf.frame, 1) : NULL;
}

/* Size of the tree at `fdt` by its header, 0 when there is no tree in copied
 * memory. It is all there. */
static uint32_t tree_size(const struct promotion *p, struct gpa fdt)
{
    const uint8_t *page = (const uint8_t *)copied_page(p, fdt.value);
    if (page == NULL)
        return 0;
    /* The address is a multiple of eight, so these two words lie in one page. */
    uint32_t magic = fdt_be32(page + (fdt.value & PAGE_MASK));
    uint32_t size = fdt_be32(page + (fdt.value & PAGE_MASK) + 4);
    if (magic != FDT_MAGIC || size < FDT_HEADER_BYTES || size > FDT_MAX_BYTES)
        return 0;
    /* At most FDT_MAX_BYTES, and a page. */
    for (uint64_t offset = 0; offset < (fdt.value & PAGE_MASK) + size; offset += PAGE_SIZE)
        if (copied_page(p, (fdt.value & ~(uint64_t)PAGE_MASK) + offset) == NULL)
            return 0;
    return size;
}

int64_t promote_read_fdt(struct promotion *p, struct gpa fdt)
{
    uint64_t offset = fdt.value & PAGE_MASK;
    uint32_t size = tree_size(p, fdt);
    struct conf_page first;
    struct fdt tree;
    if (size == 0)
        return SBI_ERR_INVALID_ADDRESS;
    uint32_t frames = 1;
    while ((uint64_t)frames * PAGE_SIZE < offset + size) /* at most twice FDT_MAX_BYTES */
        frames *= 2;
    if (!promote_take(p, frames, PAGE_BUSY, &first))
        return SBI_ERR_OUT_OF_MEMORY;

    uint64_t *copy = hal_conf_rw(p->h->monitor, first, frames);
    for (uint64_t at = 0; at < offset + size; at += PAGE_SIZE) { /* at most FDT_MAX_BYTES, and a page */
        const uint64_t *page = copied_page(p, fdt.value - offset + at);
        for (uint32_t i = 0; i < PAGE_SIZE / sizeof(*page); i++)
            *copy++ = page[i];
    }
    const uint8_t *blob = hal_conf_ro(p->h->monitor, first, frames);
    int64_t error = fdt_open(&tree, blob + offset, size) ? read_tree(p, &tree) : SBI_ERR_FAILED;
    if (error == SBI_SUCCESS && (p->vcpus == 0 || p->vcpus > TVM_MAX_VCPUS || p->t->region_count == 0))
        error = SBI_ERR_FAILED;
    return error;
}
