/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sabotage: changes one fact of a live world at a chosen event, as a broken monitor would have, or hides an event
 * from the oracles, as if the monitor had left something out. Each test then wants exactly one finding.
 */
#ifndef TOUCHSTONE_HARNESS_ORACLE_KIT_H
#define TOUCHSTONE_HARNESS_ORACLE_KIT_H

#include "harness/tests/world_kit.h"
#include "monitor/core/tvm.h"

enum when {
    BEFORE_EVENT, /* act, then let the oracles see the event */
    AFTER_EVENT,
    DROP_EVENT,  /* the oracles never see events of this kind */
    REPEAT_EVENT /* they see each twice */
};

struct sabotage {
    struct world *w;
    void (*watching)(void *data, const struct machine_event *event);
    enum machine_event_kind kind;
    enum when when;
    void (*act)(struct world *w, const struct machine_event *event);
    uint32_t skip; /* events of the kind to let pass first */
    bool fired;
};

static void sabotage_event(void *data, const struct machine_event *event)
{
    struct sabotage *s = data;
    bool hit = event->kind == s->kind;

    if (hit && s->skip > 0) {
        s->skip--;
        hit = false;
    }
    bool act = hit && s->act != NULL && !s->fired;
    s->fired = s->fired || hit;
    if (act && s->when == BEFORE_EVENT)
        s->act(s->w, event);
    if (!hit || s->when != DROP_EVENT)
        s->watching(s->w, event);
    if (hit && s->when == REPEAT_EVENT)
        s->watching(s->w, event);
    if (act && s->when == AFTER_EVENT)
        s->act(s->w, event);
}

/* Put an entry into the translation cache of hart 0. */
static inline void kit_cache(struct world *w, unsigned i, struct tlb_entry entry)
{
    w->machine->hart[0].tlb[i] = entry;
    w->machine->hart[0].tlb_valid |= UINT32_C(1) << i;
}

/* From here on, until sabotage_end. One at a time. */
static struct sabotage sabotage_now;

static inline void sabotage_begin(struct world *w, enum machine_event_kind kind, enum when when,
                                  void (*act)(struct world *w, const struct machine_event *event))
{
    sabotage_now = (struct sabotage){.w = w, .watching = w->machine->on_event, .kind = kind, .when = when, .act = act};
    w->machine->on_event = sabotage_event;
    w->machine->event_data = &sabotage_now;
}

static inline void sabotage_end(struct world *w)
{
    CHECK(sabotage_now.fired);
    w->machine->on_event = sabotage_now.watching;
    w->machine->event_data = w;
}

/* Change something while the monitor is about to hand over: the last moment of a step. */
static inline void sabotage_at_leave(struct world *w, void (*act)(struct world *w, const struct machine_event *event))
{
    sabotage_begin(w, EVENT_LEAVE_MONITOR, BEFORE_EVENT, act);
}

/*
 * The oracles are shown other arguments than the monitor gets: what a monitor does that uses the wrong one. The real
 * registers come back right after the entry.
 */
static uint64_t shown_value;
static unsigned shown_register;

static void show_other_argument(void *data, const struct machine_event *event)
{
    struct sabotage *s = data;
    uint64_t *x = &s->w->machine->hart[event->hart].x[10 + shown_register];

    if (event->kind == EVENT_LEAVE_MONITOR && shown_register >= 2)
        *x = shown_value; /* a0 and a1 hold the answer; the others must seem untouched */
    if (event->kind != EVENT_ENTER_MONITOR) {
        s->watching(s->w, event);
        return;
    }
    uint64_t real_value = *x;
    *x = shown_value;
    s->watching(s->w, event);
    *x = real_value;
    s->fired = true;
}

static inline void show_argument(struct world *w, unsigned number, uint64_t value)
{
    sabotage_now = (struct sabotage){.w = w, .watching = w->machine->on_event};
    shown_register = number;
    shown_value = value;
    w->machine->on_event = show_other_argument;
    w->machine->event_data = &sabotage_now;
}

/* One byte of window frame `frame`, written the way that the machine notices. */
static inline void scribble(struct world *w, uint32_t frame, uint32_t offset)
{
    uint8_t byte = (uint8_t)~machine_peek(w->machine, kit_window(frame) + offset, 1)[0];

    machine_poke(w->machine, kit_window(frame) + offset, &byte, 1);
}

static inline struct tvm *kit_tvm(struct world *w, uint32_t slot)
{
    return (void *)(w->machine->window + (size_t)w->machine->monitor->tvm[slot].frame.index * PAGE_SIZE);
}

/* Physical address of the table entry at `level` that translates `gpa` of the TVM in `slot`. */
static inline uint64_t kit_entry(struct world *w, uint32_t slot, uint64_t gpa, unsigned level)
{
    const struct tvm *t = kit_tvm(w, slot);
    uint64_t table = kit_window(t->root.index);
    unsigned top = t->gstage_mode - GSTAGE_SV39X4 + 2;

    for (unsigned at = top;; at--) {
        uint64_t index = gpa >> (12 + 9 * at) & (at == top ? 2047 : 511);
        uint64_t entry = table + index * 8;
        uint64_t pte;
        if (at == level)
            return entry;
        memcpy(&pte, machine_peek(w->machine, entry, 8), 8);
        table = pte >> 10 << 12;
    }
}

static inline uint64_t kit_read_entry(struct world *w, uint64_t entry)
{
    uint64_t pte;

    memcpy(&pte, machine_peek(w->machine, entry, 8), 8);
    return pte;
}

static inline void kit_write_entry(struct world *w, uint64_t entry, uint64_t pte)
{
    machine_poke(w->machine, entry, &pte, 8);
}

#endif
