/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, contents: a frame in new hands is zero, or holds what it was copied from; a frame that stays changes only by those
 * who own it, in a step that may do so.
 */
#include "harness/oracles/step.h"

#include <string.h>

#include "harness/machine/internal.h"
#include "monitor/core/tvm.h"
#include "monitor/core/vcpu.h"

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
        if (pte >> 54 != 0) /* reserved, or of an extension that the machine lacks: a processor would fault */
            return false;
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
    else if (memcmp(step_bytes(w, frame), machine_peek(w->machine, page << PAGE_SHIFT, PAGE_SIZE), PAGE_SIZE) != 0)
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
             used < PAGE_SIZE && !bytes_zero(step_bytes(w, frame) + used, PAGE_SIZE - used))
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub",
                      "frame %u was handed out as %s with old content in it", frame, page_state_name(r->state));
}

/* Frames that move between a promoted TVM's memory and its reserve are zero, both ways. */
static void judge_reserve_content(struct world *w, uint32_t frame, const struct page_record *a,
                                  const struct page_record *b)
{
    bool comes = a->state == PAGE_RESERVE && b->state == PAGE_DATA;
    bool goes = (a->state == PAGE_DATA || a->state == PAGE_BLOCKED) && b->state == PAGE_RESERVE;

    if ((comes || goes) && !bytes_zero(step_bytes(w, frame), PAGE_SIZE))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "scrub", "frame %u went from %s to %s and is not zero", frame,
                      page_state_name(a->state), page_state_name(b->state));
}

/* Is all of the frame zero? Then nothing else has to be compared with it in this step, and no line holds an entry. */
static bool is_blank(struct world *w, uint32_t frame)
{
    if (!bytes_zero(step_bytes(w, frame), PAGE_SIZE))
        return false;
    frame_set_add(&w->oracle_state->blank, frame);
    lines_zero(w->oracle_state, frame);
    return true;
}

/* Guest memory may wait for its next use with its content; registers and identity of a TVM end with it. */
static void judge_dead_state(struct world *w, uint32_t frame, const struct page_record *a, const struct page_record *b)
{
    bool state = a->state == PAGE_TVM_STATE || a->state == PAGE_VCPU_STATE;

    if (state && b->state == PAGE_CONF_FREE && !is_blank(w, frame))
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub",
                      "frame %u was %s of a TVM that is gone and is not zero", frame, page_state_name(a->state));
}

void content_judge_new(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *before = &o->record[frame];
    const struct page_record *r = &w->machine->monitor->page[frame];
    const uint8_t *bytes = step_bytes(w, frame);
    bool was_owned = step_is_owned(before->state);

    if (!was_owned)
        frame_set_remove(&o->lined, frame);
    if (r->state == PAGE_NONCONF && before->state != PAGE_NONCONF && !is_blank(w, frame)) {
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub", "frame %u went back to the host and is not zero",
                      frame);
        return;
    }
    if (was_owned) {
        judge_reserve_content(w, frame, before, r);
        judge_dead_state(w, frame, before, r);
    }
    if (was_owned || !step_is_owned(r->state))
        return;
    if (o->call.id == CALL_covh_promote_to_tvm) {
        judge_promoted_content(w, frame, r);
        return;
    }
    bool measured = r->state == PAGE_DATA && o->call.id == CALL_covh_add_tvm_measured_pages;
    if (!measured) {
        size_t used = object_size(w, frame, r) + 7;
        used -= used % 8;
        bool zero = used == 0 ? is_blank(w, frame) : used >= PAGE_SIZE || bytes_zero(bytes + used, PAGE_SIZE - used);
        /* A page-table frame that was linked in the same call has an entry; linking is judged by the walk. */
        if (!zero)
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "scrub",
                          "frame %u was handed out as %s with old content in it", frame, page_state_name(r->state));
    } else {
        struct step_range_named range = step_range(w);
        uint64_t source = o->call.args[1] + (uint64_t)(frame - range.first) * PAGE_SIZE;
        if (!machine_is_host_ram(w->machine, source, PAGE_SIZE))
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "source",
                          "frame %u was filled from 0x%llx, which is not host memory", frame,
                          (unsigned long long)source);
        else if (memcmp(bytes, machine_peek(w->machine, source, PAGE_SIZE), PAGE_SIZE) != 0)
            oracle_report(w, ORACLE_OWN, S1_ISOLATION, "copy", "frame %u differs from the page it was copied from",
                          frame);
    }
    if (r->state == PAGE_DATA && r->gfn != step_first_gfn(&o->call) + (frame - step_range(w).first))
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "gfn", "frame %u was mapped at gfn 0x%llx, asked for was 0x%llx",
                      frame, (unsigned long long)r->gfn,
                      (unsigned long long)(step_first_gfn(&o->call) + (frame - step_range(w).first)));
}

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
    if (step_guest_slot(w) == owner && o->entry[o->hart].call == CALL_guest_hsm_hart_start)
        return true; /* the vCPU that it starts */
    return o->call.ok && o->call.id == CALL_covh_finalize_tvm && o->call.slot == owner;
}

