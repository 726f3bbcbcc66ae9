/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler; see schedule.h. One fiber per hart, one for whoever called schedule_run. */
#include "harness/machine/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/fiber.h"
#include "harness/machine/internal.h"

/* Turns of wait loops, all harts together, without anything else happening, after which nobody will end them. */
#define RELAX_LIMIT 4096u

enum place {
    OUTSIDE,  /* in host or guest code, or parked: between two turns */
    INSIDE,   /* in the middle of a turn */
    BLOCKED,  /* waits for `lock` */
    RELAXING, /* in a wait loop, and nobody else has moved since */
};

struct lane {
    struct schedule *schedule;
    uint32_t hart;
    enum place place;
    const struct lock *lock;
    struct fiber fiber;
    /* What is per machine while harts run one after the other. */
    uint64_t steps;
    uint32_t in_monitor;
    jmp_buf *unwind;
    struct fail_watch *fails;
};

struct schedule {
    struct machine *machine;
    struct schedule_programs programs;
    struct schedule_decisions decisions;
    size_t used;     /* bytes of decisions, generated ones included */
    uint64_t random; /* state of the generator */
    uint32_t now;    /* hart that runs */
    uint64_t turns_left;
    uint32_t relaxed; /* wait-loop turns in a row, see RELAX_LIMIT */
    enum schedule_end end;
    uint64_t steps, switches, turns, digest;
    struct fiber caller;
    struct lane lane[MONITOR_MAX_HARTS];
};

/* --- locks ------------------------------------------------------------------------------------------------------ */

void schedule_lock(struct machine *m, uint32_t h, const struct lock *l)
{
    struct lane *lane = &m->private->schedule->lane[h];

    lock_check_order(m, h, l);
    while (l->owner != 0 && l->owner != h + 1) {
        lane->place = BLOCKED;
        lane->lock = l;
        schedule_yield(m);
        lane->place = INSIDE;
    }
    m->private->hart[h].lock_ranks |= (uint8_t)(1u << lock_rank(m, l));
}

void schedule_unlocked(struct machine *m, uint32_t h, const struct lock *l)
{
    m->private->hart[h].lock_ranks &= (uint8_t) ~(1u << lock_rank(m, l));
    schedule_yield(m);
}

/* --- who can go on ---------------------------------------------------------------------------------------------- */

static bool can_begin(const struct schedule *s, uint32_t h)
{
    return s->turns_left != 0 && s->programs.ready(s->programs.data, h);
}

/* Harts that can go on, as bits; those that only turn a wait loop are left out of *busy. */
static uint32_t runnable(const struct schedule *s, uint32_t *busy)
{
    uint32_t all = 0;

    *busy = 0;
    for (uint32_t h = 0; h < s->machine->config.harts; h++) {
        const struct lane *lane = &s->lane[h];
        bool able = false;

        switch (lane->place) {
        case OUTSIDE: able = trap_takes_msi(s->machine, h) || can_begin(s, h); break;
        case INSIDE:
        case RELAXING: able = true; break;
        case BLOCKED: able = lane->lock->owner == 0; break;
        }
        all |= able ? 1u << h : 0;
        *busy |= able && lane->place != RELAXING ? 1u << h : 0;
    }
    return all;
}

static bool all_outside(const struct schedule *s)
{
    for (uint32_t h = 0; h < s->machine->config.harts; h++) {
        if (s->lane[h].place != OUTSIDE)
            return false;
    }
    return true;
}

static void report_deadlock(struct schedule *s)
{
    struct machine *m = s->machine;
    char text[160] = "deadlock:", name[40];
    uint32_t first = m->config.harts;

    for (uint32_t h = 0; h < m->config.harts; h++) {
        const struct lane *lane = &s->lane[h];
        size_t used = strlen(text);

        if (lane->place != BLOCKED)
            continue;
        first = first < h ? first : h;
        lock_describe(m, lane->lock, name, sizeof(name));
        snprintf(text + used, sizeof(text) - used, " hart %u waits for %s of hart %u;", (unsigned)h, name,
                 (unsigned)(lane->lock->owner - 1));
    }
    violation_record(m, first, VIOLATION_DEADLOCK, text);
}

static void report_lost_wake_up(struct schedule *s)
{
    uint32_t h = 0;
    char text[160];

    while (h + 1 < s->machine->config.harts && s->lane[h].place != RELAXING)
        h++;
    snprintf(text, sizeof(text), "hart %u waits for something that no hart is left to do", (unsigned)h);
    violation_record(s->machine, h, VIOLATION_WAKE_UP, text);
}

