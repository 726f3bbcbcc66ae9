/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that get to where they must not, for tests of NI: what a broken monitor would do, done in both worlds alike.
 */
#ifndef TOUCHSTONE_HARNESS_NI_KIT_H
#define TOUCHSTONE_HARNESS_NI_KIT_H

#include "harness/machine/internal.h"
#include "harness/oracles/ni.h"
#include "harness/tests/oracle_kit.h"

/* What gets through in a world when the monitor leaves. */
static void (*way_through)(struct world *w, uint32_t hart);

static void in_both(struct world *w, const struct machine_event *event)
{
    way_through(w, event->hart);
}

static void twin_event(void *data, const struct machine_event *event)
{
    struct world *twin = data;

    if (event->kind == EVENT_LEAVE_MONITOR)
        way_through(twin, event->hart);
}

/* From here on, until unwatch. */
static inline void watch(struct world *w, void (*way)(struct world *w, uint32_t hart))
{
    CHECK_CLEAN(w);
    way_through = way;
    sabotage_at_leave(w, in_both);
    w->twin->machine->on_event = twin_event;
    w->twin->machine->event_data = w->twin;
}

static inline void unwatch(struct world *w)
{
    sabotage_end(w);
    w->twin->machine->on_event = NULL;
}

static inline struct world_ctx *host_of(struct world *w, uint32_t hart)
{
    return &w->machine->monitor->hart[hart].host;
}

/* One world for all, from its beginning. */
static struct world *world;

static inline struct world *fresh(void)
{
    world_reset(world);
    return world;
}

#endif
