/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits and numbers of the privileged architecture that the core needs. Names follow the privileged specification.
 */
#ifndef TOUCHSTONE_CORE_RISCV_BITS_H
#define TOUCHSTONE_CORE_RISCV_BITS_H

#include <stdint.h>

#define CAUSE_INTERRUPT (UINT64_C(1) << 63)
#define CAUSE_FETCH_ACCESS 1u
#define CAUSE_ILLEGAL_INSTRUCTION 2u
#define CAUSE_LOAD_ACCESS 5u
#define CAUSE_STORE_ACCESS 7u
#define CAUSE_ECALL_HS 9u
#define CAUSE_ECALL_VS 10u
#define CAUSE_GUEST_FETCH_PAGE_FAULT 20u
#define CAUSE_GUEST_LOAD_PAGE_FAULT 21u
#define CAUSE_VIRTUAL_INSTRUCTION 22u
#define CAUSE_GUEST_STORE_PAGE_FAULT 23u

#define IRQ_SSI 1u
#define IRQ_VSSI 2u
#define IRQ_MSI 3u
#define IRQ_STI 5u
#define IRQ_VSTI 6u
#define IRQ_SEI 9u
#define IRQ_VSEI 10u
#define IRQ_BIT(n) (UINT64_C(1) << (n))
#define IRQ_HOST_BITS (IRQ_BIT(IRQ_SSI) | IRQ_BIT(IRQ_STI) | IRQ_BIT(IRQ_SEI))
#define IRQ_GUEST_BITS (IRQ_BIT(IRQ_VSSI) | IRQ_BIT(IRQ_VSTI) | IRQ_BIT(IRQ_VSEI))

/* mstatus */
#define MSTATUS_SIE (UINT64_C(1) << 1)
#define MSTATUS_SPIE (UINT64_C(1) << 5)
#define MSTATUS_MPIE (UINT64_C(1) << 7)
#define MSTATUS_SPP (UINT64_C(1) << 8)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP_MASK (UINT64_C(3) << MSTATUS_MPP_SHIFT)
#define MSTATUS_MPP_S (UINT64_C(1) << MSTATUS_MPP_SHIFT)
#define MSTATUS_VS_DIRTY (UINT64_C(3) << 9)
#define MSTATUS_FS_DIRTY (UINT64_C(3) << 13)
#define MSTATUS_UXL_64 (UINT64_C(2) << 32)
#define MSTATUS_SXL_64 (UINT64_C(2) << 34)
#define MSTATUS_GVA (UINT64_C(1) << 38)
#define MSTATUS_MPV (UINT64_C(1) << 39)

/* hstatus */
#define HSTATUS_GVA (UINT64_C(1) << 6)
#define HSTATUS_SPV (UINT64_C(1) << 7)
#define HSTATUS_SPVP (UINT64_C(1) << 8)
#define HSTATUS_VTW (UINT64_C(1) << 21)
#define HSTATUS_VSXL_64 (UINT64_C(2) << 32)

/* vsstatus has the layout of sstatus. */
#define SSTATUS_SIE (UINT64_C(1) << 1)
#define SSTATUS_SPIE (UINT64_C(1) << 5)
#define SSTATUS_SPP (UINT64_C(1) << 8)
#define SSTATUS_UXL_64 (UINT64_C(2) << 32)

#define ENVCFG_STCE (UINT64_C(1) << 63)
#define STATEEN0_ENVCFG (UINT64_C(1) << 62)
#define VTYPE_VILL (UINT64_C(1) << 63) /* vtype after reset: no vector configuration */
#define COUNTEREN_TM (UINT64_C(1) << 1)

/* satp, and vsatp alike */
#define SATP_MODE_SHIFT 60
#define SATP_MODE_BARE 0u
#define SATP_MODE_SV39 8u
#define SATP_MODE_SV57 10u

#define HGATP_MODE_SHIFT 60
#define HGATP_VMID_SHIFT 44

#define INSN_WFI 0x10500073u
#define ECALL_LENGTH 4u

/* General registers by their role in the calling convention. */
#define REG_A0 10
#define REG_A1 11
#define REG_A6 16
#define REG_A7 17

#endif
