/* SPDX-License-Identifier: Apache-2.0 */
/* Checked constructors of address types; see address.h. */
#include "monitor/core/address.h"

/* Does [base, base + len) lie within [start, start + size)? */
static bool range_within(uint64_t base, uint64_t len, uint64_t start, uint64_t size)
{
    return base >= start && base - start < size && len <= size - (base - start);
}

/* Do [base, base + len) and [start, start + size) share a byte? Neither range wraps. */
static bool range_overlaps(uint64_t base, uint64_t len, uint64_t start, uint64_t size)
{
    return base < start ? len > start - base : base - start < size;
}

bool nonconf_range(const struct monitor *m, struct hpa base, uint64_t len, uint64_t align, struct nonconf_addr *out)
{
    const struct platform *p = &m->platform;
    if ((base.value & (align - 1)) != 0)
        return false;
    if (len == 0 || !range_within(base.value, len, p->ram_base, p->ram_size))
        return false;
    if (range_overlaps(base.value, len, p->monitor_base, p->monitor_size))
        return false;
    if (range_overlaps(base.value, len, p->window_base, (uint64_t)p->window_pages * PAGE_SIZE))
        return false;
    out->value = base.value;
    return true;
}

bool window_run(const struct monitor *m, struct hpa base, uint64_t count, struct conf_page *out)
{
    const struct platform *p = &m->platform;
    if ((base.value & PAGE_MASK) != 0 || base.value < p->window_base)
        return false;
    uint64_t first = (base.value - p->window_base) >> PAGE_SHIFT;
    if (first >= p->window_pages || count == 0 || count > p->window_pages - first)
        return false;
    out->index = (uint32_t)first;
    return true;
}

uint64_t conf_page_address(const struct monitor *m, struct conf_page page)
{
    return m->platform.window_base + ((uint64_t)page.index << PAGE_SHIFT);
}
