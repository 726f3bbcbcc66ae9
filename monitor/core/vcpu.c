/* SPDX-License-Identifier: Apache-2.0 */
/* vCPU state; see vcpu.h. */
#include "monitor/core/vcpu.h"

#include "monitor/core/gstage.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

/*
 * Exceptions that a TVM takes itself: all that concern only it. Never 9, 11 (not its ecalls), 10 and 20..23 (the
 * monitor's). A bit here is in hedeleg as well: delegated by M only, the trap would land in the host.
 */
#define TVM_EXCEPTIONS 0xb1ffu

/* mie while a TVM runs: the monitor's own interrupt and the host's, so that the host can always preempt. */
#define TVM_MIE (IRQ_BIT(IRQ_MSI) | IRQ_HOST_BITS)

/* Every counter stands still while a TVM runs; bit 1 (time) is not writable in mcountinhibit. */
#define TVM_MCOUNTINHIBIT 0xfffffffdu

/*
 * The guest's environment: its timer, and no more. Cache-block operations stay closed: cbo.inval could bring back what was
 * in memory before a scrub.
 */
#define TVM_ENVCFG ENVCFG_STCE

/* Where a trap would go that escaped to the host's stvec: address 0, which holds no memory on any supported platform. */
#define HOST_STVEC_CLOSED 0u

struct vcpu *vcpu_object(const struct monitor *m, struct conf_page frame)
{
    return hal_conf_rw(m, frame, TVM_VCPU_STATE_PAGES);
}

struct vcpu *vcpu_current(const struct hart *h)
{
    return vcpu_object(h->monitor, h->vcpu_frame);
}

void vcpu_reset(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint32_t id)
{
    v->id = id;
    v->tvm_slot = t->slot;
    v->ctx.status = MSTATUS_MPP_S;
    v->ctx.csr[WORLD_SLOT_vsstatus] = SSTATUS_UXL_64;
    v->ctx.csr[WORLD_SLOT_vstimecmp] = UINT64_MAX;
    v->vector.vtype = VTYPE_VILL;
    vcpu_normalise(m, t, v);
}

void vcpu_normalise(const struct monitor *m, const struct tvm *t, struct vcpu *v)
{
    uint64_t *csr = v->ctx.csr;
    /* MPP can only be U or S: keep which. */
    v->ctx.status &= MSTATUS_MPP_S;
    v->ctx.status |= MSTATUS_MPV | MSTATUS_FS_DIRTY | MSTATUS_SXL_64 | MSTATUS_UXL_64;
    /* What the guest itself has enabled is in vsstatus; a vector unit that is not exchanged stays off. */
    v->ctx.status |= m->platform.vlenb != 0 ? MSTATUS_VS_DIRTY : 0;
    v->ctx.x[0] = 0;
    csr[WORLD_SLOT_medeleg] = TVM_EXCEPTIONS;
    csr[WORLD_SLOT_hedeleg] = TVM_EXCEPTIONS;
    csr[WORLD_SLOT_mideleg] = IRQ_GUEST_BITS;
    csr[WORLD_SLOT_hideleg] = IRQ_GUEST_BITS;
    csr[WORLD_SLOT_mie] = TVM_MIE | (csr[WORLD_SLOT_mie] & IRQ_GUEST_BITS);
    csr[WORLD_SLOT_hvip] &= IRQ_BIT(IRQ_VSSI);
    csr[WORLD_SLOT_hstatus] = HSTATUS_VSXL_64 | HSTATUS_VTW | HSTATUS_SPV | HSTATUS_SPVP;
    csr[WORLD_SLOT_hcounteren] = COUNTEREN_TM;
    csr[WORLD_SLOT_hgeie] = 0;
    csr[WORLD_SLOT_htimedelta] = t->htimedelta;
    csr[WORLD_SLOT_henvcfg] = TVM_ENVCFG;
    /* Of state that extensions add, only senvcfg is exchanged: the rest is closed. */
    csr[WORLD_SLOT_hstateen0] = STATEEN0_ENVCFG;
    csr[WORLD_SLOT_hstateen1] = 0;
    csr[WORLD_SLOT_hstateen2] = 0;
    csr[WORLD_SLOT_hstateen3] = 0;
    csr[WORLD_SLOT_htval] = 0;
    csr[WORLD_SLOT_htinst] = 0;
    csr[WORLD_SLOT_mcountinhibit] = TVM_MCOUNTINHIBIT;
    csr[WORLD_SLOT_stvec] = HOST_STVEC_CLOSED;
    csr[WORLD_SLOT_sscratch] = 0;
    csr[WORLD_SLOT_sepc] = 0;
    csr[WORLD_SLOT_scause] = 0;
    csr[WORLD_SLOT_stval] = 0;
    csr[WORLD_SLOT_satp] = 0;
    csr[WORLD_SLOT_HGATP] = gstage_hgatp(m, t);
}

void vcpu_complete_call(struct hart *h, int64_t error, uint64_t value)
{
    struct world_ctx *ctx = &vcpu_current(h)->ctx;
    ctx->x[REG_A0] = (uint64_t)error;
    ctx->x[REG_A1] = value;
    ctx->pc += ECALL_LENGTH;
}

void vcpu_inject_exception(struct hart *h, uint64_t cause, uint64_t tval)
{
    struct world_ctx *ctx = h->frame;
    bool from_supervisor = (ctx->status & MSTATUS_MPP_MASK) == MSTATUS_MPP_S;
    uint64_t status = hal_csr_read(h, WORLD_SLOT_vsstatus);
    bool enabled = (status & SSTATUS_SIE) != 0;

    status &= ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
    status |= from_supervisor ? SSTATUS_SPP : 0;
    status |= enabled ? SSTATUS_SPIE : 0;
    hal_csr_write(h, WORLD_SLOT_vsstatus, status);
    hal_csr_write(h, WORLD_SLOT_vsepc, ctx->pc);
    hal_csr_write(h, WORLD_SLOT_vscause, cause);
    hal_csr_write(h, WORLD_SLOT_vstval, tval);
    ctx->pc = hal_csr_read(h, WORLD_SLOT_vstvec) & ~UINT64_C(3);
    ctx->status = (ctx->status & ~MSTATUS_MPP_MASK) | MSTATUS_MPP_S;
}
