/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first instructions, its trap handler, and the things that C cannot say. Part of the guest's block.
 *
 * Whatever traps inside a guest_try_ function ends that function: sscratch holds where to go on, and scause and stval
 * are its result.
 */
    .option norvc
    .section .guest.entry, "ax"
    .globl guest_entry
guest_entry:
    /* OR of every register that should be zero; uses ra, which is one of them, as the sum */
    or ra, ra, sp
    or ra, ra, gp
    or ra, ra, tp
    .irp n, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    or ra, ra, x\n
    .endr
    li t0, 0x6000                       /* sstatus.FS: floating point on */
    csrs sstatus, t0
    .option push
    .option arch, +f, +d
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fmv.x.d t0, f\n
    or ra, ra, t0
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.x.d t0, f\n
    or ra, ra, t0
    .endr
    csrr t0, fcsr
    or ra, ra, t0
    .option pop
    mv a2, ra
    lla t0, guest_trap
    csrw stvec, t0
    lla sp, guest_stack_top
    call guest_main
1:  j 1b

    .balign 4
guest_trap:
    csrw sie, zero                      /* an interrupt ends what waited for it, once */
    csrr a0, scause
    csrr a1, stval
    csrr t0, sscratch
    csrw sepc, t0
    sret

/* Begin of a guest_try_ function: a trap goes on at label 1. */
    .macro catch
    lla t0, 1f
    csrw sscratch, t0
    .endm

    .globl guest_try_load
guest_try_load:                         /* a0 address -> a0 cause or -1, a1 value or stval */
    catch
    ld a1, 0(a0)
    li a0, -1
1:  ret

    .globl guest_try_store
guest_try_store:
    catch
    sd a1, 0(a0)
    li a0, -1
1:  ret

    .globl guest_try_fetch
guest_try_fetch:
    catch
    jr a0
1:  ret

    .globl guest_try_rdcycle
guest_try_rdcycle:
    catch
    .word 0xc00022f3
    li a0, -1
1:  ret

    .globl guest_try_hfence
guest_try_hfence:
    catch
    .word 0x62000073
    li a0, -1
1:  ret

    .globl guest_try_hstatus
guest_try_hstatus:
    catch
    .word 0x600022f3
    li a0, -1
1:  ret

    .globl guest_try_timer
guest_try_timer:                        /* a0 timer compare value */
    catch
    li t1, 0x20                         /* sie.STIE */
    csrw sie, t1
    csrw 0x14d, a0                      /* stimecmp */
    csrsi sstatus, 2                    /* SIE */
    nop
    nop
    li a0, -1
1:  csrci sstatus, 2
    csrw sie, zero
    ret

    .globl guest_ecall
guest_ecall:                            /* a0 argument, a1 fid, a2 eid */
    mv a6, a1
    mv a7, a2
    li a1, 0
    li a2, 0
    ecall
    ret

    .globl guest_wfi
guest_wfi:
    wfi
    ret

    .option push
    .option arch, +f, +d
    .globl guest_fp_set
guest_fp_set:                           /* f<n> = 0x4242...42 + n, fcsr = 0x65 */
    li t0, 0x4242424242424242
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fmv.d.x f\n, t0
    addi t0, t0, 1
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.d.x f\n, t0
    addi t0, t0, 1
    .endr
    li t0, 0x65
    csrw fcsr, t0
    ret

    .globl guest_fp_differs
guest_fp_differs:
    li t0, 0x4242424242424242
    csrr a0, fcsr
    xori a0, a0, 0x65
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fmv.x.d t1, f\n
    xor t1, t1, t0
    or a0, a0, t1
    addi t0, t0, 1
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.x.d t1, f\n
    xor t1, t1, t0
    or a0, a0, t1
    addi t0, t0, 1
    .endr
    ret
    .option pop

    .section .guest.stack, "a", @progbits
    .balign 16
    .space 4096
guest_stack_top:
