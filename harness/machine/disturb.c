/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What disturbs the monitor in the middle of its work, as a trace decided beforehand: host memory that another core
 * changes right after the monitor has read it, hardware that does not take what it is told, and functions of the monitor
 * that refuse (fail_points.h).
 *
 * A change of host memory is another core's store between two loads of the monitor. The monitor reads everything once,
 * so for it the store might as well come after its work; that is the view that observers get (machine_races_hide). If it
 * does read twice, it works with the second value, and they do not.
 */
#include <string.h>

#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"
#include "monitor/core/isolation.h"

#define WORD 8u
#define COPY_BYTES 64u /* a read of so much copies something; shorter ones are values */

/* --- what is to come -------------------------------------------------------------------------------------------- */

static struct race *free_race(struct machine *m, uint32_t h)
{
    struct disturbance *d = &m->private->hart[h].disturbance;

    if (d->races == MACHINE_RACES)
        return NULL;
    d->active = true;
    return &d->race[d->races++];
}

void machine_race_word(struct machine *m, uint32_t h, uint64_t address, uint64_t value)
{
    uint64_t word = address & ~(uint64_t)(WORD - 1);
    struct race *r = machine_is_host_ram(m, word, WORD) ? free_race(m, h) : NULL;

    if (r != NULL)
        *r = (struct race){.armed = true, .address = word, .value = value};
}

void machine_race_read(struct machine *m, uint32_t h, uint32_t skip, uint32_t word, uint64_t flip)
{
    struct race *r = free_race(m, h);

    if (r != NULL)
        *r = (struct race){.armed = true, .counts = true, .skip = skip, .word = word, .value = flip};
}

void machine_fault(struct machine *m, uint32_t h, enum machine_fault place, uint32_t skip)
{
    struct disturbance *d = &m->private->hart[h].disturbance;

    if ((uint32_t)place >= MACHINE_FAULTS)
        return;
    d->active = true;
    /* Closing a hart off takes so many entries: one of them fails, whatever the number says. */
    d->fault[place] = (struct waiting_fault){.armed = true, .skip = skip % ISOLATION_ENTRIES};
}

bool machine_fault_waits(const struct machine *m, uint32_t h, enum machine_fault place)
{
    return m->private->hart[h].disturbance.fault[place].armed;
}

void machine_fail(struct machine *m, uint32_t h, enum machine_fail kind, uint32_t skip)
{
    struct disturbance *d = &m->private->hart[h].disturbance;

    if ((uint32_t)kind >= MACHINE_FAIL_KINDS)
        return;
    d->active = true;
    d->fail = (struct fail_watch){.armed = true, .kind = kind, .skip = skip};
}

bool machine_fail_waits(const struct machine *m, uint32_t h)
{
    return m->private->hart[h].disturbance.fail.armed;
}

const char *machine_failed(const struct machine *m, uint32_t h, enum machine_fail *kind)
{
    enum fail_point point = m->private->hart[h].disturbance.fail.failed;

    if (kind != NULL)
        *kind = fail_point_kind(point);
    return fail_point_name(point);
}

const char *machine_disturbance_end(struct machine *m, uint32_t h)
{
    struct disturbance *d = &m->private->hart[h].disturbance;
    const char *failed;

    if (!d->active)
        return NULL;
    failed = machine_failed(m, h, NULL);
    memset(d, 0, sizeof(*d));
    return failed;
}

void machine_copies_repeat(struct machine *m, uint32_t h, bool repeat)
{
    m->private->hart[h].copies_repeat = repeat;
}

/* --- races ------------------------------------------------------------------------------------------------------ */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a < b + b_len && b < a + a_len;
}

static void put(struct machine *m, uint64_t address, const uint8_t *bytes)
{
    memcpy(m->host_ram + (address - MACHINE_HOST_BASE), bytes, WORD);
}

