/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ORD: things happen in the order that makes them safe, even where the end of a step would look the same.
 *
 *   - leaving a guest: its floating point is saved, then replaced; the registers are exchanged once; translations are
 *     forgotten after that; the window is closed
 *   - entering a guest: registers exchanged once, translations forgotten after that, floating point loaded
 *   - a frame that returns to the host is scrubbed while it is still the monitor's
 *   - a fence call fences: its own hart, and with RFENCE every started hart that it names
 *   - host memory is read once: a second look at an address may see another value
 *   - locks are taken in the order that monitor.h gives them
 */
#include "harness/oracles/oracle.h"

#include <stddef.h>
#include <string.h>

/* --- single reads ----------------------------------------------------------------------------------------------- */

static void untrusted_read(struct world *w, uint32_t h, uint64_t address, uint64_t len)
{
    struct order *o = &w->oracle_state->order[h];
    uint64_t end = address + len;

    if (len == 0)
        return;
    /*
     * A VM that is promoted may have a page in several places, as memory and as a page table: each place gets a copy of
     * the whole page, and is judged by that copy. The identity is copied likewise, wherever the host says it is, be it
     * in its mailbox. Anything else is an input, and is read once.
     */
    const struct entry *e = &w->oracle_state->entry[h];
    bool page = address % PAGE_SIZE == 0 && len == PAGE_SIZE;
    bool identity = address == e->before.x[13] && len == TVM_IDENTITY_SIZE;
    bool copy = e->call == CALL_covh_promote_to_tvm && (page || identity);
    for (uint32_t i = 0; i < o->reads && !copy; i++) {
        if (address < o->read[i].end && o->read[i].start < end) {
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "double-fetch",
                          "hart %u read host memory at 0x%llx twice in one call", h, (unsigned long long)address);
            return;
        }
    }
    /* Runs of adjacent reads are one range. */
    if (o->reads > 0 && o->read[o->reads - 1].end == address)
        o->read[o->reads - 1].end = end;
    else if (o->reads < MAX_UNTRUSTED_READS)
        o->read[o->reads++] = (struct untrusted_range){address, end};
}

/* --- locks ------------------------------------------------------------------------------------------------------ */

/* Place of a lock in the order; the locks of all TVM slots share one, because only one of them may be held. */
static uint8_t rank_of(uint64_t offset)
{
    if (offset == offsetof(struct monitor, create_lock))
        return 1;
    if (offset == offsetof(struct monitor, pages_lock))
        return 3;
    return 2;
}

static void lock_taken(struct world *w, uint32_t h, uint64_t offset)
{
    struct order *o = &w->oracle_state->order[h];
    uint8_t rank = rank_of(offset);

    for (uint32_t i = 0; i < o->held; i++) {
        if (o->rank[i] >= rank)
            oracle_report(w, ORACLE_LIV, S3_AVAILABILITY, "lock-order",
                          "hart %u took the lock of rank %u while it held one of rank %u", h, rank, o->rank[i]);
    }
    if (o->held < MAX_HELD_LOCKS)
        o->rank[o->held++] = rank;
}

static void lock_released(struct world *w, uint32_t h, uint64_t offset)
{
    struct order *o = &w->oracle_state->order[h];
    uint8_t rank = rank_of(offset);

    for (uint32_t i = o->held; i > 0; i--) {
        if (o->rank[i - 1] != rank)
            continue;
        o->rank[i - 1] = o->rank[--o->held];
        return;
    }
}

/* --- crossings -------------------------------------------------------------------------------------------------- */

static void crossing(struct world *w, uint32_t h, const char *way)
{
    const struct order *o = &w->oracle_state->order[h];

    if (o->swaps != 1)
        oracle_report(w, ORACLE_ORD, S1_ISOLATION, "csr-swap",
                      "hart %u exchanged the registers of the worlds %u times %s", h, o->swaps, way);
    else if (!o->fenced || o->fence_stale)
        oracle_report(w, ORACLE_ORD, S1_ISOLATION, "switch-unfenced",
                      "hart %u did not forget translations after the exchange of registers %s", h, way);
}

static void left_guest(struct world *w, uint32_t h)
{
    const struct order *o = &w->oracle_state->order[h];
    uint64_t last = MACHINE_WINDOW_BASE + (uint64_t)(w->machine->config.window_pages - 1) * PAGE_SIZE;

    bool vectors = w->machine->monitor->platform.vlenb != 0;
    if (vectors && (!o->vector_saved || !o->vector_replaced))
        oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "vector-exit",
                      "hart %u returned to the host with the guest's vector registers %s", h,
                      o->vector_saved ? "in place" : "not saved");
    if (!o->fp_saved || !o->fp_replaced)
        oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "fp-exit",
                      "hart %u returned to the host with the guest's floating point %s", h,
                      o->fp_saved ? "in its registers" : "not saved");
    crossing(w, h, "on the way to the host");
    if (machine_pmp_check(w->machine, h, MACHINE_WINDOW_BASE, PAGE_SIZE) != 0 ||
        machine_pmp_check(w->machine, h, last, PAGE_SIZE) != 0)
        oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "window-open",
                      "hart %u returned to the host with the window open", h);
}

