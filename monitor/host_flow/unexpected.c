/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of the host that should have gone to the host directly. Handed back as the hardware would have delivered them
 * to supervisor mode, so that a host can harm only itself by finding one.
 */
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

struct decision host_unexpected_trap(struct hart *h, const struct trap *t)
{
    struct world_ctx *frame = h->frame;
    if ((t->cause & CAUSE_INTERRUPT) != 0)
        return decide_resume();

    bool from_supervisor = (frame->status & MSTATUS_MPP_MASK) == MSTATUS_MPP_S;
    bool from_guest = (frame->status & MSTATUS_MPV) != 0;
    bool enabled = (frame->status & MSTATUS_SIE) != 0;
    uint64_t hstatus = hal_csr_read(h, WORLD_SLOT_hstatus) & ~(HSTATUS_SPV | HSTATUS_GVA);
    hstatus |= from_guest ? HSTATUS_SPV : 0;
    hstatus |= (frame->status & MSTATUS_GVA) != 0 ? HSTATUS_GVA : 0;
    if (from_guest) /* SPVP keeps its value across traps that do not come from a virtual machine */
        hstatus = (hstatus & ~HSTATUS_SPVP) | (from_supervisor ? HSTATUS_SPVP : 0);
    hal_csr_write(h, WORLD_SLOT_hstatus, hstatus);
    hal_csr_write(h, WORLD_SLOT_sepc, frame->pc);
    hal_csr_write(h, WORLD_SLOT_scause, t->cause);
    hal_csr_write(h, WORLD_SLOT_stval, t->tval);
    hal_csr_write(h, WORLD_SLOT_htval, t->tval2);
    hal_csr_write(h, WORLD_SLOT_htinst, t->tinst);

    frame->status &= ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE | MSTATUS_MPP_MASK | MSTATUS_MPV);
    frame->status |= from_supervisor ? MSTATUS_SPP : 0;
    frame->status |= enabled ? MSTATUS_SPIE : 0;
    frame->status |= MSTATUS_MPP_S;
    frame->pc = hal_csr_read(h, WORLD_SLOT_stvec) & ~UINT64_C(3);
    return decide_resume();
}
