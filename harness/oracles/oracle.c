/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oracles share: their memory, the hooks, the report, and the view of the call that a step made.
 */
#include "harness/oracles/oracle.h"
#include "harness/oracles/att.h"
#include "harness/oracles/ref.h"
#include "monitor/core/tvm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A0 10u
#define A1 11u
#define A6 16u
#define A7 17u

#define CAUSE_ECALL_HOST 9u
#define CAUSE_ECALL_GUEST 10u
#define CAUSE_MACHINE_SOFTWARE (UINT64_C(1) << 63 | 3u)

/* Call that (extension, function) names for a caller. A host's call is looked up as the host's, whatever it means. */
static uint16_t call_of(bool guest, uint64_t a7, uint64_t a6)
{
    uint32_t eid = (uint32_t)a7;
    bool cove = eid == SBI_EID_COVH || eid == SBI_EID_COVI || eid == SBI_EID_COVG;
    uint32_t fid = cove ? COVE_FID(a6) : (uint32_t)a6;

#define KEY(eid_, fid_) ((uint64_t)(eid_) << 32 | (uint32_t)(fid_))
#define CASE_HOST_HOST(id, ext, fid_)                                                                                  \
    case KEY(SBI_EID_##ext, fid_):                                                                                     \
        return (id);
#define CASE_HOST_GUEST(id, ext, fid_)
#define CASE_GUEST_HOST(id, ext, fid_)
#define CASE_GUEST_GUEST(id, ext, fid_)                                                                                \
    case KEY(SBI_EID_##ext, fid_): return (id);
    if (guest) {
        switch (KEY(eid, fid)) {
#define ABI_CALL(id, caller, ext, fid_, name, arguments) CASE_GUEST_##caller(id, ext, fid_)
#define ABI_CALL_UNSERVED(id, caller, ext, fid_, name, arguments) CASE_GUEST_##caller(id, ext, fid_)
#include "monitor/abi/calls.def"
        default: return CALL_none;
        }
    }
    switch (KEY(eid, fid)) {
#define ABI_CALL(id, caller, ext, fid_, name, arguments) CASE_HOST_##caller(id, ext, fid_)
#define ABI_CALL_UNSERVED(id, caller, ext, fid_, name, arguments) CASE_HOST_##caller(id, ext, fid_)
#include "monitor/abi/calls.def"
    default: return CALL_none;
    }
}

void oracle_report(struct world *w, uint32_t oracle, enum severity severity, const char *property, const char *format,
                   ...)
{
    struct finding *f = &w->finding;
    const struct oracle_state *o = w->oracle_state;
    va_list list;

    if (f->found || (w->oracles & oracle) == 0)
        return;
    f->found = true;
    f->oracle = oracle;
    f->severity = severity;
    f->step = w->step;
    f->call = o->entry[o->hart].entered ? o->entry[o->hart].call : CALL_none;
    snprintf(f->property, sizeof(f->property), "%s", property);
    va_start(list, format);
    vsnprintf(f->text, sizeof(f->text), format, list);
    va_end(list);
}

bool oracle_window_run(const struct world *w, uint64_t base, uint64_t count, uint32_t *first)
{
    uint64_t pages = w->machine->config.window_pages;

    if (base < MACHINE_WINDOW_BASE || (base & PAGE_MASK) != 0)
        return false;
    uint64_t frame = (base - MACHINE_WINDOW_BASE) >> PAGE_SHIFT;
    if (frame >= pages || count == 0 || count > pages - frame)
        return false;
    *first = (uint32_t)frame;
    return true;
}

_Static_assert(VCPU_ABSENT == 0 && TVM_MAX_VCPUS == 64, "a bit for each");

uint64_t oracle_vcpus(const struct tvm *t)
{
    uint64_t present = 0;

    /* Most of those that there may be, there are not: eight at a time are passed over. */
    for (unsigned i = 0; i < TVM_MAX_VCPUS; i += 8) {
        const struct vcpu_slot *v = &t->vcpu[i];
        uint32_t any =
            v[0].state | v[1].state | v[2].state | v[3].state | v[4].state | v[5].state | v[6].state | v[7].state;
        for (unsigned n = 0; any != 0 && n < 8; n++)
            present |= (uint64_t)(v[n].state != VCPU_ABSENT) << (i + n);
    }
    return present;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

/*
 * The machine reports an entry before it touches a register. The monitor's own interrupt right behind another entry
 * must leave no trace, so the earlier one stays the one that is judged.
 */
static void see_entry(struct world *w, const struct machine_event *event)
{
    struct oracle_state *o = w->oracle_state;
    const struct machine_hart *hart = &w->machine->hart[event->hart];
    struct entry *e = &o->entry[event->hart];

    o->entered = true;
    if (e->entered && event->a == CAUSE_MACHINE_SOFTWARE)
        return;
    e->entered = true;
    e->from_guest = hart->virt && !hart->parked;
    e->cause = event->a;
    e->call = CALL_none;
    e->kept = false;
    e->shown.known = false;
    e->trap = w->machine->taken[event->hart];
    if (e->cause == CAUSE_ECALL_HOST || e->cause == CAUSE_ECALL_GUEST)
        e->call = call_of(e->from_guest, hart->x[A7], hart->x[A6]);
    registers_enter(w, event->hart, e);
}

/* Away from the other events, of which there are many more, and which take a few instructions each. */
#define RARE __attribute__((noinline)) static

RARE void hart_enters(struct world *w, const struct machine_event *event)
{
    const struct trap *t = &w->machine->taken[event->hart];

    see_entry(w, event);
    ord_event(w, event);
    if ((w->oracles & ORACLE_REF) != 0)
        ref_enter(w, event->hart, &(struct ref_trap){event->a, t->tval, t->tval2, t->tinst});
}

RARE void hart_leaves(struct world *w, const struct machine_event *event)
{
    const struct entry *e = &w->oracle_state->entry[event->hart];

    ord_event(w, event);
    if (event->a == 0 && e->entered && e->from_guest)
        secret_leave(w, event->hart);
    if ((w->oracles & ORACLE_REF) != 0)
        ref_leave(w, event->hart);
}

static void on_event(void *data, const struct machine_event *event)
{
    struct world *w = data;

    w->oracle_state->scanned = false; /* the monitor is at work */
    if (event->hart >= w->machine->config.harts)
        return;
    switch (event->kind) {
    case EVENT_ENTER_MONITOR: hart_enters(w, event); return;
    case EVENT_LEAVE_MONITOR: hart_leaves(w, event); return;
    case EVENT_UNTRUSTED_WRITE:
        ord_event(w, event);
        secret_write(w, event->hart, event->a, event->b);
        return;
    default: ord_event(w, event); return;
    }
}

bool oracle_create(struct world *w)
{
    struct oracle_state *o = calloc(1, sizeof(*o));
    uint32_t pages = w->machine->config.window_pages;

    w->oracle_state = o;
    if (o == NULL)
        return false;
    o->pages = pages;
    o->content = aligned_alloc(PAGE_SIZE, (size_t)pages * PAGE_SIZE); /* as the window is: compared word by word */
    o->use = calloc(pages, sizeof(*o->use));
    o->converted_at = calloc(pages, sizeof(*o->converted_at));
    o->blocked_at = calloc(pages, sizeof(*o->blocked_at));
    o->changed = calloc(pages, sizeof(*o->changed));
    o->lines = calloc(pages, sizeof(*o->lines));
    o->vcpu = calloc(pages, sizeof(*o->vcpu));
    o->scrubbed = calloc(pages, sizeof(*o->scrubbed));
    o->written = calloc(pages, sizeof(*o->written));
    o->written_blocks = calloc(pages, sizeof(*o->written_blocks));
    o->erased = calloc(pages, sizeof(*o->erased));
    if (!records_create(w) || !frame_set_create(&o->used, pages) || !frame_set_create(&o->blank, pages) ||
        !frame_set_create(&o->lined, pages) || o->lines == NULL || o->content == NULL ||
        !frame_set_create(&o->touched, pages) || !frame_set_create(&o->at_reset, pages) ||
        !frame_set_create(&o->at_zero, pages) || o->use == NULL || o->converted_at == NULL || o->blocked_at == NULL ||
        o->changed == NULL || o->vcpu == NULL || o->scrubbed == NULL || o->written == NULL ||
        o->written_blocks == NULL || o->erased == NULL || !ref_create(w) || !att_create(w))
        return false;
    memcpy(o->content, w->machine->window, (size_t)pages * PAGE_SIZE);
    if (w->oracles != 0) {
        w->machine->on_event = on_event;
        w->machine->event_data = w;
    }

    /* What boot left behind is the same for every run: judge it once, and begin every run with the verdict. */
    oracle_reset(w);
    if (w->machine->violation.kind != VIOLATION_NONE)
        liv_after(w);
    oracle_audit(w);
    o->boot = w->finding;
    return true;
}

void oracle_destroy(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    if (o == NULL)
        return;
    ref_destroy(w);
    att_destroy(w);
    records_destroy(w);
    frame_set_destroy(&o->used);
    frame_set_destroy(&o->blank);
    frame_set_destroy(&o->touched);
    frame_set_destroy(&o->at_reset);
    frame_set_destroy(&o->at_zero);
    frame_set_destroy(&o->lined);
    free(o->lines);
    free(o->content);
    free(o->use);
    free(o->converted_at);
    free(o->blocked_at);
    free(o->changed);
    free(o->vcpu);
    free(o->scrubbed);
    free(o->written);
    free(o->written_blocks);
    free(o->erased);
    free(o);
    w->oracle_state = NULL;
}

void oracle_reset(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    o->generation++;
    w->finding = o->boot;
    machine_changes_clear(w->machine);
    if (w->oracles == 0)
        return; /* nobody looks */
    for (uint32_t i = 0; i < w->machine->config.harts; i++)
        o->entry[i].entered = false;
    memset(&o->call, 0, sizeof(o->call));
    o->hart = 0;
    o->entered = false;
    records_reset(w);
    transition_reset(w);
    own_reset(w);
    ord_reset(w);
    ref_reset(w);
    att_reset(w);
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

void oracle_before(struct world *w, uint32_t hart, const struct trace_op *op)
{
    struct oracle_state *o = w->oracle_state;

    if (w->oracles == 0)
        return;
    o->hart = hart;
    o->guest_store = op->op == OP_GUEST_STORE || op->op == OP_GUEST_EXEC;
    o->entered = false;
    o->time = machine_time(w->machine);
    for (uint32_t i = 0; i < w->machine->config.harts; i++)
        o->entry[i].entered = false;
    ord_before(w);
}

/* What the acting hart's call was and how it ended. */
static void see_call(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct entry *e = &o->entry[o->hart];
    const struct machine_hart *hart = &w->machine->hart[o->hart];
    struct host_call *call = &o->call;

    memset(call, 0, sizeof(*call));
    call->slot = MONITOR_MAX_TVMS;
    call->args = &e->before.x[A0];
    o->guest_failed = e->entered && e->from_guest && e->cause == CAUSE_ECALL_GUEST &&
                      machine_in_guest(w->machine, o->hart) && (int64_t)hart->x[A0] < 0;
    if (!e->entered || e->from_guest || e->cause != CAUSE_ECALL_HOST)
        return;
    call->made = true;
    call->id = e->call;
    for (uint64_t live = o->slot_live; live != 0; live &= live - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(live);
        if (o->slot[i].id == call->args[0])
            call->slot = i;
    }
    bool entered_guest = machine_in_guest(w->machine, o->hart);
    bool answered = !entered_guest && !hart->parked;
    call->ok = entered_guest || !answered || (int64_t)hart->x[A0] >= 0;
    call->failed = !call->ok;
    call->value = hart->x[A1];
}

/* What the frames, records, registers and caches say about this step. */
static void judge_state(struct world *w)
{
    const struct oracle_state *o = w->oracle_state;
    const uint32_t *frames = NULL;

    if (w->machine->halted) {
        transition_halted(w);
        return;
    }
    uint32_t count = machine_changes(w->machine, &frames);
    if (o->entered)
        registers_noted(w);
    secret_after(w);
    transition_after(w, frames, count);
    if (o->entered) {
        own_after(w);
        region_after(w);
        registers_after(w);
        result_after(w);
    }
    access_after(w);
    devices_after(w);
    transition_sync(w);
    machine_changes_clear(w->machine);
}

void oracle_after(struct world *w, uint32_t hart, const struct trace_op *op)
{
    (void)hart;
    (void)op;
    if (w->oracles == 0)
        return;
    if (w->overrun) {
        devices_after(w); /* what else there is to see is the device's doing */
        return;
    }
    see_call(w);
    secret_trap_to_host(w);
    liv_after(w);
    if (w->oracle_state->entered)
        ord_after(w);
    if ((w->oracles & (ORACLE_OWN | ORACLE_ORD)) != 0 && !w->finding.found)
        judge_state(w);
    /* Last, so that a finding keeps the name of the oracle that knows most of it. */
    if ((w->oracles & ORACLE_REF) != 0)
        ref_after(w);
    if ((w->oracles & ORACLE_ATT) != 0 && !w->finding.found)
        att_after(w);
}

void oracle_audit(struct world *w)
{
    /* Only those who compare records: harts that are threads come here at once, and with other oracles. */
    if ((w->oracles & (ORACLE_OWN | ORACLE_REF)) != 0)
        w->oracle_state->scanned = false;
    ref_audit(w);
    if ((w->oracles & ORACLE_OWN) == 0 || w->finding.found || w->machine->halted)
        return;
    own_audit(w);
    access_audit(w);
    devices_audit(w);
}