/* The other core's store. Observers of harts that work one at a time are shown it later. */
static void store(struct machine *m, uint64_t address, uint64_t value, bool flip)
{
    struct machine_private *p = m->private;
    struct raced now = {.address = address};
    uint64_t before;

    if (!machine_read(m, address, &before, WORD))
        return;
    value = flip ? before ^ value : value;
    memcpy(now.before, &before, WORD);
    memcpy(now.after, &value, WORD);
    if (!machine_poke(m, address, &value, WORD))
        return;
    if (p->mode == MACHINE_SEQUENTIAL && p->raced_count < MACHINE_RACED)
        p->raced[p->raced_count++] = now;
}

/* A trace may have the host move what the monitor copies; the same copy made again is put right first. */
void disturb_before_read(struct machine *m, uint32_t h, uint64_t address, uint64_t len)
{
    struct machine_private *p = m->private;
    uint32_t kept = 0;

    if (!p->hart[h].copies_repeat || len < COPY_BYTES)
        return;
    for (uint32_t i = p->raced_count; i-- > 0;)
        if (overlaps(address, len, p->raced[i].address, WORD))
            put(m, p->raced[i].address, p->raced[i].before);
    for (uint32_t i = 0; i < p->raced_count; i++)
        if (!overlaps(address, len, p->raced[i].address, WORD))
            p->raced[kept++] = p->raced[i];
    p->raced_count = kept;
}

void disturb_after_read(struct machine *m, uint32_t h, uint64_t address, uint64_t len)
{
    struct disturbance *d = &m->private->hart[h].disturbance;

    if (len == 0)
        return;
    for (uint32_t i = 0; i < d->races; i++) {
        struct race *r = &d->race[i];
        if (!r->armed)
            continue;
        if (r->counts && r->skip != 0) {
            r->skip--;
            continue;
        }
        if (!r->counts && !overlaps(address, len, r->address, WORD))
            continue;
        r->armed = false;
        uint64_t first = address & ~(uint64_t)(WORD - 1);
        uint64_t words = (address + len - first + WORD - 1) / WORD;
        store(m, r->counts ? first + r->word % words * WORD : r->address, r->value, r->counts);
    }
}

/* What the monitor writes itself is the last word on it. */
void disturb_before_write(struct machine *m, uint64_t address, uint64_t len)
{
    struct machine_private *p = m->private;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->raced_count; i++)
        if (len == 0 || !overlaps(address, len, p->raced[i].address, WORD))
            p->raced[kept++] = p->raced[i];
    p->raced_count = kept;
}

void machine_races_hide(struct machine *m)
{
    for (uint32_t i = m->private->raced_count; i-- > 0;)
        put(m, m->private->raced[i].address, m->private->raced[i].before);
}

void machine_races_show(struct machine *m)
{
    for (uint32_t i = 0; i < m->private->raced_count; i++)
        put(m, m->private->raced[i].address, m->private->raced[i].after);
}

void machine_races_settle(struct machine *m)
{
    if (m->private->raced_count != 0) /* harts that are threads have no races: then nobody writes here */
        m->private->raced_count = 0;
}

/* --- faults ----------------------------------------------------------------------------------------------------- */

bool disturb_fails(struct machine *m, uint32_t h, enum machine_fault place)
{
    struct waiting_fault *f = &m->private->hart[h].disturbance.fault[place];

    if (!f->armed)
        return false;
    if (f->skip != 0) {
        f->skip--;
        return false;
    }
    f->armed = false;
    return true;
}

void disturb_pmp_write(struct machine *m, uint32_t h, unsigned index, uint8_t *config, uint64_t *addr)
{
    struct hart_private *p = &m->private->hart[h];
    bool fails = p->closing && disturb_fails(m, h, MACHINE_FAULT_PMP);

    p->pmp_failed = (uint16_t)((p->pmp_failed & ~(1u << index)) | (fails ? 1u << index : 0));
    if (!fails)
        return;
    /* It opens everything, or nothing when that was asked for. */
    *config = (*config & PMP_R) != 0 ? 0 : PMP_NAPOT | PMP_R | PMP_W | PMP_X;
    *addr = UINT64_MAX;
}
