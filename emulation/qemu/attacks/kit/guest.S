/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First instructions of an attack's guest, in VS-mode without translation. As at the host, a trap is a result: the handler
 * goes on at the address in sscratch with a0 = cause and a1 = stval.
 */
    .option norvc
    .section .guest.entry, "ax"
    .globl guest_entry
guest_entry:                            /* a0 vCPU, a1 argument */
    lla t0, guest_trap
    csrw stvec, t0
    lla sp, guest_stack_top
    slli t0, a0, 9                      /* 512 bytes each */
    sub sp, sp, t0
    call guest_main
1:  j 1b

    .balign 4
guest_trap:
    csrw sie, zero                      /* an interrupt is taken once */
    csrr a0, scause
    csrr a1, stval
    csrr t0, sscratch
    csrw sepc, t0
    sret

    .globl guest_say
guest_say:                              /* a0: a byte that the host sees, by console_write_byte */
    li a1, 0
    li a2, 0
    li a3, 0
    li a4, 0
    li a5, 0
    li a6, 2
    li a7, 0x4442434e
    ecall
    ret

    .section .guest, "aw"
    .balign 16
    .space 1024
guest_stack_top:
