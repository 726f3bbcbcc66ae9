/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI IPI for a guest. The interrupt is noted at each target, which raises it in itself before its next instruction:
 * posted under the slot lock first, then the hart of a target that runs is made to trap. A target that was never started
 * gets none. When a target is on no hart the host is told, so that it schedules it.
 */
#include "monitor/core/ipi.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"

struct posted {
    struct hart_set harts; /* other harts that run a target */
    bool sleeping;         /* some target is on no hart, or about to leave it */
};

/* Slot lock held. */
static struct posted post(const struct hart *h, struct tvm *t, uint64_t targets)
{
    struct posted p = {0};
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++) {
        struct vcpu_slot *slot = &t->vcpu[i];
        bool started = slot->state != VCPU_STOPPED && slot->state != VCPU_DEAD;
        if ((targets >> i & 1) == 0 || !started)
            continue;
        shared_or(&slot->request, VCPU_REQUEST_VSSIP);
        if (slot->state != VCPU_RUNNING || slot->falls_asleep)
            p.sleeping = true;
        else if (slot->hart != h->id)
            p.harts.bits |= 1u << slot->hart;
    }
    return p;
}

struct decision guest_ipi_send(struct hart *h, const struct sbi_args *args)
{
    struct posted p = {0};
    uint64_t targets;
    struct tvm *t = tvm_lock_current(h);
    bool valid = vcpu_set_from_sbi(t, args->a[0], args->a[1], &targets);
    if (valid)
        p = post(h, t, targets);
    tvm_unlock(h, t);
    if (!valid)
        return decide_error(SBI_ERR_INVALID_PARAM);
    ipi_kick(h, p.harts);
    if (!p.sleeping)
        return decide_success(0);

    struct sbi_args shown = *args;
    /* A mask that does not count could hold anything. */
    if (shown.a[1] == SBI_ALL_HARTS)
        shown.a[0] = 0;
    return decide_notified(h, &shown, 2);
}
