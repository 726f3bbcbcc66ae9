/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C side of the trap entry: reads what the hardware says about the trap, lets the core serve it, and looks once
 * more at what is about to be loaded. Guarantees that no frame leads back into M-mode and that a hart whose stack
 * overflowed never runs a world again.
 */
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"
#include "monitor/riscv/csr.h"
#include "monitor/riscv/hart.h"

#define CANARY UINT64_C(0x5ca1ab1e0ddba11d)

/* Bits of mstatus that no world has: M-mode as the previous mode is judged apart. */
#define MSTATUS_MPRV (UINT64_C(1) << 17)

static volatile uint64_t *canary(uint32_t id)
{
    return (volatile uint64_t *)(void *)&riscv_stacks[id][RISCV_GUARD_SIZE - RISCV_CANARY_BYTES];
}

void riscv_canary_set(uint32_t id)
{
    for (unsigned i = 0; i < RISCV_CANARY_BYTES / sizeof(uint64_t); i++)
        canary(id)[i] = CANARY;
}

bool riscv_canary_intact(uint32_t id)
{
    for (unsigned i = 0; i < RISCV_CANARY_BYTES / sizeof(uint64_t); i++) {
        if (canary(id)[i] != CANARY)
            return false;
    }
    return true;
}

void riscv_park_until_started(struct hart *h)
{
    do
        hal_park(h);
    while (!monitor_hart_wake(h));
}

void riscv_trap(struct hart *h)
{
    struct trap t = {
        .cause = csr_read(CSR_MCAUSE),
        .tval = csr_read(CSR_MTVAL),
        .tval2 = csr_read(CSR_MTVAL2),
        .tinst = csr_read(CSR_MTINST),
    };
    monitor_trap(h, &t);
    /* The host gave this hart back: it continues only when another hart starts it again. */
    if (shared_load(&h->hsm_state) != SBI_HSM_STARTED)
        riscv_park_until_started(h);

    if (!riscv_canary_intact(h->id))
        hal_fatal(h, "stack overflow");
    uint64_t status = h->frame->status;
    if ((status & MSTATUS_MPP_MASK) > MSTATUS_MPP_S || (status & (MSTATUS_MIE | MSTATUS_MPRV)) != 0)
        hal_fatal(h, "world to be entered has the status of M-mode");
}
