/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI SRST for the host (SBI v2.0, chapter 10). Memory survives a reboot, so every TVM is ended and every frame that
 * was given up is scrubbed first. A system with a vCPU on a hart, or with a call in progress that has free frames in its
 * hands, is not reset: FAILED.
 */
#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
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

/* Every TVM is dead: no call finds one any more, and none is inside of one. Their frames are scrubbed next. */
static void forget_all_tvms(struct hart *h)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &h->monitor->tvm[i];
        hal_lock(h, &slot->lock);
        __atomic_store_n(&slot->id, 0, __ATOMIC_RELAXED);
        slot->state = TVM_ABSENT;
        slot->frame = (struct conf_page){0};
        hal_unlock(h, &slot->lock);
    }
}

/* Scrub a frame that was given up, so that nobody takes it meanwhile. False when a call on another hart has it. */
static bool scrub_frame(struct hart *h, struct conf_page page)
{
    struct monitor *m = h->monitor;
    hal_lock(h, &m->pages_lock);
    uint8_t state = m->page[page.index].state;
    bool mine = state != PAGE_NONCONF && state != PAGE_BUSY;
    if (mine) {
        page_record_set(m, page, PAGE_BUSY);
        m->page[page.index].version = h->id;
    }
    hal_unlock(h, &m->pages_lock);
    if (!mine)
        return state == PAGE_NONCONF;
    hal_conf_scrub(m, page);
    hal_lock(h, &m->pages_lock);
    page_record_set(m, page, PAGE_CONF_FREE);
    hal_unlock(h, &m->pages_lock);
    return true;
}

static bool scrub_window(struct hart *h)
{
    bool all = true;
    for (uint32_t i = 0; i < h->monitor->platform.window_pages; i++)
        all = scrub_frame(h, (struct conf_page){i}) && all;
    return all;
}

/* Under create_lock, so that no TVM comes into being behind the scrubber's back. */
static void reset_system(struct hart *h, uint32_t type, uint32_t reason)
{
    if (any_vcpu_running(h) || !end_all_tvms(h))
        return;
    forget_all_tvms(h);
    if (scrub_window(h))
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
