/* SPDX-License-Identifier: Apache-2.0 */
/* One machine becomes what another one is now: what a reset brings back is what has to be taken over. */
#include <string.h>

#include "harness/machine/internal.h"

/* Frames that neither machine has written are as at boot in both. */
static void copy_frames(struct machine *to, const struct machine *from)
{
    const struct machine_private *f = from->private;
    struct machine_private *t = to->private;

    for (uint32_t i = 0; i < t->dirty_count; i++) {
        uint32_t frame = t->dirty[i];
        if ((f->frame_flags[frame] & FRAME_DIRTY) == 0)
            memory_frame_to_boot(to, frame, memory_frame(to, frame));
        t->frame_flags[frame] = 0;
    }
    for (uint32_t i = 0; i < f->dirty_count; i++) {
        uint32_t frame = f->dirty[i];
        memcpy(memory_frame(to, frame), memory_frame(from, frame), PAGE_SIZE);
        t->frame_flags[frame] = FRAME_DIRTY;
        t->dirty[i] = frame;
    }
    t->dirty_count = f->dirty_count;
    t->changed_count = 0;
    t->host_changed_count = 0;
}

/* Where a trap frame of `from` lies in `to`: in the window, or in the monitor. */
static struct world_ctx *frame_in(const struct machine *to, const struct machine *from, const struct world_ctx *frame)
{
    bool window = memory_points_to_window(from, frame, sizeof(*frame));
    const uint8_t *was = window ? from->window : from->private->arena;
    uint8_t *is = window ? to->window : to->private->arena;

    return (struct world_ctx *)(void *)(is + ((uintptr_t)frame - (uintptr_t)was));
}

/* The monitor's own memory has three kinds of pointers: its machine, itself, and where a hart keeps its registers. */
static void copy_monitor(struct machine *to, const struct machine *from)
{
    memcpy(to->private->arena, from->private->arena, to->private->monitor_bytes);
    to->monitor->platform.machine = to;
    for (uint32_t h = 0; h < MONITOR_MAX_HARTS; h++) {
        struct hart *hart = &to->monitor->hart[h];
        if (hart->monitor != NULL)
            hart->monitor = to->monitor;
        if (hart->frame != NULL)
            hart->frame = frame_in(to, from, hart->frame);
    }
}

/* Is it the linked monitor that runs, one hart after the other, and none at this moment? */
static bool at_rest(const struct machine *m)
{
    return m->private->mode == MACHINE_SEQUENTIAL && m->private->port == NULL && m->in_monitor == 0;
}

static bool same_config(const struct machine_config *a, const struct machine_config *b)
{
    return a->harts == b->harts && a->host_pages == b->host_pages && a->window_pages == b->window_pages &&
           a->seed == b->seed && a->iopmp == b->iopmp;
}

bool machine_copy(struct machine *to, const struct machine *from)
{
    const struct machine_private *f = from->private;
    struct machine_private *t = to->private;

    if (!at_rest(from) || !at_rest(to) || !same_config(&to->config, &from->config))
        return false;
    copy_frames(to, from);
    copy_monitor(to, from);
    machine_take_state(to, from, f->hart);
    memcpy(to->taken, from->taken, to->config.harts * sizeof(to->taken[0]));
    memcpy(t->raced, f->raced, f->raced_count * sizeof(t->raced[0]));
    t->raced_count = f->raced_count;
    memcpy(to->input, from->input, from->input_len);
    to->input_len = from->input_len;
    to->input_pos = from->input_pos;
    return true;
}
