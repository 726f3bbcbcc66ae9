/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVG allow_external_interrupt and deny_external_interrupt: which interrupts the host may raise in the calling vCPU. An
 * id is a bit number of hvip: the external interrupt, or a local one. The supervisor's software and timer
 * interrupts are the monitor's to raise, never the host's. At first all are denied.
 */
#include "monitor/core/riscv_bits.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"

#define ALL_INTERRUPTS UINT64_MAX
#define FIRST_LOCAL_INTERRUPT 13u
#define INJECTABLE (IRQ_BIT(IRQ_VSEI) | (UINT64_MAX << FIRST_LOCAL_INTERRUPT))

/* Bits that an id names, 0 when it names none that the host may ever raise. */
static uint64_t interrupt_bits(uint64_t id)
{
    if (id == ALL_INTERRUPTS)
        return INJECTABLE;
    return id < 64 ? IRQ_BIT(id) & INJECTABLE : 0;
}

struct decision covg_allow_external_interrupt(struct hart *h, const struct sbi_args *args)
{
    uint64_t bits = interrupt_bits(args->a[0]);
    if (bits == 0)
        return decide_error(SBI_ERR_INVALID_PARAM);
    vcpu_current(h)->allowed_interrupts |= bits;
    return decide_notified(h, args, 1);
}

struct decision covg_deny_external_interrupt(struct hart *h, const struct sbi_args *args)
{
    uint64_t bits = interrupt_bits(args->a[0]);
    if (bits == 0)
        return decide_error(SBI_ERR_INVALID_PARAM);
    vcpu_current(h)->allowed_interrupts &= ~bits;
    return decide_notified(h, args, 1);
}
