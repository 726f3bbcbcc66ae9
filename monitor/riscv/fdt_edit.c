/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Editor of device trees; see fdt_edit.h. One walk over the original that writes as it goes. Every store goes through
 * `put`, which knows the end of the buffer and remembers that it was reached.
 */
#include "monitor/riscv/fdt_edit.h"

#include <string.h>

/* Names of the properties that the editor adds: they follow the original's names. */
static const char new_names[] = "#address-cells\0#size-cells\0ranges\0reg\0no-map\0status";
enum {
    NAME_ADDRESS_CELLS = 0,
    NAME_SIZE_CELLS = 15,
    NAME_RANGES = 27,
    NAME_REG = 34,
    NAME_NO_MAP = 38,
    NAME_STATUS = 45
};

struct writer {
    uint8_t *out;
    uint32_t max, at;
    bool full;
    uint32_t old_names; /* bytes of the original's names */
};

static void put(struct writer *w, const void *bytes, uint32_t count)
{
    if (w->full || count > w->max - w->at) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->at, bytes, count);
    w->at += count;
}

static void put_be32(struct writer *w, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    put(w, bytes, sizeof(bytes));
}

/* Zeros up to the next offset that is a multiple of four. */
static void put_padding(struct writer *w)
{
    static const uint8_t zeros[4];
    put(w, zeros, (4 - w->at % 4) % 4);
}

static void put_begin(struct writer *w, const void *name, uint32_t length)
{
    put_be32(w, FDT_BEGIN_NODE);
    put(w, name, length);
    put(w, "", 1);
    put_padding(w);
}

static void put_property(struct writer *w, uint32_t name, const void *value, uint32_t count)
{
    put_be32(w, FDT_PROP);
    put_be32(w, count);
    put_be32(w, name);
    put(w, value, count);
    put_padding(w);
}

static void put_new_cells(struct writer *w, uint32_t name, const uint32_t *cells, uint32_t count)
{
    put_be32(w, FDT_PROP);
    put_be32(w, 4 * count);
    put_be32(w, w->old_names + name);
    for (uint32_t i = 0; i < count; i++)
        put_be32(w, cells[i]);
}

/* Add `value` in `cells` cells to list[]. False when it does not fit. */
static bool add_cells(uint32_t *list, uint32_t *count, uint64_t value, uint32_t cells)
{
    if (cells == 2)
        list[(*count)++] = (uint32_t)(value >> 32);
    list[(*count)++] = (uint32_t)value;
    return cells == 2 || value <= UINT32_MAX;
}

/* "<name>@<address in hexadecimal>" */
struct node_name {
    char text[FDT_RESERVED_NAME + 1];
};

static struct node_name node_name(const struct fdt_reserved *reserved)
{
    struct node_name name = {{0}};
    uint32_t n = 0, shift = 60;
    while (n < FDT_RESERVED_NAME - 17 && reserved->name[n] != '\0') {
        name.text[n] = reserved->name[n];
        n++;
    }
    name.text[n++] = '@';
    while (shift > 0 && reserved->span.base >> shift == 0)
        shift -= 4;
    for (; shift < 64; shift -= 4) /* ends when it wraps */
        name.text[n++] = "0123456789abcdef"[reserved->span.base >> shift & 0xf];
    return name;
}

static bool put_reserved(struct writer *w, const struct fdt_reserved *reserved, uint32_t address_cells,
                         uint32_t size_cells)
{
    uint32_t reg[4], count = 0;
    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
        return false;
    if (!add_cells(reg, &count, reserved->span.base, address_cells) ||
        !add_cells(reg, &count, reserved->span.size, size_cells))
        return false;
    struct node_name name = node_name(reserved);
    put_begin(w, name.text, (uint32_t)strlen(name.text));
    put_new_cells(w, NAME_REG, reg, count);
    put_new_cells(w, NAME_NO_MAP, NULL, 0);
    put_be32(w, FDT_END_NODE);
    return true;
}

/* --- the walk --------------------------------------------------------------------------------------------------- */

struct editor {
    const struct fdt *tree;
    const struct fdt_reserved *reserved;
    uint32_t count;
    struct writer w;
    struct fdt_cursor c;
    bool in_reserved, seen_reserved;
    uint32_t address_cells, size_cells; /* of /reserved-memory, for its children */
    uint32_t disabled;                  /* depth of the node that gets its status from us, while its properties come */
};

