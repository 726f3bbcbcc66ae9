/* SPDX-License-Identifier: Apache-2.0 */
/* Device trees for loaders; see device_tree.h. */
#include "emulation/unicorn/device_tree.h"

#include <string.h>

#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROPERTY 3u
#define FDT_END 9u
#define FDT_MAGIC 0xd00dfeedu
#define FDT_VERSION 17u
#define FDT_READABLE_AS 16u
#define HEADER_BYTES 40u
#define STRUCTURE (HEADER_BYTES + 16u) /* behind a reservation map of one zero entry */

static const char names[] = "#address-cells\0#size-cells\0device_type\0reg\0status\0compatible";

static void word(struct device_tree *t, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        t->bytes[t->at++] = (uint8_t)(value >> shift);
}

static void bytes(struct device_tree *t, const void *from, uint32_t size)
{
    memcpy(t->bytes + t->at, from, size);
    t->at = (t->at + size + 3) & ~3u;
}

void device_tree_start(struct device_tree *t)
{
    *t = (struct device_tree){.at = STRUCTURE};
}

void device_tree_begin(struct device_tree *t, const char *name)
{
    word(t, FDT_BEGIN_NODE);
    bytes(t, name, (uint32_t)strlen(name) + 1);
}

void device_tree_end(struct device_tree *t)
{
    word(t, FDT_END_NODE);
}

void device_tree_text(struct device_tree *t, enum device_tree_name name, const char *value)
{
    word(t, FDT_PROPERTY);
    word(t, (uint32_t)strlen(value) + 1);
    word(t, name);
    bytes(t, value, (uint32_t)strlen(value) + 1);
}

void device_tree_cells(struct device_tree *t, enum device_tree_name name, const uint32_t *value, uint32_t count)
{
    word(t, FDT_PROPERTY);
    word(t, 4 * count);
    word(t, name);
    for (uint32_t i = 0; i < count; i++)
        word(t, value[i]);
}

void device_tree_cell_counts(struct device_tree *t, uint32_t address, uint32_t size)
{
    device_tree_cells(t, DEVICE_TREE_ADDRESS_CELLS, &address, 1);
    device_tree_cells(t, DEVICE_TREE_SIZE_CELLS, &size, 1);
}

void device_tree_range(struct device_tree *t, const char *node, enum device_tree_name name, const char *value,
                       uint32_t base, uint32_t size)
{
    const uint32_t range[] = {0, base, 0, size};

    device_tree_begin(t, node);
    device_tree_text(t, name, value);
    device_tree_cells(t, DEVICE_TREE_REG, range, 4);
    device_tree_end(t);
}

void device_tree_harts(struct device_tree *t, uint32_t harts)
{
    device_tree_begin(t, "cpus");
    device_tree_cell_counts(t, 1, 0);
    for (uint32_t hart = 0; hart < harts; hart++) {
        const char name[] = {'c', 'p', 'u', '@', (char)('0' + hart), '\0'};

        device_tree_begin(t, name);
        device_tree_text(t, DEVICE_TREE_DEVICE_TYPE, "cpu");
        device_tree_cells(t, DEVICE_TREE_REG, &hart, 1);
        device_tree_text(t, DEVICE_TREE_STATUS, "okay");
        device_tree_end(t);
    }
    device_tree_end(t);
}

void device_tree_finish(struct device_tree *t)
{
    word(t, FDT_END);
    uint32_t structure = t->at - STRUCTURE;
    uint32_t names_at = t->at;
    bytes(t, names, sizeof(names));
    uint32_t total = t->at;
    const uint32_t header[] = {FDT_MAGIC,   total,           STRUCTURE, names_at,      HEADER_BYTES,
                               FDT_VERSION, FDT_READABLE_AS, 0,         sizeof(names), structure};

    t->at = 0;
    for (unsigned i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        word(t, header[i]);
    t->at = total;
}
