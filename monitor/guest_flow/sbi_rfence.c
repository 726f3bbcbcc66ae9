/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI RFENCE for a guest, complete when it returns: harts that run a target have fenced, and a target that enters later
 * fences everything before its first instruction, so only those on a hart now, by the slot lock, matter. Address
 * ranges and ASIDs only narrow what is asked for. A guest has no guests of its own: hfence does nothing.
 */
#include "monitor/core/ipi.h"
#include "monitor/core/vcpu.h"
#include "monitor/guest_flow/handlers.h"

static struct decision remote_fence(struct hart *h, const struct sbi_args *args, uint32_t kind)
{
    struct hart_set harts = {0};
    uint64_t targets;
    struct tvm *t = tvm_lock_current(h);
    bool valid = vcpu_set_from_sbi(t, args->a[0], args->a[1], &targets);
    for (uint32_t i = 0; valid && i < TVM_MAX_VCPUS; i++)
        if ((targets >> i & 1) != 0 && t->vcpu[i].state == VCPU_RUNNING)
            harts.bits |= 1u << t->vcpu[i].hart;
    tvm_unlock(h, t);
    if (!valid)
        return decide_error(SBI_ERR_INVALID_PARAM);
    ipi_remote_fence(h, harts, kind);
    return decide_success(0);
}

struct decision guest_rfence_fence_i(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE_I);
}

struct decision guest_rfence_sfence_vma(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision guest_rfence_sfence_vma_asid(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision guest_rfence_hfence_gvma_vmid(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision guest_rfence_hfence_gvma(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision guest_rfence_hfence_vvma_asid(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}

struct decision guest_rfence_hfence_vvma(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    (void)args;
    return decide_success(0);
}
