/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI RFENCE for the host (SBI v2.0, chapter 8). Every translation fence is served by forgetting everything on the
 * targets: the range, ASID and VMID the host names only narrow what it asks for, and forgetting more is always right.
 * The call returns when the targets have fenced.
 */
#include "monitor/core/ipi.h"
#include "monitor/host_flow/handlers.h"

static struct decision remote_fence(struct hart *h, const struct sbi_args *args, uint32_t kind)
{
    struct hart_set targets;
    if (!hart_set_from_sbi(h->monitor, args->a[0], args->a[1], &targets))
        return decide_error(SBI_ERR_INVALID_PARAM);
    ipi_remote_fence(h, targets, kind);
    return decide_success(0);
}

struct decision rfence_fence_i(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE_I);
}

struct decision rfence_sfence_vma(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision rfence_sfence_vma_asid(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision rfence_hfence_gvma_vmid(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision rfence_hfence_gvma(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision rfence_hfence_vvma_asid(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}

struct decision rfence_hfence_vvma(struct hart *h, const struct sbi_args *args)
{
    return remote_fence(h, args, IPI_REQUEST_FENCE);
}
