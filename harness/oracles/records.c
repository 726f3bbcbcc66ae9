/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page records the monitor has changed. It tells nobody, so they are compared with a copy; but only once between
 * two events, whoever asks: OWN wants them at the end of a step, REF each time that a hart leaves the monitor.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

#define CHUNK 64u /* records whose history is kept together */
#define GROUP 8u  /* records, or slots of TVMs, that make up whole vectors, twice */

/* What most records are. */
static const struct page_record host[GROUP] = {[0 ... GROUP - 1] = {.state = PAGE_NONCONF, .link = CONF_PAGE_NONE}};

/*
 * Are `n` records, a multiple of GROUP, all like that? Every byte of them is looked at, at each step: most of what that
 * costs is reading them, so nothing else is read, and processors that can read more at once do.
 */
typedef uint64_t wide __attribute__((vector_size(32), aligned(8), may_alias));
_Static_assert(sizeof(host) == 6 * sizeof(wide), "a group is twice three vectors");

static inline __attribute__((always_inline)) bool compare_with_group(const void *records, uint32_t n, const void *group)
{
    const wide *is = records;
    const wide *wanted = group;
    wide odd[3] = {{0}, {0}, {0}};

    for (const wide *end = is + n / GROUP * 6; is < end; is += 6) {
        odd[0] |= (is[0] ^ wanted[0]) | (is[3] ^ wanted[0]);
        odd[1] |= (is[1] ^ wanted[1]) | (is[4] ^ wanted[1]);
        odd[2] |= (is[2] ^ wanted[2]) | (is[5] ^ wanted[2]);
    }
    odd[0] |= odd[1] | odd[2];
    return (odd[0][0] | odd[0][1] | odd[0][2] | odd[0][3]) == 0;
}

/*
 * Of some groups of records, or of slots of TVMs, those that may differ from a copy of them, as bits: all of a group when one
 * of it does.
 */
_Static_assert(sizeof(struct tvm_slot) == sizeof(struct page_record) && MONITOR_MAX_TVMS == CHUNK, "the same for both");

static inline __attribute__((always_inline)) uint64_t compare_with_copy(const void *records, const void *copies,
                                                                        uint32_t groups)
{
    const wide *is = records;
    const wide *was = copies;
    uint64_t others = 0;

    for (unsigned i = 0; i < groups; i++, is += 6, was += 6) {
        wide odd = (is[0] ^ was[0]) | (is[1] ^ was[1]) | (is[2] ^ was[2]) | (is[3] ^ was[3]) | (is[4] ^ was[4]) |
                   (is[5] ^ was[5]);
        others |= (uint64_t)((odd[0] | odd[1] | odd[2] | odd[3]) != 0 ? UINT8_MAX : 0) << i * GROUP;
    }
    return others;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static bool compare_with_group_avx2(const void *records, uint32_t n, const void *group)
{
    return compare_with_group(records, n, group);
}

__attribute__((target("avx2"))) static uint64_t compare_with_copy_avx2(const void *records, const void *copies,
                                                                       uint32_t groups)
{
    return compare_with_copy(records, copies, groups);
}
#endif

static uint64_t differing(const void *records, const void *copies, uint32_t groups)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return compare_with_copy_avx2(records, copies, groups);
#endif
    return compare_with_copy(records, copies, groups);
}

static bool all_like(const void *records, uint32_t n, const void *group)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return compare_with_group_avx2(records, n, group);
#endif
    return compare_with_group(records, n, group);
}

static bool all_host(const struct page_record *records, uint32_t n)
{
    return all_like(records, n, host);
}

bool records_plain(const struct world *w, uint32_t first)
{
    return w->oracle_state->pages - first >= CHUNK && all_host(&w->machine->monitor->page[first], CHUNK);
}

