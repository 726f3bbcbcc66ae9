/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI SRST for a guest (SBI v2.0, chapter 10): the whole TVM is dead from here on. No vCPU of it can be claimed any more,
 * and those on other harts are made to leave before their next instruction; destroy_tvm waits for that.
 */
#include "monitor/core/ipi.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"

/* Types and reasons from here on are the platform's and the vendor's. */
#define SRST_VENDOR_BASE 0xf0000000u
#define SRST_REASON_SBI_BASE 0xe0000000u

/* Harts that other vCPUs run on, each of them asked to leave. Slot lock held. */
static struct hart_set end(struct hart *h, struct tvm *t)
{
    struct hart_set others = {0};
    tvm_slot_of(h->monitor, t)->state = TVM_DEAD;
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++) {
        struct vcpu_slot *slot = &t->vcpu[i];
        if (slot->state != VCPU_RUNNING || i == h->vcpu_id)
            continue;
        shared_or(&slot->request, VCPU_REQUEST_LEAVE);
        others.bits |= 1u << slot->hart;
    }
    return others;
}

struct decision guest_srst_system_reset(struct hart *h, const struct sbi_args *args)
{
    uint32_t type = (uint32_t)args->a[0];
    uint32_t reason = (uint32_t)args->a[1];
    if (type >= SRST_VENDOR_BASE)
        return decide_error(SBI_ERR_NOT_SUPPORTED);
    if (type > SBI_SRST_WARM_REBOOT)
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (reason > SBI_SRST_REASON_FAILURE && reason < SRST_REASON_SBI_BASE)
        return decide_error(SBI_ERR_INVALID_PARAM);

    struct tvm *t = tvm_lock_current(h);
    struct hart_set others = end(h, t);
    tvm_unlock(h, t);
    ipi_kick(h, others);
    struct sbi_args shown = {.a = {type, reason}, .fid = args->fid, .eid = args->eid};
    return decide_exit(exit_ecall_reset(&shown));
}
