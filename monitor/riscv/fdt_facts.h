/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts that the port takes from a device tree: RAM, harts, the clock of time, and the few devices that the firmware
 * drives. What a node says counts only when the node is enabled and, for a device, when its address is one of the
 * processor's: the root or buses that map one to one. No dependency on the machine: tested on the host.
 */
#ifndef TOUCHSTONE_RISCV_FDT_FACTS_H
#define TOUCHSTONE_RISCV_FDT_FACTS_H

#include "monitor/core/fdt.h"

#define FDT_MAX_RAM 8u
#define FDT_MAX_SYSCON 8u
#define FDT_MAX_UARTS 4u

/* Physical bytes [base, base + size); size 0: there is none. */
struct fdt_span {
    uint64_t base, size;
};

/* A 16550: register n is `width` bytes wide at base + (n << shift). */
struct fdt_uart {
    uint64_t base; /* 0: there is none */
    uint32_t shift, width;
};

/* Write of (old & ~mask) | (value & mask) to a 32-bit register. */
struct fdt_register {
    uint64_t address; /* 0: there is none */
    uint32_t mask, value;
};

struct fdt_facts {
    struct fdt_span ram;    /* the RAM around the address asked for; adjacent ranges of all /memory nodes in one */
    uint32_t ram_elsewhere; /* ranges that are not part of it */
    uint64_t harts;         /* bit per hart id of an enabled cpu node */
    bool hart_beyond;       /* a hart id does not fit the mask */
    uint64_t timebase;      /* ticks of the time CSR per second; 0: not said */
    struct fdt_uart uart;   /* the one that /chosen names for output, else the first one */
    uint64_t mswi;          /* machine software interrupts: hart n has the word at mswi + 4n; 0: there is none */
    uint32_t mswis;         /* how many such devices there are */
    struct fdt_span machine_only;         /* hull of the devices that only M-mode may touch */
    uint64_t finisher;                    /* sifive,test0 or test1; 0: there is none */
    struct fdt_register poweroff, reboot; /* syscon-poweroff, syscon-reboot */
    struct fdt_span initrd;
};

/*
 * Read the tree. `inside` is an address in the RAM that is wanted. False when the tree is damaged, uses numbers of cells
 * other than one or two at the root, or has more RAM ranges than FDT_MAX_RAM; *facts is then unspecified.
 */
bool fdt_read(const struct fdt *tree, uint64_t inside, struct fdt_facts *facts);

/* Lists of compatible texts of devices that only M-mode drives, and of those that the monitor's own calls replace. */
bool fdt_is_machine_only(struct fdt_bytes compatible);
bool fdt_is_reset(struct fdt_bytes compatible);

#endif
