/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores that a guest may use on a device: lb lh lw ld lbu lhu lwu, sb sh sw sd, and the compressed c.lw c.ld
 * c.sw c.sd c.lwsp c.ldsp c.swsp c.sdsp. Nothing else decodes: no atomics, no floating point, no vectors. The address is
 * the hardware's to say; immediates and base registers are not looked at.
 */
#ifndef TOUCHSTONE_CORE_MMIO_DECODE_H
#define TOUCHSTONE_CORE_MMIO_DECODE_H

#include <stdbool.h>
#include <stdint.h>

struct mmio_insn {
    bool store;
    bool sign;      /* load: extend the sign; true for ld as well */
    uint8_t width;  /* bytes: 1, 2, 4 or 8 */
    uint8_t reg;    /* destination of a load, source of a store */
    uint8_t length; /* bytes of the instruction: 2 or 4 */
};

/* Decode an instruction word; of a compressed one, only bits 15:0 count. False, *out untouched, for anything else. */
bool mmio_decode(uint32_t word, struct mmio_insn *out);

/*
 * Decode what the hardware left in mtinst for a load or store that faulted itself (priv. spec, transformed
 * instructions): bit 1 clear says that the original was compressed, the place of rs1 holds how far behind the start of
 * a misaligned access the fault was, which must be 0. False for a pseudoinstruction and for anything else.
 */
bool mmio_decode_transformed(uint64_t tinst, struct mmio_insn *out);

#endif
