/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI DBCN for a guest (SBI v2.0, chapter 12): the console is the host's, which serves it. It reads and writes only what the
 * guest has shared with it, so the buffer must be shared memory as a whole.
 */
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"

static bool buffer_shared(struct hart *h, const struct sbi_args *args)
{
    struct tvm *t = tvm_lock_current(h);
    const struct region *r = tvm_region_containing(t, (struct gpa){args->a[1]}, args->a[0]);
    bool shared = args->a[2] == 0 && r != NULL && r->type == REGION_SHARED;
    tvm_unlock(h, t);
    return shared;
}

static struct decision forward_transfer(struct hart *h, const struct sbi_args *args)
{
    struct pending_op op = {.kind = PENDING_ECALL, .eid = args->eid, .fid = args->fid, .limit = args->a[0]};
    if (args->a[0] == 0)
        return decide_success(0);
    if (!buffer_shared(h, args))
        return decide_error(SBI_ERR_INVALID_PARAM);
    return decide_forwarded(h, args, 3, op);
}

struct decision guest_dbcn_console_write(struct hart *h, const struct sbi_args *args)
{
    return forward_transfer(h, args);
}

struct decision guest_dbcn_console_read(struct hart *h, const struct sbi_args *args)
{
    return forward_transfer(h, args);
}

struct decision guest_dbcn_console_write_byte(struct hart *h, const struct sbi_args *args)
{
    struct pending_op op = {.kind = PENDING_ECALL, .eid = args->eid, .fid = args->fid};
    struct sbi_args shown = *args;
    shown.a[0] &= UINT8_MAX;
    return decide_forwarded(h, &shown, 1, op);
}
