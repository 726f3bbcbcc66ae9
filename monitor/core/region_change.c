/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing and taking back; see region_change.h.
 *
 * While a promoted TVM's pages are on their way out, the slot lock is not held: other harts have to forget their
 * translations first. Nothing can get into the range meanwhile, because it is SHARED_REMOVABLE, a type into which no call
 * maps anything; nothing that is on its way can be brought back, because its leaves are neither present nor blocked.
 */
#include "monitor/core/region_change.h"

#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/ipi.h"
#include "monitor/core/tvm_frames.h"
#include "monitor/hal/hal.h"

/* Pages of one change in a promoted TVM, whose pages the monitor moves itself. */
#define STATIC_MAX_PAGES 512u

static enum region_type type_before(enum region_change change)
{
    return change == REGION_SHARE ? REGION_CONFIDENTIAL : REGION_SHARED;
}

static enum region_type type_between(enum region_change change)
{
    return change == REGION_SHARE ? REGION_CONFIDENTIAL_REMOVABLE : REGION_SHARED_REMOVABLE;
}

static enum region_type type_after(enum region_change change)
{
    return change == REGION_SHARE ? REGION_SHARED : REGION_CONFIDENTIAL;
}

/* Does a 2 MiB leaf reach from below `at` to above it? */
static bool cuts_leaf(const struct monitor *m, const struct tvm *t, uint64_t at)
{
    return (at & (LARGE_SIZE - 1)) != 0 && gstage_lookup(m, t, (struct gpa){at}).large;
}

/*
 * Table frames that the change needs: in a multi-step TVM for the leaves that the ends of the range cut, so that the host
 * can take out what lies within; in a promoted TVM for 4 KiB leaves all over the range, so that the rest cannot fail.
 */
static uint64_t tables_needed(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t len)
{
    if (t->promoted)
        return gstage_tables_needed(m, t, gpa, len / PAGE_SIZE);
    uint64_t end = gpa.value + len;
    bool first = cuts_leaf(m, t, gpa.value);
    bool last = cuts_leaf(m, t, end);
    bool same = first && last && gpa.value / LARGE_SIZE == end / LARGE_SIZE;
    return (uint64_t)first + last - same;
}

static void make_tables(struct hart *h, struct tvm *t, struct gpa gpa, uint64_t len)
{
    uint64_t end = gpa.value + len;
    if (t->promoted) {
        for (uint64_t at = gpa.value & ~(LARGE_SIZE - 1); at < end; at += LARGE_SIZE)
            gstage_make_table(h, t, (struct gpa){at});
        return;
    }
    if (cuts_leaf(h->monitor, t, gpa.value))
        gstage_make_table(h, t, gpa);
    if (cuts_leaf(h->monitor, t, end))
        gstage_make_table(h, t, (struct gpa){end});
}

/* Check the request and make the range removable. Slot lock held. */
static int64_t make_removable(struct hart *h, struct tvm *t, enum region_change change, struct gpa gpa, uint64_t len)
{
    const struct monitor *m = h->monitor;
    if (len == 0 || (len & PAGE_MASK) != 0)
        return SBI_ERR_INVALID_PARAM;
    if (!tvm_gpa_range_valid(t, gpa, len))
        return SBI_ERR_INVALID_ADDRESS;
    const struct region *r = tvm_region_containing(t, gpa, len);
    if (r == NULL || r->type != (uint32_t)type_before(change))
        return SBI_ERR_INVALID_PARAM;
    if (t->promoted && len > (uint64_t)STATIC_MAX_PAGES * PAGE_SIZE)
        return SBI_ERR_FAILED;
    if (tables_needed(m, t, gpa, len) > (uint64_t)t->pool_count + t->reserve_count)
        return SBI_ERR_FAILED;
    if (!tvm_region_retype(t, gpa, len, type_between(change)))
        return SBI_ERR_FAILED;
    make_tables(h, t, gpa, len);
    return SBI_SUCCESS;
}

/* Forget translations on every hart that runs a vCPU of `t`. Slot lock held; it is free meanwhile, `t` stays. */
static void forget_translations(struct hart *h, struct tvm *t)
{
    struct hart_set running = {0};
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        if (t->vcpu[i].state == VCPU_RUNNING)
            running.bits |= 1u << t->vcpu[i].hart;
    tvm_unlock(h, t);
    ipi_remote_fence(h, running, IPI_REQUEST_FENCE);
    tvm_lock_current(h);
}