static void entered_guest(struct world *w, uint32_t h)
{
    const struct order *o = &w->oracle_state->order[h];

    if (w->machine->monitor->platform.vlenb != 0 && !o->vector_loaded)
        oracle_report(w, ORACLE_ORD, S1_ISOLATION, "vector-enter",
                      "hart %u entered a guest with the host's vector registers", h);
    if (!o->fp_loaded)
        oracle_report(w, ORACLE_ORD, S1_ISOLATION, "fp-enter", "hart %u entered a guest with the host's floating point",
                      h);
    crossing(w, h, "on the way to the guest");
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

void ord_reset(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    /* Counting on makes what was scrubbed in an earlier run old, without touching it. */
    if (o->scrub_step > UINT32_MAX / 2) {
        memset(o->scrubbed, 0, o->pages * sizeof(*o->scrubbed));
        o->scrub_step = 0;
    }
    ord_before(w);
}

static void begin(struct order *o)
{
    /* What was read is counted by `reads`: the ranges need no clearing. */
    memset(o, 0, offsetof(struct order, read));
}

void ord_before(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    o->scrub_step++;
    for (uint32_t h = 0; h < w->machine->config.harts; h++)
        begin(&o->order[h]);
}

void ord_event(struct world *w, const struct machine_event *e)
{
    struct oracle_state *state = w->oracle_state;
    struct order *o = &state->order[e->hart];

    switch (e->kind) {
    case EVENT_ENTER_MONITOR:
        begin(o);
        o->entered = true;
        o->from_guest = state->entry[e->hart].from_guest;
        return;
    case EVENT_LEAVE_MONITOR:
        if (o->entered && o->from_guest && e->a == 0)
            left_guest(w, e->hart);
        if (o->entered && !o->from_guest && e->a != 0)
            entered_guest(w, e->hart);
        return;
    case EVENT_FP_SAVE: o->fp_saved = true; return;
    case EVENT_VECTOR_SAVE: o->vector_saved = true; return;
    case EVENT_VECTOR_LOAD:
    case EVENT_VECTOR_ZERO:
        if (o->from_guest && !o->vector_saved)
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "vector-order",
                          "hart %u replaced the guest's vector registers before they were saved", e->hart);
        o->vector_replaced = true;
        o->vector_loaded = o->vector_loaded || e->kind == EVENT_VECTOR_LOAD;
        return;
    case EVENT_FP_LOAD:
    case EVENT_FP_ZERO:
        if (o->from_guest && !o->fp_saved)
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "fp-order",
                          "hart %u replaced the guest's floating point before it was saved", e->hart);
        o->fp_replaced = true;
        o->fp_loaded = o->fp_loaded || e->kind == EVENT_FP_LOAD;
        return;
    case EVENT_CSR_SWAP:
        o->swaps++;
        o->fence_stale = true;
        return;
    case EVENT_FENCE_ALL:
        o->fenced = true;
        o->fence_stale = false;
        return;
    case EVENT_FENCE_I: o->fenced_i = true; return;
    case EVENT_SCRUB:
        if (e->a >= state->pages)
            return;
        state->scrubbed[e->a] = state->scrub_step;
        if (w->machine->monitor->page[e->a].state == PAGE_NONCONF)
            oracle_report(w, ORACLE_ORD, S0_CONFIDENTIALITY, "scrub-order",
                          "frame %u was the host's again before it was scrubbed", (uint32_t)e->a);
        return;
    case EVENT_UNTRUSTED_READ: untrusted_read(w, e->hart, e->a, e->b); return;
    case EVENT_LOCK: lock_taken(w, e->hart, e->a); return;
    case EVENT_UNLOCK: lock_released(w, e->hart, e->a); return;
    case EVENT_PMP_WRITE:
    case EVENT_HGATP_WRITE:
    case EVENT_VSATP_WRITE:
    case EVENT_UNTRUSTED_WRITE:
    case EVENT_IPI:
    case EVENT_RESET:
    case EVENT_IOPMP_WRITE: return;
    }
}

/* Did the remote fence reach every started or suspended hart that the host named? */
static void check_remote_fence(struct world *w, bool instructions)
{
    const struct oracle_state *o = w->oracle_state;
    uint64_t mask = o->call.args[0];
    uint64_t base = o->call.args[1];

    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        bool named = base == SBI_ALL_HARTS || (h >= base && h - base < 64 && (mask >> (h - base) & 1) != 0);
        bool there = o->hsm[h] == SBI_HSM_STARTED || o->hsm[h] == SBI_HSM_SUSPENDED;
        if (named && there && !(instructions ? o->order[h].fenced_i : o->order[h].fenced))
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "rfence",
                          "hart %u was named by a remote fence and did not fence", h);
    }
}

void ord_after(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;

    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        bool starts = o->hsm[h] != SBI_HSM_STARTED && w->machine->monitor->hart[h].hsm_state == SBI_HSM_STARTED;
        if (starts && !o->order[h].fenced)
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "start-unfenced",
                          "hart %u went online without forgetting its translations", h);
    }
    if (!o->call.ok)
        return;
    switch ((enum call_id)o->call.id) {
    case CALL_covh_global_fence:
    case CALL_covh_local_fence:
        if (!o->order[o->hart].fenced)
            oracle_report(w, ORACLE_ORD, S1_ISOLATION, "fence-skipped", "hart %u was counted as fenced and was not",
                          o->hart);
        return;
    case CALL_rfence_fence_i: check_remote_fence(w, true); return;
    case CALL_rfence_sfence_vma:
    case CALL_rfence_sfence_vma_asid:
    case CALL_rfence_hfence_gvma_vmid:
    case CALL_rfence_hfence_gvma:
    case CALL_rfence_hfence_vvma_asid:
    case CALL_rfence_hfence_vvma: check_remote_fence(w, false); return;
    default: return;
    }
}
