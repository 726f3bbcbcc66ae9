/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the device trees that a loader gives the firmware: nodes and properties in order, then header and names.
 * Nothing here is part of the monitor, whose own reader is thereby fed with trees that it did not write.
 */
#ifndef TOUCHSTONE_EMULATION_UNICORN_DEVICE_TREE_H
#define TOUCHSTONE_EMULATION_UNICORN_DEVICE_TREE_H

#include <stdint.h>

#define DEVICE_TREE_MAX 2048u

/* A flattened tree; `at` is its length, after device_tree_finish. The caller knows that what it writes fits. */
struct device_tree {
    uint8_t bytes[DEVICE_TREE_MAX];
    uint32_t at;
};

/* Names of the properties that can be written, as offsets into the block of names. */
enum device_tree_name {
    DEVICE_TREE_ADDRESS_CELLS = 0,
    DEVICE_TREE_SIZE_CELLS = 15,
    DEVICE_TREE_DEVICE_TYPE = 27,
    DEVICE_TREE_REG = 39,
    DEVICE_TREE_STATUS = 43,
    DEVICE_TREE_COMPATIBLE = 50
};

/* An empty tree; begin the root node, named "", next. */
void device_tree_start(struct device_tree *t);

void device_tree_begin(struct device_tree *t, const char *name);
void device_tree_end(struct device_tree *t);
void device_tree_text(struct device_tree *t, enum device_tree_name name, const char *value);
void device_tree_cells(struct device_tree *t, enum device_tree_name name, const uint32_t *value, uint32_t count);
void device_tree_cell_counts(struct device_tree *t, uint32_t address, uint32_t size);

/* A node with one text and the range [base, base + size), under two address cells and two size cells. */
void device_tree_range(struct device_tree *t, const char *node, enum device_tree_name name, const char *value,
                       uint32_t base, uint32_t size);

/* The node "cpus" with harts 0 to `harts` - 1, at most ten. */
void device_tree_harts(struct device_tree *t, uint32_t harts);

/* All nodes are ended: put names and header in place. */
void device_tree_finish(struct device_tree *t);

#endif
