/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF: predict on entry, compare on leaving; see ref.h. Reading the monitor's structures is the last step only, to
 * compare them with the model's own.
 */
#include "harness/oracles/ref.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/fail_points.h"
#include "harness/oracles/oracle.h"
#include "monitor/core/vcpu.h"

#define A0 10u
#define A1 11u
#define CAUSE_VS_ECALL 10u
#define CAUSE_HS_ECALL 9u
#define CAUSE_LOAD_FAULT 21u
#define CAUSE_STORE_FAULT 23u
#define MACHINE_SOFTWARE (UINT64_C(1) << 63 | 3u)
#define CSR_SCAUSE 0x142u
#define CSR_STVAL 0x143u
#define CSR_HTVAL 0x643u
#define CSR_HTINST 0x64au

_Static_assert(REF_VCPU_ABSENT == 0 && REF_VCPUS == 64, "a bit for each");

struct ref *ref_of(const struct world *w)
{
    const struct oracle_state *o = w->oracle_state;

    return o->ref;
}

bool ref_create(struct world *w)
{
    struct ref *r = calloc(1, sizeof(*r));

    w->oracle_state->ref = r;
    if (r == NULL)
        return false;
    r->flipped = REF_NO_RULE;
    r->everything = true; /* what boot left, once */
    r->frames = w->machine->config.window_pages;
    r->frame = calloc(r->frames, sizeof(*r->frame));
    uint32_t reserve = w->machine->monitor->platform.reserve_pages;
    for (uint32_t i = r->frames - reserve; r->frame != NULL && i < r->frames; i++)
        r->frame[i].state = FRAME_FREE;
    return r->frame != NULL && frame_set_create(&r->moved, r->frames) && frame_set_create(&r->used, r->frames);
}

void ref_destroy(struct world *w)
{
    struct ref *r = ref_of(w);

    if (r == NULL)
        return;
    for (uint32_t i = 0; i < REF_TVMS; i++) {
        free(r->tvm[i].run);
        free(r->tvm[i].block);
    }
    ref_keep_free(r);
    free(r->frame);
    frame_set_destroy(&r->moved);
    frame_set_destroy(&r->used);
    free(r);
    w->oracle_state->ref = NULL;
}

void ref_reset(struct world *w)
{
    struct ref *r = ref_of(w);
    uint32_t reserve = w->machine->monitor->platform.reserve_pages;

    if ((w->oracles & ORACLE_REF) == 0)
        return;
    FRAME_SET_EACH(&r->used, i)
    {
        r->frame[i] = (struct ref_frame){.state = i < r->frames - reserve ? FRAME_NONCONF : FRAME_FREE};
    }
    frame_set_clear(&r->used);
    frame_set_clear(&r->moved);
    for (; r->live != 0; r->live &= r->live - 1)
        ref_tvm_clear(&r->tvm[__builtin_ctzll(r->live)]);
    r->next_id = 1;
    r->fence = 0;
    memset(r->hart, 0, sizeof(r->hart));
    memset(r->entry, 0, sizeof(r->entry));
    for (uint32_t h = 0; h < MONITOR_MAX_HARTS; h++) {
        r->hart[h].hsm = h == 0 ? SBI_HSM_STARTED : SBI_HSM_STOPPED;
        r->hart[h].tvm = REF_TVMS;
    }
    r->again = false;
    r->lost = false;
    r->disagrees = false;
    r->judged = 0;
}

void ref_flip(struct world *w, uint32_t rule)
{
    ref_of(w)->flipped = rule;
}

const char *ref_rule_text(uint32_t rule, char *text, size_t max)
{
    static const char *const rows[] = {
#define REF_STATES(name, initializing, runnable, dead) #name,
#include "harness/oracles/ref_rules.def"
    };
    static const char *const rules[] = {
#define REF_RULE(name, text) #name ": " text,
#include "harness/oracles/ref_rules.def"
    };
    static const char *const states[] = {"initializing", "runnable", "dead"};

    if (rule < RULE_STATES_END) {
        snprintf(text, max, "%s of a TVM that is %s", rows[rule / 3], states[rule % 3]);
        return text;
    }
    if (rule == RULE_STATES_END || rule >= RULE_COUNT)
        return NULL;
    snprintf(text, max, "%s", rules[rule - RULE_STATES_END - 1]);
    return text;
}

