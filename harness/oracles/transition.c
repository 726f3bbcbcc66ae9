/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, steps: what one operation may change, judged by the call that the host made and how it ended.
 *
 *   - A frame changes its state only as the allowed-transition table says, in the range that the call named, for the
 *     TVM that it named. A frame that was given up by the host is handed out only when every online hart has fenced
 *     since; that rule is recomputed from the calls alone.
 *   - A frame that changes hands is zero, or holds what it was measured to hold.
 *   - Guest memory is taken away only after the TVM's own fence, which is recomputed from the calls too.
 *   - A step that a guest makes changes nothing but its own TVM.
 *   - Contents of frames change only by those who own them.
 *   - TVMs go through their life in order; their ids never come back.
 *   - A call that failed has changed nothing at all.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#include "monitor/core/tvm.h"
#include "monitor/core/vcpu.h"

static const uint8_t *frame_bytes(const struct world *w, uint32_t frame)
{
    return w->machine->window + (size_t)frame * PAGE_SIZE;
}

static uint8_t *old_bytes(struct oracle_state *o, uint32_t frame)
{
    return o->content + (size_t)frame * PAGE_SIZE;
}

static bool state_is_owned(unsigned state)
{
    return state >= PAGE_TVM_ROOT && state <= PAGE_RESERVE;
}

/* --- the global fence, from the calls alone --------------------------------------------------------------------- */

static bool online(uint32_t hsm_state)
{
    return hsm_state == SBI_HSM_STARTED || hsm_state == SBI_HSM_SUSPENDED;
}

/* Has every hart that was online before this step fenced since the frame was converted? */
static bool fenced_since_conversion(const struct world *w, uint32_t frame)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        if (online(o->hsm[i]) && o->fence_seen[i] <= o->converted_at[frame])
            return false;
    }
    return true;
}

static void follow_fence(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    if (o->call.ok && o->call.id == CALL_covh_global_fence)
        o->fence_current++;
    if (o->call.ok && (o->call.id == CALL_covh_global_fence || o->call.id == CALL_covh_local_fence))
        o->fence_seen[o->hart] = o->fence_current;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        bool started = w->machine->monitor->hart[i].hsm_state == SBI_HSM_STARTED;
        bool suspended_here = i == o->hart && o->call.ok && o->call.id == CALL_hsm_hart_suspend;
        /* Whoever starts or resumes has caught up. */
        if (!started || (o->hsm[i] == SBI_HSM_STARTED && !suspended_here))
            continue;
        o->fence_seen[i] = o->fence_current;
    }
}

/* --- fences of TVMs, from the calls alone ------------------------------------------------------------------------- */

static bool is_remove(uint16_t call)
{
    return call == CALL_covh_tvm_remove_pages || call == CALL_covh_tvm_remove_pages_linux;
}

/* Has a fence of the TVM begun since the frame was blocked, and every vCPU left that was on a hart before it? */
static bool fenced_since_blocking(const struct world *w, uint32_t frame, uint32_t slot)
{
    const struct oracle_state *o = w->oracle_state;

    if (o->blocked_at[frame] >= o->tvm[slot].fence)
        return false;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        if (o->running_slot[i] == slot && o->entered_at[i] <= o->blocked_at[frame])
            return false;
    }
    return true;
}

/* Remember when guests entered and frames were blocked. */
static void follow_tvm_fence(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;

    if (o->call.ok && o->call.id == CALL_covh_tvm_fence && o->call.slot < MONITOR_MAX_TVMS)
        o->tvm[o->call.slot].fence++;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        bool enters = m->hart[i].tvm_slot < MONITOR_MAX_TVMS && o->running_slot[i] == HART_NO_TVM;
        if (enters)
            o->entered_at[i] = o->tvm[m->hart[i].tvm_slot].fence;
    }
    for (uint32_t i = 0; i < o->changed_count; i++) {
        const struct page_record *now = &m->page[o->changed[i]];
        if (now->state == PAGE_BLOCKED && now->owner < MONITOR_MAX_TVMS)
            o->blocked_at[o->changed[i]] = o->tvm[now->owner].fence;
    }
}

/* --- frames that change their state ----------------------------------------------------------------------------- */

/* Frames of a page type; 0 for one that there is not. */
static uint64_t type_pages(uint64_t type)
{
    return type == TSM_PAGE_4K ? 1 : type == TSM_PAGE_2M ? LARGE_PAGES : 0;
}

/* Run of frames that the call names, and the state that its frames get. */
struct call_range {
    bool named; /* the call names a run at all */
    bool known; /* and it lies in the window */
    uint32_t first, count;
    unsigned target;
};

static struct call_range range_of(const struct world *w)
{
    const struct host_call *c = &w->oracle_state->call;
    struct call_range r = {0};
    uint64_t base = 0;
    uint64_t count = 0;

    switch ((enum call_id)c->id) {
    case CALL_covh_convert_pages:
        base = c->args[0];
        count = c->args[1];
        r.target = PAGE_CONVERTING;
        break;
    case CALL_covh_reclaim_pages:
        base = c->args[0];
        count = c->args[1];
        r.target = PAGE_NONCONF;
        break;
    case CALL_covh_add_tvm_page_table_pages:
        base = c->args[1];
        count = c->args[2];
        r.target = PAGE_TABLE_POOL;
        break;
    case CALL_covh_add_tvm_measured_pages:
        base = c->args[2];
        count = c->args[4] <= UINT32_MAX ? c->args[4] * type_pages(c->args[3]) : 0;
        r.target = PAGE_DATA;
        break;
    case CALL_covh_add_tvm_zero_pages:
        base = c->args[1];
        count = c->args[3] <= UINT32_MAX ? c->args[3] * type_pages(c->args[2]) : 0;
        r.target = PAGE_DATA;
        break;
    case CALL_covh_create_tvm_vcpu:
        base = c->args[2];
        count = TVM_VCPU_STATE_PAGES;
        r.target = PAGE_VCPU_STATE;
        break;
    default: return r;
    }
    r.named = true;
    r.known = oracle_window_run(w, base, count, &r.first);
    r.count = r.known ? (uint32_t)count : 0;
    return r;
}

/* First guest frame of a call that maps memory. */
static uint64_t first_gfn(const struct host_call *c)
{
    return (c->id == CALL_covh_add_tvm_measured_pages ? c->args[5] : c->args[4]) >> PAGE_SHIFT;
}

/* Slot whose state appeared in this step, MONITOR_MAX_TVMS if none did. */
static uint32_t created_slot(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        if (o->slot[i].state == TVM_ABSENT && w->machine->monitor->tvm[i].state != TVM_ABSENT)
            return i;
    }
    return MONITOR_MAX_TVMS;
}

/* May the successful call move a frame from free to `to` of `owner`? */
static bool may_take(const struct world *w, uint32_t frame, unsigned to, uint32_t owner)
{
    const struct host_call *c = &w->oracle_state->call;

    if (c->id == CALL_covh_create_tvm)
        return (to == PAGE_TVM_ROOT || to == PAGE_TVM_STATE) && owner == created_slot(w);
    if (c->id == CALL_covh_promote_to_tvm)
        return state_is_owned(to) && to != PAGE_BLOCKED && owner == created_slot(w);
    struct call_range r = range_of(w);
    if (!r.known || frame < r.first || frame - r.first >= r.count)
        return false;
    if (to == PAGE_NONCONF)
        return c->id == CALL_covh_reclaim_pages;
    /* A donated table can be linked only by a later call. */
    return to == r.target && state_is_owned(to) && owner == c->slot;
}

/* May a frame of guest memory change like this, for a call on guest addresses [args 1, args 1 + args 2)? */
static bool may_change_guest_memory(const struct host_call *c, const struct page_record *a, const struct page_record *b)
{
    uint64_t address = a->gfn << PAGE_SHIFT;
    bool in_range = address >= c->args[1] && address - c->args[1] < c->args[2];
    bool kept = a->owner == b->owner && a->gfn == b->gfn;

    if (!in_range || a->owner != c->slot)
        return false;
    switch ((enum call_id)c->id) {
    case CALL_covh_tvm_invalidate_pages: return kept && a->state == PAGE_DATA && b->state == PAGE_BLOCKED;
    case CALL_covh_tvm_validate_pages: return kept && a->state == PAGE_BLOCKED && b->state == PAGE_DATA;
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux: return a->state == PAGE_BLOCKED && b->state == PAGE_CONF_FREE;
    default: return false;
    }
}

/* Within one TVM: tables that are linked, and memory of a promoted TVM that comes from and goes to its reserve. */
static bool may_move_within(const struct world *w, uint32_t slot, const struct page_record *a,
                            const struct page_record *b)
{
    bool promoted = w->oracle_state->tvm[slot].facts.promoted != 0;

    if (a->owner != slot || b->owner != slot)
        return false;
    switch ((enum page_state)a->state) {
    case PAGE_TABLE_POOL: return b->state == PAGE_TABLE || b->state == PAGE_TABLE_POOL;
    case PAGE_RESERVE:
        return promoted && (b->state == PAGE_DATA || b->state == PAGE_TABLE || b->state == PAGE_TABLE_POOL ||
                            b->state == PAGE_RESERVE);
    case PAGE_DATA:
    case PAGE_BLOCKED: return promoted && b->state == PAGE_RESERVE; /* shared; the host may have blocked it before */
    default: return false;
    }
}

