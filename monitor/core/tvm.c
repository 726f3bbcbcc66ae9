/* SPDX-License-Identifier: Apache-2.0 */
/* TVM table and regions; see tvm.h. */
#include "monitor/core/tvm.h"

#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/hal/hal.h"

static struct tvm *tvm_object(const struct monitor *m, const struct tvm_slot *slot)
{
    return hal_conf_rw(m, slot->frame, TVM_STATE_PAGES);
}

struct tvm *tvm_lock(struct hart *h, uint64_t id)
{
    struct monitor *m = h->monitor;
    if (id == 0)
        return NULL;
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &m->tvm[i];
        /* Unlocked glance: ids never come back, so a match that fades before the lock is simply gone. */
        if (__atomic_load_n(&slot->id, __ATOMIC_RELAXED) != id)
            continue;
        hal_lock(h, &slot->lock);
        if (slot->id == id)
            return tvm_object(m, slot);
        hal_unlock(h, &slot->lock);
        return NULL;
    }
    return NULL;
}

uint32_t tvm_free_slot(struct hart *h)
{
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        struct tvm_slot *slot = &h->monitor->tvm[i];
        hal_lock(h, &slot->lock);
        bool free = slot->state == TVM_ABSENT;
        hal_unlock(h, &slot->lock);
        if (free)
            return i;
    }
    return MONITOR_MAX_TVMS;
}

void tvm_unlock(struct hart *h, const struct tvm *t)
{
    hal_unlock(h, &h->monitor->tvm[t->slot].lock);
}

struct tvm *tvm_lock_current(struct hart *h)
{
    struct tvm_slot *slot = &h->monitor->tvm[h->tvm_slot];
    hal_lock(h, &slot->lock);
    return tvm_object(h->monitor, slot);
}

struct tvm_slot *tvm_slot_of(struct monitor *m, const struct tvm *t)
{
    return &m->tvm[t->slot];
}

bool tvm_gpa_range_valid(const struct tvm *t, struct gpa gpa, uint64_t len)
{
    uint64_t limit = gstage_gpa_limit(t->gstage_mode);
    if ((gpa.value & PAGE_MASK) != 0)
        return false;
    return gpa.value < limit && len <= limit - gpa.value;
}

const struct region *tvm_region_containing(const struct tvm *t, struct gpa gpa, uint64_t len)
{
    for (uint32_t i = 0; i < t->region_count; i++) {
        const struct region *r = &t->region[i];
        if (gpa.value >= r->base && gpa.value - r->base < r->len)
            return len <= r->len - (gpa.value - r->base) ? r : NULL;
    }
    return NULL;
}

static bool region_overlaps(const struct region *r, struct gpa gpa, uint64_t len)
{
    return gpa.value < r->base ? len > r->base - gpa.value : gpa.value - r->base < r->len;
}

bool tvm_region_overlaps(const struct tvm *t, struct gpa gpa, uint64_t len)
{
    for (uint32_t i = 0; i < t->region_count; i++)
        if (region_overlaps(&t->region[i], gpa, len))
            return true;
    return false;
}

/* Does region `r` end where `next` begins, with nothing to tell them apart? */
static bool regions_join(const struct region *r, const struct region *next)
{
    bool kept_apart = r->type != REGION_CONFIDENTIAL && r->type != REGION_SHARED;
    return !kept_apart && r->type == next->type && r->base + r->len == next->base;
}

static void region_remove(struct tvm *t, uint32_t index)
{
    for (uint32_t i = index; i + 1 < t->region_count; i++)
        t->region[i] = t->region[i + 1];
    t->region[--t->region_count] = (struct region){0}; /* nothing of it stays, also when an insertion is undone */
}

/* Put a region at `index`. */
static void region_put(struct tvm *t, uint32_t index, struct region added)
{
    for (uint32_t i = t->region_count; i > index; i--)
        t->region[i] = t->region[i - 1];
    t->region[index] = added;
    t->region_count++;
}

/* Merge region `index` with the one after it, if they join. */
static void region_merge(struct tvm *t, uint32_t index)
{
    if (index + 1 >= t->region_count || !regions_join(&t->region[index], &t->region[index + 1]))
        return;
    t->region[index].len += t->region[index + 1].len;
    region_remove(t, index + 1);
}

static void region_merge_around(struct tvm *t, uint32_t index)
{
    region_merge(t, index);
    if (index > 0)
        region_merge(t, index - 1);
}

bool tvm_region_insert(struct tvm *t, struct gpa gpa, uint64_t len, enum region_type type)
{
    struct region added = {.base = gpa.value, .len = len, .type = type};
    uint32_t at = 0;
    while (at < t->region_count && t->region[at].base < added.base)
        at++;
    /* The spare entry holds it until it is known whether it joins a neighbour. */
    region_put(t, at, added);
    region_merge_around(t, at);
    if (t->region_count <= TVM_MAX_REGIONS)
        return true;
    region_remove(t, at);
    return false;
}

bool tvm_region_retype(struct tvm *t, struct gpa gpa, uint64_t len, enum region_type type)
{
    uint32_t at = 0;
    while (at + 1 < t->region_count && t->region[at + 1].base <= gpa.value)
        at++;
    struct region before = t->region[at];
    struct region after = before;
    before.len = gpa.value - before.base;
    after.base = gpa.value + len;
    after.len -= before.len + len;
    uint32_t cuts = (before.len != 0) + (after.len != 0);
    if (cuts > TVM_MAX_REGIONS - t->region_count)
        return false;

    t->region[at] = (struct region){.base = gpa.value, .len = len, .type = type};
    if (after.len != 0)
        region_put(t, at + 1, after);
    if (before.len != 0)
        region_put(t, at++, before);
    region_merge_around(t, at);
    return true;
}

void tvm_region_remove_mmio(struct tvm *t, struct gpa gpa, uint64_t len)
{
    for (uint32_t i = t->region_count; i > 0; i--)
        if (t->region[i - 1].type == REGION_MMIO && region_overlaps(&t->region[i - 1], gpa, len))
            region_remove(t, i - 1);
}
