/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First instructions of every hart: all of them arrive here at once, with a0 = hart id, a1 = device tree,
 * a2 = struct fw_dynamic_info or 0. One hart, always the same, clears .bss and brings the monitor up; the others
 * wait until it says so. A hart that this image has no room for stops.
 *
 * A trap on the way ends in fatal_entry from the first instruction on.
 */
#include "monitor/riscv/layout.h"

    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    lla t0, fatal_entry
    csrw mtvec, t0
    csrw mie, zero
    csrci mstatus, MSTATUS_MIE

    csrr s0, mhartid                    /* not a0: only the hardware is believed */
    mv s1, a1
    mv s2, a2
    li t0, RISCV_MAX_HARTS
    bgeu s0, t0, hart_stop

    lla sp, riscv_stacks                /* sp: end of slot s0 */
    li t0, RISCV_STACK_SLOT
    addi t1, s0, 1
    mul t0, t0, t1
    add sp, sp, t0

    li t0, RISCV_BOOT_HART
    bne s0, t0, wait_for_boot_hart

    lla t0, __bss_start                 /* stacks are not part of it */
    lla t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  mv a0, s0
    mv a1, s1
    mv a2, s2
    tail riscv_boot_first

wait_for_boot_hart:
    lla t0, riscv_boot_stage
1:  .insn i 0x0f, 0, x0, x0, 0x010      /* pause */
    lw t1, 0(t0)
    beqz t1, 1b
    fence r, rw                         /* what the boot hart wrote before is visible */
    mv a0, s0
    tail riscv_boot_other
    .size _start, . - _start

/*
 * bool riscv_has_stimecmp(void): reads the CSR with a trap handler of its own. menvcfg.STCE does not answer the
 * question everywhere: QEMU keeps the bit writable on a hart without Sstc.
 */
    .text
    .globl riscv_has_stimecmp
    .type riscv_has_stimecmp, @function
riscv_has_stimecmp:
    lla t0, 1f
    csrrw t1, mtvec, t0
    li a0, 0
    csrr t0, CSR_STIMECMP
    li a0, 1
    .balign 4
1:  csrw mtvec, t1
    ret
    .size riscv_has_stimecmp, . - riscv_has_stimecmp

/*
 * Word that the boot hart sets when the others may go on. In .data: it has its value before .bss is cleared.
 */
    .section .data.boot, "aw"
    .balign 4
    .globl riscv_boot_stage
    .type riscv_boot_stage, @object
riscv_boot_stage:
    .word 0
    .size riscv_boot_stage, 4

    .section .stacks, "aw", @nobits
    .balign 4096
    .globl riscv_stacks
    .type riscv_stacks, @object
riscv_stacks:
    .space RISCV_MAX_HARTS * RISCV_STACK_SLOT
    .size riscv_stacks, . - riscv_stacks

    .globl riscv_fatal_stacks
    .type riscv_fatal_stacks, @object
    .balign 16
riscv_fatal_stacks:
    .space RISCV_MAX_HARTS * RISCV_FATAL_STACK_SIZE
    .size riscv_fatal_stacks, . - riscv_fatal_stacks
