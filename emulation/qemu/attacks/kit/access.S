/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One access each, made so that a trap is a result: a0 is the cause or -1, a1 the value or stval. host_trap in
 * ../../start.S goes on at the address in sscratch.
 */
    .option norvc
    .text

    .macro catch
    lla t0, 1f
    csrw sscratch, t0
    .endm
    .macro done
    csrw sscratch, zero
    li a0, -1
1:  ret
    .endm

    .globl way_load
way_load:
    catch
    ld a1, 0(a0)
    done

    .globl way_store
way_store:
    catch
    li a1, 0
    sd zero, 0(a0)
    done

    .globl way_fetch
way_fetch:
    catch
    mv t2, ra
    li a1, 0
    jalr a0
    csrw sscratch, zero
    li a0, -1
1:  mv ra, t2
    ret

    .globl way_amo
way_amo:
    catch
    li t1, 1
    amoadd.d a1, t1, (a0)
    done

    .globl way_lr
way_lr:
    catch
    lr.d a1, (a0)
    done

    .globl way_sc
way_sc:                                 /* reserves the word itself, or, when that faults, memory of the host */
    lla t0, way_sc_target
    sd a0, 0(t0)
    catch
    lr.d t2, (a0)
    j 2f
1:  lla a0, way_sc_target
    ld a0, 0(a0)
    lla t1, reservation
    lr.d t2, (t1)
2:  lla t0, 3f
    csrw sscratch, t0
    sc.d a1, zero, (a0)
    csrw sscratch, zero
    li a0, -1
    beqz a1, 3f
    li a0, 7                            /* nothing was stored: as good as the fault */
3:  ret

    .globl way_fp_load
way_fp_load:
    catch
    .option push
    .option arch, +f, +d
    fld ft0, 0(a0)
    fmv.x.d a1, ft0
    .option pop
    done

    .globl way_vector_load
way_vector_load:                        /* two words: the first is below `addr` by one */
    catch
    .option push
    .option arch, +v
    li t1, 0x600
    csrs sstatus, t1
    vsetivli zero, 2, e64, m1, ta, ma
    addi a0, a0, -8
    vle64.v v1, (a0)
    vslidedown.vi v1, v1, 1
    vmv.x.s a1, v1
    .option pop
    done

    .globl way_cbo_zero
way_cbo_zero:
    catch
    li a1, 0
    .insn i 0x0f, 2, x0, a0, 4
    done

/* A world below this one makes the access and comes back by a trap of its own, to a handler that knows no sscratch. */
    .macro below
    csrr t3, stvec
    lla t0, 3f
    csrw stvec, t0
    lla t0, 2f
    csrw sepc, t0
    sret
2:  ld a1, 0(a0)
    li a0, -1
    ecall
    .balign 4
3:  csrw stvec, t3
    csrr t0, scause
    li t1, 8                            /* environment call from U-mode or VS-mode: nothing stopped it */
    beq t0, t1, 4f
    li t1, 10
    beq t0, t1, 4f
    mv a0, t0
    csrr a1, stval
4:
    .endm

    .globl way_user
way_user:
    li t0, 0x100                        /* sstatus.SPP: U-mode */
    csrc sstatus, t0
    below
    ret

    .globl below_guest_load
below_guest_load:                       /* hgatp is set, vsatp off */
    li t0, 0x180                        /* hstatus.SPV, SPVP */
    csrs 0x600, t0
    li t0, 0x100
    csrs sstatus, t0                    /* VS-mode */
    below
    li t0, 0x80
    csrc 0x600, t0
    ret

    .globl below_hlv
below_hlv:
    catch
    .insn r 0x73, 4, 0x36, a1, a0, x0
    done

    .globl below_hlvx
below_hlvx:
    catch
    .insn r 0x73, 4, 0x34, a1, a0, x3
    done

    .globl below_hsv
below_hsv:
    catch
    li a1, 0
    .insn r 0x73, 4, 0x37, x0, a0, x0
    done

    .bss
    .balign 8
reservation:
    .space 8
way_sc_target:
    .space 8
