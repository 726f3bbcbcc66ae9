/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree as the host gets it: a copy in which the monitor's memory is reserved, devices that only M-mode may
 * touch are disabled, and the nodes that would reset the machine past the monitor's own call are gone. Everything else
 * is as it was. No dependency on the machine: tested on the host.
 */
#ifndef TOUCHSTONE_RISCV_FDT_EDIT_H
#define TOUCHSTONE_RISCV_FDT_EDIT_H

#include "monitor/riscv/fdt_facts.h"

/* A child of /reserved-memory with the property no-map. It is called `name` (22 bytes at most), "@" and its address. */
#define FDT_RESERVED_NAME 39u
struct fdt_reserved {
    const char *name;
    struct fdt_span span;
};

/*
 * Write the edited copy of `tree` to out[0 .. max), which must not overlap it. Nodes of the same names below
 * /reserved-memory are replaced. Returns the size of the copy in bytes; 0 when the tree is damaged, an address does not
 * fit the cells that /reserved-memory uses, or the copy would take more than `max` bytes.
 */
uint32_t fdt_edit(const struct fdt *tree, const struct fdt_reserved *reserved, uint32_t count, uint8_t *out,
                  uint32_t max);

/*
 * Does the tree keep any byte of `span` for somebody: the initial RAM disk, a reservation of the header, or a node below
 * /reserved-memory? A reservation of the header that begins at `self`, the tree's own address, does not count.
 */
bool fdt_keeps(const struct fdt *tree, const struct fdt_facts *facts, uint64_t self, struct fdt_span span);

#endif
