/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH convert_pages and reclaim_pages: frames of the window between host and monitor.
 *
 * The window is closed to the host at all times, so conversion changes only records; it still goes through the
 * fence, because a frame is handed to a TVM only when no hart can hold a translation to it.
 */
#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

static bool all_nonconf(const struct monitor *m, struct conf_page first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (m->page[conf_page_next(first, i).index].state != PAGE_NONCONF)
            return false;
    return true;
}

struct decision covh_convert_pages(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    struct conf_page first;
    if (!page_count_valid(args->a[1]))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (!window_run(m, (struct hpa){args->a[0]}, args->a[1], &first))
        return decide_error(SBI_ERR_INVALID_ADDRESS);
    uint32_t count = (uint32_t)args->a[1];

    hal_lock(h, &m->pages_lock);
    bool ok = all_nonconf(m, first, count);
    for (uint32_t i = 0; ok && i < count; i++) {
        struct conf_page page = conf_page_next(first, i);
        page_record_set(m, page, PAGE_CONVERTING);
        m->page[page.index].version = m->fence.current;
    }
    hal_unlock(h, &m->pages_lock);
    return ok ? decide_success(count) : decide_error(SBI_ERR_INVALID_ADDRESS);
}

/* Can the host have this frame back: nobody's, or its own already? Must be called with pages_lock held. */
static bool all_reclaimable(const struct monitor *m, struct conf_page first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct conf_page page = conf_page_next(first, i);
        if (m->page[page.index].state != PAGE_NONCONF && !page_record_is_free(m, page))
            return false;
    }
    return true;
}

struct decision covh_reclaim_pages(struct hart *h, const struct sbi_args *args)
{
    struct monitor *m = h->monitor;
    struct conf_page first;
    if (!page_count_valid(args->a[1]))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if (!window_run(m, (struct hpa){args->a[0]}, args->a[1], &first))
        return decide_error(SBI_ERR_INVALID_ADDRESS);
    uint32_t count = (uint32_t)args->a[1];

    /* Take the frames that need scrubbing out of circulation, so that the scrub itself holds no lock. */
    hal_lock(h, &m->pages_lock);
    bool ok = all_reclaimable(m, first, count);
    for (uint32_t i = 0; ok && i < count; i++) {
        struct conf_page page = conf_page_next(first, i);
        if (m->page[page.index].state == PAGE_NONCONF)
            continue;
        page_record_set(m, page, PAGE_BUSY);
        m->page[page.index].version = h->id;
    }
    hal_unlock(h, &m->pages_lock);
    if (!ok)
        return decide_error(SBI_ERR_INVALID_ADDRESS);

    for (uint32_t i = 0; i < count; i++) {
        struct conf_page page = conf_page_next(first, i);
        const struct page_record *r = &m->page[page.index];
        hal_lock(h, &m->pages_lock);
        bool mine = r->state == PAGE_BUSY && r->version == h->id;
        hal_unlock(h, &m->pages_lock);
        if (!mine)
            continue;
        hal_conf_scrub(m, page);
        hal_lock(h, &m->pages_lock);
        page_record_set(m, page, PAGE_NONCONF);
        hal_unlock(h, &m->pages_lock);
    }
    return decide_success(count);
}
