/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchange of the register state that the processor does not bank by itself: the CSRs of WORLD_CSRS and, on harts with
 * Smstateen, of WORLD_CSRS_STATEEN, and the floating-point registers. General registers, pc and mstatus are exchanged by
 * the trap entry and exit (trap.S), vector registers in vector.S; hgatp and vsatp by the core, because their order against
 * fences matters.
 *
 * The lists are expanded from monitor/hal/world_state.h: a register named there is switched here, none is by hand.
 */
#include "monitor/hal/world_state.h"
#include "monitor/riscv/layout.h"

#define FOR_EACH_F(OP)                                                                                                 \
    OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11) OP(12) OP(13) OP(14) OP(15)              \
    OP(16) OP(17) OP(18) OP(19) OP(20) OP(21) OP(22) OP(23) OP(24) OP(25) OP(26) OP(27) OP(28) OP(29) OP(30) OP(31)

    .section .text.switch, "ax"

/*
 * void hal_csr_swap(struct hart *h, struct world_ctx *save, const struct world_ctx *load)
 *
 * hvip is exchanged with Sstc off: QEMU 10 keeps hvip.VSTIP from M-mode's writes while menvcfg.STCE is 1, so that a guest would
 * take the timer interrupt that the host has raised there.
 */
#define CSR_HVIP 0x645
#define SWAP_CSR(index, number, name)                                                                                  \
    .if (number) == CSR_HVIP;                                                                                          \
    csrrc t1, menvcfg, t1;                                                                                             \
    .endif;                                                                                                            \
    ld t0, WORLD_CSR_OFFSET + 8 * (index)(a2);                                                                         \
    csrrw t0, number, t0;                                                                                              \
    sd t0, WORLD_CSR_OFFSET + 8 * (index)(a1);                                                                         \
    .if (number) == CSR_HVIP;                                                                                          \
    csrw menvcfg, t1;                                                                                                  \
    .endif;
#define MENVCFG_STCE (1 << 63)

    .globl hal_csr_swap
    .type hal_csr_swap, @function
    .balign 4
hal_csr_swap:
    addi sp, sp, -16
    sc.d t0, zero, (sp)                 /* the next world must not complete the reservation of the last one */
    addi sp, sp, 16
    li t1, MENVCFG_STCE
    WORLD_CSRS(SWAP_CSR)
    lla t0, riscv_stateen
    lw t0, 0(t0)
    beqz t0, 1f
    WORLD_CSRS_STATEEN(SWAP_CSR)
1:  ret
    .size hal_csr_swap, . - hal_csr_swap

/*
 * Floating point. FS is opened for the access and put back as it was found: what the worlds see of it is decided
 * by the frame's status alone. The C code of the monitor never touches these registers.
 */
    .option push
    .option arch, +f, +d

#define OPEN_FS                                                                                                        \
    li t0, MSTATUS_FS;                                                                                                 \
    csrrs t1, mstatus, t0;
#define RESTORE_FS csrw mstatus, t1;

#define SAVE_F(n) fsd f##n, WORLD_F_OFFSET + 8 * (n)(a1);
#define LOAD_F(n) fld f##n, WORLD_F_OFFSET + 8 * (n)(a1);
#define ZERO_F(n) fmv.d.x f##n, zero;

/* void hal_fp_save(struct hart *h, struct world_ctx *ctx) */
    .globl hal_fp_save
    .type hal_fp_save, @function
    .balign 4
hal_fp_save:
    OPEN_FS
    FOR_EACH_F(SAVE_F)
    csrr t0, fcsr
    sd t0, WORLD_FCSR_OFFSET(a1)
    RESTORE_FS
    ret
    unimp                               /* whoever lost the return does not load what was just saved */
    .size hal_fp_save, . - hal_fp_save

/* void hal_fp_load(struct hart *h, const struct world_ctx *ctx) */
    .globl hal_fp_load
    .type hal_fp_load, @function
    .balign 4
hal_fp_load:
    OPEN_FS
    FOR_EACH_F(LOAD_F)
    ld t0, WORLD_FCSR_OFFSET(a1)
    csrw fcsr, t0
    RESTORE_FS
    ret
    .size hal_fp_load, . - hal_fp_load

/* void hal_fp_zero(struct hart *h) */
    .globl hal_fp_zero
    .type hal_fp_zero, @function
    .balign 4
hal_fp_zero:
    OPEN_FS
    FOR_EACH_F(ZERO_F)
    csrw fcsr, zero
    RESTORE_FS
    ret
    .size hal_fp_zero, . - hal_fp_zero

    .option pop