/* The compatible property of the node that has just begun, found without moving on. */
static struct fdt_bytes compatible_ahead(struct fdt_cursor c)
{
    struct fdt_item item = fdt_next(&c);
    for (; item.kind == FDT_ITEM_PROPERTY; item = fdt_next(&c)) {
        if (fdt_is(item.name, "compatible"))
            return item.value;
    }
    return (struct fdt_bytes){0};
}

static bool is_ours(const struct editor *e, struct fdt_bytes name)
{
    for (uint32_t i = 0; i < e->count; i++) {
        struct node_name own = node_name(&e->reserved[i]);
        if (fdt_is(name, own.text))
            return true;
    }
    return false;
}

/* Leave out the node that has just begun at `depth`, with all that is in it. */
static bool leave_out(struct editor *e, uint32_t depth)
{
    struct fdt_item item;
    do
        item = fdt_next(&e->c);
    while (item.kind < FDT_ITEM_TREE_END && !(item.kind == FDT_ITEM_NODE_END && item.depth == depth));
    return item.kind == FDT_ITEM_NODE_END;
}

static bool begin_node(struct editor *e, const struct fdt_item *item)
{
    struct fdt_bytes compatible = compatible_ahead(e->c);
    if (item->depth == 2)
        e->in_reserved = fdt_is(item->name, "reserved-memory");
    e->seen_reserved |= e->in_reserved;
    bool replaced = e->in_reserved && item->depth == 3 && is_ours(e, item->name);
    if (item->depth > 1 && (replaced || fdt_is_reset(compatible)))
        return leave_out(e, item->depth);

    put_begin(&e->w, item->name.at, item->name.count);
    e->disabled = 0;
    if (fdt_is_machine_only(compatible)) {
        e->disabled = item->depth;
        put_property(&e->w, e->w.old_names + NAME_STATUS, "disabled", sizeof("disabled"));
    }
    return true;
}

static void property(struct editor *e, const struct fdt_item *item)
{
    if (item->depth == e->disabled && fdt_is(item->name, "status"))
        return;
    uint32_t cells = item->value.count == 4 ? fdt_be32(item->value.at) : 0;
    if (e->in_reserved && item->depth == 2 && fdt_is(item->name, "#address-cells"))
        e->address_cells = cells;
    if (e->in_reserved && item->depth == 2 && fdt_is(item->name, "#size-cells"))
        e->size_cells = cells;
    const uint8_t *names = e->tree->blob + e->tree->strings.start;
    put_property(&e->w, (uint32_t)(item->name.at - names), item->value.at, item->value.count);
}

static bool put_all_reserved(struct editor *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        if (!put_reserved(&e->w, &e->reserved[i], e->address_cells, e->size_cells))
            return false;
    }
    return true;
}

static bool end_node(struct editor *e, const struct fdt_item *item)
{
    bool ok = true;
    if (item->depth == 2 && e->in_reserved) {
        ok = put_all_reserved(e);
        e->in_reserved = false;
    } else if (item->depth == 1 && !e->seen_reserved) {
        static const uint32_t two = 2;
        e->address_cells = e->size_cells = 2;
        put_begin(&e->w, "reserved-memory", sizeof("reserved-memory") - 1);
        put_new_cells(&e->w, NAME_ADDRESS_CELLS, &two, 1);
        put_new_cells(&e->w, NAME_SIZE_CELLS, &two, 1);
        put_new_cells(&e->w, NAME_RANGES, NULL, 0);
        ok = put_all_reserved(e);
        put_be32(&e->w, FDT_END_NODE);
    }
    put_be32(&e->w, FDT_END_NODE);
    return ok;
}

/* The header is written last, when the sizes are known; 28 is the boot hart's id, which stays. */
static void put_header(const struct editor *e, uint32_t structure, uint32_t strings, uint32_t size)
{
    struct writer header = {.out = e->w.out, .max = FDT_HEADER_BYTES};
    put_be32(&header, FDT_MAGIC);
    put_be32(&header, size);
    put_be32(&header, structure);
    put_be32(&header, strings);
    put_be32(&header, FDT_HEADER_BYTES);
    put_be32(&header, 17);
    put_be32(&header, 16);
    put(&header, e->tree->blob + 28, 4);
    put_be32(&header, size - strings);
    put_be32(&header, strings - structure);
}

