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
guest_entry:                            /* a0 vCPU, a1 script */
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
guest_begin:
    andi t0, a1, 0x100                  /* GUEST_VECTOR */
    beqz t0, 1f
    li t0, 0x200                        /* sstatus.VS: Initial */
    csrs sstatus, t0
1:  lla t0, guest_trap
    csrw stvec, t0
    lla sp, guest_stack_top
    slli t0, a0, 10                     /* 1 KiB each */
    sub sp, sp, t0
    call guest_main
1:  j 1b

    .balign 4
    .globl guest_promoted_entry
guest_promoted_entry:                   /* a0 vCPU, a1 device tree, a2 script; registers are what the host gave */
    mv a1, a2
    li a2, 0
    li t0, 0x6000
    csrs sstatus, t0
    j guest_begin

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
guest_ecall:                            /* a0, a1, a2 arguments, a3 fid, a4 eid */
    mv a6, a3
    mv a7, a4
    li a3, 0
    li a4, 0
    li a5, 0
    ecall
    ret

    .globl guest_try_external
guest_try_external:                     /* -> a0 cause */
    catch
    li t1, 0x200                        /* sie.SEIE */
    csrw sie, t1
    csrsi sstatus, 2                    /* SIE */
    nop
    nop
    li a0, -1
1:  csrci sstatus, 2
    csrw sie, zero
    ret

    .globl guest_wait_ipi
guest_wait_ipi:                         /* until a software interrupt is taken; -> a0 cause */
    catch
    li t1, 2                            /* sie.SSIE */
    csrw sie, t1
    csrsi sstatus, 2                    /* SIE */
2:  j 2b
1:  csrci sstatus, 2
    csrw sie, zero
    csrci sip, 2
    ret

    .globl guest_access
guest_access:                           /* a0 address, a1 value, a2 instruction -> a0 cause or -1, a1 value or stval */
    catch
    mv t2, ra
    jalr a2
    li a0, -1
1:  mv ra, t2
    ret

/* One instruction and the way back, 16 bytes each, in the order of guest_script.h. */
    .macro access, insn:vararg
    .balign 16
    \insn
    ret
    .endm
    .balign 16
    .globl guest_accesses
guest_accesses:
    access lb a1, 0(a0)
    access lbu a1, 0(a0)
    access lh a1, 0(a0)
    access lhu a1, 0(a0)
    access lw a1, 0(a0)
    access lwu a1, 0(a0)
    access ld a1, 0(a0)
    access sb a1, 0(a0)
    access sh a1, 0(a0)
    access sw a1, 0(a0)
    access sd a1, 0(a0)
    .option push
    .option rvc
    access c.lw a1, 0(a0)
    access c.ld a1, 0(a0)
    access c.sw a1, 0(a0)
    access c.sd a1, 0(a0)
    .option pop
    access lw x0, 0(a0)
    .balign 4

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

    .option push
    .option arch, +v
    .globl guest_vector_set
guest_vector_set:                       /* v<n> = bytes 0x10 + n, vxrm 2, vxsat 1; vl and vtype of 8 times 16 bits */
    vsetvli t0, zero, e8, m1, ta, ma
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    li t0, 0x10 + \n
    vmv.v.x v\n, t0
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li t0, 0x10 + \n
    vmv.v.x v\n, t0
    .endr
    li t0, 5
    csrw vcsr, t0
    li t0, 7
    vsetvli zero, t0, e16, m1, ta, ma
    ret

    .globl guest_vector_differs
guest_vector_differs:                   /* changes v0 to v3 and the CSRs: set again afterwards */
    csrr a0, vcsr
    xori a0, a0, 5
    csrr t0, vl
    xori t0, t0, 7
    or a0, a0, t0
    csrr t0, vtype
    xori t0, t0, 0xc8                   /* ta, ma, e16, m1 */
    or a0, a0, t0
    csrr t0, vstart
    or a0, a0, t0
    vsetvli t0, zero, e8, m1, ta, ma
    li t1, 0x10                         /* every byte of v0..v31 in turn, through a mask in v0 */
    vmsne.vx v0, v0, t1
    vcpop.m t0, v0
    or a0, a0, t0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    li t1, 0x10 + \n
    vmsne.vx v0, v\n, t1
    vcpop.m t0, v0
    or a0, a0, t0
    .endr
    .irp n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li t1, 0x10 + \n
    vmsne.vx v0, v\n, t1
    vcpop.m t0, v0
    or a0, a0, t0
    .endr
    mv t2, ra
    call guest_vector_set
    mv ra, t2
    ret
    .option pop

    .section .guest.stack, "a", @progbits
    .balign 16
    .space 4096
guest_stack_top:
