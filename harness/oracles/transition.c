/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, steps: what one operation may change, judged by the call that the host made and how it ended. Contents of frames
 * are judged in content.c, the lives of TVMs in life.c.
 *
 *   - A frame changes its state only as the allowed-transition table says, in the range that the call named, for the
 *     TVM that it named. A frame that was given up by the host is handed out only when every online hart has fenced
 *     since; that rule is recomputed from the calls alone.
 *   - Guest memory is taken away only after the TVM's own fence, which is recomputed from the calls too.
 *   - A step that a guest makes changes nothing but its own TVM.
 *   - A call that failed has changed nothing at all.
 */
#include "harness/oracles/step.h"

#include <string.h>

#include "monitor/core/tvm.h"

/* Frames of a page type; 0 for one that there is not. */
static uint64_t type_pages(uint64_t type)
{
    return type == TSM_PAGE_4K ? 1 : type == TSM_PAGE_2M ? LARGE_PAGES : 0;
}

struct step_range_named step_range(const struct world *w)
{
    const struct host_call *c = &w->oracle_state->call;
    struct step_range_named r = {0};
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

uint64_t step_first_gfn(const struct host_call *c)
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
        return step_is_owned(to) && to != PAGE_BLOCKED && owner == created_slot(w);
    struct step_range_named r = step_range(w);
    if (!r.known || frame < r.first || frame - r.first >= r.count)
        return false;
    if (to == PAGE_NONCONF)
        return c->id == CALL_covh_reclaim_pages;
    /* A donated table can be linked only by a later call. */
    return to == r.target && step_is_owned(to) && owner == c->slot;
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

uint32_t step_guest_slot(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct entry *e = &o->entry[o->hart];
    uint32_t slot = o->running_slot[o->hart];

    return e->entered && e->from_guest && slot < MONITOR_MAX_TVMS ? slot : MONITOR_MAX_TVMS;
}

bool step_guest_changes_memory(const struct world *w)
{
    const struct entry *e = &w->oracle_state->entry[w->oracle_state->hart];

    return e->call == CALL_covg_share_memory_region || e->call == CALL_covg_unshare_memory_region ||
           (e->cause >= 20 && e->cause <= 23 && e->cause != 22);
}

bool step_host_changes_tables(uint16_t call)
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
        struct step_range_named r = step_range(w);
        return b->state == PAGE_CONVERTING && c->id == CALL_covh_convert_pages && r.known && frame >= r.first &&
               frame - r.first < r.count;
    }
    if (a->state == PAGE_CONF_FREE || a->state == PAGE_CONVERTING)
        return may_take(w, frame, b->state, b->owner);
    if (step_is_owned(a->state) && b->state == PAGE_CONF_FREE)
        return (c->id == CALL_covh_destroy_tvm && a->owner == c->slot) || may_change_guest_memory(c, a, b);
    if (may_change_guest_memory(c, a, b))
        return true;
    if (a->state == PAGE_TABLE_POOL && b->state == PAGE_TABLE_POOL)
        return a->owner == b->owner && a->owner == c->slot;
    return c->slot < MONITOR_MAX_TVMS && step_host_changes_tables(c->id) && may_move_within(w, c->slot, a, b);
}

/* The same for a step that a guest made. */
static bool guest_may_change(const struct world *w, const struct page_record *a, const struct page_record *b)
{
    uint32_t slot = step_guest_slot(w);

    return slot < MONITOR_MAX_TVMS && step_guest_changes_memory(w) && a->state != PAGE_DATA &&
           a->state != PAGE_BLOCKED && may_move_within(w, slot, a, b);
}

static bool is_remove(uint16_t call)
{
    return call == CALL_covh_tvm_remove_pages || call == CALL_covh_tvm_remove_pages_linux;
}

static void judge_record(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *a = &o->record[frame];
    const struct page_record *b = &w->machine->monitor->page[frame];

    /* A record may be brought up to date once its fence is complete; that gives nobody anything. */
    if (a->state == PAGE_CONVERTING && b->state == PAGE_CONF_FREE && step_fenced_since_conversion(w, frame))
        return;
    if (o->call.failed || o->guest_failed) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "error-changed-state",
                      "the call failed, yet frame %u went from %s to %s", frame, page_state_name(a->state),
                      page_state_name(b->state));
        return;
    }
    if (a->state == PAGE_CONVERTING && b->state != PAGE_CONVERTING && !step_fenced_since_conversion(w, frame)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "fence",
                      "frame %u became %s before every hart had fenced since its conversion", frame,
                      page_state_name(b->state));
        return;
    }
    if (b->state == PAGE_NONCONF && o->scrubbed[frame] != o->scrub_step)
        oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "scrub-missing",
                      "frame %u went back to the host without having been scrubbed in this call", frame);
    if (o->call.ok && is_remove(o->call.id) && o->call.slot < MONITOR_MAX_TVMS && a->state == PAGE_BLOCKED &&
        !step_fenced_since_blocking(w, frame, o->call.slot)) {
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

/* A call over a range that succeeded has done its work for each frame of it. */
static void judge_range(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;
    struct step_range_named r = step_range(w);

    if (!c->ok || !r.named)
        return;
    if (!r.known) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "range", "the call succeeded for frames that are not in the window");
        return;
    }
    for (uint32_t i = 0; i < r.count; i++) {
        const struct page_record *now = &w->machine->monitor->page[r.first + i];
        bool owner_right = !step_is_owned(r.target) || now->owner == c->slot;
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

    records_scan(w);
    o->changed_count = 0;
    FRAME_SET_EACH(&o->fresh[FRESH_OWN], f)
    {
        if (memcmp(now + f, o->record + f, sizeof(*now)) != 0)
            o->changed[o->changed_count++] = f;
    }
    frame_set_clear(&o->fresh[FRESH_OWN]);
}

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

static void take_scalars(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct monitor *m = w->machine->monitor;

    o->slot_live = records_live_slots(w);
    for (; o->slots_moved != 0; o->slots_moved &= o->slots_moved - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(o->slots_moved);
        o->slot[slot] = m->tvm[slot];
    }
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

    FRAME_SET_EACH(&o->touched, f)
    {
        frame_set_add(&o->at_reset, f);
        frame_set_remove(&o->at_zero, f);
    }
    frame_set_clear(&o->touched);
    /* What is converted from here on has version 0; being online at boot is having seen no fence yet. */
    o->fence_current = 0;
    memset(o->fence_seen, 0, sizeof(o->fence_seen));
    memset(o->entered_at, 0, sizeof(o->entered_at));
    o->last_tvm_id = 0;
    o->changed_count = 0;
    o->slots_used = MONITOR_MAX_TVMS;
    take_scalars(w);
    records_slots_reset(o);
}

void transition_after(struct world *w, const uint32_t *frames, uint32_t frame_count)
{
    struct oracle_state *o = w->oracle_state;

    o->changed_count = 0;
    frame_set_clear(&o->blank);
    if (!o->entered) {
        content_judge(w, frames, frame_count);
        return;
    }
    find_changed_records(w);
    judge_error(w);
    for (uint32_t i = 0; i < o->changed_count && !w->finding.found; i++) {
        judge_record(w, o->changed[i]);
        content_judge_new(w, o->changed[i]);
    }
    life_judge(w);
    judge_range(w);
    content_judge(w, frames, frame_count);
    life_follow(w);
    step_follow_tvm_fences(w);
    step_follow_fences(w);
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
        if (o->record[frame].state != PAGE_NONCONF && !bytes_zero(step_bytes(w, frame), PAGE_SIZE)) {
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
        if (frame_set_has(&o->blank, f)) {
            frame_set_remove(&o->at_reset, f);
            frame_set_add(&o->at_zero, f);
        } else {
            blocks_copy(step_old_bytes(o, f), step_bytes(w, f), o->written_blocks[i]);
        }
        frame_set_add(&o->touched, f);
    }
    if (!o->entered)
        return;
    for (uint32_t i = 0; i < o->changed_count; i++)
        o->record[o->changed[i]] = w->machine->monitor->page[o->changed[i]];
    take_scalars(w);
}
