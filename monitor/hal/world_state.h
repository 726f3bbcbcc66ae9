/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register state that belongs to a world, host or guest, on one hart, and where each piece is kept.
 *
 * A world context holds everything that the processor does not bank by itself. The trap entry fills x, pc and
 * status; WORLD_CSRS and WORLD_CSRS_STATEEN are exchanged by hal_csr_swap; f and fcsr by the hal_fp functions. Vector
 * registers are too many for it: a guest's are in its vCPU (struct vector_state), the host's are not kept, it finds
 * zeros after a run. This header is read by the assembler too, so offsets are plain numbers, tied to the C structures
 * by assertions, here and in core/vcpu.h.
 *
 * Default deny: a CSR that is neither in WORLD_CSRS, nor in the list below, must be unreachable for both worlds.
 *   mstatus            part of the trap frame (status)
 *   stimecmp           the host's, stays live so that its timer can always preempt a TVM; a guest reaches only
 *                      vstimecmp under that name
 *   mip/sip SSIP       the host's, stays pending until the host sees it
 *   hvip               exchanged; hip, vsip are views of it
 *   sie, hie, vsie     views of mie, which is exchanged
 *   mtvec, mscratch, pmp*, mcounteren, menvcfg, mstateen*   the monitor's, constant for both worlds but for the window
 *                      entry (a port may switch features of menvcfg off for a moment, to reach what they hide)
 *   vstart, vxsat, vxrm, vcsr, vl, vtype   with the vector registers
 *   sstateen*          the host's; a guest has no access (hstateen0.SE0 is 0), and what they open is closed to it
 *   tselect, tdata*, tcontrol, mcontext   M-mode only; the port switches all triggers off at boot, and no call sets one
 *   scontext, hcontext the host's; a guest reaches scontext only on harts with triggers and without Smstateen; it is a
 *                      number that nothing here reads, and no trigger compares it
 */
#ifndef TOUCHSTONE_HAL_WORLD_STATE_H
#define TOUCHSTONE_HAL_WORLD_STATE_H

/*
 * WORLD_CSR(index, csr number, name): exchanged by hal_csr_swap, in this order.
 * hgatp and vsatp are not here: their order against fences matters, so the core writes them itself
 * (see core/world_switch.c), and keeps them in the two slots after the list.
 */
#define WORLD_CSRS(WORLD_CSR)                                                                                          \
    WORLD_CSR(0, 0x302, medeleg)                                                                                       \
    WORLD_CSR(1, 0x303, mideleg)                                                                                       \
    WORLD_CSR(2, 0x600, hstatus)                                                                                       \
    WORLD_CSR(3, 0x602, hedeleg)                                                                                       \
    WORLD_CSR(4, 0x603, hideleg)                                                                                       \
    WORLD_CSR(5, 0x304, mie)                                                                                           \
    WORLD_CSR(6, 0x606, hcounteren)                                                                                    \
    WORLD_CSR(7, 0x607, hgeie)                                                                                         \
    WORLD_CSR(8, 0x645, hvip)                                                                                          \
    WORLD_CSR(9, 0x605, htimedelta)                                                                                    \
    WORLD_CSR(10, 0x60a, henvcfg)                                                                                      \
    WORLD_CSR(11, 0x643, htval)                                                                                        \
    WORLD_CSR(12, 0x64a, htinst)                                                                                       \
    WORLD_CSR(13, 0x320, mcountinhibit)                                                                                \
    WORLD_CSR(14, 0x105, stvec)                                                                                        \
    WORLD_CSR(15, 0x106, scounteren)                                                                                   \
    WORLD_CSR(16, 0x10a, senvcfg)                                                                                      \
    WORLD_CSR(17, 0x140, sscratch)                                                                                     \
    WORLD_CSR(18, 0x141, sepc)                                                                                         \
    WORLD_CSR(19, 0x142, scause)                                                                                       \
    WORLD_CSR(20, 0x143, stval)                                                                                        \
    WORLD_CSR(21, 0x180, satp)                                                                                         \
    WORLD_CSR(22, 0x200, vsstatus)                                                                                     \
    WORLD_CSR(23, 0x205, vstvec)                                                                                       \
    WORLD_CSR(24, 0x240, vsscratch)                                                                                    \
    WORLD_CSR(25, 0x241, vsepc)                                                                                        \
    WORLD_CSR(26, 0x242, vscause)                                                                                      \
    WORLD_CSR(27, 0x243, vstval)                                                                                       \
    WORLD_CSR(28, 0x24d, vstimecmp)

#define WORLD_CSR_SWAPPED 29
#define WORLD_SLOT_HGATP 29
#define WORLD_SLOT_VSATP 30

/* The same, on harts that have Smstateen: what a VS-mode may reach of state that the list above does not name. */
#define WORLD_CSRS_STATEEN(WORLD_CSR)                                                                                  \
    WORLD_CSR(31, 0x60c, hstateen0)                                                                                    \
    WORLD_CSR(32, 0x60d, hstateen1)                                                                                    \
    WORLD_CSR(33, 0x60e, hstateen2)                                                                                    \
    WORLD_CSR(34, 0x60f, hstateen3)

#define WORLD_CSR_SLOTS 35

/* Byte offsets inside struct world_ctx. */
#define WORLD_X_OFFSET 0        /* x0..x31; slot 0 is always zero */
#define WORLD_PC_OFFSET 256     /* mepc */
#define WORLD_STATUS_OFFSET 264 /* mstatus */
#define WORLD_F_OFFSET 272      /* f0..f31, raw 64-bit images */
#define WORLD_FCSR_OFFSET 528
#define WORLD_CSR_OFFSET 536 /* csr slots */

/* Byte offsets inside struct vector_state. */
#define VECTOR_VSTART_OFFSET 0
#define VECTOR_VCSR_OFFSET 8
#define VECTOR_VL_OFFSET 16
#define VECTOR_VTYPE_OFFSET 24
#define VECTOR_V_OFFSET 32 /* v0..v31, as many bytes each as the hart has */

/* Byte offsets inside struct hart, as the trap entry needs them. mscratch holds the struct hart address. */
#define HART_FRAME_OFFSET 0  /* struct world_ctx *: where the trap entry saves the interrupted world */
#define HART_STACK_OFFSET 8  /* initial stack pointer of the monitor on this hart */
#define HART_SPILL_OFFSET 16 /* one register of the interrupted world, between two instructions of the entry */
#define HART_HOST_OFFSET 40  /* struct world_ctx: the frame of the host */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct world_ctx {
    uint64_t x[32];
    uint64_t pc;
    uint64_t status;
    uint64_t f[32];
    uint64_t fcsr;
    uint64_t csr[WORLD_CSR_SLOTS];
};

enum world_csr_slot {
#define WORLD_CSR(index, number, name) WORLD_SLOT_##name = (index),
    WORLD_CSRS(WORLD_CSR) WORLD_CSRS_STATEEN(WORLD_CSR)
#undef WORLD_CSR
};

_Static_assert(offsetof(struct world_ctx, pc) == WORLD_PC_OFFSET, "assembler offset");
_Static_assert(offsetof(struct world_ctx, status) == WORLD_STATUS_OFFSET, "assembler offset");
_Static_assert(offsetof(struct world_ctx, f) == WORLD_F_OFFSET, "assembler offset");
_Static_assert(offsetof(struct world_ctx, fcsr) == WORLD_FCSR_OFFSET, "assembler offset");
_Static_assert(offsetof(struct world_ctx, csr) == WORLD_CSR_OFFSET, "assembler offset");
#endif

#endif
