/* SPDX-License-Identifier: Apache-2.0 */
/* REF: the abstract state; see ref.h. */
#include "harness/oracles/ref.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REGION_SCRATCH (REF_REGIONS + 2u)

/* --- physical memory -------------------------------------------------------------------------------------------- */

bool ref_host_range(const struct world *w, uint64_t base, uint64_t len, uint64_t align)
{
    uint64_t end = MACHINE_HOST_BASE + (uint64_t)w->machine->config.host_pages * REF_PAGE;

    if (end > MACHINE_WINDOW_BASE)
        end = MACHINE_WINDOW_BASE;
    return base % align == 0 && base >= MACHINE_HOST_BASE && base < end && len <= end - base;
}

bool ref_window_range(const struct world *w, uint64_t base, uint64_t pages, uint64_t align, uint32_t *first)
{
    uint64_t frames = w->machine->config.window_pages;

    if (base % align != 0 || base < MACHINE_WINDOW_BASE)
        return false;
    uint64_t frame = (base - MACHINE_WINDOW_BASE) / REF_PAGE;
    if (frame >= frames || pages > frames - frame)
        return false;
    *first = (uint32_t)frame;
    return true;
}

bool ref_online(const struct ref *r, uint32_t hart)
{
    /* A hart on its way out of suspension counts; one that the hardware keeps there holds up fences for ever. */
    return r->hart[hart].hsm == SBI_HSM_STARTED || r->hart[hart].hsm == SBI_HSM_SUSPENDED ||
           r->hart[hart].hsm == SBI_HSM_RESUME_PENDING;
}

bool ref_frame_free(const struct world *w, uint32_t frame)
{
    const struct ref *r = ref_of(w);
    const struct ref_frame *f = &r->frame[frame];

    if (f->state == FRAME_FREE)
        return true;
    if (f->state != FRAME_CONVERTING)
        return false;
    for (uint32_t h = 0; h < w->machine->config.harts; h++)
        if (ref_online(r, h) && r->hart[h].seen <= f->version)
            return false;
    return true;
}

bool ref_frames_free(const struct world *w, uint32_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (!ref_frame_free(w, first + (uint32_t)i))
            return false;
    return true;
}

void ref_frames_give(struct ref *r, uint32_t first, uint64_t count, enum ref_frame_state state, uint32_t tvm)
{
    for (uint32_t i = 0; i < count; i++)
        ref_frame_set(r, first + i, (struct ref_frame){.state = (uint8_t)state, .tvm = (uint8_t)tvm});
}

/* --- TVMs and guest addresses ----------------------------------------------------------------------------------- */

struct ref_tvm *ref_tvm_by_id(struct ref *r, uint64_t id)
{
    for (uint64_t live = id != 0 ? r->live : 0; live != 0; live &= live - 1) {
        struct ref_tvm *t = &r->tvm[__builtin_ctzll(live)];
        if (t->id == id)
            return t;
    }
    return NULL;
}

uint32_t ref_tvm_index(const struct ref *r, const struct ref_tvm *t)
{
    return (uint32_t)(t - r->tvm);
}

uint64_t ref_gpa_limit(const struct ref_tvm *t)
{
    switch (t->mode) {
    case 8: return UINT64_C(1) << 41;
    case 9: return UINT64_C(1) << 50;
    default: return UINT64_C(1) << 59;
    }
}

bool ref_gpa_range(const struct ref_tvm *t, uint64_t gpa, uint64_t len, uint64_t align)
{
    return gpa % align == 0 && gpa < ref_gpa_limit(t) && len <= ref_gpa_limit(t) - gpa;
}

void ref_tvm_clear(struct ref_tvm *t)
{
    struct ref_run *run = t->run;
    struct ref_block *block = t->block;
    size_t run_room = t->run_room;
    size_t block_room = t->block_room;

    for (uint64_t rest = t->vcpus; rest != 0; rest &= rest - 1)
        t->vcpu[__builtin_ctzll(rest)] = (struct ref_vcpu){0};
    memset(t, 0, offsetof(struct ref_tvm, region));
    t->run = run;
    t->run_room = run_room;
    t->block = block;
    t->block_room = block_room;
}

/* --- regions ---------------------------------------------------------------------------------------------------- */

bool ref_region_overlaps(const struct ref_tvm *t, uint64_t gpa, uint64_t len)
{
    for (uint32_t i = 0; i < t->regions; i++)
        if (gpa < t->region[i].base + t->region[i].len && t->region[i].base < gpa + len)
            return true;
    return false;
}

int ref_region_at(const struct ref_tvm *t, uint64_t gpa)
{
    for (uint32_t i = 0; i < t->regions; i++)
        if (gpa >= t->region[i].base && gpa - t->region[i].base < t->region[i].len)
            return (int)t->region[i].type;
    return -1;
}

bool ref_region_covers(const struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t types, bool one)
{
    uint64_t at = gpa;
    uint64_t end = gpa + len;

    for (uint32_t i = 0; i < t->regions; i++) {
        const struct ref_region *g = &t->region[i];
        if (at < g->base || at - g->base >= g->len)
            continue;
        if ((types >> g->type & 1u) == 0)
            return false;
        at = g->base + g->len;
        if (at >= end)
            return true;
        if (one)
            return false;
    }
    return false;
}

/*
 * Neighbours of one kind of memory that touch are one region; the list is sorted. Devices stay apart, because taking one
 * away takes whole regions, and so do ranges that wait for the host's answer.
 */