/* Slot whose guest acts in this step, by a call or a fault that the monitor serves; MONITOR_MAX_TVMS if none does. */
static uint32_t guest_slot(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct entry *e = &o->entry[o->hart];
    uint32_t slot = o->running_slot[o->hart];

    return e->entered && e->from_guest && slot < MONITOR_MAX_TVMS ? slot : MONITOR_MAX_TVMS;
}

/* Does the guest ask for a change of its memory: by sharing, or by touching what it does not have yet? */
static bool guest_changes_memory(const struct world *w)
{
    const struct entry *e = &w->oracle_state->entry[w->oracle_state->hart];

    return e->call == CALL_covg_share_memory_region || e->call == CALL_covg_unshare_memory_region ||
           (e->cause >= 20 && e->cause <= 23 && e->cause != 22);
}

/* Calls of the host that change the tables of the TVM that they name. */
static bool host_changes_tables(uint16_t call)
{
    switch ((enum call_id)call) {
    case CALL_covh_add_tvm_measured_pages:
    case CALL_covh_add_tvm_zero_pages:
    case CALL_covh_add_tvm_shared_pages:
    case CALL_covh_tvm_invalidate_pages:
    case CALL_covh_tvm_validate_pages:
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux:
    case CALL_covh_run_tvm_vcpu: /* brings the answer to a guest that shares */ return true;
    default: return false;
    }
}

/* May the successful call change the frame's record from `a` to `b`? */
static bool transition_allowed(const struct world *w, uint32_t frame, const struct page_record *a,
                               const struct page_record *b)
{
    const struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;

    if (a->state == PAGE_NONCONF) {
        struct call_range r = range_of(w);
        return b->state == PAGE_CONVERTING && c->id == CALL_covh_convert_pages && r.known && frame >= r.first &&
               frame - r.first < r.count;
    }
    if (a->state == PAGE_CONF_FREE || a->state == PAGE_CONVERTING)
        return may_take(w, frame, b->state, b->owner);
    if (state_is_owned(a->state) && b->state == PAGE_CONF_FREE)
        return (c->id == CALL_covh_destroy_tvm && a->owner == c->slot) || may_change_guest_memory(c, a, b);
    if (may_change_guest_memory(c, a, b))
        return true;
    if (a->state == PAGE_TABLE_POOL && b->state == PAGE_TABLE_POOL)
        return a->owner == b->owner && a->owner == c->slot;
    return c->slot < MONITOR_MAX_TVMS && host_changes_tables(c->id) && may_move_within(w, c->slot, a, b);
}

/* The same for a step that a guest made. */
static bool guest_may_change(const struct world *w, const struct page_record *a, const struct page_record *b)
{
    uint32_t slot = guest_slot(w);

    return slot < MONITOR_MAX_TVMS && guest_changes_memory(w) && a->state != PAGE_DATA && a->state != PAGE_BLOCKED &&
           may_move_within(w, slot, a, b);
}

static void judge_record(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *a = &o->record[frame];
    const struct page_record *b = &w->machine->monitor->page[frame];

    /* A record may be brought up to date once its fence is complete; that gives nobody anything. */
    if (a->state == PAGE_CONVERTING && b->state == PAGE_CONF_FREE && fenced_since_conversion(w, frame))
        return;
    if (o->call.failed || o->guest_failed) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "error-changed-state",
                      "the call failed, yet frame %u went from %s to %s", frame, page_state_name(a->state),
                      page_state_name(b->state));
        return;
    }
    if (a->state == PAGE_CONVERTING && b->state != PAGE_CONVERTING && !fenced_since_conversion(w, frame)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "fence",
                      "frame %u became %s before every hart had fenced since its conversion", frame,
                      page_state_name(b->state));
        return;
    }
    if (b->state == PAGE_NONCONF && o->scrubbed[frame] != o->scrub_step)
        oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "scrub-missing",
                      "frame %u went back to the host without having been scrubbed in this call", frame);
    if (o->call.ok && is_remove(o->call.id) && o->call.slot < MONITOR_MAX_TVMS && a->state == PAGE_BLOCKED &&
        !fenced_since_blocking(w, frame, o->call.slot)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "tvm-fence",
                      "frame %u was taken from TVM slot %u before every vCPU had left that may still use it", frame,
                      o->call.slot);
        return;
    }
    if (!(o->call.ok && transition_allowed(w, frame, a, b)) && !guest_may_change(w, a, b))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "transition",
                      "frame %u went from %s of slot %u to %s of slot %u, which this step does not allow", frame,
                      page_state_name(a->state), a->owner, page_state_name(b->state), b->owner);
}

