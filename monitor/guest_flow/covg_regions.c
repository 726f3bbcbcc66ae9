/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVG calls by which a guest says what its guest-physical addresses are: emulated devices, and memory that it shares
 * with the host. Errors stay between guest and monitor; what succeeds is shown to the host, which for shared memory has
 * to answer (region_change.h).
 */
#include "monitor/core/region_change.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"

/* All four calls: address and length. */
#define SHOWN_ARGS 2u

static int64_t check_range(const struct tvm *t, struct gpa gpa, uint64_t len)
{
    if (len == 0 || (len & PAGE_MASK) != 0)
        return SBI_ERR_INVALID_PARAM;
    return tvm_gpa_range_valid(t, gpa, len) ? SBI_SUCCESS : SBI_ERR_INVALID_ADDRESS;
}

struct decision covg_add_mmio_region(struct hart *h, const struct sbi_args *args)
{
    struct gpa gpa = {args->a[0]};
    uint64_t len = args->a[1];
    struct tvm *t = tvm_lock_current(h);
    int64_t error = check_range(t, gpa, len);
    if (error == SBI_SUCCESS && tvm_region_overlaps(t, gpa, len))
        error = SBI_ERR_INVALID_ADDRESS;
    if (error == SBI_SUCCESS && !tvm_region_insert(t, gpa, len, REGION_MMIO))
        error = SBI_ERR_FAILED;
    tvm_unlock(h, t);
    return error == SBI_SUCCESS ? decide_notified(h, args, SHOWN_ARGS) : decide_error(error);
}

struct decision covg_remove_mmio_region(struct hart *h, const struct sbi_args *args)
{
    struct gpa gpa = {args->a[0]};
    uint64_t len = args->a[1];
    struct tvm *t = tvm_lock_current(h);
    int64_t error = check_range(t, gpa, len);
    if (error == SBI_SUCCESS)
        tvm_region_remove_mmio(t, gpa, len);
    tvm_unlock(h, t);
    return error == SBI_SUCCESS ? decide_notified(h, args, SHOWN_ARGS) : decide_error(error);
}

static struct decision change_region(struct hart *h, const struct sbi_args *args, enum region_change change)
{
    bool answer;
    int64_t error = region_change_begin(h, change, (struct gpa){args->a[0]}, args->a[1], &answer);
    if (error != SBI_SUCCESS)
        return decide_error(error);
    if (!answer)
        return decide_notified(h, args, SHOWN_ARGS);
    struct pending_op op = {
        .kind = change == REGION_SHARE ? PENDING_SHARE : PENDING_UNSHARE, .gpa = args->a[0], .len = args->a[1]};
    return decide_forwarded(h, args, SHOWN_ARGS, op);
}

struct decision covg_share_memory_region(struct hart *h, const struct sbi_args *args)
{
    return change_region(h, args, REGION_SHARE);
}

struct decision covg_unshare_memory_region(struct hart *h, const struct sbi_args *args)
{
    return change_region(h, args, REGION_UNSHARE);
}