/* --- decisions -------------------------------------------------------------------------------------------------- */

static uint8_t some_byte(struct schedule *s)
{
    if (s->used < s->decisions.len)
        return s->decisions.bytes[s->used];
    if (s->decisions.settled)
        return 0;
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (uint8_t)(s->random >> 56);
}

static uint8_t next_byte(struct schedule *s)
{
    uint8_t byte = some_byte(s);

    if (s->used < s->decisions.log_size)
        s->decisions.log[s->used] = byte;
    s->used++;
    return byte;
}

/* The n-th hart of a set, counted round. */
static uint32_t nth(uint32_t set, uint32_t n)
{
    n %= (uint32_t)__builtin_popcount(set);
    while (n-- != 0)
        set &= set - 1;
    return (uint32_t)__builtin_ctz(set);
}

#define NOBODY UINT32_MAX

/*
 * Choose who goes on: in half of the cases the hart that runs, else any. One that turns a wait loop lets another go
 * first. NOBODY, and `end` set, when the run is over or has to pause.
 */
static uint32_t choose(struct schedule *s)
{
    const struct machine *m = s->machine;
    uint32_t busy;

    if (m->violation.kind != VIOLATION_NONE || m->halted) {
        s->end = SCHEDULE_STOPPED;
        return NOBODY;
    }
    uint32_t all = runnable(s, &busy);
    if (all == 0 && all_outside(s)) {
        s->end = s->turns_left == 0 ? SCHEDULE_QUIET : SCHEDULE_DONE;
        return NOBODY;
    }
    if (all == 0 || (busy == 0 && s->relaxed > RELAX_LIMIT)) {
        if (all == 0)
            report_deadlock(s);
        else
            report_lost_wake_up(s);
        s->end = SCHEDULE_STOPPED;
        return NOBODY;
    }
    /* A string of decisions that only ever turns wait loops must not keep the others from ending them. */
    uint32_t set = busy != 0 && s->relaxed > RELAX_LIMIT ? busy : all;
    if (s->lane[s->now].place == RELAXING && (set & ~(1u << s->now)) != 0)
        set &= ~(1u << s->now);

    uint8_t byte = next_byte(s);
    s->steps++;
    if (byte < 128 && (set >> s->now & 1) != 0)
        return s->now;
    return nth(set, byte);
}

/* The scheduler whose harts this thread runs at the moment. */
static _Thread_local struct schedule *running;

/* Let hart `h` go on, or whoever called schedule_run; comes back when `from` is chosen again. */
static void go_on(struct schedule *s, struct lane *from, uint32_t h)
{
    struct machine *m = s->machine;

    if (from != NULL) {
        from->steps = m->steps;
        from->in_monitor = m->in_monitor;
        from->unwind = violation_unwind_to(NULL);
        from->fails = fail_watch_set(NULL);
    }
    running = h == NOBODY ? NULL : s;
    if (h == NOBODY) {
        m->in_monitor = 0;
    } else {
        s->now = h;
        s->switches++;
        m->steps = s->lane[h].steps;
        m->in_monitor = s->lane[h].in_monitor;
        violation_unwind_to(s->lane[h].unwind);
        fail_watch_set(s->lane[h].fails);
    }
    fiber_switch(from != NULL ? &from->fiber : &s->caller, h == NOBODY ? &s->caller : &s->lane[h].fiber);
}

static void decide(struct schedule *s)
{
    struct lane *self = &s->lane[s->now];
    uint32_t next = choose(s);

    s->digest = (s->digest ^ next) * 0x100000001b3u;
    if (next != self->hart)
        go_on(s, self, next);
}

void schedule_yield(struct machine *m)
{
    struct schedule *s = m->private->schedule;

    s->relaxed = s->lane[s->now].place == RELAXING ? s->relaxed + 1 : 0;
    decide(s);
}

void schedule_access(const void *at)
{
    if (running == NULL)
        return;
    struct machine *m = running->machine;
    uintptr_t offset = (uintptr_t)at - (uintptr_t)m->monitor;
    bool shared = offset < m->private->monitor_bytes || memory_points_to_window(m, at, 1);

    /* Accesses are many: one of 32 is a decision. They are no progress either: a wait loop looks at memory as well. */
    if (shared && next_byte(running) >= 248)
        decide(running);
}

