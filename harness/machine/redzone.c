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

/* The n-th closed frame. Only these cost anything when an observer looks, and they are few: runs are opened whole. */
static uint32_t *closed_frame(const struct machine *m, uint32_t n)
{
    return &m->private->guarded[m->config.window_pages - 1 - n];
}

static void close_neighbour(struct machine *m, uint32_t frame)
{
    struct machine_private *p = m->private;

    if (frame >= m->config.window_pages || p->guard[frame] != 0)
        return;
    p->guard[frame] = GUARD_CLOSED;
    *closed_frame(m, p->guarded_closed++) = frame;
    sanitize_forbid(bytes_of(m, frame), PAGE_SIZE);
}

static void open_frame(struct machine *m, uint32_t frame)
{
    struct machine_private *p = m->private;

    if (p->guard[frame] == GUARD_OPEN)
        return;
    if (p->guard[frame] == GUARD_CLOSED) {
        uint32_t n = p->guarded_closed - 1; /* most often the newest */
        while (*closed_frame(m, n) != frame)
            n--;
        *closed_frame(m, n) = *closed_frame(m, --p->guarded_closed);
        sanitize_allow(bytes_of(m, frame), PAGE_SIZE);
    }
    p->guard[frame] = GUARD_OPEN;
    p->guarded[p->guarded_open++] = frame;
}

void redzone_open(struct machine *m, uint32_t first, uint32_t count)
{
    /* Harts that overlap are given frames at the same time: no frame is a neighbour that nobody was given. */
    if (m->in_monitor == 0 || m->private->mode != MACHINE_SEQUENTIAL)
        return;
    for (uint32_t i = 0; i < count; i++)
        open_frame(m, first + i);
    close_neighbour(m, first - 1); /* wraps to no frame at all when there is none */
    close_neighbour(m, first + count);
}

void redzone_lift(struct machine *m)
{
    for (uint32_t i = 0; i < m->private->guarded_closed; i++)
        sanitize_allow(bytes_of(m, *closed_frame(m, i)), PAGE_SIZE);
}

void redzone_restore(struct machine *m)
{
    for (uint32_t i = 0; i < m->private->guarded_closed; i++)
        sanitize_forbid(bytes_of(m, *closed_frame(m, i)), PAGE_SIZE);
}

void redzone_end(struct machine *m)
{
    struct machine_private *p = m->private;

    redzone_lift(m);
    for (uint32_t i = 0; i < p->guarded_closed; i++)
        p->guard[*closed_frame(m, i)] = 0;
    for (uint32_t i = 0; i < p->guarded_open; i++)
        p->guard[p->guarded[i]] = 0;
    p->guarded_open = p->guarded_closed = 0;
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
