/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI HSM for a guest (SBI v2.0, chapter 9). What state a vCPU is in is decided here, under the slot lock; the host hears
 * which vCPU was started, stopped or suspended, so that it can schedule, but never where it goes on or with what.
 */
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"

#define SUSPEND_TYPE_PLATFORM 0x10000000u /* bit 31 aside, types from here on are the platform's */

/* May a vCPU begin at this address? Its page must be declared confidential; what is there shows at the fetch. */
static bool entry_valid(const struct tvm *t, uint64_t pc)
{
    struct gpa page = {pc & ~(uint64_t)PAGE_MASK};
    if ((pc & 1) != 0 || !tvm_gpa_range_valid(t, page, PAGE_SIZE))
        return false;
    const struct region *r = tvm_region_containing(t, page, PAGE_SIZE);
    return r != NULL && (r->type == REGION_CONFIDENTIAL || r->type == REGION_CONFIDENTIAL_REMOVABLE);
}

/* Slot lock held. */
static int64_t start(const struct hart *h, struct tvm *t, const struct sbi_args *args)
{
    uint64_t id = args->a[0];
    if (id >= TVM_MAX_VCPUS)
        return SBI_ERR_INVALID_PARAM;
    struct vcpu_slot *slot = &t->vcpu[id];
    if (slot->state == VCPU_ABSENT || slot->state == VCPU_DEAD)
        return SBI_ERR_INVALID_PARAM;
    if (slot->state != VCPU_STOPPED)
        return SBI_ERR_ALREADY_AVAILABLE;
    if (!entry_valid(t, args->a[1]))
        return SBI_ERR_INVALID_ADDRESS;
    vcpu_start(h->monitor, t, vcpu_object(h->monitor, slot->frame), args->a[1], args->a[2]);
    /* What was asked of it before it stopped is over. */
    slot->request = 0;
    slot->state = VCPU_RUNNABLE;
    return SBI_SUCCESS;
}

struct decision guest_hsm_hart_start(struct hart *h, const struct sbi_args *args)
{
    struct tvm *t = tvm_lock_current(h);
    int64_t error = start(h, t, args);
    tvm_unlock(h, t);
    return error == SBI_SUCCESS ? decide_notified(h, args, 1) : decide_error(error);
}

struct decision guest_hsm_hart_stop(struct hart *h, const struct sbi_args *args)
{
    (void)h;
    return decide_exit(exit_ecall_stop(args));
}

static enum sbi_hsm_state shown_state(uint32_t state)
{
    switch (state) {
    case VCPU_STOPPED:
    case VCPU_DEAD: return SBI_HSM_STOPPED;
    case VCPU_SUSPENDED: return SBI_HSM_SUSPENDED;
    default: return SBI_HSM_STARTED;
    }
}

struct decision guest_hsm_hart_get_status(struct hart *h, const struct sbi_args *args)
{
    uint64_t id = args->a[0];
    struct tvm *t = tvm_lock_current(h);
    uint32_t state = id < TVM_MAX_VCPUS ? t->vcpu[id].state : (uint32_t)VCPU_ABSENT;
    tvm_unlock(h, t);
    return state == VCPU_ABSENT ? decide_error(SBI_ERR_INVALID_PARAM) : decide_success(shown_state(state));
}

static int64_t suspend_type_error(uint32_t type)
{
    if (type == SBI_HSM_SUSPEND_RETENTIVE || type == SBI_HSM_SUSPEND_NON_RETENTIVE)
        return SBI_SUCCESS;
    return (type & ~SBI_HSM_SUSPEND_NON_RETENTIVE) < SUSPEND_TYPE_PLATFORM ? SBI_ERR_INVALID_PARAM
                                                                           : SBI_ERR_NOT_SUPPORTED;
}

struct decision guest_hsm_hart_suspend(struct hart *h, const struct sbi_args *args)
{
    uint32_t type = (uint32_t)args->a[0];
    bool fresh = type == SBI_HSM_SUSPEND_NON_RETENTIVE;
    int64_t error = suspend_type_error(type);
    struct tvm *t = tvm_lock_current(h);
    if (error == SBI_SUCCESS && fresh && !entry_valid(t, args->a[1]))
        error = SBI_ERR_INVALID_ADDRESS;
    tvm_unlock(h, t);
    if (error != SBI_SUCCESS)
        return decide_error(error);
    /* Awake at once. Without its registers it would have to start afresh: that suspension does not take place. */
    if (!vcpu_fall_asleep(h))
        return decide_error(fresh ? SBI_ERR_FAILED : SBI_SUCCESS);

    struct vcpu *v = vcpu_current(h);
    v->resume_fresh = fresh;
    v->resume_pc = fresh ? args->a[1] : 0;
    v->resume_opaque = fresh ? args->a[2] : 0;
    /* A retentive suspension returns from the call; the other one never does. */
    vcpu_complete_call(h, SBI_SUCCESS, 0);
    return decide_exit(exit_ecall_suspend(args));
}
