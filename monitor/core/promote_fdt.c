/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of a VM that becomes a TVM; see promote.h. It is the host's, and is read out of the copied memory,
 * whose pages are scattered over the window: one byte at a time, each checked against the end of the block it is in.
 * Of the tree only three things count: the cells of the root, `memory` nodes below it, and CPUs below /cpus.
 */
#include "monitor/core/gstage.h"
#include "monitor/core/promote.h"
#include "monitor/hal/hal.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_HEADER_SIZE 40u
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define FDT_END 9u
#define MEMORY_DEPTH 2u /* the root has depth 1 */
#define CPU_DEPTH 3u

/* A block of the tree: offsets [at, end), where `at` is what is read next. */
struct fdt_block {
    const struct promotion *p;
    uint64_t base; /* guest-physical address of the tree */
    uint32_t at, end;
    uint64_t page; /* guest-physical page that `bytes` is, or 1 */
    const uint8_t *bytes;
};

struct fdt_walk {
    struct fdt_block structure, strings;
    uint32_t strings_start;
    uint32_t depth;
    uint32_t address_cells, size_cells;
    bool in_memory, in_cpus; /* what the node at depth 2 is */
};

static struct fdt_block block_of(const struct promotion *p, struct gpa fdt, uint32_t start, uint32_t end)
{
    return (struct fdt_block){.p = p, .base = fdt.value, .at = start, .end = end, .page = 1};
}

static bool next_byte(struct fdt_block *b, uint8_t *out)
{
    if (b->at >= b->end)
        return false;
    uint64_t gpa = b->base + b->at;
    if ((gpa & ~(uint64_t)PAGE_MASK) != b->page) {
        /* The whole tree is mapped, that was checked before the first block was made. */
        struct gstage_leaf leaf = gstage_lookup(b->p->h->monitor, b->p->t, (struct gpa){gpa});
        b->page = gpa & ~(uint64_t)PAGE_MASK;
        b->bytes = hal_conf_ro(b->p->h->monitor, leaf.frame, 1);
    }
    *out = b->bytes[gpa & PAGE_MASK];
    b->at++;
    return true;
}

static bool next_cells(struct fdt_block *b, uint32_t cells, uint64_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < 4 * cells; i++) {
        uint8_t byte;
        if (!next_byte(b, &byte))
            return false;
        *out = *out << 8 | byte;
    }
    return true;
}

static bool next_word(struct fdt_block *b, uint32_t *out)
{
    uint64_t value;
    bool ok = next_cells(b, 1, &value);
    *out = (uint32_t)value;
    return ok;
}

/* Move over `len` bytes, which are there, and the padding behind them. A token follows, so that is in the block too. */
static bool skip(struct fdt_block *b, uint32_t len)
{
    uint32_t next = (b->at + len + 3u) & ~3u;
    b->at = next <= b->end ? next : b->end;
    return next <= b->end;
}

/* Does the text at b->at read `name`, up to its end or, if `unit`, up to a unit address? Moves on by what it read. */
static bool reads(struct fdt_block *b, const char *name, bool unit)
{
    uint8_t byte = 0;
    for (uint32_t i = 0; next_byte(b, &byte); i++) {
        if (name[i] == '\0')
            return byte == '\0' || (unit && byte == '@');
        if (byte != (uint8_t)name[i])
            return false;
    }
    return false;
}

static bool node_is(const struct fdt_walk *f, const char *name)
{
    struct fdt_block b = f->structure;
    return reads(&b, name, true);
}

static bool property_is(struct fdt_walk *f, uint32_t offset, const char *name)
{
    f->strings.at = f->strings_start + offset;
    return reads(&f->strings, name, false);
}

/* One range of a memory node. Ranges must not overlap: which of two properties would a page have? */
static int64_t add_memory(struct promotion *p, struct gpa base, uint64_t size)
{
    if (size == 0)
        return SBI_SUCCESS;
    if ((size & PAGE_MASK) != 0 || !tvm_gpa_range_valid(p->t, base, size) || tvm_region_overlaps(p->t, base, size))
        return SBI_ERR_FAILED;
    return tvm_region_insert(p->t, base, size, REGION_CONFIDENTIAL) ? SBI_SUCCESS : SBI_ERR_FAILED;
}

/* The value of a memory node's `reg`, of `len` bytes that are there: pairs of address and size. */
static int64_t read_memory(struct promotion *p, const struct fdt_walk *f, uint32_t len)
{
    struct fdt_block b = f->structure;
    uint32_t pair = 4 * (f->address_cells + f->size_cells);
    int64_t error = len % pair == 0 ? SBI_SUCCESS : SBI_ERR_FAILED;
    for (uint32_t i = 0; error == SBI_SUCCESS && i < len / pair; i++) {
        struct gpa base;
        uint64_t size;
        (void)next_cells(&b, f->address_cells, &base.value);
        (void)next_cells(&b, f->size_cells, &size);
        error = add_memory(p, base, size);
    }
    return error;
}

static bool read_cell_count(const struct fdt_walk *f, uint32_t *cells)
{
    struct fdt_block b = f->structure;
    return next_word(&b, cells) && (*cells == 1 || *cells == 2);
}

