/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page records the monitor has changed. It tells nobody, so they are compared with a copy; but only once between
 * two events, whoever asks: OWN wants them at the end of a step, REF each time that a hart leaves the monitor.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#define CHUNK 64u /* records compared at once */
#define MANY 256u /* the same where all are untouched */

/* What most records are: reading this again and again is faster than reading a copy of each. */
static const struct page_record host[MANY] = {[0 ... MANY - 1] = {.state = PAGE_NONCONF, .link = CONF_PAGE_NONE}};

bool records_plain(const struct world *w, uint32_t first)
{
    return w->oracle_state->pages - first >= CHUNK &&
           memcmp(&w->machine->monitor->page[first], host, CHUNK * sizeof(*host)) == 0;
}

bool records_create(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    size_t bytes = o->pages * sizeof(*o->seen);

    o->record = malloc(bytes);
    o->seen = malloc(bytes);
    if (o->record == NULL || o->seen == NULL || !frame_set_create(&o->ever, o->pages) ||
        !frame_set_create(&o->plain, o->pages / CHUNK + 1) || !frame_set_create(&o->fresh[FRESH_OWN], o->pages) ||
        !frame_set_create(&o->fresh[FRESH_REF], o->pages))
        return false;
    memcpy(o->record, w->machine->monitor->page, bytes);
    memcpy(o->seen, w->machine->monitor->page, bytes);
    for (uint32_t base = 0; base < o->pages; base += CHUNK)
        if (records_plain(w, base))
            frame_set_add(&o->plain, base / CHUNK);
    return true;
}

void records_destroy(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    free(o->record);
    free(o->seen);
    frame_set_destroy(&o->ever);
    frame_set_destroy(&o->plain);
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

/* Was this chunk the host's at boot, and never touched since? Then it is compared with what it was there. */
static bool untouched(const struct oracle_state *o, uint32_t chunk)
{
    return o->ever.word[chunk] == 0 && (o->plain.word[chunk / 64] >> chunk % 64 & 1) != 0;
}

/* How many records from `base` on are compared at once, and with what. */
static uint32_t expected(const struct oracle_state *o, uint32_t base, const struct page_record **with)
{
    uint32_t left = o->pages - base;
    uint32_t n = 0;

    while (n < MANY && left - n >= CHUNK && untouched(o, (base + n) / CHUNK))
        n += CHUNK;
    *with = n != 0 ? host : o->seen + base;
    return n != 0 ? n : left < CHUNK ? left : CHUNK;
}

void records_scan(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    const struct page_record *now = w->machine->monitor->page;
    const struct tvm_slot *slot = w->machine->monitor->tvm;

    if (o->scanned)
        return;
    o->scanned = true;
    uint32_t n;
    for (uint32_t base = 0; base < o->pages; base += n) {
        const struct page_record *with;
        n = expected(o, base, &with);
        if (memcmp(now + base, with, n * sizeof(*now)) == 0)
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
    o->slots_moved = memcmp(slot, o->slot, sizeof(o->slot)) != 0;
    o->live = o->slot_live;
    if (!o->slots_moved)
        return;
    o->live = 0;
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        o->live |= (uint64_t)(slot[i].state != TVM_ABSENT) << i;
}

uint64_t records_live_slots(struct world *w)
{
    records_scan(w);
    return w->oracle_state->live;
}
