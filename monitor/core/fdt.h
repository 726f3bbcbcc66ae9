/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through a flattened device tree, item by item. It believes no length and no offset in the blob: whatever the
 * bytes are, only the blob is read, and a tree that breaks the format ends the walk as damaged. The firmware's reader of
 * facts and its editor (riscv/fdt_facts.h, riscv/fdt_edit.h) are built on it, and so is what promote_to_tvm reads.
 *
 * Format: Devicetree Specification v0.4, chapter 5.
 */
#ifndef TOUCHSTONE_CORE_FDT_H
#define TOUCHSTONE_CORE_FDT_H

#include <stdbool.h>
#include <stdint.h>

#define FDT_MAX_BYTES (1u << 20)
#define FDT_MAX_DEPTH 16u

#define FDT_MAGIC 0xd00dfeedu
#define FDT_HEADER_BYTES 40u
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define FDT_END 9u

/* Offsets into the blob; `end` is the first one behind. */
struct fdt_range {
    uint32_t start, end;
};

/* A blob whose header was found consistent. */
struct fdt {
    const uint8_t *blob;
    uint32_t size;
    struct fdt_range reservations; /* pairs of 64-bit address and size, with the pair of zeros that ends them */
    struct fdt_range structure, strings;
};

/* Bytes of a name or of a property's value, inside of the blob. A name comes without its terminating zero. */
struct fdt_bytes {
    const uint8_t *at;
    uint32_t count;
};

enum fdt_kind { FDT_ITEM_NODE, FDT_ITEM_NODE_END, FDT_ITEM_PROPERTY, FDT_ITEM_TREE_END, FDT_ITEM_DAMAGED };

struct fdt_item {
    enum fdt_kind kind;
    uint32_t depth; /* of the node that begins or ends or has the property; the root has depth 1 */
    struct fdt_bytes name;
    struct fdt_bytes value; /* FDT_ITEM_PROPERTY only */
};

struct fdt_cursor {
    const struct fdt *tree;
    uint32_t at, depth;
    bool properties_over; /* a node has its properties before its children */
};

/*
 * Look at the header and the reservations of `blob`, of which at most `max` bytes may be touched. False when it is not a
 * tree of version 16 or 17 of at most FDT_MAX_BYTES with all its blocks inside.
 */
bool fdt_open(struct fdt *tree, const uint8_t *blob, uint64_t max);

/* A cursor before the root node. */
static inline struct fdt_cursor fdt_walk(const struct fdt *tree)
{
    return (struct fdt_cursor){.tree = tree, .at = tree->structure.start};
}

/*
 * The next item. After FDT_ITEM_TREE_END or FDT_ITEM_DAMAGED the walk is over. Each call moves forward by at least four bytes
 * unless it ends the walk, so a walk has at most FDT_MAX_BYTES / 4 items.
 */
struct fdt_item fdt_next(struct fdt_cursor *c);

/* Big-endian numbers; the caller knows that the bytes are there. `cells` is 1 or 2. */
uint32_t fdt_be32(const uint8_t *p);
uint64_t fdt_cells(const uint8_t *p, uint32_t cells);

/* Is the name this text? Does it begin with this text? */
bool fdt_is(struct fdt_bytes name, const char *text);
bool fdt_begins(struct fdt_bytes name, const char *text);

/* Is `text` one of the zero-terminated texts in the value? */
bool fdt_lists(struct fdt_bytes value, const char *text);

#endif