static int64_t begin_node(struct promotion *p, struct fdt_walk *f)
{
    uint8_t byte;
    f->depth++;
    if (f->depth == MEMORY_DEPTH) {
        f->in_memory = node_is(f, "memory");
        f->in_cpus = node_is(f, "cpus");
    } else if (f->depth == CPU_DEPTH && f->in_cpus && node_is(f, "cpu")) {
        p->vcpus++;
    }
    do {
        if (!next_byte(&f->structure, &byte))
            return SBI_ERR_FAILED;
    } while (byte != '\0');
    return skip(&f->structure, 0) ? SBI_SUCCESS : SBI_ERR_FAILED;
}

static int64_t property(struct promotion *p, struct fdt_walk *f)
{
    uint32_t len, name;
    if (f->depth == 0 || !next_word(&f->structure, &len) || !next_word(&f->structure, &name))
        return SBI_ERR_FAILED;
    int64_t error = SBI_SUCCESS;
    bool ok = len <= f->structure.end - f->structure.at && name < f->strings.end - f->strings_start;
    if (ok && f->depth == 1 && len == 4 && property_is(f, name, "#address-cells"))
        ok = read_cell_count(f, &f->address_cells);
    else if (ok && f->depth == 1 && len == 4 && property_is(f, name, "#size-cells"))
        ok = read_cell_count(f, &f->size_cells);
    else if (ok && f->depth == MEMORY_DEPTH && f->in_memory && property_is(f, name, "reg"))
        error = read_memory(p, f, len);
    if (error != SBI_SUCCESS)
        return error;
    return ok && skip(&f->structure, len) ? SBI_SUCCESS : SBI_ERR_FAILED;
}

/* All tokens of the structure block. Each turn moves on by at least four bytes. */
static int64_t walk_tokens(struct promotion *p, struct fdt_walk *f)
{
    uint32_t token;
    int64_t error = SBI_SUCCESS;
    while (error == SBI_SUCCESS && next_word(&f->structure, &token)) {
        switch (token) {
        case FDT_BEGIN_NODE: error = begin_node(p, f); break;
        case FDT_PROP: error = property(p, f); break;
        case FDT_NOP: break;
        case FDT_END_NODE:
            if (f->depth == 0)
                return SBI_ERR_FAILED;
            f->depth--;
            break;
        case FDT_END: return f->depth == 0 ? SBI_SUCCESS : SBI_ERR_FAILED;
        default: return SBI_ERR_FAILED;
        }
    }
    return error == SBI_SUCCESS ? SBI_ERR_FAILED : error;
}

/* Is [fdt, fdt + size) within the guest-physical width, and all of it copied memory? size > 0. */
static bool is_mapped(const struct promotion *p, struct gpa fdt, uint32_t size)
{
    uint64_t limit = gstage_gpa_limit(p->t->gstage_mode);
    if (fdt.value >= limit || size > limit - fdt.value)
        return false;
    uint64_t last = fdt.value + size - 1;
    for (uint64_t gpa = fdt.value & ~(uint64_t)PAGE_MASK; gpa <= last; gpa += PAGE_SIZE)
        if (!gstage_is_mapped(p->h->monitor, p->t, (struct gpa){gpa}))
            return false;
    return true;
}

/* The header: magic, total size, offsets of structure and strings, ..., size of strings, size of structure. */
enum { HEADER_MAGIC, HEADER_TOTAL, HEADER_STRUCTURE, HEADER_STRINGS, HEADER_STRINGS_SIZE = 8, HEADER_STRUCTURE_SIZE };

int64_t promote_read_fdt(struct promotion *p, struct gpa fdt)
{
    uint32_t word[FDT_HEADER_SIZE / 4];
    if (!is_mapped(p, fdt, FDT_HEADER_SIZE))
        return SBI_ERR_INVALID_ADDRESS;
    struct fdt_block header = block_of(p, fdt, 0, FDT_HEADER_SIZE);
    for (uint32_t i = 0; i < FDT_HEADER_SIZE / 4; i++)
        (void)next_word(&header, &word[i]);
    uint32_t total = word[HEADER_TOTAL];
    if (word[HEADER_MAGIC] != FDT_MAGIC || total < FDT_HEADER_SIZE || total > PROMOTE_FDT_MAX)
        return SBI_ERR_INVALID_ADDRESS;
    if (!is_mapped(p, fdt, total))
        return SBI_ERR_INVALID_ADDRESS;

    uint32_t structure = word[HEADER_STRUCTURE], strings = word[HEADER_STRINGS];
    if ((structure & 3) != 0 || structure > total || word[HEADER_STRUCTURE_SIZE] > total - structure)
        return SBI_ERR_FAILED;
    if (strings > total || word[HEADER_STRINGS_SIZE] > total - strings)
        return SBI_ERR_FAILED;
    struct fdt_walk f = {.strings_start = strings, .address_cells = 2, .size_cells = 1};
    f.structure = block_of(p, fdt, structure, structure + word[HEADER_STRUCTURE_SIZE]);
    f.strings = block_of(p, fdt, strings, strings + word[HEADER_STRINGS_SIZE]);
    int64_t error = walk_tokens(p, &f);
    if (error == SBI_SUCCESS && (p->vcpus == 0 || p->vcpus > TVM_MAX_VCPUS || p->t->region_count == 0))
        error = SBI_ERR_FAILED;
    return error;
}
