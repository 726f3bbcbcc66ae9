/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, regions: what the guest-physical addresses of a TVM are declared as changes only by the calls that the ABI names,
 * exactly where they say, and only from the type that they need. For each TVM whose list changed in a step, the list
 * that must follow is worked out from the one before and the call, and compared.
 *
 *   host   add_tvm_memory_region      nothing -> confidential
 *   guest  add_mmio_region            nothing -> device
 *   guest  remove_mmio_region         every device region that it touches -> nothing
 *   guest  share_memory_region        confidential -> confidential, removable
 *   guest  unshare_memory_region      shared -> shared, removable; in a promoted TVM -> confidential
 *   host   run_tvm_vcpu, with the answer to share or unshare   removable -> the other type, or back
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#include "monitor/core/tvm.h"

#define NO_REGION UINT32_MAX

static void read_list(const struct world *w, uint32_t slot, struct region_list *out)
{
    const struct tvm *t =
        (const void *)(w->machine->window + (size_t)w->machine->monitor->tvm[slot].frame.index * PAGE_SIZE);

    out->count = t->region_count < TVM_MAX_REGIONS ? t->region_count : TVM_MAX_REGIONS;
    for (uint32_t i = 0; i < out->count; i++) {
        out->region[i].base = t->region[i].base;
        out->region[i].len = t->region[i].len;
        out->region[i].type = t->region[i].type;
    }
}

/* Of a list only as much is ever written as it counts. */
static void copy_list(struct region_list *to, const struct region_list *from)
{
    to->count = from->count;
    memcpy(to->region, from->region, from->count * sizeof(from->region[0]));
}

static bool same_list(const struct region_list *a, const struct region_list *b)
{
    bool same = a->count == b->count;

    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->region[i].base == b->region[i].base && a->region[i].len == b->region[i].len &&
               a->region[i].type == b->region[i].type;
    return same;
}

/* Memory joins its neighbours. A device, or a range whose change is pending, ends as it began: by itself. */
static void append(struct region_list *l, uint64_t base, uint64_t end, uint32_t type)
{
    uint32_t last = l->count - 1;
    bool merges = type == REGION_CONFIDENTIAL || type == REGION_SHARED;

    if (base >= end || type == NO_REGION)
        return;
    if (merges && l->count != 0 && l->region[last].base + l->region[last].len == base && l->region[last].type == type) {
        l->region[last].len += end - base;
    } else if (l->count < TVM_MAX_REGIONS) {
        l->region[l->count].base = base;
        l->region[l->count].len = end - base;
        l->region[l->count++].type = type;
    }
}

/* `old` with `type` over [base, base + len). */
static void overlay(const struct region_list *old, uint64_t base, uint64_t len, uint32_t type, struct region_list *out)
{
    uint64_t end = base + len;
    bool placed = false;

    out->count = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        uint64_t from = old->region[i].base;
        uint64_t to = from + old->region[i].len;
        append(out, from, to < base ? to : base, old->region[i].type);
        if (!placed && to > base) {
            append(out, base, end, type);
            placed = true;
        }
        append(out, from > end ? from : end, to, old->region[i].type);
    }
    if (!placed)
        append(out, base, end, type);
}

/* Is all of the range of this type before the step? NO_REGION: is nothing declared there? */
static bool all_of(const struct region_list *old, uint64_t base, uint64_t len, uint32_t type)
{
    uint64_t at = base;
    uint64_t end = base + len;

    for (uint32_t i = 0; i < old->count; i++) {
        uint64_t from = old->region[i].base;
        uint64_t to = from + old->region[i].len;
        if (type == NO_REGION && from < end && base < to)
            return false;
        if (old->region[i].type == type && at >= from && at < to)
            at = to;
    }
    return type == NO_REGION || at >= end;
}

static void drop_devices(const struct region_list *old, uint64_t base, uint64_t len, struct region_list *out)
{
    out->count = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        uint64_t from = old->region[i].base;
        uint64_t to = from + old->region[i].len;
        if (old->region[i].type != REGION_MMIO || to <= base || from >= base + len)
            append(out, from, to, old->region[i].type);
    }
}

