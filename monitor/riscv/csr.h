/* SPDX-License-Identifier: Apache-2.0 */
/* Access to control and status registers from C. `csr` is a compile-time constant or one of the numbers in layout.h. */
#ifndef TOUCHSTONE_RISCV_CSR_H
#define TOUCHSTONE_RISCV_CSR_H

#include <stdint.h>

#include "monitor/riscv/layout.h"

#define CSR_MSTATUS 0x300
#define CSR_MISA 0x301
#define CSR_MIE 0x304
#define CSR_MCOUNTEREN 0x306
#define CSR_MSCRATCH 0x340
#define CSR_MEPC 0x341
#define CSR_MCAUSE 0x342
#define CSR_MTVAL 0x343
#define CSR_MIP 0x344
#define CSR_PMPCFG0 0x3a0
#define CSR_PMPCFG2 0x3a2
#define CSR_PMPADDR0 0x3b0
#define CSR_TIME 0xc01
#define CSR_MVENDORID 0xf11
#define CSR_MARCHID 0xf12
#define CSR_MIMPID 0xf13
#define CSR_MHARTID 0xf14

#define csr_read(csr)                                                                                                  \
    __extension__({                                                                                                    \
        uint64_t csr_value_;                                                                                           \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_value_) : "i"(csr) : "memory");                                      \
        csr_value_;                                                                                                    \
    })

#define csr_write(csr, value) __asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"((uint64_t)(value)) : "memory")

#define csr_set(csr, bits) __asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"((uint64_t)(bits)) : "memory")

#endif
