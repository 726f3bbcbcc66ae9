/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of flattened device trees; see fdt.h. One pass over the structure block with a fixed-depth stack. Every
 * access goes through `within`, so a lying header or property leads to `false` and never to an access outside.
 */
#include "monitor/riscv/fdt.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_HEADER_BYTES 40u
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define FDT_END 9u

struct range {
    uint64_t start, end; /* offsets into the blob */
};

struct reader {
    const uint8_t *blob;
    struct range structure, strings;
    uint64_t at; /* next token */
    struct fdt_facts *facts;
    uint64_t ram_base;
    uint32_t address_cells, size_cells; /* of the root, for /memory */
    uint32_t cpu_cells;                 /* of /cpus, for its children */
    /* The node that is being read, as far as it matters. */
    uint32_t depth;
    bool in_cpus, is_memory, is_cpu, has_reg, disabled;
    struct range reg;
};

static bool within(struct range r, uint64_t at, uint64_t len)
{
    return at >= r.start && at <= r.end && len <= r.end - at;
}

/* Big-endian numbers. The caller has checked the range. */
static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* `cells` (1 or 2) cells as one number. */
static uint64_t be_cells(const uint8_t *p, uint32_t cells)
{
    return cells == 1 ? be32(p) : (uint64_t)be32(p) << 32 | be32(p + 4);
}

/* Length of the text at `at` without its terminating zero, or UINT64_MAX when there is none in the range. */
static uint64_t text_length(const struct reader *r, struct range range, uint64_t at)
{
    for (uint64_t i = at; within(range, i, 1); i++) {
        if (r->blob[i] == '\0')
            return i - at;
    }
    return UINT64_MAX;
}

/* Does the text at `at` begin with `prefix`? `length` is what text_length returned. */
static bool begins_with(const struct reader *r, uint64_t at, uint64_t length, const char *prefix)
{
    for (uint64_t i = 0; prefix[i] != '\0'; i++) {
        if (i >= length || r->blob[at + i] != (uint8_t)prefix[i])
            return false;
    }
    return true;
}

static bool equals(const struct reader *r, uint64_t at, uint64_t length, const char *text)
{
    uint64_t n = 0;
    while (text[n] != '\0')
        n++;
    return length == n && begins_with(r, at, length, text);
}

/* What a node said is judged when all its properties are known: at its first child, or at its end. */
static void judge_node(struct reader *r)
{
    const uint8_t *reg = r->blob + r->reg.start;
    uint64_t bytes = r->reg.end - r->reg.start;
    if (r->is_memory && r->has_reg && !r->disabled) {
        uint64_t entry = 4u * (uint64_t)(r->address_cells + r->size_cells);
        for (; bytes >= entry; bytes -= entry, reg += entry) {
            if (be_cells(reg, r->address_cells) == r->ram_base)
                r->facts->ram_size = be_cells(reg + (uint64_t)4 * r->address_cells, r->size_cells);
        }
    } else if (r->is_cpu && r->has_reg && !r->disabled && bytes >= (uint64_t)4 * r->cpu_cells) {
        uint64_t id = be_cells(reg, r->cpu_cells);
        if (id < 64)
            r->facts->harts |= UINT64_C(1) << id;
        else
            r->facts->hart_beyond = true;
    }
    r->is_memory = r->is_cpu = r->has_reg = r->disabled = false;
}

static bool begin_node(struct reader *r)
{
    judge_node(r);
    uint64_t length = text_length(r, r->structure, r->at);
    if (length == UINT64_MAX || r->depth == FDT_MAX_DEPTH)
        return false;
    r->depth++;
    if (r->depth == 2) {
        r->in_cpus = equals(r, r->at, length, "cpus");
        r->is_memory = equals(r, r->at, length, "memory") || begins_with(r, r->at, length, "memory@");
    } else if (r->depth == 3) {
        r->is_cpu = r->in_cpus && begins_with(r, r->at, length, "cpu@");
    }
    r->at = (r->at + length + 1 + 3) & ~UINT64_C(3);
    return true;
}

static bool end_node(struct reader *r)
{
    judge_node(r);
    if (r->depth == 0)
        return false;
    r->depth--;
    if (r->depth < 2)
        r->in_cpus = false;
    return true;
}

/* Numbers of cells that this reader can handle. */
static bool cell_count(const struct reader *r, struct range value, uint32_t *cells)
{
    if (value.end - value.start != 4)
        return false;
    *cells = be32(r->blob + value.start);
    return *cells == 1 || *cells == 2;
}

static bool property(struct reader *r)
{
    if (r->depth == 0 || !within(r->structure, r->at, 8))
        return false;
    uint32_t bytes = be32(r->blob + r->at);
    uint64_t name = r->strings.start + be32(r->blob + r->at + 4);
    struct range value = {.start = r->at + 8, .end = r->at + 8 + bytes};
    if (!within(r->structure, value.start, bytes) || !within(r->strings, name, 1))
        return false;
    uint64_t length = text_length(r, r->strings, name);
    if (length == UINT64_MAX)
        return false;
    r->at = (value.end + 3) & ~UINT64_C(3);

    if (equals(r, name, length, "reg")) {
        r->has_reg = true;
        r->reg = value;
    } else if (equals(r, name, length, "status")) {
        r->disabled = !begins_with(r, value.start, bytes, "ok");
    } else if (r->depth == 1 && equals(r, name, length, "#address-cells")) {
        return cell_count(r, value, &r->address_cells);
    } else if (r->depth == 1 && equals(r, name, length, "#size-cells")) {
        return cell_count(r, value, &r->size_cells);
    } else if (r->depth == 2 && r->in_cpus && equals(r, name, length, "#address-cells")) {
        return cell_count(r, value, &r->cpu_cells);
    }
    return true;
}

bool fdt_read(const uint8_t *blob, uint64_t max, uint64_t ram_base, struct fdt_facts *facts)
{
    *facts = (struct fdt_facts){0};
    if (max < FDT_HEADER_BYTES || be32(blob) != FDT_MAGIC)
        return false;
    facts->size = be32(blob + 4);
    if (facts->size < FDT_HEADER_BYTES || facts->size > max || facts->size > FDT_MAX_BYTES)
        return false;
    if (be32(blob + 20) < 16 || be32(blob + 24) > 17)
        return false;

    struct range whole = {.start = 0, .end = facts->size};
    uint64_t structure = be32(blob + 8), strings = be32(blob + 12);
    if ((structure & 3) != 0 || !within(whole, structure, 0) || !within(whole, strings, be32(blob + 32)))
        return false;
    struct reader r = {.blob = blob,
                       .structure = {.start = structure, .end = facts->size},
                       .strings = {.start = strings, .end = strings + be32(blob + 32)},
                       .at = structure,
                       .facts = facts,
                       .ram_base = ram_base,
                       .address_cells = 2,
                       .size_cells = 1, /* defaults of the specification */
                       .cpu_cells = 2};

    while (within(r.structure, r.at, 4)) {
        uint32_t token = be32(blob + r.at);
        bool ok = true;
        r.at += 4;
        switch (token) {
        case FDT_BEGIN_NODE: ok = begin_node(&r); break;
        case FDT_END_NODE: ok = end_node(&r); break;
        case FDT_PROP: ok = property(&r); break;
        case FDT_NOP: break;
        case FDT_END: return r.depth == 0;
        default: return false;
        }
        if (!ok)
            return false;
    }
    return false;
}
