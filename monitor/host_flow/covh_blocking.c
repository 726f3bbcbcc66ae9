/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH calls that take memory out of a TVM: block a range (invalidate_pages), make sure that nobody uses it any more
 * (tvm_fence), then remove it, or give it back as it was (validate_pages). Each call looks at the whole range first and
 * changes all of it or nothing. Ranges consist of whole leaves and lie in one region.
 */
#include "monitor/core/address.h"
#include "monitor/core/gstage.h"
#include "monitor/core/page_record.h"
#include "monitor/core/tvm_fence.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

struct range {
    struct gpa gpa;
    uint64_t len;
};

/* Lock the RUNNABLE TVM that `id` names, or NULL. */
static struct tvm *lock_runnable(struct hart *h, uint64_t id)
{
    struct tvm *t = tvm_lock(h, id);
    if (t != NULL && tvm_slot_of(h->monitor, t)->state != TVM_RUNNABLE) {
        tvm_unlock(h, t);
        return NULL;
    }
    return t;
}

struct decision covh_tvm_fence(struct hart *h, const struct sbi_args *args)
{
    struct tvm *t = lock_runnable(h, args->a[0]);
    if (t == NULL)
        return decide_error(SBI_ERR_INVALID_PARAM);
    bool initiated = tvm_fence_initiate(t);
    tvm_unlock(h, t);
    return decide_error(initiated ? SBI_SUCCESS : SBI_ERR_ALREADY_STARTED);
}

/* The three changes: what a leaf has to be for each, and what becomes of it. No calls through pointers: see the stack bound. */
enum change { CHANGE_BLOCK, CHANGE_UNBLOCK, CHANGE_REMOVE };

static bool may_change(const struct tvm *t, const struct gstage_leaf *leaf, enum change change)
{
    bool blocked = leaf->kind == LEAF_DATA_BLOCKED || leaf->kind == LEAF_SHARED_BLOCKED;
    switch (change) {
    case CHANGE_BLOCK: return leaf->kind == LEAF_DATA || leaf->kind == LEAF_SHARED;
    case CHANGE_UNBLOCK: return blocked;
    default: return blocked && tvm_fence_completed(t, leaf->version);
    }
}

/*
 * Does the range consist of whole leaves that may be changed? Work: one lookup per leaf, and it ends at the first hole.
 */
static bool all_leaves(const struct monitor *m, const struct tvm *t, const struct range *r, enum change change)
{
    for (uint64_t at = 0; at < r->len;) {
        struct gpa gpa = {r->gpa.value + at};
        struct gstage_leaf leaf = gstage_lookup(m, t, gpa);
        bool whole = (gpa.value & (leaf.span - 1)) == 0 && leaf.span <= r->len - at;
        if (!whole || !may_change(t, &leaf, change))
            return false;
        at += leaf.span;
    }
    return true;
}

static bool in_removable_region(const struct tvm *t, const struct range *r)
{
    const struct region *region = tvm_region_containing(t, r->gpa, r->len);
    return region->type == REGION_CONFIDENTIAL_REMOVABLE || region->type == REGION_SHARED_REMOVABLE;
}

/* What the three calls check. On success the TVM is locked. */
static int64_t check_range(struct hart *h, const struct sbi_args *args, enum change change, struct range *r,
                           struct tvm **locked)
{
    *r = (struct range){.gpa = {args->a[1]}, .len = args->a[2]};
    struct tvm *t = lock_runnable(h, args->a[0]);
    if (t == NULL)
        return SBI_ERR_INVALID_PARAM;

    int64_t error = SBI_SUCCESS;
    if (r->len == 0 || (r->len & PAGE_MASK) != 0)
        error = SBI_ERR_INVALID_PARAM;
    else if (!tvm_gpa_range_valid(t, r->gpa, r->len) || tvm_region_containing(t, r->gpa, r->len) == NULL)
        error = SBI_ERR_INVALID_ADDRESS;
    else if (change == CHANGE_REMOVE && !in_removable_region(t, r))
        error = SBI_ERR_INVALID_ADDRESS;
    else if (!all_leaves(h->monitor, t, r, change))
        error = SBI_ERR_INVALID_ADDRESS;
    if (error != SBI_SUCCESS)
        tvm_unlock(h, t);
    *locked = t;
    return error;
}

/* The leaf goes; the frames of a data leaf become free as they are, to be scrubbed by their next use. */
static void remove_leaf(struct hart *h, struct tvm *t, struct gpa gpa)
{
    struct monitor *m = h->monitor;
    struct gstage_leaf leaf = gstage_lookup(m, t, gpa);
    uint32_t frames = leaf.large ? LARGE_PAGES : 1;
    gstage_clear(h, t, gpa);
    if (leaf.kind != LEAF_DATA_BLOCKED)
        return;
    hal_lock(h, &m->pages_lock);
    for (uint32_t i = 0; i < frames; i++)
        page_record_set(m, conf_page_next(leaf.frame, i), PAGE_CONF_FREE);
    hal_unlock(h, &m->pages_lock);
}

static void change_leaf(struct hart *h, struct tvm *t, struct gpa gpa, enum change change)
{
    switch (change) {
    case CHANGE_BLOCK: gstage_block(h, t, gpa); break;
    case CHANGE_UNBLOCK: gstage_unblock(h, t, gpa); break;
    default: remove_leaf(h, t, gpa); break;
    }
}

/* Check the range, then change each of its leaves. */
static struct decision change_range(struct hart *h, const struct sbi_args *args, enum change change)
{
    struct range range;
    struct tvm *t;
    int64_t error = check_range(h, args, change, &range, &t);
    if (error != SBI_SUCCESS)
        return decide_error(error);
    for (uint64_t at = 0; at < range.len;) {
        struct gpa gpa = {range.gpa.value + at};
        at += gstage_lookup(h->monitor, t, gpa).span;
        change_leaf(h, t, gpa, change);
    }
    tvm_unlock(h, t);
    return decide_success(0);
}

struct decision covh_tvm_invalidate_pages(struct hart *h, const struct sbi_args *args)
{
    return change_range(h, args, CHANGE_BLOCK);
}

struct decision covh_tvm_validate_pages(struct hart *h, const struct sbi_args *args)
{
    return change_range(h, args, CHANGE_UNBLOCK);
}

struct decision covh_tvm_remove_pages(struct hart *h, const struct sbi_args *args)
{
    return change_range(h, args, CHANGE_REMOVE);
}

struct decision covh_tvm_remove_pages_linux(struct hart *h, const struct sbi_args *args)
{
    return change_range(h, args, CHANGE_REMOVE);
}
