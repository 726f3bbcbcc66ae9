/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH destroy_tvm: all frames of a TVM become free. No translation to them is left anywhere: every exit forgot all
 * translations of its hart, and no vCPU is on a hart. Guest memory is scrubbed by its next use or by reclaim; state
 * frames hold keys and registers and are scrubbed here.
 */
#include "monitor/core/page_record.h"
#include "monitor/core/tvm.h"
#include "monitor/core/address.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

static void scrub_vcpus(const struct monitor *m, const struct tvm *t)
{
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        if (t->vcpu[i].state != VCPU_ABSENT)
            hal_conf_scrub(m, t->vcpu[i].frame);
}

struct decision covh_destroy_tvm(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    struct tvm *t = tvm_lock(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);
    struct tvm_slot *slot = tvm_slot_of(m, t);
    if (slot->running != 0) {
        tvm_unlock(h, t);
        return decide_error(SBI_ERR_FAILED);
    }

    uint32_t index = t->slot;
    struct conf_page frame = slot->frame;
    scrub_vcpus(m, t);
    for (uint32_t i = 0; i < TVM_STATE_PAGES; i++)
        hal_conf_scrub(m, conf_page_next(frame, i));
    hal_lock(h, &m->pages_lock);
    page_records_release_owner(m, index);
    hal_unlock(h, &m->pages_lock);

    __atomic_store_n(&slot->id, 0, __ATOMIC_RELAXED);
    slot->state = TVM_ABSENT;
    slot->frame = (struct conf_page){0};
    hal_unlock(h, &slot->lock);
    return decide_success(0);
}
