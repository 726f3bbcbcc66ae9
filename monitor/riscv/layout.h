/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that the linker script, the assembly and the C of this port have to agree on. Read by all three, so plain
 * numbers only; boot.c asserts what C can check.
 */
#ifndef TOUCHSTONE_RISCV_LAYOUT_H
#define TOUCHSTONE_RISCV_LAYOUT_H

/* The monitor image: one naturally aligned 2 MiB region, so that one PMP entry closes all of it. */
#define RISCV_IMAGE_BASE 0x80000000
#define RISCV_IMAGE_SIZE 0x00200000

#define RISCV_MAX_HARTS 8
#define RISCV_BOOT_HART 0 /* always the same one, so that a boot is repeatable */

/*
 * One slot per hart, low to high: a guard page that nothing may touch, then the stack. Whoever overflows the stack
 * writes the end of the guard page first; its canary words are compared at every trap exit.
 */
#define RISCV_GUARD_SIZE 4096
#define RISCV_STACK_SIZE 8192
#define RISCV_STACK_SLOT (RISCV_GUARD_SIZE + RISCV_STACK_SIZE)
#define RISCV_CANARY_BYTES 64

/*
 * How deep the stack is wiped when a guest leaves: no less than the code takes that serves a guest or enters one, which
 * stack_bound.py computes from the image and compares. Whole steps, in bytes; a step is one turn of the loop in trap.S.
 */
#define RISCV_WIPE_STEP 128
#define RISCV_WIPE_SIZE (10 * RISCV_WIPE_STEP)

/* Stack of the fatal path, one per hart: it must work when the ordinary stack is the problem. */
#define RISCV_FATAL_STACK_SIZE 1024

/* CSRs and instructions by number: the compiler of Debian 12 does not know the hypervisor extension by name. */
#define CSR_HGATP 0x680
#define CSR_VSATP 0x280
#define CSR_STIMECMP 0x14d
#define CSR_MENVCFG 0x30a
#define CSR_MTINST 0x34a
#define CSR_MTVAL2 0x34b
#define CSR_MSTATEEN0 0x30c
#define CSR_TSELECT 0x7a0
#define CSR_TDATA1 0x7a1
#define CSR_VLENB 0xc22

#define MSTATUS_MIE 0x8
#define MSTATUS_FS 0x6000
#define MSTATUS_VS 0x600

#endif
