/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH create_tvm: a G-stage root and state frames become a TVM in state INITIALIZING.
 */
#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
#include "monitor/core/tvm.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define ROOT_ALIGN (TVM_ROOT_PAGES * PAGE_SIZE)

struct donation {
    struct conf_page root;
    struct conf_page state;
};

static bool runs_overlap(struct conf_page a, uint32_t a_count, struct conf_page b, uint32_t b_count)
{
    return a.index < b.index + b_count && b.index < a.index + a_count;
}

/* Judge the private copy of the parameters: two disjoint runs of window frames, the root aligned to its size. */
static bool parse_params(const struct monitor *m, const struct tvm_create_params *params, struct donation *out)
{
    struct hpa root = {params->tvm_page_directory_addr};
    struct hpa state = {params->tvm_state_addr};
    if ((root.value & (ROOT_ALIGN - 1)) != 0)
        return false;
    if (!window_run(m, root, TVM_ROOT_PAGES, &out->root) || !window_run(m, state, TVM_STATE_PAGES, &out->state))
        return false;
    return !runs_overlap(out->root, TVM_ROOT_PAGES, out->state, TVM_STATE_PAGES);
}

/* Check and claim both runs for `slot` in one hold of the lock. */
static int64_t claim_donation(struct hart *h, const struct donation *d, uint32_t slot)
{
    struct monitor *m = h->monitor;
    int64_t error = SBI_SUCCESS;
    hal_lock(h, &m->pages_lock);
    if (!page_records_are_free(m, d->root, TVM_ROOT_PAGES) || !page_records_are_free(m, d->state, TVM_STATE_PAGES)) {
        error = SBI_ERR_INVALID_ADDRESS;
    } else if (slot == MONITOR_MAX_TVMS) {
        error = SBI_ERR_FAILED;
    } else {
        page_records_claim(m, d->root, TVM_ROOT_PAGES, PAGE_TVM_ROOT, slot);
        page_records_claim(m, d->state, TVM_STATE_PAGES, PAGE_TVM_STATE, slot);
    }
    hal_unlock(h, &m->pages_lock);
    return error;
}

static void scrub_run(const struct monitor *m, struct conf_page first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        hal_conf_scrub(m, conf_page_next(first, i));
}

/* Make the object and publish it under a fresh id. Returns the id. Must be called with create_lock held. */
static uint64_t publish(struct hart *h, const struct donation *d, uint32_t index)
{
    struct monitor *m = h->monitor;
    struct tvm_slot *slot = &m->tvm[index];
    scrub_run(m, d->root, TVM_ROOT_PAGES);
    scrub_run(m, d->state, TVM_STATE_PAGES);

    struct tvm *t = hal_conf_rw(m, d->state, TVM_STATE_PAGES);
    t->id = m->next_tvm_id;
    t->slot = index;
    /* VMIDs may collide when the hardware has few bits: every world switch forgets all translations. */
    t->vmid = (index + 1) & ((1u << m->platform.vmid_bits) - 1);
    t->gstage_mode = m->platform.gstage_mode;
    t->root = d->root;
    t->pool_head = CONF_PAGE_NONE;
    t->reserve_head = CONF_PAGE_NONE;

    hal_lock(h, &slot->lock);
    slot->state = TVM_INITIALIZING;
    slot->frame = d->state;
    slot->running = 0;
    __atomic_store_n(&slot->id, m->next_tvm_id, __ATOMIC_RELAXED);
    hal_unlock(h, &slot->lock);
    return m->next_tvm_id++;
}

struct decision covh_create_tvm(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    struct nonconf_addr buffer;
    struct tvm_create_params params;
    struct donation donation;
    if (args->a[1] < sizeof(params))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (!nonconf_range(m, (struct hpa){args->a[0]}, sizeof(params), 1, &buffer))
        return decide_error(SBI_ERR_INVALID_ADDRESS);
    hal_untrusted_read(h, &params, buffer, sizeof(params));
    if (!parse_params(m, &params, &donation))
        return decide_error(SBI_ERR_INVALID_ADDRESS);

    hal_lock(h, &m->create_lock);
    uint32_t slot = tvm_free_slot(h);
    int64_t error = claim_donation(h, &donation, slot);
    uint64_t id = error == SBI_SUCCESS ? publish(h, &donation, slot) : 0;
    hal_unlock(h, &m->create_lock);
    return decide_result(error, id);
}
