/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI SRST for the host (SBI v2.0, chapter 10). Memory survives a reboot, so every TVM is ended and every frame that
 * was given up is scrubbed first. A system with a vCPU on a hart is not reset: FAILED.
 */
#include "monitor/core/address.h"
#include "monitor/core/tvm.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

/* Types and reasons with the top nibble set are the platform's and the vendor's. */
#define SRST_VENDOR_BASE 0xf0000000u
#define SRST_REASON_SBI_BASE 0xe0000000u

/* No TVM can be entered any more. False, with some already dead, when a vCPU is on a hart. */
static bool end_all_tvms(struct hart *h)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &h->monitor->tvm[i];
        hal_lock(h, &slot->lock);
        bool running = slot->running != 0;
        if (!running && slot->state != TVM_ABSENT)
            slot->state = TVM_DEAD;
        hal_unlock(h, &slot->lock);
        if (running)
            return false;
    }
    return true;
}

/* Is any vCPU on a hart? Asked before anything changes, so that a refusal changes nothing. */
static bool any_vcpu_running(struct hart *h)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &h->monitor->tvm[i];
        hal_lock(h, &slot->lock);
        bool running = slot->running != 0;
        hal_unlock(h, &slot->lock);
        if (running)
            return true;
    }
    return false;
}

/* No call finds a TVM any more, and none is inside of one: objects of TVMs are scrubbed next. Every TVM is dead. */
static void forget_all_tvms(struct hart *h)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &h->monitor->tvm[i];
        hal_lock(h, &slot->lock);
        __atomic_store_n(&slot->id, 0, __ATOMIC_RELAXED);
        hal_unlock(h, &slot->lock);
    }
}

static void scrub_window(struct hart *h)
{
    struct monitor *m = h->monitor;
    for (uint32_t i = 0; i < m->platform.window_pages; i++) {
        hal_lock(h, &m->pages_lock);
        bool given_up = m->page[i].state != PAGE_NONCONF;
        hal_unlock(h, &m->pages_lock);
        if (given_up)
            hal_conf_scrub(m, (struct conf_page){i});
    }
}

/* Under create_lock, so that no TVM comes into being behind the scrubber's back. */
static void reset_system(struct hart *h, uint32_t type, uint32_t reason)
{
    if (any_vcpu_running(h) || !end_all_tvms(h))
        return;
    forget_all_tvms(h);
    scrub_window(h);
    hal_system_reset(h, type, reason);
}

struct decision srst_system_reset(struct hart *h, const struct sbi_args *args)
{
    uint32_t type = (uint32_t)args->a[0];
    uint32_t reason = (uint32_t)args->a[1];
    if (type >= SRST_VENDOR_BASE)
        return decide_error(SBI_ERR_NOT_SUPPORTED);
    if (type > SBI_SRST_WARM_REBOOT)
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (reason > SBI_SRST_REASON_FAILURE && reason < SRST_REASON_SBI_BASE)
        return decide_error(SBI_ERR_INVALID_PARAM);
    hal_lock(h, &h->monitor->create_lock);
    reset_system(h, type, reason);
    hal_unlock(h, &h->monitor->create_lock);
    return decide_error(SBI_ERR_FAILED);
}