/* Bytes of a frame that an object does not cover, which must still be zero from the scrub. */
static size_t object_size(const struct world *w, uint32_t frame, const struct page_record *r)
{
    if (r->state == PAGE_VCPU_STATE)
        return sizeof(struct vcpu);
    if (r->state != PAGE_TVM_STATE)
        return 0;
    uint32_t offset = (frame - w->machine->monitor->tvm[r->owner].frame.index) * PAGE_SIZE;
    return offset >= sizeof(struct tvm) ? 0 : sizeof(struct tvm) - offset;
}

/* Page of host memory that the host's own tables name for a guest frame; false when there is none. */
static bool host_translation(const struct world *w, uint64_t hgatp, uint64_t gfn, uint64_t *page)
{
    unsigned level = (unsigned)(hgatp >> 60) - GSTAGE_SV39X4 + 2u;
    uint64_t table = (hgatp & ((UINT64_C(1) << 44) - 1)) << PAGE_SHIFT;
    uint64_t mask = 2047;
    uint64_t pte;

    if (level > 4) /* no such mode */
        return false;
    for (;; level--, mask = 511) {
        const uint8_t *word = machine_peek(w->machine, table + (gfn >> (9 * level) & mask) * 8, sizeof(pte));
        if (word == NULL)
            return false;
        memcpy(&pte, word, sizeof(pte));
        if ((pte & 0xe) != 0)
            break;
        if ((pte & 1) == 0 || level == 0)
            return false;
        table = (pte >> 10 & ((UINT64_C(1) << 44) - 1)) << PAGE_SHIFT;
    }
    *page = (pte >> 10 & ((UINT64_C(1) << 44) - 1)) + (gfn & ((UINT64_C(1) << (9 * level)) - 1));
    return true;
}

/* hgatp of the virtual machine that is promoted: the mailbox names it, or else the register does. */
static uint64_t promoted_hgatp(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    uint64_t value = 0;

    const uint8_t *word = machine_peek(w->machine, o->shmem[o->hart] + NACL_CSR_OFFSET(0x680), sizeof(value));
    if (word != NULL)
        memcpy(&value, word, sizeof(value));
    return value != 0 ? value : machine_csr_read(w->machine, o->hart, 0x680);
}

/* Memory of a promoted TVM is what the host's virtual machine had at that address. */
static void judge_promoted_page(struct world *w, uint32_t frame, uint64_t gfn)
{
    uint64_t page;

    if (!host_translation(w, promoted_hgatp(w), gfn, &page) ||
        !machine_is_host_ram(w->machine, page << PAGE_SHIFT, PAGE_SIZE))
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "source",
                      "frame %u at gfn 0x%llx of a promoted TVM was filled from what is not memory of the host's VM",
                      frame, (unsigned long long)gfn);
    else if (memcmp(frame_bytes(w, frame), machine_peek(w->machine, page << PAGE_SHIFT, PAGE_SIZE), PAGE_SIZE) != 0)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "copy",
                      "frame %u at gfn 0x%llx of a promoted TVM differs from the host's page", frame,
                      (unsigned long long)gfn);
}

/* What promote_to_tvm put into a frame. */
static void judge_promoted_content(struct world *w, uint32_t frame, const struct page_record *r)
{
    size_t used = object_size(w, frame, r) + 7;

    used -= used % 8;
    if (r->state == PAGE_DATA)
        judge_promoted_page(w, frame, r->gfn);
    else if ((r->state == PAGE_VCPU_STATE || r->state == PAGE_TVM_STATE || r->state == PAGE_TABLE_POOL) &&
             used < PAGE_SIZE && !oracle_is_zero(frame_bytes(w, frame) + used, PAGE_SIZE - used))
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub",
                      "frame %u was handed out as %s with old content in it", frame, page_state_name(r->state));
}

