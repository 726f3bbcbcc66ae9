/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector unit: its registers and CSRs into a struct vector_state and out of it, and the zeros that the next world
 * finds. Works for every register length up to VECTOR_VLENB_MAX bytes: eight registers move at a time and say
 * themselves how long they are. Only executed on harts that have the unit; the C code of the monitor never uses it.
 *
 * mstatus.VS is opened for the access and put back as it was found: what a world sees of it is decided by its frame.
 */
#include "monitor/hal/world_state.h"
#include "monitor/riscv/layout.h"

#define OPEN_VS                                                                                                        \
    li t0, MSTATUS_VS;                                                                                                 \
    csrrs t1, mstatus, t0;
#define RESTORE_VS csrw mstatus, t1;

    .section .text.switch, "ax"
    .option push
    .option arch, +v

/* Whole registers move whatever vl and vtype say, but begin at vstart: it is saved first and set last. */

/* void hal_vector_save(struct hart *h, struct vector_state *state) */
    .globl hal_vector_save
    .type hal_vector_save, @function
    .balign 4
hal_vector_save:
    OPEN_VS
    csrr t0, vstart
    sd t0, VECTOR_VSTART_OFFSET(a1)
    csrr t0, vcsr
    sd t0, VECTOR_VCSR_OFFSET(a1)
    csrr t0, vl
    sd t0, VECTOR_VL_OFFSET(a1)
    csrr t0, vtype
    sd t0, VECTOR_VTYPE_OFFSET(a1)
    csrw vstart, zero
    csrr t2, vlenb
    slli t2, t2, 3
    addi t0, a1, VECTOR_V_OFFSET
    vs8r.v v0, (t0)
    add t0, t0, t2
    vs8r.v v8, (t0)
    add t0, t0, t2
    vs8r.v v16, (t0)
    add t0, t0, t2
    vs8r.v v24, (t0)
    RESTORE_VS
    ret
    unimp
    .size hal_vector_save, . - hal_vector_save

/* void hal_vector_load(struct hart *h, const struct vector_state *state) */
    .globl hal_vector_load
    .type hal_vector_load, @function
    .balign 4
hal_vector_load:
    OPEN_VS
    csrw vstart, zero
    csrr t2, vlenb
    slli t2, t2, 3
    addi t0, a1, VECTOR_V_OFFSET
    vl8re8.v v0, (t0)
    add t0, t0, t2
    vl8re8.v v8, (t0)
    add t0, t0, t2
    vl8re8.v v16, (t0)
    add t0, t0, t2
    vl8re8.v v24, (t0)
    ld t0, VECTOR_VL_OFFSET(a1)         /* at most VLMAX of this vtype, so taken as it is; with vill set, 0 */
    ld t2, VECTOR_VTYPE_OFFSET(a1)
    vsetvl zero, t0, t2
    ld t0, VECTOR_VCSR_OFFSET(a1)
    csrw vcsr, t0
    ld t0, VECTOR_VSTART_OFFSET(a1)
    csrw vstart, t0
    RESTORE_VS
    ret
    .size hal_vector_load, . - hal_vector_load

/* void hal_vector_zero(struct hart *h) */
    .globl hal_vector_zero
    .type hal_vector_zero, @function
    .balign 4
hal_vector_zero:
    OPEN_VS
    csrw vstart, zero
    vsetvli t0, zero, e8, m8, ta, ma
    vmv.v.i v0, 0
    vmv.v.i v8, 0
    vmv.v.i v16, 0
    vmv.v.i v24, 0
    li t2, 1
    slli t2, t2, 63                     /* vtype as after reset: vill, and with it vl = 0 */
    vsetvl t0, zero, t2
    csrw vcsr, zero
    csrw vstart, zero
    RESTORE_VS
    ret
    unimp
    .size hal_vector_zero, . - hal_vector_zero

    .option pop
