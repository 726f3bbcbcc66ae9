/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts: which pending one a hart takes, by the enables and the delegation of the level that takes it.
 */
#include "harness/machine/internal.h"

/* Standard order, highest first: machine level, supervisor level, guest level; external, software, timer in each. */
static const uint8_t priority[] = {11, IRQ_MSI, 7, IRQ_SEI, IRQ_SSI, IRQ_STI, IRQ_VSEI, IRQ_VSSI, IRQ_VSTI};

/* Which of these pending and enabled bits may interrupt what the hart is doing. */
static uint64_t deliverable(const struct machine_hart *hart, uint64_t bits)
{
    uint64_t machine_level = bits & ~hart->csr[SLOT_mideleg];
    uint64_t guest_level = bits & hart->csr[SLOT_mideleg] & hart->csr[SLOT_hideleg];
    uint64_t host_level = bits & hart->csr[SLOT_mideleg] & ~hart->csr[SLOT_hideleg];
    bool host_open = hart->virt || hart->priv == PRIV_U || (hart->csr[SLOT_mstatus] & STATUS_SIE) != 0;
    bool guest_open = hart->virt && (hart->priv == PRIV_U || (hart->csr[SLOT_vsstatus] & STATUS_SIE) != 0);

    /* M-mode's own are always open below M-mode. A higher level goes first. */
    if (machine_level != 0)
        return machine_level;
    if (host_open && host_level != 0)
        return host_level;
    return guest_open ? guest_level : 0;
}

enum trap_taker machine_take_interrupt(struct machine *m, uint32_t h)
{
    const struct machine_hart *hart = &m->hart[h];

    if (hart->parked && trap_takes_msi(m, h)) { /* a suspended hart that this interrupt ends the suspension of */
        trap_serve_msi(m, h);
        return hart->parked ? TAKEN_BY_NOBODY : TAKEN_BY_MONITOR;
    }
    if (machine_halted(m) || hart->parked)
        return TAKEN_BY_NOBODY;
    uint64_t bits = deliverable(hart, csr_interrupts_pending(m, h) & hart->csr[SLOT_mie]);
    for (unsigned i = 0; i < sizeof(priority) && bits != 0; i++) {
        if ((bits & IRQ_BIT(priority[i])) != 0)
            return machine_trap(m, h, &(struct trap){.cause = TRAP_INTERRUPT | priority[i]});
    }
    return TAKEN_BY_NOBODY;
}

void machine_set_pending(struct machine *m, uint32_t h, unsigned interrupt, bool pending)
{
    uint64_t bit = interrupt < 64 ? IRQ_BIT(interrupt) & IRQ_S_BITS : 0;

    if (pending)
        m->hart[h].csr[SLOT_mip] |= bit;
    else
        m->hart[h].csr[SLOT_mip] &= ~bit;
}

void machine_advance(struct machine *m, uint64_t ticks)
{
    tick(m, ticks);
    /* A timer that has come ends a suspension; where harts move on their own, each sees to that itself. */
    for (uint32_t h = 0; m->private->mode == MACHINE_SEQUENTIAL && h < m->config.harts; h++) {
        if (m->hart[h].parked)
            machine_take_interrupt(m, h);
    }
}