bool records_create(struct world *w)
{
    struct oracle_state *o = w->oracle_state;
    size_t bytes = o->pages * sizeof(*o->seen);

    o->record = malloc(bytes);
    o->seen = aligned_alloc(LINE_BYTES, (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES); /* as the monitor's are */
    if (o->record == NULL || o->seen == NULL || !frame_set_create(&o->ever, o->pages) ||
        !frame_set_create(&o->plain, o->pages / CHUNK + 1) || !frame_set_create(&o->untouched, o->pages / CHUNK + 1) ||
        !frame_set_create(&o->fresh[FRESH_OWN], o->pages) || !frame_set_create(&o->fresh[FRESH_REF], o->pages))
        return false;
    memcpy(o->record, w->machine->monitor->page, bytes);
    memcpy(o->seen, w->machine->monitor->page, bytes);
    for (uint32_t base = 0; base < o->pages; base += CHUNK) {
        if (!records_plain(w, base))
            continue;
        frame_set_add(&o->plain, base / CHUNK);
        frame_set_add(&o->untouched, base / CHUNK);
    }
    return true;
}

void records_destroy(struct world *w)
{
    struct oracle_state *o = w->oracle_state;

    free(o->record);
    free(o->seen);
    frame_set_destroy(&o->ever);
    frame_set_destroy(&o->plain);
    frame_set_destroy(&o->untouched);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_destroy(&o->fresh[i]);
}

void records_slots_reset(struct oracle_state *o)
{
    o->slots_used = GROUP;
    for (unsigned i = 0; i < GROUP; i++)
        o->unused_slot[i] = o->slot[MONITOR_MAX_TVMS - 1];
    if (!all_like(o->slot + GROUP, MONITOR_MAX_TVMS - GROUP, o->unused_slot))
        o->slots_used = MONITOR_MAX_TVMS;
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
    if (o->ever.any)
        memcpy(o->untouched.word, o->plain.word, o->plain.words * sizeof(*o->plain.word));
    frame_set_clear(&o->ever);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_clear(&o->fresh[i]);
    o->scanned = false;
}

/* How many records from `base` on are in chunks that were the host's at boot, and never touched since; perhaps more. */
static uint32_t untouched_run(const struct oracle_state *o, uint32_t base)
{
    uint32_t chunk = base / CHUNK;
    uint64_t others = ~(o->untouched.word[chunk / 64] >> chunk % 64);

    return (others == 0 ? 64 : (uint32_t)__builtin_ctzll(others)) * CHUNK;
}

static void changed(struct oracle_state *o, const struct page_record *now, uint32_t f)
{
    o->seen[f] = now[f];
    frame_set_add(&o->ever, f);
    frame_set_remove(&o->untouched, f / CHUNK);
    for (unsigned i = 0; i < FRESH_COUNT; i++)
        frame_set_add(&o->fresh[i], f);
}

/* Some of a chunk at a time: what a call changes lies side by side. */
static void compare_each(struct oracle_state *o, const struct page_record *now, uint32_t base, uint32_t n)
{
    uint64_t others = n == CHUNK ? differing(now + base, o->seen + base, CHUNK / GROUP) : UINT64_MAX >> (64 - n);

    for (; others != 0; others &= others - 1) {
        uint32_t f = base + (uint32_t)__builtin_ctzll(others);
        if (memcmp(now + f, o->seen + f, sizeof(*now)) != 0)
            changed(o, now, f);
    }
}

/* Slots of TVMs that differ from those of the step before, as bits. Those that were never used are all alike. */
static uint64_t moved_slots(struct oracle_state *o, const struct tvm_slot *slot)
{
    uint64_t moved = 0;

    if (!all_like(slot + o->slots_used, MONITOR_MAX_TVMS - o->slots_used, o->unused_slot))
        o->slots_used = MONITOR_MAX_TVMS;
    for (uint64_t others = differing(slot, o->slot, o->slots_used / GROUP); others != 0; others &= others - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(others);
        moved |= (uint64_t)(memcmp(slot + i, o->slot + i, sizeof(*slot)) != 0) << i;
    }
    return moved;
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
        n = untouched_run(o, base);
        if (n != 0 && all_host(now + base, n))
            continue;
        if (n == 0)
            n = o->pages - base < CHUNK ? o->pages - base : CHUNK;
        for (uint32_t at = 0; at < n; at += CHUNK)
            compare_each(o, now, base + at, n - at < CHUNK ? n - at : CHUNK);
    }
    o->slots_moved = moved_slots(o, slot);
    o->live = o->slot_live;
    for (uint64_t moved = o->slots_moved; moved != 0; moved &= moved - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(moved);
        o->live &= ~(UINT64_C(1) << i);
        o->live |= (uint64_t)(slot[i].state != TVM_ABSENT) << i;
    }
}

uint64_t records_live_slots(struct world *w)
{
    records_scan(w);
    return w->oracle_state->live;
}
