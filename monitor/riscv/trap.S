/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way into the monitor, and the only way out of it.
 *
 * trap_entry    every trap of a world, while one runs: saves the whole general state of the interrupted world in
 *               *h->frame and calls riscv_trap on the stack of this hart
 * trap_leave    the C side is through: when the host follows a guest on this hart, the stack is wiped as deep as
 *               code can have been on it that served the guest
 * trap_return   loads the world that h->frame now points to, which may be another one than came in, and goes there
 * fatal_entry   every trap taken inside the monitor: nothing is saved, the hart prints what happened and stops
 *
 * mscratch holds the address of this hart's struct hart from the end of boot on. mtvec points to trap_entry only
 * between the end of trap_return and the beginning of trap_entry. M-mode interrupts are masked while the monitor
 * runs (the trap clears mstatus.MIE and nobody sets it), so only a bug of the monitor leads to fatal_entry.
 */
#include "monitor/hal/world_state.h"
#include "monitor/riscv/layout.h"

#define X_OFFSET(n) (WORLD_X_OFFSET + 8 * (n))

/* Every general register but x0, and but t0 (x5), t1 (x6), t2 (x7), which entry and exit work with. */
#define FOR_EACH_X_BUT_T0_T2(OP)                                                                                       \
    OP(1) OP(2) OP(3) OP(4) OP(8) OP(9) OP(10) OP(11) OP(12) OP(13) OP(14) OP(15) OP(16) OP(17) OP(18) OP(19)          \
    OP(20) OP(21) OP(22) OP(23) OP(24) OP(25) OP(26) OP(27) OP(28) OP(29) OP(30) OP(31)

#define SAVE_X(n) sd x##n, X_OFFSET(n)(t1);
#define LOAD_X(n) ld x##n, X_OFFSET(n)(t1);

/* The words of RISCV_WIPE_STEP bytes, one turn of the wipe. */
#define FOR_EACH_WORD_OF_A_STEP(OP)                                                                                    \
    OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11) OP(12) OP(13) OP(14) OP(15)
#define WIPE(n) sd zero, 8 * (n)(sp);

    .section .text.trap, "ax"

    .balign 4
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    csrrw t0, mscratch, t0              /* t0: struct hart; mscratch: t0 of the world */
    sd t1, HART_SPILL_OFFSET(t0)
    lla t1, fatal_entry                 /* from here on a trap is the monitor's own fault */
    csrw mtvec, t1

    ld t1, HART_FRAME_OFFSET(t0)
    sd zero, X_OFFSET(0)(t1)
    FOR_EACH_X_BUT_T0_T2(SAVE_X)
    sd t2, X_OFFSET(7)(t1)
    ld t2, HART_SPILL_OFFSET(t0)
    sd t2, X_OFFSET(6)(t1)
    csrrw t2, mscratch, t0              /* mscratch: struct hart again */
    sd t2, X_OFFSET(5)(t1)
    sd zero, HART_SPILL_OFFSET(t0)      /* a guest's t1 must not stay behind outside its frame */
    csrr t2, mepc
    sd t2, WORLD_PC_OFFSET(t1)
    csrr t2, mstatus
    sd t2, WORLD_STATUS_OFFSET(t1)

    ld sp, HART_STACK_OFFSET(t0)
    mv s0, t1                           /* the world that came in, for trap_leave: C code keeps s0 and sp */
    mv a0, t0
    call riscv_trap
    /* falls into trap_leave */

    /*
     * Below sp is what C code left, words of a guest among it. They go when the host takes over: no trap of the guest
     * since it was entered, nor its entry, used more than RISCV_WIPE_SIZE bytes (stack_bound.py). From here on nothing
     * is pushed any more.
     */
    .globl trap_leave
    .type trap_leave, @function
trap_leave:
    csrr t0, mscratch
    ld t1, HART_FRAME_OFFSET(t0)
    beq t1, s0, trap_return             /* the same world goes on */
    addi t2, t0, HART_HOST_OFFSET
    bne t1, t2, trap_return             /* a guest is entered: wiped when it leaves */
    mv t2, sp
    addi sp, sp, -RISCV_WIPE_SIZE
1:  FOR_EACH_WORD_OF_A_STEP(WIPE)
    addi sp, sp, RISCV_WIPE_STEP
    bltu sp, t2, 1b
    .size trap_leave, . - trap_leave
    /* falls into trap_return */

    .globl trap_return
    .type trap_return, @function
trap_return:
    csrr t0, mscratch
    ld t1, HART_FRAME_OFFSET(t0)
    ld t2, WORLD_PC_OFFSET(t1)
    csrw mepc, t2
    ld t2, WORLD_STATUS_OFFSET(t1)      /* riscv_trap has refused a status that leads to M-mode */
    csrw mstatus, t2
    FOR_EACH_X_BUT_T0_T2(LOAD_X)
    lla t2, trap_entry
    csrw mtvec, t2
    ld t0, X_OFFSET(5)(t1)
    ld t2, X_OFFSET(7)(t1)
    ld t1, X_OFFSET(6)(t1)
    .globl trap_mret
trap_mret:
    mret
    .size trap_entry, . - trap_entry

    .balign 4
    .globl fatal_entry
    .type fatal_entry, @function
fatal_entry:
    lla t0, hart_stop                   /* a trap inside the fatal path ends silently */
    csrw mtvec, t0
    csrr a0, mhartid
    li t0, RISCV_MAX_HARTS
    bgeu a0, t0, hart_stop
    lla sp, riscv_fatal_stacks
    li t0, RISCV_FATAL_STACK_SIZE
    addi t1, a0, 1
    mul t0, t0, t1
    add sp, sp, t0
    csrr a1, mcause
    csrr a2, mepc
    csrr a3, mtval
    call riscv_fatal_trap
    .size fatal_entry, . - fatal_entry

    .balign 4
    .globl hart_stop
    .type hart_stop, @function
hart_stop:                              /* no interrupt is enabled: this hart never leaves again */
    csrw mie, zero
    csrci mstatus, MSTATUS_MIE
1:  wfi
    j 1b
    .size hart_stop, . - hart_stop