bool ref_state_allows(const struct ref *r, enum ref_state_row row, uint32_t state)
{
    static const bool allowed[][3] = {
#define REF_STATES(name, initializing, runnable, dead) {initializing, runnable, dead},
#include "harness/oracles/ref_rules.def"
    };
    uint32_t column = state - REF_INITIALIZING;

    return ref_holds(r, 3 * row + column, allowed[row][column]);
}

/* --- the monitor's state against the model's -------------------------------------------------------------------- */

static void say(struct world *w, enum severity severity, const char *property, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct world *w, enum severity severity, const char *property, const char *format, ...)
{
    struct ref *r = ref_of(w);
    va_list list;

    if (r->disagrees)
        return;
    r->disagrees = true;
    r->severity = severity;
    r->property = property;
    va_start(list, format);
    vsnprintf(r->text, sizeof(r->text), format, list);
    va_end(list);
}

static void disagree(struct world *w, const char *property, const char *what, uint64_t number, uint64_t is,
                     uint64_t wanted)
{
    say(w, S5_MODEL, property, "%s %llu: the monitor says 0x%llx, the model 0x%llx", what, (unsigned long long)number,
        (unsigned long long)is, (unsigned long long)wanted);
}

static enum ref_frame_state frame_state(uint8_t state)
{
    switch ((enum page_state)state) {
    case PAGE_NONCONF: return FRAME_NONCONF;
    case PAGE_CONVERTING: return FRAME_CONVERTING;
    case PAGE_CONF_FREE: return FRAME_FREE;
    case PAGE_TVM_ROOT: return FRAME_PGD;
    case PAGE_TVM_STATE: return FRAME_TVMC;
    case PAGE_VCPU_STATE: return FRAME_VHCS;
    case PAGE_TABLE_POOL:
    case PAGE_TABLE: return FRAME_PT;
    case PAGE_DATA: return FRAME_MAPPED;
    case PAGE_BLOCKED: return FRAME_BLOCKED;
    case PAGE_RESERVE: return FRAME_RESERVED;
    case PAGE_BUSY: break;
    }
    return FRAME_RESERVED;
}

static bool followed_owner(const struct ref *r, const struct monitor *m, const struct page_record *page)
{
    for (uint64_t live = r->live; live != 0; live &= live - 1) {
        const struct ref_tvm *t = &r->tvm[__builtin_ctzll(live)];
        if (t->followed && page->owner < MONITOR_MAX_TVMS && t->id == m->tvm[page->owner].id)
            return page->state >= PAGE_TVM_ROOT && page->state <= PAGE_RESERVE;
    }
    return false;
}

/* Does the monitor's record of a frame say what the model says? Reports when not. */
static bool compare_frame(struct world *w, uint32_t i)
{
    const struct monitor *m = w->machine->monitor;
    const struct ref *r = ref_of(w);
    const struct page_record *page = &m->page[i];
    const struct ref_frame *f = &r->frame[i];
    uint64_t owner = f->state >= FRAME_PGD ? r->tvm[f->tvm].id : 0;
    bool owned = page->state >= PAGE_TVM_ROOT && page->state <= PAGE_RESERVE;

    if (frame_state(page->state) == f->state && (!owned || m->tvm[page->owner % MONITOR_MAX_TVMS].id == owner))
        return true;
    if (followed_owner(r, m, page) || (f->state >= FRAME_PGD && r->tvm[f->tvm].followed))
        return true;
    disagree(w, "frame", "state of frame", i, frame_state(page->state), f->state);
    return false;
}

/* The frames that either side has changed since they were found to agree. */
static void compare_frames(struct world *w)
{
    struct ref *r = ref_of(w);
    struct frame_set *fresh = &w->oracle_state->fresh[FRESH_REF];

    records_scan(w);
    for (uint32_t i = 0; r->everything && i < r->frames; i++)
        if (!compare_frame(w, i))
            return;
    const struct frame_set *theirs = r->again ? &w->oracle_state->ever : fresh;
    const struct frame_set *mine = r->again ? &r->used : &r->moved;
    for (uint32_t at = 0; (theirs->any || mine->any) && at < theirs->words; at++)
        for (uint64_t rest = theirs->word[at] | mine->word[at]; rest != 0; rest &= rest - 1)
            if (!compare_frame(w, at * 64 + (uint32_t)__builtin_ctzll(rest)))
                return;
    frame_set_clear(fresh);
    frame_set_clear(&r->moved);
    r->again = false;
    r->everything = false;
}

static enum ref_region_type region_type(uint32_t type)
{
    switch ((enum region_type)type) {
    case REGION_CONFIDENTIAL: return REF_CONFIDENTIAL;
    case REGION_CONFIDENTIAL_REMOVABLE: return REF_CONFIDENTIAL_REMOVABLE;
    case REGION_SHARED: return REF_SHARED;
    case REGION_SHARED_REMOVABLE: return REF_SHARED_REMOVABLE;
    case REGION_MMIO: return REF_MMIO;
    }
    return REF_MMIO;
}

static enum ref_vcpu_state vcpu_state(uint32_t state)
{
    switch ((enum vcpu_state)state) {
    case VCPU_ABSENT: return REF_VCPU_ABSENT;
    case VCPU_STOPPED: return REF_VCPU_STOPPED;
    case VCPU_RUNNABLE: return REF_VCPU_RUNNABLE;
    case VCPU_RUNNING: return REF_VCPU_RUNNING;
    case VCPU_DEAD: return REF_VCPU_DEAD;
    case VCPU_BLOCKED: return REF_VCPU_BLOCKED;
    case VCPU_SUSPENDED: return REF_VCPU_SUSPENDED;
    }
    return REF_VCPU_DEAD;
}

static enum ref_tvm_state tvm_state(uint32_t state)
{
    switch ((enum tvm_state)state) {
    case TVM_ABSENT: return REF_ABSENT;
    case TVM_INITIALIZING: return REF_INITIALIZING;
    case TVM_RUNNABLE: return REF_RUNNABLE;
    case TVM_DEAD: return REF_DEAD;
    }
    return REF_ABSENT;
}

static void compare_tvm(struct world *w, const struct tvm *t, const struct ref_tvm *mine)
{
    uint64_t vcpus = oracle_vcpus(t) | mine->vcpus;

    for (; vcpus != 0; vcpus &= vcpus - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(vcpus);
        if (vcpu_state(t->vcpu[i].state) != mine->vcpu[i].state)
            disagree(w, "vcpu", "state of vCPU", i, vcpu_state(t->vcpu[i].state), mine->vcpu[i].state);
    }
    if (t->fence.current != mine->fence)
        disagree(w, "fence", "fence of TVM", mine->id, t->fence.current, mine->fence);
    if (t->fence.running_previous != mine->running_before)
        disagree(w, "fence", "vCPUs that the fence of this TVM waits for,", mine->id, t->fence.running_previous,
                 mine->running_before);
    if (mine->followed)
        return;
    if (t->pool_count != mine->pool)
        disagree(w, "pool", "page-table pool of TVM", mine->id, t->pool_count, mine->pool);
    if (t->region_count != mine->regions) {
        disagree(w, "region", "regions of TVM", mine->id, t->region_count, mine->regions);
        return;
    }
    for (uint32_t i = 0; i < mine->regions; i++) {
        const struct region *g = &t->region[i];
        if (g->base != mine->region[i].base)
            disagree(w, "region", "start of region", i, g->base, mine->region[i].base);
        if (g->len != mine->region[i].len)
            disagree(w, "region", "length of region", i, g->len, mine->region[i].len);
        if (region_type(g->type) != mine->region[i].type)
            disagree(w, "region", "type of region", i, region_type(g->type), mine->region[i].type);
    }
}

/* With `everything`, each TVM down to its regions and vCPUs; without, those that `id` names. */
static void compare_tvms(struct world *w, bool everything, uint64_t id)
{
    const struct monitor *m = w->machine->monitor;
    struct ref *r = ref_of(w);
    uint32_t theirs = 0;
    uint32_t mine = (uint32_t)__builtin_popcountll(r->live);
    for (uint64_t live = records_live_slots(w); live != 0; live &= live - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(live);
        const struct tvm_slot *slot = &m->tvm[i];
        theirs++;
        const struct ref_tvm *t = ref_tvm_by_id(r, slot->id);
        if (t == NULL || t->state != tvm_state(slot->state)) {
            disagree(w, "tvm", "state of TVM", slot->id, tvm_state(slot->state), t == NULL ? 0 : t->state);
            return;
        }
        if (slot->running != t->running)
            disagree(w, "running", "vCPUs on harts of TVM", slot->id, slot->running, t->running);
        /* A slot that points nowhere has none: then OWN has more to say than REF. */
        const struct tvm *object = everything || slot->id == id ? machine_tvm_object(w->machine, i) : NULL;
        if (object != NULL)
            compare_tvm(w, object, t);
    }
    if (theirs != mine)
        disagree(w, "tvm", "number of TVMs", 0, theirs, mine);
}