static bool joins(const struct ref_region *g, const struct ref_region *next)
{
    return (g->type == REF_CONFIDENTIAL || g->type == REF_SHARED) && g->type == next->type &&
           g->base + g->len == next->base;
}

static uint32_t merge(struct ref_region *list, uint32_t count)
{
    uint32_t out = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (out > 0 && joins(&list[out - 1], &list[i]))
            list[out - 1].len += list[i].len;
        else
            list[out++] = list[i];
    }
    return out;
}

static int by_base(const void *a, const void *b)
{
    const struct ref_region *x = a;
    const struct ref_region *y = b;

    return x->base < y->base ? -1 : x->base > y->base;
}

bool ref_region_put(struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t type)
{
    struct ref_region list[2 * MAX_REGION_SCRATCH];
    uint32_t count = 0;
    uint64_t end = gpa + len;

    for (uint32_t i = 0; i < t->regions; i++) {
        const struct ref_region *g = &t->region[i];
        uint64_t g_end = g->base + g->len;
        if (g_end <= gpa || g->base >= end) {
            list[count++] = *g;
            continue;
        }
        if (g->base < gpa)
            list[count++] = (struct ref_region){.base = g->base, .len = gpa - g->base, .type = g->type};
        if (g_end > end)
            list[count++] = (struct ref_region){.base = end, .len = g_end - end, .type = g->type};
    }
    list[count++] = (struct ref_region){.base = gpa, .len = len, .type = type};
    qsort(list, count, sizeof(list[0]), by_base);
    count = merge(list, count);
    if (count > REF_REGIONS)
        return false;
    memcpy(t->region, list, count * sizeof(list[0]));
    t->regions = count;
    return true;
}

void ref_region_drop_overlapping(struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t type)
{
    uint32_t out = 0;

    for (uint32_t i = 0; i < t->regions; i++) {
        const struct ref_region g = t->region[i];
        bool overlaps = gpa < g.base + g.len && g.base < gpa + len;
        if (g.type != type || !overlaps)
            t->region[out++] = g;
    }
    t->regions = out;
}

/* --- mappings --------------------------------------------------------------------------------------------------- */

const struct ref_run *ref_run_at(const struct ref_tvm *t, uint64_t gfn)
{
    for (size_t i = 0; i < t->runs; i++)
        if (gfn >= t->run[i].gfn && gfn - t->run[i].gfn < t->run[i].count)
            return &t->run[i];
    return NULL;
}

bool ref_unmapped(const struct ref_tvm *t, uint64_t gfn, uint64_t count)
{
    for (size_t i = 0; i < t->runs; i++)
        if (gfn < t->run[i].gfn + t->run[i].count && t->run[i].gfn < gfn + count)
            return false;
    return true;
}

bool ref_run_add(struct ref_tvm *t, struct ref_run run)
{
    if (t->runs == t->run_room) {
        size_t room = t->run_room == 0 ? 16 : t->run_room * 2;
        struct ref_run *grown = realloc(t->run, room * sizeof(*grown));
        if (grown == NULL)
            return false;
        t->run = grown;
        t->run_room = room;
    }
    t->run[t->runs++] = run;
    return true;
}

void ref_run_remove(struct ref_tvm *t, size_t index)
{
    t->run[index] = t->run[--t->runs];
}

/* Cut the run that contains `gfn` somewhere after its start in two. */
static bool cut_at(struct ref_tvm *t, uint64_t gfn)
{
    for (size_t i = 0; i < t->runs; i++) {
        struct ref_run *run = &t->run[i];
        if (gfn <= run->gfn || gfn - run->gfn >= run->count)
            continue;
        struct ref_run tail = *run;
        uint64_t head = gfn - run->gfn;
        run->count = head;
        tail.gfn = gfn;
        tail.count -= head;
        tail.page += head;
        return ref_run_add(t, tail);
    }
    return true;
}

bool ref_run_cut(struct ref_tvm *t, uint64_t gfn, uint64_t count)
{
    return cut_at(t, gfn) && cut_at(t, gfn + count);
}

/* --- tables ----------------------------------------------------------------------------------------------------- */

bool ref_block_exists(const struct ref_tvm *t, uint32_t level, uint64_t number)
{
    for (size_t i = 0; i < t->blocks; i++)
        if (t->block[i].level == level && t->block[i].number == number)
            return true;
    return false;
}

static void block_add(struct ref_tvm *t, uint32_t level, uint64_t number)
{
    if (t->blocks == t->block_room) {
        size_t room = t->block_room == 0 ? 16 : t->block_room * 2;
        struct ref_block *grown = realloc(t->block, room * sizeof(*grown));
        if (grown == NULL)
            return;
        t->block = grown;
        t->block_room = room;
    }
    t->block[t->blocks++] = (struct ref_block){.level = level, .number = number};
}

uint64_t ref_tables(struct ref_tvm *t, uint64_t gfn, uint64_t count, bool large, bool add)
{
    uint32_t root_level = t->mode - 6u; /* Sv39x4 has levels 2, 1, 0 */
    uint64_t needed = 0;

    for (uint32_t level = large ? 1 : 0; level < root_level; level++) {
        uint32_t span = 9 * (level + 1);
        for (uint64_t number = gfn >> span; number <= (gfn + count - 1) >> span; number++) {
            if (ref_block_exists(t, level, number))
                continue;
            needed++;
            if (add)
                block_add(t, level, number);
        }
    }
    return needed;
}