/* Frames that move between a promoted TVM's memory and its reserve are zero, both ways. */
static void judge_reserve_content(struct world *w, uint32_t frame, const struct page_record *a,
                                  const struct page_record *b)
{
    bool comes = a->state == PAGE_RESERVE && b->state == PAGE_DATA;
    bool goes = (a->state == PAGE_DATA || a->state == PAGE_BLOCKED) && b->state == PAGE_RESERVE;

    if ((comes || goes) && !oracle_is_zero(frame_bytes(w, frame), PAGE_SIZE))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "scrub", "frame %u went from %s to %s and is not zero", frame,
                      page_state_name(a->state), page_state_name(b->state));
}

/* A frame in new hands must not bring anything of the old ones along. */
static void judge_new_content(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *before = &o->record[frame];
    const struct page_record *r = &w->machine->monitor->page[frame];
    const uint8_t *bytes = frame_bytes(w, frame);
    bool was_owned = state_is_owned(before->state);

    if (r->state == PAGE_NONCONF && before->state != PAGE_NONCONF && !oracle_is_zero(bytes, PAGE_SIZE)) {
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub", "frame %u went back to the host and is not zero",
                      frame);
        return;
    }
    if (was_owned)
        judge_reserve_content(w, frame, before, r);
    if (was_owned || !state_is_owned(r->state))
        return;
    if (o->call.id == CALL_covh_promote_to_tvm) {
        judge_promoted_content(w, frame, r);
        return;
    }
    bool measured = r->state == PAGE_DATA && o->call.id == CALL_covh_add_tvm_measured_pages;
    if (!measured) {
        size_t used = object_size(w, frame, r) + 7;
        used -= used % 8;
        /* A page-table frame that was linked in the same call has an entry; linking is judged by the walk. */
        if (used < PAGE_SIZE && !oracle_is_zero(bytes + used, PAGE_SIZE - used))
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub",
                          "frame %u was handed out as %s with old content in it", frame, page_state_name(r->state));
    } else {
        struct call_range range = range_of(w);
        uint64_t source = o->call.args[1] + (uint64_t)(frame - range.first) * PAGE_SIZE;
        if (!machine_is_host_ram(w->machine, source, PAGE_SIZE))
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "source",
                          "frame %u was filled from 0x%llx, which is not host memory", frame,
                          (unsigned long long)source);
        else if (memcmp(bytes, machine_peek(w->machine, source, PAGE_SIZE), PAGE_SIZE) != 0)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "copy", "frame %u differs from the page it was copied from",
                          frame);
    }
    if (r->state == PAGE_DATA && r->gfn != first_gfn(&o->call) + (frame - range_of(w).first))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "gfn", "frame %u was mapped at gfn 0x%llx, asked for was 0x%llx",
                      frame, (unsigned long long)r->gfn,
                      (unsigned long long)(first_gfn(&o->call) + (frame - range_of(w).first)));
}

/* A call over a range that succeeded has done its work for each frame of it. */
static void judge_range(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;
    struct call_range r = range_of(w);

    if (!c->ok || !r.named)
        return;
    if (!r.known) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "range", "the call succeeded for frames that are not in the window");
        return;
    }
    for (uint32_t i = 0; i < r.count; i++) {
        const struct page_record *now = &w->machine->monitor->page[r.first + i];
        bool owner_right = !state_is_owned(r.target) || now->owner == c->slot;
        if (now->state != r.target || !owner_right) {
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "range", "the call succeeded, but frame %u of its range is %s",
                          r.first + i, page_state_name(now->state));
            return;
        }
    }
}

/* Collect the frames whose records differ from the step before. */
static void find_changed_records(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *now = w->machine->monitor->page;
    const uint32_t chunk = 64;

    o->changed_count = 0;
    for (uint32_t base = 0; base < o->pages; base += chunk) {
        uint32_t n = o->pages - base < chunk ? o->pages - base : chunk;
        if (memcmp(now + base, o->record + base, n * sizeof(*now)) == 0)
            continue;
        for (uint32_t i = base; i < base + n; i++) {
            if (memcmp(now + i, o->record + i, sizeof(*now)) != 0)
                o->changed[o->changed_count++] = i;
        }
    }
}

/* --- contents --------------------------------------------------------------------------------------------------- */

/* Did the monitor have a reason to write the state of this vCPU: it runs or ran in this step, or is finalized? */
static bool vcpu_may_change(const struct world *w, uint32_t frame, uint32_t owner)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        const struct hart *h = &w->machine->monitor->hart[i];
        if (o->running_slot[i] != HART_NO_TVM && o->running_frame[i] == frame)
            return true;
        if (h->tvm_slot != HART_NO_TVM && h->vcpu_frame.index == frame)
            return true;
    }
    if (guest_slot(w) == owner && o->entry[o->hart].call == CALL_guest_hsm_hart_start)
        return true; /* the vCPU that it starts */
    return o->call.ok && o->call.id == CALL_covh_finalize_tvm && o->call.slot == owner;
}

