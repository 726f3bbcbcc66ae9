/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a device tree; see fdt.h. Every access lies in a range that `within` has accepted, so a lying header
 * or property leads to FDT_ITEM_DAMAGED and never to an access outside.
 */
#include "monitor/core/fdt.h"

static bool within(struct fdt_range r, uint64_t at, uint64_t len)
{
    return at >= r.start && at <= r.end && len <= r.end - at;
}

uint32_t fdt_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t fdt_cells(const uint8_t *p, uint32_t cells)
{
    return cells == 1 ? fdt_be32(p) : (uint64_t)fdt_be32(p) << 32 | fdt_be32(p + 4);
}

bool fdt_begins(struct fdt_bytes name, const char *text)
{
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        if (i >= name.count || name.at[i] != (uint8_t)text[i])
            return false;
    }
    return true;
}

bool fdt_is(struct fdt_bytes name, const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0')
        length++;
    return name.count == length && fdt_begins(name, text);
}

bool fdt_lists(struct fdt_bytes value, const char *text)
{
    struct fdt_bytes word = {.at = value.at};
    for (uint32_t i = 0; i < value.count; i++) {
        if (value.at[i] != '\0') {
            word.count++;
            continue;
        }
        if (fdt_is(word, text))
            return true;
        word = (struct fdt_bytes){.at = value.at + i + 1};
    }
    return false;
}

/* The zero-terminated text at `at`. False when it does not end inside of the range. */
static bool text_at(const struct fdt *t, struct fdt_range range, uint64_t at, struct fdt_bytes *text)
{
    *text = (struct fdt_bytes){.at = t->blob + at};
    for (uint64_t i = at; within(range, i, 1); i++) {
        if (t->blob[i] == '\0')
            return true;
        text->count++;
    }
    return false;
}

static bool find_reservations(struct fdt *t, struct fdt_range whole)
{
    uint64_t at = fdt_be32(t->blob + 16);
    t->reservations.start = (uint32_t)at;
    if ((at & 7) != 0 || at < FDT_HEADER_BYTES)
        return false;
    for (; within(whole, at, 16); at += 16) {
        t->reservations.end = (uint32_t)at + 16;
        if (fdt_cells(t->blob + at, 2) == 0 && fdt_cells(t->blob + at + 8, 2) == 0)
            return true;
    }
    return false;
}

bool fdt_open(struct fdt *t, const uint8_t *blob, uint64_t max)
{
    *t = (struct fdt){.blob = blob};
    if (max < FDT_HEADER_BYTES || fdt_be32(blob) != FDT_MAGIC)
        return false;
    t->size = fdt_be32(blob + 4);
    if (t->size < FDT_HEADER_BYTES || t->size > max || t->size > FDT_MAX_BYTES)
        return false;
    if (fdt_be32(blob + 20) < 16 || fdt_be32(blob + 24) > 17)
        return false;

    struct fdt_range whole = {.start = 0, .end = t->size};
    uint32_t structure = fdt_be32(blob + 8), strings = fdt_be32(blob + 12), names = fdt_be32(blob + 32);
    if ((structure & 3) != 0 || structure < FDT_HEADER_BYTES || !within(whole, structure, 0) ||
        strings < FDT_HEADER_BYTES || !within(whole, strings, names))
        return false;
    t->structure = (struct fdt_range){.start = structure, .end = t->size};
    if (fdt_be32(blob + 20) >= 17) {
        uint32_t bytes = fdt_be32(blob + 36);
        t->structure.end = structure + bytes;
        if (!within(whole, structure, bytes))
            return false;
    }
    t->strings = (struct fdt_range){.start = strings, .end = strings + names};
    return find_reservations(t, whole);
}

static bool begin_node(struct fdt_cursor *c, struct fdt_item *item)
{
    const struct fdt *t = c->tree;
    if (!text_at(t, t->structure, c->at, &item->name) || c->depth == FDT_MAX_DEPTH)
        return false;
    c->at = (c->at + item->name.count + 1 + 3) & ~3u;
    c->properties_over = false;
    item->kind = FDT_ITEM_NODE;
    item->depth = ++c->depth;
    return true;
}

static bool end_node(struct fdt_cursor *c, struct fdt_item *item)
{
    if (c->depth == 0)
        return false;
    c->properties_over = true;
    item->kind = FDT_ITEM_NODE_END;
    item->depth = c->depth--;
    return true;
}

static bool property(struct fdt_cursor *c, struct fdt_item *item)
{
    const struct fdt *t = c->tree;
    if (c->depth == 0 || c->properties_over || !within(t->structure, c->at, 8))
        return false;
    uint64_t bytes = fdt_be32(t->blob + c->at);
    uint64_t name = (uint64_t)t->strings.start + fdt_be32(t->blob + c->at + 4);
    uint64_t value = (uint64_t)c->at + 8;
    if (!within(t->structure, value, bytes) || !within(t->strings, name, 1) ||
        !text_at(t, t->strings, name, &item->name))
        return false;
    item->kind = FDT_ITEM_PROPERTY;
    item->depth = c->depth;
    item->value = (struct fdt_bytes){.at = t->blob + value, .count = (uint32_t)bytes};
    c->at = (uint32_t)((value + bytes + 3) & ~UINT64_C(3));
    return true;
}

struct fdt_item fdt_next(struct fdt_cursor *c)
{
    struct fdt_item item = {.kind = FDT_ITEM_DAMAGED};
    while (within(c->tree->structure, c->at, 4)) {
        uint32_t token = fdt_be32(c->tree->blob + c->at);
        bool ok = true;
        c->at += 4;
        switch (token) {
        case FDT_NOP: continue;
        case FDT_BEGIN_NODE: ok = begin_node(c, &item); break;
        case FDT_END_NODE: ok = end_node(c, &item); break;
        case FDT_PROP: ok = property(c, &item); break;
        case FDT_END:
            item.kind = FDT_ITEM_TREE_END;
            ok = c->depth == 0;
            break;
        default: ok = false; break;
        }
        if (!ok)
            item.kind = FDT_ITEM_DAMAGED;
        return item;
    }
    return item;
}