/* May the tables of TVM `owner` change in this step? */
static bool tables_may_change(const struct world *w, uint32_t owner)
{
    const struct host_call *c = &w->oracle_state->call;

    if (step_guest_slot(w) == owner && step_guest_changes_memory(w))
        return true;
    return c->ok && c->slot == owner && step_host_changes_tables(c->id);
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
        if (o->call.id != CALL_covh_promote_to_tvm || !step_fenced_since_conversion(w, frame))
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

static const uint8_t *old_bytes(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    uint8_t *bytes = step_old_bytes(o, frame);

    if (frame_set_has(&o->at_reset, frame))
        memory_frame_to_boot(w->machine, w->machine->config.host_pages + frame, bytes);
    else if (frame_set_has(&o->at_zero, frame))
        memset(bytes, 0, PAGE_SIZE);
    frame_set_remove(&o->at_reset, frame);
    frame_set_remove(&o->at_zero, frame);
    return bytes;
}

/*
 * Where a frame differs from the step before. What an object leaves over of its frame was zero when the frame was handed out;
 * as long as it is, that half of the comparison is enough there.
 */
static block_set differing_blocks(struct world *w, uint32_t frame)
{
    struct oracle_state *o = w->oracle_state;
    const uint8_t *now = step_bytes(w, frame);
    const uint8_t *before = old_bytes(w, frame);
    size_t object = object_size(w, frame, &o->record[frame]);
    unsigned count = (unsigned)((object + BLOCK_BYTES - 1) / BLOCK_BYTES);
    size_t covered = (size_t)count * BLOCK_BYTES;

    if (count == 0 || count >= FRAME_BLOCKS || !bytes_zero(now + covered, PAGE_SIZE - covered))
        return blocks_differing(now, before, FRAME_BLOCKS);
    return blocks_differing(now, before, count);
}

void content_judge(struct world *w, const uint32_t *frames, uint32_t frame_count)
{
    struct oracle_state *o = w->oracle_state;

    o->written_count = 0;
    for (uint32_t i = 0; i < frame_count && !w->finding.found; i++) {
        uint32_t f = frames[i];
        bool blank = frame_set_has(&o->blank, f);
        block_set blocks = blank ? ALL_BLOCKS : differing_blocks(w, f);
        if (blocks == 0)
            continue;
        o->written_blocks[o->written_count] = blocks;
        o->written[o->written_count++] = f;
        /* A frame in new hands was judged with its transition. */
        bool same_hands = memcmp(&o->record[f], &w->machine->monitor->page[f], sizeof(o->record[f])) == 0;
        if (!blank && (same_hands || step_is_owned(o->record[f].state)))
            lines_written(w, f, blocks);
        if (same_hands)
            judge_content(w, f);
    }
}