/* May the tables of TVM `owner` change in this step? */
static bool tables_may_change(const struct world *w, uint32_t owner)
{
    const struct host_call *c = &w->oracle_state->call;

    if (guest_slot(w) == owner && guest_changes_memory(w))
        return true;
    return c->ok && c->slot == owner && host_changes_tables(c->id);
}

static bool runs_on_acting_hart(const struct world *w, uint32_t slot)
{
    return w->oracle_state->running_slot[w->oracle_state->hart] == slot;
}

/* Frame `frame` was written and kept its record: was it the right one who wrote? */
static void judge_content(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *r = &o->record[frame];
    const char *property = NULL;

    switch ((enum page_state)r->state) {
    case PAGE_DATA:
    case PAGE_BLOCKED: /* a hart that cached the translation may still store */
        if (!o->guest_store || !runs_on_acting_hart(w, r->owner))
            property = "guest-memory";
        break;
    case PAGE_VCPU_STATE:
        if (!vcpu_may_change(w, frame, r->owner))
            property = "vcpu-state";
        break;
    case PAGE_TVM_ROOT:
    case PAGE_TABLE:
        if (!tables_may_change(w, r->owner))
            property = "tables";
        break;
    case PAGE_CONVERTING:
        /* After the fence it is free, and a promotion may use and scrub it, whether that succeeds or not. */
        if (o->call.id != CALL_covh_promote_to_tvm || !fenced_since_conversion(w, frame))
            property = "foreign-write";
        break;
    case PAGE_NONCONF:
    case PAGE_TABLE_POOL:
    case PAGE_RESERVE: property = "foreign-write"; break;
    case PAGE_TVM_STATE:
        if (o->call.failed || o->guest_failed)
            property = "error-changed-state";
        break;
    case PAGE_CONF_FREE:
    case PAGE_BUSY: break;
    }
    if (property == NULL)
        return;
    if (o->call.failed || o->guest_failed)
        property = "error-changed-state";
    oracle_report(w, ORACLE_OWN, S1_ISOLATION, property, "the content of frame %u (%s of slot %u) was changed%s", frame,
                  page_state_name(r->state), r->owner,
                  o->call.failed || o->guest_failed ? " by a call that failed" : "");
}

static void judge_contents(struct world *w, const uint32_t *frames, uint32_t frame_count)
{
    struct oracle_state *o = w->oracle_state;

    o->written_count = 0;
    for (uint32_t i = 0; i < frame_count && !w->finding.found; i++) {
        uint32_t f = frames[i];
        if (memcmp(frame_bytes(w, f), old_bytes(o, f), PAGE_SIZE) == 0)
            continue;
        o->written[o->written_count++] = f;
        /* A frame in new hands was judged with its transition. */
        if (memcmp(&o->record[f], &w->machine->monitor->page[f], sizeof(o->record[f])) == 0)
            judge_content(w, f);
    }
}

/* --- lives of TVMs ---------------------------------------------------------------------------------------------- */

static void report_life(struct world *w, const char *what, uint32_t slot)
{
    oracle_report(w, ORACLE_OWN, S1_ISOLATION, "life", "TVM slot %u: %s", slot, what);
}

/* States in which a successful call must have found its TVM; 0 when the call names none. */
static uint32_t states_needed(uint16_t call)
{
    switch ((enum call_id)call) {
    case CALL_covh_finalize_tvm:
    case CALL_covh_add_tvm_memory_region:
    case CALL_covh_add_tvm_measured_pages:
    case CALL_covh_create_tvm_vcpu: return 1u << TVM_INITIALIZING;
    case CALL_covh_add_tvm_zero_pages:
    case CALL_covh_add_tvm_shared_pages:
    case CALL_covh_tvm_fence:
    case CALL_covh_tvm_invalidate_pages:
    case CALL_covh_tvm_validate_pages:
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux:
    case CALL_covh_run_tvm_vcpu: return 1u << TVM_RUNNABLE;
    case CALL_covh_add_tvm_page_table_pages: return 1u << TVM_INITIALIZING | 1u << TVM_RUNNABLE;
    case CALL_covh_destroy_tvm: return 1u << TVM_INITIALIZING | 1u << TVM_RUNNABLE | 1u << TVM_DEAD;
    default: return 0;
    }
}

