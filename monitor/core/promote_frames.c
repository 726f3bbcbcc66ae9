/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of a TVM that promote_to_tvm builds; see promote.h.
 *
 * A frame that was taken is PAGE_BUSY, and its record keeps what has to be remembered: `version` the hart that took it,
 * `owner` its later use, `zero` and `gfn` the state and the fence version it had, `link` the frame taken before it.
 * Nobody but this hart changes the record of such a frame, so it reads it without the lock.
 */
#include "monitor/core/address.h"
#include "monitor/core/page_record.h"
#include "monitor/core/promote.h"
#include "monitor/core/tvm_frames.h"
#include "monitor/hal/hal.h"

static void mark_taken(struct promotion *p, struct conf_page page, enum page_state use)
{
    struct page_record *r = &p->h->monitor->page[page.index];
    struct page_record before = *r;
    *r = (struct page_record){.state = PAGE_BUSY,
                              .owner = (uint8_t)use,
                              .zero = before.state,
                              .link = p->taken,
                              .version = p->h->id,
                              .gfn = before.version};
    p->taken = page.index;
    p->taken_count++;
}

/*
 * Single frames are found by one pass over the window for the whole call; runs, of which there are few, each by a pass
 * of their own. Must be called with pages_lock held.
 */
static bool find_free(struct promotion *p, uint32_t count, struct conf_page *first)
{
    const struct monitor *m = p->h->monitor;
    uint32_t end = count == 1 ? p->scanned : m->platform.window_pages & ~(count - 1);
    for (; end >= count; end -= count) {
        *first = (struct conf_page){end - count};
        if (count == 1)
            p->scanned = first->index;
        if (page_records_are_free(m, *first, count))
            return true;
    }
    return false;
}

bool promote_take(struct promotion *p, uint32_t count, enum page_state use, struct conf_page *first)
{
    struct monitor *m = p->h->monitor;
    hal_lock(p->h, &m->pages_lock);
    bool found = find_free(p, count, first);
    for (uint32_t i = 0; found && i < count; i++)
        mark_taken(p, conf_page_next(*first, i), use);
    hal_unlock(p->h, &m->pages_lock);
    bool overwritten = use == PAGE_DATA || use == PAGE_RESERVE || use == PAGE_BUSY;
    for (uint32_t i = 0; found && !overwritten && i < count; i++)
        hal_conf_scrub(m, conf_page_next(*first, i));
    return found;
}

bool promote_exceeds(const struct promotion *p, uint64_t pages)
{
    return pages > p->h->monitor->platform.window_pages - p->taken_count;
}

/* Scrub a frame and put its record back to what it was. */
static void give_back(struct promotion *p, struct conf_page page, struct page_record busy)
{
    struct monitor *m = p->h->monitor;
    hal_conf_scrub(m, page);
    hal_lock(p->h, &m->pages_lock);
    page_record_set(m, page, (enum page_state)busy.zero);
    m->page[page.index].version = busy.gfn;
    hal_unlock(p->h, &m->pages_lock);
}

static void hand_over(struct promotion *p, struct conf_page page, enum page_state use)
{
    struct monitor *m = p->h->monitor;
    if (use == PAGE_RESERVE) {
        tvm_reserve_add(p->h, p->t, page);
        return;
    }
    hal_lock(p->h, &m->pages_lock);
    page_records_claim(m, page, 1, use, p->t->slot);
    hal_unlock(p->h, &m->pages_lock);
}

/* Work through the list of taken frames; `commit` decides what becomes of those that the TVM was to have. */
static void settle_frames(struct promotion *p, bool commit)
{
    uint32_t next = p->taken;
    for (uint32_t left = p->taken_count; left > 0; left--) {
        struct conf_page page = {next};
        struct page_record busy = p->h->monitor->page[next];
        next = busy.link;
        if (commit && busy.owner != PAGE_BUSY)
            hand_over(p, page, (enum page_state)busy.owner);
        else
            give_back(p, page, busy);
    }
    p->taken = CONF_PAGE_NONE;
    p->taken_count = 0;
}

void promote_roll_back(struct promotion *p)
{
    settle_frames(p, false);
}

void promote_commit_frames(struct promotion *p)
{
    struct monitor *m = p->h->monitor;
    struct conf_page page;
    settle_frames(p, true);
    for (uint64_t gfn = 0; promote_next(p, &gfn, &page); gfn++) {
        hal_lock(p->h, &m->pages_lock);
        m->page[page.index].gfn = gfn;
        hal_unlock(p->h, &m->pages_lock);
    }
}
