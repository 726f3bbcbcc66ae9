/* SPDX-License-Identifier: Apache-2.0 */
/* Unused frames of a TVM; see tvm_frames.h. */
#include "monitor/core/tvm_frames.h"

#include "monitor/core/page_record.h"
#include "monitor/hal/hal.h"

/* Scrub, then show the frame as `state` at the head of a list. */
static void push(struct hart *h, const struct tvm *t, struct conf_page page, enum page_state state, uint32_t *head,
                 uint32_t *count)
{
    struct monitor *m = h->monitor;
    hal_conf_scrub(m, page);
    hal_lock(h, &m->pages_lock);
    page_records_claim(m, page, 1, state, t->slot);
    m->page[page.index].link = *head;
    hal_unlock(h, &m->pages_lock);
    *head = page.index;
    (*count)++;
}

static struct conf_page pop(struct hart *h, const struct tvm *t, enum page_state use, uint32_t *head, uint32_t *count)
{
    struct monitor *m = h->monitor;
    if (*count == 0)
        hal_fatal(h, "tvm: no frame left after it was checked");
    struct conf_page page = {*head};
    hal_lock(h, &m->pages_lock);
    *head = m->page[page.index].link;
    page_records_claim(m, page, 1, use, t->slot);
    hal_unlock(h, &m->pages_lock);
    (*count)--;
    return page;
}

void tvm_pool_add(struct hart *h, struct tvm *t, struct conf_page page)
{
    push(h, t, page, PAGE_TABLE_POOL, &t->pool_head, &t->pool_count);
}

void tvm_reserve_add(struct hart *h, struct tvm *t, struct conf_page page)
{
    push(h, t, page, PAGE_RESERVE, &t->reserve_head, &t->reserve_count);
}

struct conf_page tvm_take_table(struct hart *h, struct tvm *t)
{
    if (t->pool_count != 0)
        return pop(h, t, PAGE_TABLE, &t->pool_head, &t->pool_count);
    return pop(h, t, PAGE_TABLE, &t->reserve_head, &t->reserve_count);
}

struct conf_page tvm_take_data(struct hart *h, struct tvm *t)
{
    return pop(h, t, PAGE_DATA, &t->reserve_head, &t->reserve_count);
}
