/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload's first instructions on each hart, its trap handler, and what C cannot say: accesses that may fault,
 * and an ecall that gives and takes every register.
 */
#define STACK_SIZE 16384

    .option norvc
    .section .text.start, "ax"
    .globl _start
_start:                                 /* a0 hart id, a1 device tree; the boot hart */
    lla sp, stacks + STACK_SIZE
    j enter
    .globl second_hart
second_hart:                            /* a0 hart id, a1 opaque */
    lla sp, stacks
    li t0, STACK_SIZE
    addi t1, a0, 1
1:  add sp, sp, t0
    addi t1, t1, -1
    bnez t1, 1b
enter:
    lla t0, host_trap
    csrw stvec, t0
    csrw sscratch, zero
    csrw sie, zero
    li t0, 0x6000                       /* sstatus.FS: the checks use floating-point registers */
    csrs sstatus, t0
    mv s0, a0
    bnez a0, 1f
    call payload_main
1:  mv a0, s0
    call payload_second
2:  wfi
    j 2b

    .text
    .balign 4
    .globl host_trap
host_trap:                              /* inside of a probe: go on there with scause and stval */
    csrr a0, scause
    csrr a1, stval
    csrr t0, sscratch
    beqz t0, 1f
    csrw sepc, t0
    csrw sscratch, zero
    sret
1:  csrr a2, sepc
    call payload_unexpected_trap
2:  j 2b

    .macro catch
    lla t0, 1f
    csrw sscratch, t0
    .endm
    .macro done
3:  csrw sscratch, zero
    li a0, -1
1:  ret
    .endm

    .globl probe_load
probe_load:                             /* a0 address, a1 width 1 or 4 -> a0 cause or -1, a1 value or stval */
    li t1, 4
    catch
    beq a1, t1, 2f
    lbu a1, 0(a0)
    done
2:  lwu a1, 0(a0)
    j 3b

    .globl probe_store
probe_store:                            /* likewise, stores zero */
    li t1, 4
    catch
    beq a1, t1, 2f
    sb zero, 0(a0)
    done
2:  sw zero, 0(a0)
    j 3b

    .globl probe_vector
probe_vector:                           /* reads vlenb */
    catch
    csrr a1, 0xc22
    done

    .globl probe_fetch
probe_fetch:                            /* comes back only by a trap, or if there is a return instruction */
    catch
    jr a0
1:  ret

/*
 * void host_ecall_all(const uint64_t in[32], uint64_t out[32]): load x1..x31 from in, ecall, store x1..x31 to out.
 * sscratch holds the stack pointer meanwhile.
 */
    .globl host_ecall_all
host_ecall_all:
    addi sp, sp, -136
    sd ra, 0(sp)
    sd gp, 8(sp)
    sd tp, 16(sp)
    sd s0, 24(sp)
    sd s1, 32(sp)
    sd s2, 40(sp)
    sd s3, 48(sp)
    sd s4, 56(sp)
    sd s5, 64(sp)
    sd s6, 72(sp)
    sd s7, 80(sp)
    sd s8, 88(sp)
    sd s9, 96(sp)
    sd s10, 104(sp)
    sd s11, 112(sp)
    sd a1, 120(sp)
    csrw sscratch, sp
    mv x31, a0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ld x\n, \n*8(x31)
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    ld x\n, \n*8(x31)
    .endr
    ld x31, 31*8(x31)
    ecall
    csrrw x31, sscratch, x31            /* x31: stack pointer; sscratch: x31 */
    sd x30, 128(x31)
    ld x30, 120(x31)
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    sd x\n, \n*8(x30)
    .endr
    mv sp, x31
    mv t1, x30
    ld t0, 128(sp)
    sd t0, 30*8(t1)
    csrr t0, sscratch
    sd t0, 31*8(t1)
    csrw sscratch, zero
    ld ra, 0(sp)
    ld gp, 8(sp)
    ld tp, 16(sp)
    ld s0, 24(sp)
    ld s1, 32(sp)
    ld s2, 40(sp)
    ld s3, 48(sp)
    ld s4, 56(sp)
    ld s5, 64(sp)
    ld s6, 72(sp)
    ld s7, 80(sp)
    ld s8, 88(sp)
    ld s9, 96(sp)
    ld s10, 104(sp)
    ld s11, 112(sp)
    addi sp, sp, 136
    ret

    .option push
    .option arch, +f, +d
    .globl host_fp_fill
host_fp_fill:                           /* a0: value for every floating-point register */
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fmv.d.x f\n, a0
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.d.x f\n, a0
    .endr
    andi a0, a0, 0x1f
    csrw fcsr, a0
    ret

    .globl host_fp_or
host_fp_or:                             /* -> OR of all floating-point registers and fcsr */
    csrr a0, fcsr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fmv.x.d t0, f\n
    or a0, a0, t0
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.x.d t0, f\n
    or a0, a0, t0
    .endr
    ret
    .option pop

    .option push
    .option arch, +v
    .globl host_vector_fill
host_vector_fill:
    vsetvli t0, zero, e8, m8, ta, ma
    vmv.v.i v0, 15
    vmv.v.i v8, 14
    vmv.v.i v16, 13
    vmv.v.i v24, 12
    csrwi vcsr, 7
    ret

    .globl host_vector_or
host_vector_or:                         /* -> OR of vector CSRs that are not as after reset and bytes that are not 0 */
    csrr a0, vcsr
    csrr t0, vl
    or a0, a0, t0
    csrr t0, vtype
    srli t1, t0, 63                     /* vill */
    xori t1, t1, 1
    or a0, a0, t1
    vsetvli t0, zero, e8, m8, ta, ma
    vor.vv v24, v24, v16
    vor.vv v24, v24, v8
    vmv.v.i v8, 0
    vor.vv v24, v24, v0
    vmsne.vi v0, v24, 0
    vcpop.m t0, v0
    or a0, a0, t0
    ret
    .option pop

    .bss
    .balign 16
stacks:
    .space 8 * STACK_SIZE
