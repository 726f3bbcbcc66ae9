/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does this hart have a CSR? The access itself answers: it raises an illegal-instruction exception when there is none,
 * and mtvec points behind it meanwhile. Neither misa nor the device tree is believed for what the monitor has to close.
 *
 * bool riscv_has_<csr>(void)
 */
#include "monitor/riscv/layout.h"

    .macro probe name, csr
    .globl riscv_has_\name
    .type riscv_has_\name, @function
    .balign 4
riscv_has_\name:
    lla t0, 1f
    csrrw t1, mtvec, t0
    li a0, 0
    csrr t0, \csr
    li a0, 1
    .balign 4
1:  csrw mtvec, t1
    ret
    .size riscv_has_\name, . - riscv_has_\name
    .endm

    .text
    probe stateen, CSR_MSTATEEN0
    probe triggers, CSR_TSELECT
