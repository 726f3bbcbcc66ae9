/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few facts that the port takes from a flattened device tree: how much RAM there is, and which harts. Nothing
 * else of it is looked at. The reader believes no length or offset in the blob, and has no dependency on the machine,
 * so it is tested on the host as well.
 */
#ifndef TOUCHSTONE_RISCV_FDT_H
#define TOUCHSTONE_RISCV_FDT_H

#include <stdbool.h>
#include <stdint.h>

#define FDT_MAX_BYTES (1u << 20)
#define FDT_MAX_DEPTH 16u

struct fdt_facts {
    uint64_t size;     /* bytes of the blob */
    uint64_t ram_size; /* bytes of the /memory range that begins at the wanted base; 0 when there is none */
    uint64_t harts;    /* bit per hart id of an enabled cpu node */
    bool hart_beyond;  /* a hart id does not fit the mask */
};

/*
 * Read `blob`, of which at most `max` bytes may be touched. False when it is not a well-formed tree of version 16 or
 * 17; *facts is then unspecified.
 */
bool fdt_read(const uint8_t *blob, uint64_t max, uint64_t ram_base, struct fdt_facts *facts);

#endif
