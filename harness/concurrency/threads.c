/* SPDX-License-Identifier: Apache-2.0 */
/* Harts as threads, each with its program; see threads.h. */
#include "harness/concurrency/threads.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "harness/concurrency/quiet.h"
#include "harness/machine/threads.h"

struct crew;

struct worker {
    struct crew *crew;
    uint32_t hart;
    pthread_t thread;
    struct world view; /* of the one machine; what a step changes in a world is the hart's own */
    uint32_t now;      /* operation that it was at last */
};

struct crew {
    struct world *world;
    const struct trace *trace;
    bool go;           /* all threads are there: atomic */
    uint32_t active;   /* harts that have something to do: atomic */
    uint32_t wake_ups; /* times that one of them got something to do after it had nothing: atomic */
    /* Handles of all harts. No lock: that would make an order that a monitor could hide behind. */
    uint64_t tvm_id[WORLD_MAX_TVM_HANDLES];
    uint32_t tvm_count;
    struct worker worker[MONITOR_MAX_HARTS];
};

static void take_handles(struct worker *me)
{
    struct crew *c = me->crew;
    uint32_t count = __atomic_load_n(&c->tvm_count, __ATOMIC_RELAXED);

    me->view.tvm_count = count < WORLD_MAX_TVM_HANDLES ? count : WORLD_MAX_TVM_HANDLES;
    for (uint32_t i = 0; i < me->view.tvm_count; i++)
        me->view.tvm_id[i] = __atomic_load_n(&c->tvm_id[i], __ATOMIC_RELAXED);
}

static void give_handle(struct worker *me, uint32_t before)
{
    struct crew *c = me->crew;

    if (me->view.tvm_count == before)
        return;
    uint32_t at = __atomic_fetch_add(&c->tvm_count, 1, __ATOMIC_RELAXED);
    if (at < WORLD_MAX_TVM_HANDLES)
        __atomic_store_n(&c->tvm_id[at], me->view.tvm_id[before], __ATOMIC_RELAXED);
}

/* The console is the machine's, not a hart's, and takes no part. */
static bool takes_part(const struct trace_op *op)
{
    return op->op != OP_EXPECT && op->op != OP_CONSOLE_INPUT;
}

/* Next operation of this hart at or after `n`; t->count at the end. */
static uint32_t next_of(const struct trace *t, uint32_t harts, uint32_t hart, uint32_t n)
{
    while (n < t->count && (!takes_part(&t->op[n]) || t->op[n].hart % harts != hart))
        n++;
    return n;
}

/*
 * Will nobody ever do anything again? A hart with nothing to do gets something by an interrupt only, and says so before it
 * takes the interrupt back.
 */
static bool all_done(const struct crew *c)
{
    const struct machine *m = c->world->machine;
    uint32_t before = __atomic_load_n(&c->wake_ups, __ATOMIC_RELAXED);

    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->active, __ATOMIC_RELAXED) != 0)
        return false;
    for (uint32_t h = 0; h < m->config.harts; h++) {
        if (machine_msip(m, h))
            return false;
    }
    return __atomic_load_n(&c->wake_ups, __ATOMIC_RELAXED) == before;
}

static void *work(void *data)
{
    struct worker *me = data;
    struct machine *m = me->crew->world->machine;
    const struct trace *t = me->crew->trace;
    uint32_t next = next_of(t, m->config.harts, me->hart, 0);
    bool active = true;

    /* One after the other they would be done before the next one is born. */
    while (!__atomic_load_n(&me->crew->go, __ATOMIC_RELAXED))
        sched_yield();
    while (!machine_halted(m)) {
        bool able = next < t->count && !m->hart[me->hart].parked;
        if (!active && (able || machine_msip(m, me->hart))) {
            __atomic_fetch_add(&me->crew->active, 1, __ATOMIC_RELAXED);
            __atomic_fetch_add(&me->crew->wake_ups, 1, __ATOMIC_RELAXED);
            active = true;
        }
        /* An interrupt that came since is seen in the next turn: taken back here, it would leave nothing for all_done to see. */
        if (active && threads_serve(m, me->hart))
            continue;
        if (able) {
            take_handles(me);
            uint32_t handles = me->view.tvm_count;
            me->now = next;
            world_step(&me->view, &t->op[next], NULL);
            give_handle(me, handles);
            next = next_of(t, m->config.harts, me->hart, next + 1);
            continue;
        }
        if (active)
            __atomic_fetch_sub(&me->crew->active, 1, __ATOMIC_RELAXED);
        active = false;
        if (all_done(me->crew))
            break;
        sched_yield();
    }
    return NULL;
}

static void judge(struct crew *c)
{
    struct world *w = c->world;
    uint32_t hart = w->machine->violation.hart;

    quiet_take_violation(w);
    if (w->finding.found)
        w->finding.step = c->worker[hart].now;
    else if (!w->machine->halted)
        quiet_audit(w);
}

bool threads_run(struct world *w, const struct trace *t)
{
    static _Thread_local struct crew crew;
    struct crew *c = &crew;
    uint32_t harts = w->machine->config.harts;
    uint32_t running = 0;

    world_reset(w);
    memset(c, 0, sizeof(*c));
    c->world = w;
    c->trace = t;
    c->active = harts;
    threads_begin(w->machine);
    for (uint32_t h = 0; h < harts; h++) {
        c->worker[h].crew = c;
        c->worker[h].hart = h;
        c->worker[h].view = *w;
    }
    while (running < harts && pthread_create(&c->worker[running].thread, NULL, work, &c->worker[running]) == 0)
        running++;
    /* Without all of its harts the machine has nobody to wait for. */
    if (running < harts)
        __atomic_store_n(&w->machine->halted, true, __ATOMIC_RELAXED);
    __atomic_store_n(&c->go, true, __ATOMIC_RELAXED);
    for (uint32_t h = 0; h < running; h++)
        pthread_join(c->worker[h].thread, NULL);
    threads_end(w->machine);
    judge(c);
    return !w->finding.found;
}
