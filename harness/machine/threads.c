/* SPDX-License-Identifier: Apache-2.0 */
/* Harts as threads; see threads.h. */
#include "harness/machine/threads.h"

#include <sched.h>

#include "harness/machine/internal.h"

void threads_begin(struct machine *m)
{
    memory_mark_all(m);
    m->private->mode = MACHINE_THREADS;
}

void threads_end(struct machine *m)
{
    m->private->mode = MACHINE_SEQUENTIAL;
}

bool threads_serve(struct machine *m, uint32_t h)
{
    if (!trap_takes_msi(m, h))
        return false;
    trap_serve_msi(m, h);
    return true;
}

void threads_step(void)
{
    static _Thread_local uint32_t random = 1;

    random = random * 1664525u + 1013904223u;
    if (random >> 28 == 0)
        sched_yield();
}

/* A hart that waits while another one has stopped the machine waits for ever. */
static void wait(const struct machine *m)
{
    if (machine_halted(m))
        violation_leave();
    sched_yield();
}

void threads_lock(struct machine *m, uint32_t h, struct lock *l)
{
    if (shared_load(&l->owner) == h + 1)
        violation_unwind(m, h, VIOLATION_LOCK, "a lock was taken twice");
    while (!shared_compare_exchange(&l->owner, 0, h + 1))
        wait(m);
    m->locks_held[h]++;
}

void threads_relax(struct machine *m, uint32_t h)
{
    (void)h;
    wait(m);
}
