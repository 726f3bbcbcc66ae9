/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page records the monitor has changed. It tells nobody, so they are compared with a copy; but only once between
 * two events, whoever asks: OWN wants them at the end of a step, REF each time that a hart leaves the monitor.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#define CHUNK 64u /* records compared at once */

bool records_create(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    size_t bytes = o->pages * sizeof(*o->seen);

    o->record = malloc(bytes);
    o->seen = malloc(bytes);
    if (o->record == NULL || o->seen == NULL || !frame_set_create(&o->ever, o->pages) ||
        !frame_set_create(&o->fresh[FRESH_OWN], o->pages) || !frame_set_create(&o->fresh[FRESH_REF], o->pages))
        return false;
    memcpy(o->record, w->machine->monitor->page, bytes);
    memcpy(o->seen, w->machine->monitor->page, bytes);
    return true;
}

void records_destroy(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    free(o->record);
    free(o->seen);
    frame_set_destroy(&o->ever);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_destroy(&o->fresh[i]);
}

void records_reset(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    FRAME_SET_EACH(&o->ever, f)
    {
        o->record[f] = o->seen[f] = w->machine->monitor->page[f];
        o->blocked_at[f] = 0;
        o->converted_at[f] = 0;
    }
    frame_set_clear(&o->ever);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_clear(&o->fresh[i]);
    o->scanned = false;
}

void records_scan(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *now = w->machine->monitor->page;

    if (o->scanned)
        return;
    o->scanned = true;
    for (uint32_t base = 0; base < o->pages; base += CHUNK) {
        uint32_t n = o->pages - base < CHUNK ? o->pages - base : CHUNK;
        if (memcmp(now + base, o->seen + base, n * sizeof(*now)) == 0)
            continue;
        for (uint32_t f = base; f < base + n; f++) {
            if (memcmp(now + f, o->seen + f, sizeof(*now)) == 0)
                continue;
            o->seen[f] = now[f];
            frame_set_add(&o->ever, f);
            for (unsigned i = 0; i < FRESH_COUNT; i++)
                frame_set_add(&o->fresh[i], f);
        }
    }
}