static void judge_call_state(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;
    uint32_t needed = states_needed(c->id);

    if (!c->ok || needed == 0)
        return;
    if (c->slot == MONITOR_MAX_TVMS) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "life", "a call succeeded for TVM id %llu, which does not exist",
                      (unsigned long long)c->args[0]);
        return;
    }
    if ((needed >> o->slot[c->slot].state & 1) == 0)
        report_life(w, "a call succeeded that its state does not allow", c->slot);
}

/* A promoted TVM goes on with the registers that the mailbox holds. */
static void follow_promotion(struct world *w, uint32_t slot)
{
    struct oracle_state *o = w->oracle_state;
    struct tvm_history *t = &o->tvm[slot];

    const uint8_t *gprs = machine_peek(w->machine, o->shmem[o->hart], sizeof(t->boot_x));
    if (gprs == NULL)
        return;
    memcpy(t->boot_x, gprs, sizeof(t->boot_x));
    t->boot_x[0] = 0;
    t->start[0] = (struct vcpu_start){o->call.args[2], o->call.args[0]};
    t->promoted = true;
}

static void judge_new_slot(struct world *w, uint32_t slot, const struct tvm_slot *now)
{
    struct oracle_state *o = w->oracle_state;

    bool created = o->call.id == CALL_covh_create_tvm && now->state == TVM_INITIALIZING;
    bool promoted = o->call.id == CALL_covh_promote_to_tvm && now->state == TVM_RUNNABLE;
    if (!o->call.ok || (!created && !promoted))
        report_life(w, "came into being other than by create_tvm or promote_to_tvm", slot);
    else if (now->id == 0 || now->id <= o->last_tvm_id)
        report_life(w, "got an id that was in use before", slot);
    else if (now->id != o->call.value)
        report_life(w, "has another id than the call returned", slot);
    o->last_tvm_id = now->id;
    o->tvm[slot].fence = 0;
    o->tvm[slot].notified = 0;
    o->tvm[slot].timed = false;
    o->tvm[slot].promoted = false;
    if (promoted)
        follow_promotion(w, slot);
}

static void judge_slot(struct world *w, uint32_t slot)
{
    struct oracle_state *o = w->oracle_state;
    const struct tvm_slot *a = &o->slot[slot];
    const struct tvm_slot *b = &w->machine->monitor->tvm[slot];
    bool named = o->call.ok && o->call.slot == slot;
    bool finalized =
        named && o->call.id == CALL_covh_finalize_tvm && a->state == TVM_INITIALIZING && b->state == TVM_RUNNABLE;
    bool killed = guest_slot(w) == slot && o->entry[o->hart].call == CALL_guest_srst_system_reset &&
                  a->state == TVM_RUNNABLE && b->state == TVM_DEAD;
    uint32_t running = 0;

    for (uint32_t i = 0; i < w->machine->config.harts; i++)
        running += w->machine->monitor->hart[i].tvm_slot == slot;

    if (a->state == TVM_ABSENT && b->state != TVM_ABSENT) {
        judge_new_slot(w, slot, b);
        return;
    }
    if (b->state == TVM_ABSENT) {
        if (a->state != TVM_ABSENT && (!named || o->call.id != CALL_covh_destroy_tvm))
            report_life(w, "was destroyed other than by destroy_tvm", slot);
        else if (a->state != TVM_ABSENT && a->running != 0)
            report_life(w, "was destroyed while a vCPU was running", slot);
        else if (b->id != 0)
            report_life(w, "is absent but keeps its id", slot);
        return;
    }
    if (a->id != b->id || a->frame.index != b->frame.index)
        report_life(w, "changed its id or its object", slot);
    else if (a->state != b->state && !finalized && !killed)
        report_life(w, "changed its state other than by finalize_tvm or by its own system reset", slot);
    else if (b->running != running)
        report_life(w, "counts other running vCPUs than there are", slot);
}

static void judge_slots(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;

    judge_call_state(w);
    if (memcmp(o->slot, m->tvm, sizeof(o->slot)) == 0)
        return;
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS && !w->finding.found; i++) {
        if (memcmp(&o->slot[i], &m->tvm[i], sizeof(o->slot[i])) != 0)
            judge_slot(w, i);
    }
}

/* Remember what the walk and the register oracle need to know of a call that succeeded. */
static void follow_tvm(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;

    if (!c->ok || c->slot == MONITOR_MAX_TVMS)
        return;
    struct tvm_history *t = &o->tvm[c->slot];
    if (c->id == CALL_covh_finalize_tvm)
        t->start[0] = (struct vcpu_start){c->args[1], c->args[2]};
}