void ref_after(struct world *w)
{
    struct ref *r = ref_of(w);
    const struct ref_entry *e = &r->entry[w->oracle_state->hart];

    if (w->machine->halted && !r->lost) {
        if (e->open && e->answer.kind != ANSWER_HALT)
            say(w, S5_MODEL, "way", "the system was reset, and the model does not say so");
        r->lost = true;
    }
    if (r->disagrees)
        oracle_report(w, ORACLE_REF, r->severity, r->property, "%s", r->text);
    r->disagrees = false;
}

void ref_audit(struct world *w)
{
    if ((w->oracles & ORACLE_REF) == 0 || ref_of(w)->lost || w->finding.found || w->machine->halted)
        return;
    compare_frames(w);
    compare_tvms(w, true, 0);
    ref_after(w);
}

/* --- following what cannot be predicted ------------------------------------------------------------------------- */

/* A TVM that promote_to_tvm made: what it is made of is taken over. */
static void follow_new_tvm(struct world *w, uint64_t id)
{
    const struct monitor *m = w->machine->monitor;
    struct ref *r = ref_of(w);
    uint32_t index = r->live == UINT64_MAX ? REF_TVMS : (uint32_t)__builtin_ctzll(~r->live);

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS && index < REF_TVMS; i++) {
        if (m->tvm[i].state == TVM_ABSENT || m->tvm[i].id != id)
            continue;
        struct ref_tvm *t = &r->tvm[index];
        const struct tvm *object = machine_tvm_object(w->machine, i);
        ref_tvm_clear(t);
        r->live |= UINT64_C(1) << index;
        t->state = REF_RUNNABLE;
        t->id = id;
        t->followed = true;
        r->next_id++;
        for (uint32_t v = 0; object != NULL && v < REF_VCPUS; v++)
            ref_vcpu_becomes(t, v, vcpu_state(object->vcpu[v].state));
        for (uint32_t f = 0; f < r->frames; f++)
            if (m->page[f].owner == i && m->page[f].state >= PAGE_TVM_ROOT && m->page[f].state <= PAGE_RESERVE)
                ref_frame_set(
                    r, f, (struct ref_frame){.state = (uint8_t)frame_state(m->page[f].state), .tvm = (uint8_t)index});
    }
}

static void follow_frames(struct world *w)
{
    const struct monitor *m = w->machine->monitor;
    struct ref *r = ref_of(w);
    bool any = false;

    for (uint64_t live = r->live; live != 0; live &= live - 1)
        any = any || r->tvm[__builtin_ctzll(live)].followed;
    if (!any)
        return;
    r->again = true;
    records_scan(w);
    FRAME_SET_EACH(&w->oracle_state->ever, f) /* the others are nobody's */
    {
        const struct page_record *page = &m->page[f];
        const struct ref_tvm *owner =
            followed_owner(r, m, page) ? ref_tvm_by_id(r, m->tvm[page->owner % MONITOR_MAX_TVMS].id) : NULL;
        struct ref_frame follows = r->frame[f];
        if (owner != NULL)
            follows.tvm = (uint8_t)ref_tvm_index(r, owner);
        if (owner == NULL && (follows.state < FRAME_PGD || !r->tvm[follows.tvm].followed))
            continue;
        follows.state = (uint8_t)frame_state(page->state);
        ref_frame_set(r, f, follows);
    }
}

/* State in which the monitor left the vCPU that was on this hart. */
static uint32_t vcpu_state_now(const struct world *w, const struct ref_tvm *t, uint32_t vcpu)
{
    const struct monitor *m = w->machine->monitor;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        const struct tvm *object = m->tvm[i].id == t->id ? machine_tvm_object(w->machine, i) : NULL;
        if (object != NULL)
            return vcpu_state(object->vcpu[vcpu].state);
    }
    return REF_VCPU_DEAD;
}

