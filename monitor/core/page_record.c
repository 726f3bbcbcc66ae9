/* SPDX-License-Identifier: Apache-2.0 */
/* Page records; see page_record.h for the state machine. */
#include "monitor/core/page_record.h"

#include "monitor/core/address.h"
#include "monitor/core/fence.h"

bool page_record_is_free(const struct monitor *m, struct conf_page page)
{
    const struct page_record *r = &m->page[page.index];
    if (r->state == PAGE_CONF_FREE)
        return true;
    return r->state == PAGE_CONVERTING && fence_completed(m, r->version);
}

bool page_records_are_free(const struct monitor *m, struct conf_page first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!page_record_is_free(m, conf_page_next(first, i)))
            return false;
    return true;
}

void page_record_set(struct monitor *m, struct conf_page page, enum page_state state)
{
    m->page[page.index] = (struct page_record){.state = (uint8_t)state, .link = CONF_PAGE_NONE};
}

void page_records_claim(struct monitor *m, struct conf_page first, uint32_t count, enum page_state use, uint32_t owner)
{
    for (uint32_t i = 0; i < count; i++) {
        struct conf_page page = conf_page_next(first, i);
        page_record_set(m, page, use);
        m->page[page.index].owner = (uint8_t)owner;
    }
}

void page_records_release_owner(struct monitor *m, uint32_t owner)
{
    for (uint32_t i = 0; i < m->platform.window_pages; i++) {
        const struct page_record *r = &m->page[i];
        bool owned = r->state >= PAGE_TVM_ROOT && r->state <= PAGE_RESERVE;
        if (owned && r->owner == owner)
            page_record_set(m, (struct conf_page){i}, PAGE_CONF_FREE);
    }
}
