/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH create_tvm_vcpu, finalize_tvm and run_tvm_vcpu.
 */
#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/host_reply.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define BOOT_VCPU 0u
#define IDENTITY_ALIGN 64u

struct decision covh_create_tvm_vcpu(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    uint64_t vcpu_id = args->a[1];
    struct conf_page frame;
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(m, t)->state != TVM_INITIALIZING)
        error = SBI_ERR_INVALID_PARAM;
    else if (vcpu_id >= TVM_MAX_VCPUS || t->vcpu[vcpu_id].state != VCPU_ABSENT)
        error = SBI_ERR_INVALID_PARAM;
    else if (!window_run(m, (struct hpa){args->a[2]}, TVM_VCPU_STATE_PAGES, &frame))
        error = SBI_ERR_INVALID_ADDRESS;
    if (error == SBI_SUCCESS) {
        hal_lock(h, &m->pages_lock);
        if (page_records_are_free(m, frame, TVM_VCPU_STATE_PAGES))
            page_records_claim(m, frame, TVM_VCPU_STATE_PAGES, PAGE_VCPU_STATE, t->slot);
        else
            error = SBI_ERR_INVALID_ADDRESS;
        hal_unlock(h, &m->pages_lock);
    }
    if (error == SBI_SUCCESS) {
        hal_conf_scrub(m, frame);
        vcpu_reset(m, t, vcpu_object(m, frame), (uint32_t)vcpu_id);
        t->vcpu[vcpu_id] = (struct vcpu_slot){.state = VCPU_STOPPED, .frame = frame};
    }
    tvm_unlock(h, t);
    return decide_error(error);
}

/* Start the boot vCPU at its entry point and close the measurement registers over it. Slot lock held. */
static void finalize(struct hart *h, struct tvm *t, uint64_t entry_sepc, uint64_t entry_arg)
{
    struct vcpu_slot *boot = &t->vcpu[BOOT_VCPU];
    struct vcpu *v = vcpu_object(h->monitor, boot->frame);
    vcpu_start(h->monitor, t, v, entry_sepc, entry_arg);
    boot->state = VCPU_RUNNABLE;
    measure_word(&t->config, entry_sepc);
    measure_word(&t->config, entry_arg);
    /* Guest time starts here, the same for every vCPU. */
    t->htimedelta = 0 - hal_time(h);
    tvm_slot_of(h->monitor, t)->state = TVM_RUNNABLE;
}

struct decision covh_finalize_tvm(struct hart *h, const struct sbi_args *args)
{
    struct hpa identity_base = {args->a[3]};
    struct nonconf_addr identity;
    bool has_identity = identity_base.value != 0;
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);

    int64_t error = SBI_SUCCESS;
    if (tvm_slot_of(h->monitor, t)->state != TVM_INITIALIZING)
        error = SBI_ERR_INVALID_PARAM;
    else if (has_identity && !nonconf_range(h->monitor, identity_base, TVM_IDENTITY_SIZE, IDENTITY_ALIGN, &identity))
        error = SBI_ERR_INVALID_PARAM;
    else if (t->vcpu[BOOT_VCPU].state == VCPU_ABSENT)
        error = SBI_ERR_FAILED;
    if (error == SBI_SUCCESS) {
        if (has_identity)
            hal_untrusted_read(h, t->identity, identity, sizeof(t->identity));
        finalize(h, t, args->a[1], args->a[2]);
    }
    tvm_unlock(h, t);
    return decide_error(error);
}

/* The only way into a TVM. The claim comes first: from then on the host's answer can only concern this vCPU. */
struct decision covh_run_tvm_vcpu(struct hart *h, const struct sbi_args *args)
{
    int64_t error = vcpu_claim(h, args->a[0], args->a[1]);
    if (error != SBI_SUCCESS)
        return decide_error(error);
    error = host_reply_take(h);
    if (error != SBI_SUCCESS) {
        vcpu_release(h, VCPU_BLOCKED);
        return decide_error(error);
    }
    vcpu_prepare(h);
    return (struct decision){.kind = DECISION_ENTER_GUEST};
}