void schedule_relax(struct machine *m, uint32_t h)
{
    struct lane *self = &m->private->schedule->lane[h];

    self->place = RELAXING;
    schedule_yield(m);
    self->place = INSIDE;
}

/* --- the life of a hart ----------------------------------------------------------------------------------------- */

static void lane_main(void *data)
{
    struct lane *self = data;
    struct schedule *s = self->schedule;

    for (;;) {
        self->place = INSIDE;
        if (trap_takes_msi(s->machine, self->hart)) {
            trap_serve_msi(s->machine, self->hart);
        } else {
            s->turns++;
            s->turns_left--;
            s->programs.turn(s->programs.data, self->hart);
        }
        self->place = OUTSIDE;
        schedule_yield(s->machine);
    }
}

struct schedule *schedule_create(struct machine *m, const struct schedule_programs *programs)
{
    struct schedule *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->machine = m;
    s->programs = *programs;
    for (uint32_t h = 0; h < m->config.harts; h++) {
        s->lane[h].schedule = s;
        s->lane[h].hart = h;
        if (!fiber_create(&s->lane[h].fiber)) {
            schedule_destroy(s);
            return NULL;
        }
    }
    m->private->schedule = s;
    m->private->mode = MACHINE_FIBERS;
    return s;
}

void schedule_destroy(struct schedule *s)
{
    if (s == NULL)
        return;
    for (uint32_t h = 0; h < MONITOR_MAX_HARTS; h++)
        fiber_destroy(&s->lane[h].fiber);
    s->machine->private->schedule = NULL;
    s->machine->private->mode = MACHINE_SEQUENTIAL;
    free(s);
}

void schedule_start(struct schedule *s, const struct schedule_decisions *decisions)
{
    s->decisions = *decisions;
    s->used = 0;
    s->random = decisions->seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
    s->random = s->random != 0 ? s->random : 1;
    s->now = 0;
    s->relaxed = 0;
    s->digest = 0xcbf29ce484222325u;
    for (uint32_t h = 0; h < s->machine->config.harts; h++) {
        struct lane *lane = &s->lane[h];

        lane->place = OUTSIDE;
        lane->steps = 0;
        lane->in_monitor = 0;
        lane->unwind = NULL;
        lane->fails = NULL;
        fiber_prepare(&lane->fiber, lane_main, lane);
    }
}

/* Every hart has left the monitor: what must be true then, whatever they did. */
static void check_quiet(struct machine *m)
{
    const struct monitor *monitor = m->monitor;
    bool held = monitor->create_lock.owner != 0 || monitor->pages_lock.owner != 0;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        held = held || monitor->tvm[i].lock.owner != 0;
    if (held)
        violation_record(m, 0, VIOLATION_LOCK, "every hart has left the monitor, and a lock is held");
    for (uint32_t h = 0; h < m->config.harts; h++) {
        if (monitor->hart[h].ipi_request != 0 && !m->msip[h])
            violation_record(m, h, VIOLATION_WAKE_UP, "a request waits for a hart that no interrupt tells of it");
    }
}

enum schedule_end schedule_run(struct schedule *s, uint64_t turns)
{
    s->turns_left = turns;
    uint32_t next = choose(s);
    s->digest = (s->digest ^ next) * 0x100000001b3u;
    if (next != NOBODY)
        go_on(s, NULL, next);
    if (s->end != SCHEDULE_STOPPED) {
        check_quiet(s->machine);
        if (s->machine->violation.kind != VIOLATION_NONE)
            s->end = SCHEDULE_STOPPED;
    }
    return s->end;
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

uint64_t schedule_steps(const struct schedule *s)
{
    return s->steps;
}

uint64_t schedule_switches(const struct schedule *s)
{
    return s->switches;
}

uint64_t schedule_turns(const struct schedule *s)
{
    return s->turns;
}

size_t schedule_decided(const struct schedule *s)
{
    return s->used;
}

uint64_t schedule_digest(const struct schedule *s)
{
    return s->digest;
}

uint64_t schedule_fences(const struct schedule *s, uint32_t hart)
{
    return s->machine->private->hart[hart].fences;
}

uint64_t schedule_fetch_fences(const struct schedule *s, uint32_t hart)
{
    return s->machine->private->hart[hart].fetch_fences;
}