/* Promoted TVM: take host memory out of the range; the next touch finds a page of the reserve. Slot lock held. */
static void take_back(struct hart *h, struct tvm *t, struct gpa gpa, uint64_t len)
{
    for (uint64_t at = gpa.value; at < gpa.value + len; at += PAGE_SIZE)
        if (gstage_is_mapped(h->monitor, t, (struct gpa){at}))
            gstage_clear(h, t, (struct gpa){at});
    forget_translations(h, t);
    tvm_region_retype(t, gpa, len, REGION_CONFIDENTIAL);
}

int64_t region_change_begin(struct hart *h, enum region_change change, struct gpa gpa, uint64_t len, bool *answer)
{
    struct tvm *t = tvm_lock_current(h);
    bool in_place = t->promoted && change == REGION_UNSHARE;
    int64_t error = make_removable(h, t, change, gpa, len);
    if (error == SBI_SUCCESS && in_place)
        take_back(h, t, gpa, len);
    tvm_unlock(h, t);
    *answer = !in_place;
    return error;
}

/* Promoted TVM: replace its frames in the range, which go to its reserve, by host memory. Slot lock held. */
static void hand_out(struct hart *h, struct tvm *t, struct gpa gpa, uint64_t len, struct nonconf_addr host)
{
    for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
        struct gpa page = {gpa.value + at};
        if (gstage_is_mapped(h->monitor, t, page))
            gstage_leave(h, t, page);
    }
    tvm_region_retype(t, gpa, len, REGION_SHARED_REMOVABLE);
    forget_translations(h, t);
    for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
        struct gpa page = {gpa.value + at};
        struct gstage_leaf leaf = gstage_lookup(h->monitor, t, page);
        if (leaf.kind != LEAF_NONE) {
            gstage_clear(h, t, page);
            tvm_reserve_add(h, t, leaf.frame);
        }
        gstage_map_shared(h, t, page, (struct nonconf_addr){host.value + at}, false);
    }
    tvm_region_retype(t, gpa, len, REGION_SHARED);
}

/* The host agreed. Slot lock held. */
static int64_t accept_change(struct hart *h, struct tvm *t, enum region_change change, struct gpa gpa, uint64_t len,
                             struct hpa host_base)
{
    struct nonconf_addr host;
    if (t->promoted) {
        if (!nonconf_range(h->monitor, host_base, len, PAGE_SIZE, &host))
            return SBI_ERR_INVALID_ADDRESS;
        hand_out(h, t, gpa, len, host);
        return SBI_SUCCESS;
    }
    if (!gstage_range_empty(h->monitor, t, gpa, len))
        return SBI_ERR_INVALID_PARAM;
    tvm_region_retype(t, gpa, len, type_after(change));
    return SBI_SUCCESS;
}

int64_t region_change_finish(struct hart *h, enum region_change change, struct gpa gpa, uint64_t len, bool accept,
                             struct hpa host_base)
{
    int64_t error = SBI_SUCCESS;
    struct tvm *t = tvm_lock_current(h);
    if (accept)
        error = accept_change(h, t, change, gpa, len, host_base);
    else
        tvm_region_retype(t, gpa, len, type_before(change));
    tvm_unlock(h, t);
    return error;
}

/* Is there a frame for the page at `gpa`, beside those for the tables that it needs? Slot lock held. */
static bool reserve_suffices(const struct monitor *m, const struct tvm *t, struct gpa gpa)
{
    uint64_t tables = gstage_tables_needed(m, t, gpa, 1);
    uint64_t from_reserve = tables > t->pool_count ? tables - t->pool_count : 0;
    return t->reserve_count > from_reserve;
}

/* Is the page at `gpa` there, or could it be brought? Slot lock held. */
static bool bring_page(struct hart *h, struct tvm *t, struct gpa gpa)
{
    if (!t->promoted || !tvm_gpa_range_valid(t, gpa, PAGE_SIZE))
        return false;
    const struct region *r = tvm_region_containing(t, gpa, PAGE_SIZE);
    if (r == NULL || r->type != REGION_CONFIDENTIAL)
        return false;
    enum leaf_kind kind = gstage_lookup(h->monitor, t, gpa).kind;
    if (kind == LEAF_DATA)
        return true;
    if (kind != LEAF_NONE || !reserve_suffices(h->monitor, t, gpa))
        return false;
    gstage_map(h, t, gpa, tvm_take_data(h, t));
    return true;
}

bool reserve_fault_in(struct hart *h, struct gpa page)
{
    struct tvm *t = tvm_lock_current(h);
    bool there = bring_page(h, t, page);
    tvm_unlock(h, t);
    /* This hart may remember that the page was absent. */
    if (there)
        hal_fence_all(h);
    return there;
}