/* The list that must follow in a step of the guest. False when the step must not change any. */
static bool after_guest(const struct world *w, uint32_t slot, struct region_list *out)
{
    const struct oracle_state *o = w->oracle_state;
    const struct region_list *old = &o->tvm[slot].regions;
    const uint64_t *a = &o->entry[o->hart].before.x[10];
    bool promoted = o->tvm[slot].facts.promoted != 0;

    if (o->guest_failed)
        return false;
    switch ((enum call_id)o->entry[o->hart].call) {
    case CALL_covg_add_mmio_region:
        overlay(old, a[0], a[1], REGION_MMIO, out);
        return all_of(old, a[0], a[1], NO_REGION);
    case CALL_covg_remove_mmio_region: drop_devices(old, a[0], a[1], out); return true;
    case CALL_covg_share_memory_region:
        overlay(old, a[0], a[1], REGION_CONFIDENTIAL_REMOVABLE, out);
        return all_of(old, a[0], a[1], REGION_CONFIDENTIAL);
    case CALL_covg_unshare_memory_region:
        overlay(old, a[0], a[1], promoted ? REGION_CONFIDENTIAL : REGION_SHARED_REMOVABLE, out);
        return all_of(old, a[0], a[1], REGION_SHARED);
    default: return false;
    }
}

/* The same for the host's answer to the vCPU that it runs. */
static bool after_answer(const struct world *w, uint32_t slot, struct region_list *out)
{
    const struct oracle_state *o = w->oracle_state;
    uint32_t frame = o->tvm[slot].facts.vcpu_frame[o->call.args[1] % TVM_MAX_VCPUS];
    const struct entry *e = &o->entry[o->hart];

    if (frame >= o->pages || o->vcpu[frame].generation != o->generation || o->vcpu[frame].tvm != o->slot[slot].id)
        return false;
    const struct pending *p = &o->vcpu[frame].pending;
    bool accepted = e->reply[0] == SBI_SUCCESS;
    uint32_t type = p->shares == accepted ? REGION_SHARED : REGION_CONFIDENTIAL;
    overlay(&o->tvm[slot].regions, p->gpa, p->len, type, out);
    return p->kind == AWAIT_REGION;
}

static bool after_host(const struct world *w, uint32_t slot, struct region_list *out)
{
    const struct oracle_state *o = w->oracle_state;
    const struct region_list *old = &o->tvm[slot].regions;
    const uint64_t *a = o->call.args;

    if (!o->call.ok || o->call.slot != slot)
        return false;
    if (o->call.id == CALL_covh_run_tvm_vcpu)
        return after_answer(w, slot, out);
    overlay(old, a[1], a[2], REGION_CONFIDENTIAL, out);
    return o->call.id == CALL_covh_add_tvm_memory_region && all_of(old, a[1], a[2], NO_REGION);
}

static void judge_list(struct world *w, uint32_t slot)
{
    struct oracle_state *o = w->oracle_state;
    struct region_list now, expected;
    bool guest = o->entry[o->hart].from_guest && o->running_slot[o->hart] == slot;

    read_list(w, slot, &now);
    bool may = guest ? after_guest(w, slot, &expected) : after_host(w, slot, &expected);
    if (!same_list(&now, may ? &expected : &o->tvm[slot].regions))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "region-change",
                      "the regions of TVM slot %u are not what this step makes of them", slot);
    copy_list(&o->tvm[slot].regions, &now);
}

/* Was a frame of the TVM's object written? */
static bool object_written(const struct world *w, uint32_t slot)
{
    const struct oracle_state *o = w->oracle_state;
    uint32_t first = w->machine->monitor->tvm[slot].frame.index;

    for (uint32_t i = 0; i < o->written_count; i++) {
        if (o->written[i] - first < TVM_STATE_PAGES)
            return true;
    }
    return false;
}

void region_after(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    for (uint64_t live = records_live_slots(w); live != 0 && !w->finding.found; live &= live - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(live);
        const struct tvm_slot *now = &w->machine->monitor->tvm[slot];
        if (o->slot[slot].state == TVM_ABSENT || o->slot[slot].id != now->id) {
            read_list(w, slot, &o->tvm[slot].regions);
            continue; /* promote_to_tvm makes them all at once */
        }
        bool named = o->call.ok && o->call.slot == slot && o->call.id == CALL_covh_add_tvm_memory_region;
        if (named || object_written(w, slot))
            judge_list(w, slot);
    }
}
