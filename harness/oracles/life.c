/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, lives: TVMs come into being, change their state and end by the calls that are there for it, and their ids never
 * come back. Remembers of each what the other oracles need to know.
 */
#include "harness/oracles/step.h"

#include <string.h>

#include "monitor/core/tvm.h"

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

/* A promoted TVM has a frame for each page of its memory, mapped or held back: it never depends on anybody for one. */
static void judge_quota(struct world *w, uint32_t slot)
{
    const struct monitor *m = w->machine->monitor;
    const struct tvm *t = (const void *)(w->machine->window + (size_t)m->tvm[slot].frame.index * PAGE_SIZE);
    uint64_t pages = 0;
    uint64_t frames = 0;

    for (uint32_t i = 0; i < t->region_count && i < TVM_MAX_REGIONS; i++)
        pages += t->region[i].len >> PAGE_SHIFT;
    for (uint32_t i = 0; i < m->platform.window_pages; i++)
        frames += (m->page[i].state == PAGE_DATA || m->page[i].state == PAGE_RESERVE) && m->page[i].owner == slot;
    if (pages != frames)
        oracle_report(w, ORACLE_OWN, S3_AVAILABILITY, "quota",
                      "TVM slot %u was promoted with %llu pages of memory and %llu frames for them", slot,
                      (unsigned long long)pages, (unsigned long long)frames);
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

/* Guest time began somewhere in this step. */
static void born_now(struct world *w, uint32_t slot)
{
    struct tvm_history *t = &w->oracle_state->tvm[slot];

    t->born_from = w->oracle_state->time;
    t->born_to = machine_time(w->machine);
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
    born_now(w, slot);
    o->tvm[slot].promoted = false;
    if (promoted) {
        follow_promotion(w, slot);
        judge_quota(w, slot);
    }
}

static void judge_slot(struct world *w, uint32_t slot)
{
    struct oracle_state *o = w->oracle_state;
    const struct tvm_slot *a = &o->slot[slot];
    const struct tvm_slot *b = &w->machine->monitor->tvm[slot];
    bool named = o->call.ok && o->call.slot == slot;
    bool finalized =
        named && o->call.id == CALL_covh_finalize_tvm && a->state == TVM_INITIALIZING && b->state == TVM_RUNNABLE;
    bool killed = step_guest_slot(w) == slot && o->entry[o->hart].call == CALL_guest_srst_system_reset &&
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

void life_judge(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;

    judge_call_state(w);
    for (uint64_t moved = o->slots_moved; moved != 0 && !w->finding.found; moved &= moved - 1)
        judge_slot(w, (uint32_t)__builtin_ctzll(moved));
}

void life_follow(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct host_call *c = &o->call;

    if (!c->ok || c->slot == MONITOR_MAX_TVMS)
        return;
    struct tvm_history *t = &o->tvm[c->slot];
    if (c->id == CALL_covh_finalize_tvm)
        t->start[0] = (struct vcpu_start){c->args[1], c->args[2]};
    if (c->id == CALL_covh_finalize_tvm)
        born_now(w, c->slot);
}