uint32_t fdt_edit(const struct fdt *tree, const struct fdt_reserved *reserved, uint32_t count, uint8_t *out,
                  uint32_t max)
{
    struct editor e = {.tree = tree,
                       .reserved = reserved,
                       .count = count,
                       .w = {.out = out, .max = max, .old_names = tree->strings.end - tree->strings.start},
                       .c = fdt_walk(tree),
                       .address_cells = 2,
                       .size_cells = 1};
    static const uint8_t no_header[FDT_HEADER_BYTES];
    put(&e.w, no_header, sizeof(no_header));
    put(&e.w, tree->blob + tree->reservations.start, tree->reservations.end - tree->reservations.start);
    uint32_t structure = e.w.at;

    struct fdt_item item;
    for (item = fdt_next(&e.c); item.kind < FDT_ITEM_TREE_END; item = fdt_next(&e.c)) {
        bool ok = true;
        switch (item.kind) {
        case FDT_ITEM_NODE: ok = begin_node(&e, &item); break;
        case FDT_ITEM_PROPERTY: property(&e, &item); break;
        case FDT_ITEM_NODE_END: ok = end_node(&e, &item); break;
        case FDT_ITEM_TREE_END:
        case FDT_ITEM_DAMAGED: break;
        }
        if (!ok || e.w.full)
            return 0;
    }
    if (item.kind != FDT_ITEM_TREE_END)
        return 0;
    put_be32(&e.w, FDT_END);
    uint32_t strings = e.w.at;
    put(&e.w, tree->blob + tree->strings.start, e.w.old_names);
    put(&e.w, new_names, sizeof(new_names));
    if (e.w.full)
        return 0;
    put_header(&e, structure, strings, e.w.at);
    return e.w.at;
}

/* --- what is in the way ----------------------------------------------------------------------------------------- */

static bool overlap(struct fdt_span a, struct fdt_span b)
{
    bool empty = a.size == 0 || b.size == 0;
    return !empty && (a.base - b.base < b.size || b.base - a.base < a.size); /* unsigned: at most one of them holds */
}

static bool reservation_in(const struct fdt *tree, uint64_t self, struct fdt_span span)
{
    for (uint32_t at = tree->reservations.start; at < tree->reservations.end; at += 16) {
        struct fdt_span kept = {.base = fdt_cells(tree->blob + at, 2), .size = fdt_cells(tree->blob + at + 8, 2)};
        if (kept.base != self && overlap(kept, span))
            return true;
    }
    return false;
}

bool fdt_keeps(const struct fdt *tree, const struct fdt_facts *facts, uint64_t self, struct fdt_span span)
{
    if (overlap(facts->initrd, span) || reservation_in(tree, self, span))
        return true;
    uint32_t a = 2, s = 1;
    bool inside = false;
    struct fdt_cursor c = fdt_walk(tree);
    for (struct fdt_item i = fdt_next(&c); i.kind < FDT_ITEM_TREE_END; i = fdt_next(&c)) {
        if (i.kind == FDT_ITEM_NODE && i.depth == 2)
            inside = fdt_is(i.name, "reserved-memory");
        if (!inside || i.kind != FDT_ITEM_PROPERTY)
            continue;
        if (i.depth == 2 && i.value.count == 4 && fdt_is(i.name, "#address-cells"))
            a = fdt_be32(i.value.at);
        if (i.depth == 2 && i.value.count == 4 && fdt_is(i.name, "#size-cells"))
            s = fdt_be32(i.value.at);
        if (i.depth != 3 || !fdt_is(i.name, "reg") || a < 1 || a > 2 || s < 1 || s > 2)
            continue;
        for (uint32_t at = 0; i.value.count - at >= 4 * (a + s); at += 4 * (a + s)) {
            struct fdt_span kept = {.base = fdt_cells(i.value.at + at, a),
                                    .size = fdt_cells(i.value.at + at + (uint64_t)4 * a, s)};
            if (overlap(kept, span))
                return true;
        }
    }
    return false;
}
