/* SPDX-License-Identifier: Apache-2.0 */
/* vCPU state; see vcpu.h. */
#include "monitor/core/vcpu.h"

#include "monitor/core/gstage.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/tvm_fence.h"
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

struct tvm *vcpu_tvm(const struct hart *h)
{
    return hal_conf_rw(h->monitor, h->monitor->tvm[h->tvm_slot].frame, TVM_STATE_PAGES);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

void vcpu_reset(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint32_t id)
{
    v->ctx = (struct world_ctx){.status = MSTATUS_MPP_S};
    v->id = id;
    v->tvm_slot = t->slot;
    v->pending = (struct pending_op){.kind = PENDING_NONE};
    v->allowed_interrupts = 0;
    v->resume_pc = 0;
    v->resume_opaque = 0;
    v->resume_fresh = false;
    v->vector = (struct vector_state){.vtype = VTYPE_VILL};
    v->ctx.csr[WORLD_SLOT_vsstatus] = SSTATUS_UXL_64;
    v->ctx.csr[WORLD_SLOT_vstimecmp] = UINT64_MAX;
    vcpu_normalise(m, t, v);
}

void vcpu_start(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    vcpu_reset(m, t, v, v->id);
    v->ctx.pc = pc;
    v->ctx.x[REG_A0] = v->id;
    v->ctx.x[REG_A1] = opaque;
}

/* Wake from a suspension that gave up the registers. What woke the vCPU, timer or software interrupt, stays. */
static void resume_fresh(struct hart *h, const struct tvm *t, struct vcpu *v)
{
    uint64_t timer = v->ctx.csr[WORLD_SLOT_vstimecmp];
    uint64_t software = v->ctx.csr[WORLD_SLOT_hvip] & IRQ_BIT(IRQ_VSSI);
    uint64_t allowed = v->allowed_interrupts;
    vcpu_start(h->monitor, t, v, v->resume_pc, v->resume_opaque);
    v->ctx.csr[WORLD_SLOT_vstimecmp] = timer;
    v->ctx.csr[WORLD_SLOT_hvip] = software;
    v->allowed_interrupts = allowed;
}

static bool can_run(uint32_t state)
{
    return state == VCPU_RUNNABLE || state == VCPU_BLOCKED || state == VCPU_SUSPENDED;
}

int64_t vcpu_claim(struct hart *h, uint64_t id, uint64_t vcpu_id)
{
    struct tvm *t = tvm_lock(h, id);
    if (t == NULL)
        return SBI_ERR_INVALID_PARAM;
    struct tvm_slot *tvm_slot = tvm_slot_of(h->monitor, t);
    int64_t error = SBI_SUCCESS;
    if (tvm_slot->state != TVM_RUNNABLE)
        error = SBI_ERR_INVALID_PARAM;
    else if (vcpu_id >= TVM_MAX_VCPUS || !can_run(t->vcpu[vcpu_id].state))
        error = SBI_ERR_INVALID_PARAM;
    else if (!h->shmem_set)
        error = SBI_ERR_NO_SHMEM;
    if (error == SBI_SUCCESS) {
        struct vcpu_slot *slot = &t->vcpu[vcpu_id];
        slot->state = VCPU_RUNNING;
        slot->hart = h->id;
        slot->falls_asleep = false;
        tvm_slot->running++;
        tvm_fence_enter(t, slot);
        h->tvm_slot = t->slot;
        h->vcpu_id = (uint32_t)vcpu_id;
        h->vcpu_frame = slot->frame;
    }
    tvm_unlock(h, t);
    return error;
}

void vcpu_release(struct hart *h, uint32_t next)
{
    struct tvm *t = tvm_lock_current(h);
    struct vcpu_slot *slot = &t->vcpu[h->vcpu_id];
    tvm_fence_leave(t, slot);
    slot->state = next;
    slot->hart = 0; /* nothing of the run stays, also when it was refused */
    slot->fence_version = 0;
    tvm_slot_of(h->monitor, t)->running--;
    tvm_unlock(h, t);
    h->tvm_slot = HART_NO_TVM;
}

void vcpu_prepare(struct hart *h)
{
    const struct tvm *t = vcpu_tvm(h);
    struct vcpu *v = vcpu_current(h);
    if (v->resume_fresh)
        resume_fresh(h, t, v);
    vcpu_normalise(h->monitor, t, v);
    v->ctx.csr[WORLD_SLOT_hvip] |= hal_csr_read(h, WORLD_SLOT_hvip) & v->allowed_interrupts;
}

/* --- requests of other vCPUs ------------------------------------------------------------------------------------ */

bool vcpu_set_from_sbi(const struct tvm *t, uint64_t mask, uint64_t base, uint64_t *set)
{
    uint64_t existing = 0;
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        existing |= t->vcpu[i].state != VCPU_ABSENT ? UINT64_C(1) << i : 0;
    *set = base == SBI_ALL_HARTS ? existing : 0;
    if (base == SBI_ALL_HARTS || mask == 0)
        return true;
    if (base >= TVM_MAX_VCPUS || mask << base >> base != mask)
        return false;
    *set = mask << base;
    return (*set & ~existing) == 0;
}

bool vcpu_fall_asleep(struct hart *h)
{
    struct tvm *t = tvm_lock_current(h);
    struct vcpu_slot *slot = &t->vcpu[h->vcpu_id];
    uint64_t pending = hal_csr_read(h, WORLD_SLOT_hvip) & hal_csr_read(h, WORLD_SLOT_mie) & IRQ_BIT(IRQ_VSSI);
    bool asleep = pending == 0 && shared_load(&slot->request) == 0;
    slot->falls_asleep = asleep;
    tvm_unlock(h, t);
    return asleep;
}

bool vcpu_serve_requests(struct hart *h)
{
    struct vcpu_slot *slot = &vcpu_tvm(h)->vcpu[h->vcpu_id];
    if (shared_load(&slot->request) == 0)
        return false;
    uint32_t request = shared_exchange(&slot->request, 0);
    if ((request & VCPU_REQUEST_VSSIP) != 0)
        hal_csr_write(h, WORLD_SLOT_hvip, hal_csr_read(h, WORLD_SLOT_hvip) | IRQ_BIT(IRQ_VSSI));
    return (request & VCPU_REQUEST_LEAVE) != 0;
}

/* --- registers -------------------------------------------------------------------------------------------------- */

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