/* vCPUs that one of a promoted TVM has started. */
static void follow_vcpus(struct world *w, struct ref_tvm *t)
{
    for (uint32_t i = 0; t->followed && i < REF_VCPUS; i++)
        if (t->vcpu[i].state == REF_VCPU_STOPPED && vcpu_state_now(w, t, i) == REF_VCPU_RUNNABLE)
            ref_vcpu_becomes(t, i, REF_VCPU_RUNNABLE);
}

static void follow(struct world *w, uint32_t hart, const struct ref_entry *e)
{
    struct ref *r = ref_of(w);
    struct ref_hart *h = &r->hart[hart];
    const uint64_t *x = w->machine->hart[hart].x;
    bool in_guest = machine_in_guest(w->machine, hart);
    bool promote = e->host_call && e->x[17] == SBI_EID_COVH && (uint32_t)(e->x[16] & 0xffffu) == 7;

    if (promote && (int64_t)x[A0] == SBI_SUCCESS)
        follow_new_tvm(w, x[A1]);
    if (!e->from_guest && in_guest && h->tvm == REF_TVMS) {
        struct ref_tvm *t = ref_tvm_by_id(r, e->x[A0]);
        if (t != NULL && e->x[A1] < REF_VCPUS)
            ref_guest_entered(r, hart, t, (uint32_t)e->x[A1]);
    }
    if (e->from_guest && h->tvm < REF_TVMS && !in_guest) {
        struct ref_tvm *t = &r->tvm[h->tvm];
        struct ref_vcpu *v = &t->vcpu[h->vcpu];
        uint64_t cause = machine_csr_read(w->machine, hart, CSR_SCAUSE);
        uint32_t state = vcpu_state_now(w, t, h->vcpu);
        v->wait = state != REF_VCPU_BLOCKED    ? WAIT_NOTHING
                  : cause == CAUSE_LOAD_FAULT  ? WAIT_LOAD
                  : cause == CAUSE_STORE_FAULT ? WAIT_STORE
                                               : WAIT_ECALL;
        ref_guest_left(r, hart, state);
        follow_vcpus(w, t);
    }
    follow_frames(w);
}

bool ref_names_clean(const uint64_t *x)
{
    uint64_t eid = x[17];
    uint32_t word = (uint32_t)x[16];
    bool cove = eid == SBI_EID_COVH || eid == SBI_EID_COVI || eid == SBI_EID_COVG;

    if (eid > UINT32_MAX || (x[16] != word && x[16] != (uint64_t)(int64_t)(int32_t)word))
        return false;
    return !cove || ((word >> 16 & 0x3ffu) == 0 && word >> 26 <= 1);
}