/* --- errors ----------------------------------------------------------------------------------------------------- */

static void judge_error(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;
    const char *what = NULL;

    if (!o->call.failed)
        return;
    if (o->changed_count != 0)
        return; /* reported with the frame */
    if (memcmp(o->slot, m->tvm, sizeof(o->slot)) != 0)
        what = "a TVM slot";
    else if (memcmp(&o->fence, &m->fence, sizeof(o->fence)) != 0)
        what = "the global fence";
    else if (o->next_tvm_id != m->next_tvm_id)
        what = "the next TVM id";
    else if (o->shmem_set[o->hart] != m->hart[o->hart].shmem_set || o->shmem[o->hart] != m->hart[o->hart].shmem.value)
        what = "the mailbox of the hart";
    for (uint32_t i = 0; i < w->machine->config.harts && what == NULL; i++) {
        if (o->hsm[i] != m->hart[i].hsm_state)
            what = "the state of a hart";
    }
    if (what != NULL)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "error-changed-state", "the call failed, yet %s changed", what);
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

static void take_scalars(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;

    memcpy(o->slot, m->tvm, sizeof(o->slot));
    o->fence = m->fence;
    o->next_tvm_id = m->next_tvm_id;
    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        o->hsm[i] = m->hart[i].hsm_state;
        o->shmem_set[i] = m->hart[i].shmem_set;
        o->shmem[i] = m->hart[i].shmem.value;
        o->running_slot[i] = m->hart[i].tvm_slot;
        o->running_frame[i] = m->hart[i].vcpu_frame.index;
    }
}

void transition_reset(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < o->touched_count; i++) {
        uint32_t f = o->touched[i];
        memcpy(old_bytes(o, f), frame_bytes(w, f), PAGE_SIZE);
        o->is_touched[f] = false;
    }
    o->touched_count = 0;
    memcpy(o->record, w->machine->monitor->page, o->pages * sizeof(*o->record));
    o->fence_current = 0;
    memset(o->fence_seen, 0, sizeof(o->fence_seen));
    memset(o->blocked_at, 0, o->pages * sizeof(*o->blocked_at));
    memset(o->entered_at, 0, sizeof(o->entered_at));
    o->last_tvm_id = 0;
    o->changed_count = 0;
    take_scalars(w);
    /* What is converted from here on has version 0; being online at boot is having seen no fence yet. */
    memset(o->converted_at, 0, o->pages * sizeof(*o->converted_at));
}

void transition_after(struct world *w, const uint32_t *frames, uint32_t frame_count)
{
    struct oracle_state *o = w->oracle_state;

    o->changed_count = 0;
    if (!o->entered) {
        judge_contents(w, frames, frame_count);
        return;
    }
    find_changed_records(w);
    judge_error(w);
    for (uint32_t i = 0; i < o->changed_count && !w->finding.found; i++) {
        judge_record(w, o->changed[i]);
        judge_new_content(w, o->changed[i]);
    }
    judge_slots(w);
    judge_range(w);
    judge_contents(w, frames, frame_count);
    follow_tvm(w);
    follow_tvm_fence(w);
    follow_fence(w);
    for (uint32_t i = 0; i < o->changed_count; i++) {
        if (w->machine->monitor->page[o->changed[i]].state == PAGE_CONVERTING)
            o->converted_at[o->changed[i]] = o->fence_current;
    }
}

void transition_halted(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    if (!o->entered)
        return;
    for (uint32_t frame = 0; frame < o->pages; frame++) {
        if (o->record[frame].state != PAGE_NONCONF && !oracle_is_zero(frame_bytes(w, frame), PAGE_SIZE)) {
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "reset-scrub",
                          "frame %u (%s) outlives the system reset with content in it", frame,
                          page_state_name(o->record[frame].state));
            return;
        }
    }
}

void transition_sync(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    for (uint32_t i = 0; i < o->written_count; i++) {
        uint32_t f = o->written[i];
        memcpy(old_bytes(o, f), frame_bytes(w, f), PAGE_SIZE);
        if (!o->is_touched[f]) {
            o->is_touched[f] = true;
            o->touched[o->touched_count++] = f;
        }
    }
    if (!o->entered)
        return;
    for (uint32_t i = 0; i < o->changed_count; i++)
        o->record[o->changed[i]] = w->machine->monitor->page[o->changed[i]];
    take_scalars(w);
}
