/* SPDX-License-Identifier: Apache-2.0 */
/* State of extensions on a hart; see isa_hart.h. */
#include "monitor/riscv/isa_hart.h"

#include "monitor/core/types.h"
#include "monitor/riscv/csr.h"

#define MISA_V (UINT64_C(1) << ('V' - 'A'))

/* More triggers than any hart has; the loop ends at the first index that tselect does not take. */
#define MAX_TRIGGERS 64u

/* The type of a trigger. With everything else zero no mode and no event is chosen, whatever the type. */
#define TDATA1_TYPE (UINT64_C(0xf) << 60)

uint32_t riscv_stateen;

uint32_t isa_hart_vlenb(void)
{
    if ((csr_read(CSR_MISA) & MISA_V) == 0)
        return 0;
    uint64_t status = csr_read(CSR_MSTATUS);
    csr_write(CSR_MSTATUS, status | MSTATUS_VS);
    uint64_t vlenb = csr_read(CSR_VLENB);
    csr_write(CSR_MSTATUS, status);
    return vlenb <= VECTOR_VLENB_MAX ? (uint32_t)vlenb : 0;
}

/* What an earlier boot stage or a debugger set must strike in no world; only M-mode could set one again. */
static void triggers_off(void)
{
    for (uint64_t i = 0; i < MAX_TRIGGERS; i++) {
        csr_write(CSR_TSELECT, i);
        if (csr_read(CSR_TSELECT) != i)
            return;
        csr_write(CSR_TDATA1, csr_read(CSR_TDATA1) & TDATA1_TYPE);
    }
}

const char *isa_hart_setup(bool first, uint32_t vlenb)
{
    uint32_t stateen = riscv_has_stateen();
    if (riscv_has_triggers())
        triggers_off();
    if (first)
        riscv_stateen = stateen;
    if (stateen != riscv_stateen)
        return "harts differ in Smstateen";
    if (isa_hart_vlenb() != vlenb)
        return "harts differ in their vector registers";
    if (stateen) {
        csr_write(CSR_MSTATEEN0, UINT64_MAX);
        csr_write(CSR_MSTATEEN0 + 1, UINT64_MAX);
        csr_write(CSR_MSTATEEN0 + 2, UINT64_MAX);
        csr_write(CSR_MSTATEEN0 + 3, UINT64_MAX);
    }
    return NULL;
}