uint16_t ref_call_name(bool guest, const uint64_t *x)
{
    uint64_t eid = x[17];
    uint32_t word = (uint32_t)x[16];
    bool cove = eid == SBI_EID_COVH || eid == SBI_EID_COVI || eid == SBI_EID_COVG;
    const struct abi_call *call;

    if (!ref_names_clean(x))
        return CALL_none;
    call = abi_call_by_number(guest, eid, cove ? word & 0xffffu : word);
    return call != NULL && call->served ? call->id : CALL_none;
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

/* A suspended hart wakes when something pends, not when somebody calls. It has fenced on its way. */
static void see_awake(struct world *w)
{
    struct ref *r = ref_of(w);

    for (uint32_t i = 0; i < w->machine->config.harts; i++) {
        uint32_t now = w->machine->monitor->hart[i].hsm_state;
        /* Where the hardware did not take its entries it stays on the way. */
        if (r->hart[i].hsm == SBI_HSM_SUSPENDED && now == SBI_HSM_RESUME_PENDING && machine_pmp_failed(w->machine, i))
            r->hart[i].hsm = SBI_HSM_RESUME_PENDING;
        if ((r->hart[i].hsm != SBI_HSM_SUSPENDED && r->hart[i].hsm != SBI_HSM_START_PENDING) || now != SBI_HSM_STARTED)
            continue;
        r->hart[i].hsm = SBI_HSM_STARTED;
        r->hart[i].seen = r->fence;
    }
}

void ref_enter(struct world *w, uint32_t hart, const struct ref_trap *trap)
{
    struct ref *r = ref_of(w);
    struct ref_entry *e = &r->entry[hart];

    if (r->lost)
        return;
    see_awake(w);
    if (w->machine->hart[hart].parked)
        return;
    /* The monitor's own interrupt is none of anybody's business, unless it comes to end the guest. */
    uint32_t tvm = r->hart[hart].tvm;
    if (trap->cause == MACHINE_SOFTWARE && (tvm == REF_TVMS || r->tvm[tvm].state != REF_DEAD))
        return;
    e->open = true;
    e->from_guest = r->hart[hart].tvm < REF_TVMS;
    e->host_call = !e->from_guest && trap->cause == CAUSE_HS_ECALL;
    e->call = e->host_call || (e->from_guest && trap->cause == CAUSE_VS_ECALL);
    memcpy(e->x, w->machine->hart[hart].x, sizeof(e->x));
    e->tvm = e->from_guest ? r->tvm[tvm].id : e->x[A0];
    e->kept = machine_fail_waits(w->machine, hart);
    if (e->kept && !ref_keep(r, ref_tvm_by_id(r, e->tvm))) {
        r->lost = true;
        return;
    }
    if (e->from_guest)
        e->answer = trap->cause == MACHINE_SOFTWARE ? (struct ref_answer){.kind = ANSWER_UNKNOWN}
                    : trap->cause == CAUSE_VS_ECALL ? ref_guest_call(w, hart, e->x)
                                                    : ref_guest_trap(w, hart, trap);
    else if (trap->cause == CAUSE_HS_ECALL)
        e->answer = ref_host_call(w, hart, e->x);
    else
        e->answer = (struct ref_answer){.kind = ANSWER_UNKNOWN};
}

static void compare_result(struct world *w, uint32_t hart, const struct ref_answer *want)
{
    const uint64_t *x = w->machine->hart[hart].x;

    if (x[A0] != (uint64_t)want->error)
        say(w, S4_ABI, "result", "hart %u: the call answered %lld, the model says %lld", hart, (long long)x[A0],
            (long long)want->error);
    if (!want->any_value && x[A1] != want->value)
        say(w, S4_ABI, "value", "hart %u: the call's value is 0x%llx, the model says 0x%llx", hart,
            (unsigned long long)x[A1], (unsigned long long)want->value);
}

static uint64_t mailbox(const struct world *w, uint32_t hart, uint64_t offset)
{
    const uint8_t *bytes = machine_peek(w->machine, ref_of(w)->hart[hart].shmem_base + offset, 8);
    uint64_t word = 0;

    if (bytes != NULL)
        memcpy(&word, bytes, 8);
    return word;
}

static void same(struct world *w, const char *what, uint32_t hart, uint64_t is, uint64_t wanted)
{
    if (is != wanted)
        say(w, S5_MODEL, "exit", "hart %u: %s of the exit is 0x%llx, the model says 0x%llx", hart, what,
            (unsigned long long)is, (unsigned long long)wanted);
}

static void compare_exit(struct world *w, uint32_t hart, const struct ref_answer *want)
{
    static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"};
    const uint64_t *x = w->machine->hart[hart].x;

    same(w, "error", hart, x[A0], 0);
    same(w, "value", hart, x[A1], want->value);
    same(w, "scause", hart, machine_csr_read(w->machine, hart, CSR_SCAUSE), want->scause);
    same(w, "stval", hart, machine_csr_read(w->machine, hart, CSR_STVAL), want->stval);
    same(w, "htval", hart, mailbox(w, hart, NACL_CSR_OFFSET(CSR_HTVAL)), want->htval);
    same(w, "htinst", hart, mailbox(w, hart, NACL_CSR_OFFSET(CSR_HTINST)), want->htinst);
    for (unsigned i = 0; i < 8; i++)
        same(w, names[i], hart, mailbox(w, hart, NACL_GPR_OFFSET(A0 + i)), want->a[i]);
}

/* Did the hart end up where the answer says? */
static bool same_way(struct world *w, uint32_t hart, const struct ref_entry *e)
{
    static const char *const ways[] = {"nothing", "an answer",     "the guest", "the guest",
                                       "an exit", "a parked hart", "a reset"};
    bool in_guest = machine_in_guest(w->machine, hart);
    bool parked = w->machine->hart[hart].parked;
    enum ref_answer_kind kind = e->answer.kind;
    bool right = kind == ANSWER_HALT                       ? false
                 : kind == ANSWER_PARK                     ? parked
                 : kind == ANSWER_EXIT                     ? !in_guest && !parked
                 : kind == ANSWER_RESULT && !e->from_guest ? !in_guest && !parked
                                                           : in_guest;
    if (!right)
        say(w, S5_MODEL, "way", "hart %u: the model says %s, but the hart is %s", hart, ways[kind],
            parked     ? "parked"
            : in_guest ? "in the guest"
                       : "in the host");
    return right;
}

/* The guest left where the model would have let it go on as well: the host learns of the call and nothing else. */
static bool left_instead(struct world *w, uint32_t hart, struct ref_entry *e)
{
    if (!e->answer.or_exit || machine_in_guest(w->machine, hart))
        return false;
    struct ref_answer exit = {.kind = ANSWER_EXIT, .scause = CAUSE_VS_ECALL};
    exit.a[0] = e->x[A1] == UINT64_MAX ? 0 : e->x[A0]; /* a mask that does not count */
    exit.a[1] = e->x[A1];
    exit.a[6] = e->x[16] & 0xffffu;
    exit.a[7] = e->x[17];
    ref_guest_left(ref_of(w), hart, REF_VCPU_RUNNABLE);
    compare_exit(w, hart, &exit);
    return true;
}

/* Errors by which a call may say that a function of this kind failed. */
static bool is_failure_of(enum machine_fail kind, int64_t error)
{
    switch (kind) {
    case MACHINE_FAIL_ROOM:
        return error == SBI_ERR_FAILED || error == SBI_ERR_OUT_OF_PTPAGES || error == SBI_ERR_OUT_OF_MEMORY;
    case MACHINE_FAIL_ADDRESS: return error == SBI_ERR_INVALID_ADDRESS || error == SBI_ERR_INVALID_PARAM;
    case MACHINE_FAIL_OBJECT: return error == SBI_ERR_INVALID_PARAM || error == SBI_ERR_ALREADY_STARTED;
    case MACHINE_FAIL_KINDS: break;
    }
    return false;
}

/*
 * A call inside of which a trace made a function fail: it has to end with an error of the kind that failed, and what was
 * predicted has not happened. False when it is to be judged like any other: nothing failed, or nothing that mattered.
 */
static bool failed_inside(struct world *w, uint32_t hart, const struct ref_entry *e)
{
    enum machine_fail kind = MACHINE_FAIL_KINDS;
    const char *failed = e->kept ? machine_failed(w->machine, hart, &kind) : NULL;
    const struct machine_hart *h = &w->machine->hart[hart];
    bool answered = !h->parked && machine_in_guest(w->machine, hart) == e->from_guest;
    int64_t error = answered ? (int64_t)h->x[A0] : SBI_SUCCESS;

    if (failed == NULL || !e->call)
        return false;
    if (error < 0 && e->answer.kind == ANSWER_RESULT && e->answer.error == error)
        return false; /* it was to fail in this way, whatever failed before */
    if (error >= 0 && e->answer.kind == ANSWER_UNKNOWN)
        return false;
    /* What is not predicted may have failed for another reason: promote_to_tvm looks for frames until it finds some. */
    if (error < 0 && (is_failure_of(kind, error) || e->answer.kind == ANSWER_UNKNOWN))
        ref_put_back(ref_of(w));
    else
        say(w, S5_MODEL, "failure", "hart %u: %s failed inside of the call, and it %s %lld", hart, failed,
            answered ? "answered" : "went on,", (long long)error);
    return true;
}

static void compare_answer(struct world *w, uint32_t hart, struct ref_entry *e)
{
    if (left_instead(w, hart, e) || !same_way(w, hart, e))
        return;
    if (e->answer.kind == ANSWER_RESULT)
        compare_result(w, hart, &e->answer);
    if (e->answer.kind == ANSWER_EXIT)
        compare_exit(w, hart, &e->answer);
}

void ref_leave(struct world *w, uint32_t hart)
{
    struct ref *r = ref_of(w);
    struct ref_entry *e = &r->entry[hart];

    if (r->lost || !e->open || w->finding.found || w->machine->halted)
        return;
    e->open = false;
    r->judged++;
    bool failed = failed_inside(w, hart, e);
    if (!failed && e->answer.kind == ANSWER_UNKNOWN)
        follow(w, hart, e);
    else if (!failed)
        compare_answer(w, hart, e);
    compare_tvms(w, false, e->tvm);
    compare_frames(w);
}
