/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Red zones between window frames, in builds with AddressSanitizer. To the sanitizer the window is one object, so a
 * monitor that runs over the end of one frame into the next would go unseen. While it works, the frames on both sides
 * of those that it was given are therefore forbidden, until it is given them too. Observers see all of the window.
 */
#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"

#ifdef SANITIZE_ADDRESS

#define GUARD_OPEN 1u   /* given to the monitor in this trap */
#define GUARD_CLOSED 2u /* neighbour of one that was */

static uint8_t *bytes_of(const struct machine *m, uint32_t frame)
{
    return m->window + (size_t)frame * PAGE_SIZE;
}

/* Note the state of a frame that had none yet, so that the end of the trap finds it. */
static void set_guard(struct machine_private *p, uint32_t frame, uint8_t state)
{
    if (p->guard[frame] == 0)
        p->guarded[p->guarded_count++] = frame;
    p->guard[frame] = state;
}

static void close_neighbour(struct machine *m, uint32_t frame)
{
    struct machine_private *p = m->private;

    if (frame >= m->config.window_pages || p->guard[frame] != 0)
        return;
    set_guard(p, frame, GUARD_CLOSED);
    sanitize_forbid(bytes_of(m, frame), PAGE_SIZE);
}

void redzone_open(struct machine *m, uint32_t first, uint32_t count)
{
    struct machine_private *p = m->private;

    /* Harts that overlap are given frames at the same time: no frame is a neighbour that nobody was given. */
    if (m->in_monitor == 0 || p->mode != MACHINE_SEQUENTIAL)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (p->guard[first + i] == GUARD_CLOSED)
            sanitize_allow(bytes_of(m, first + i), PAGE_SIZE);
        set_guard(p, first + i, GUARD_OPEN);
    }
    close_neighbour(m, first - 1); /* wraps to no frame at all when there is none */
    close_neighbour(m, first + count);
}

void redzone_lift(struct machine *m)
{
    const struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->guarded_count; i++) {
        if (p->guard[p->guarded[i]] == GUARD_CLOSED)
            sanitize_allow(bytes_of(m, p->guarded[i]), PAGE_SIZE);
    }
}

void redzone_restore(struct machine *m)
{
    const struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->guarded_count; i++) {
        if (p->guard[p->guarded[i]] == GUARD_CLOSED)
            sanitize_forbid(bytes_of(m, p->guarded[i]), PAGE_SIZE);
    }
}

void redzone_end(struct machine *m)
{
    struct machine_private *p = m->private;

    redzone_lift(m);
    for (uint32_t i = 0; i < p->guarded_count; i++)
        p->guard[p->guarded[i]] = 0;
    p->guarded_count = 0;
}

#else

void redzone_open(struct machine *m, uint32_t first, uint32_t count)
{
    (void)m, (void)first, (void)count;
}

void redzone_lift(struct machine *m)
{
    (void)m;
}

void redzone_restore(struct machine *m)
{
    (void)m;
}

void redzone_end(struct machine *m)
{
    (void)m;
}

#endif
