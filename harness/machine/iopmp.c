/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bus masters other than harts, and the IOPMP between them and memory: one set of entries for all of them, the lowest
 * one that matches decides, what matches none is refused. At power-on every entry opens something, as a careless earlier
 * boot stage would leave it. Without an IOPMP whatever is addressed is reached.
 */
#include <string.h>

#include "harness/machine/internal.h"

#define MODE_BITS 0x18u
#define ADDR_BITS (UINT64_MAX >> 10)
#define EVERYTHING (UINT64_MAX >> 10)

void iopmp_power_on(struct machine *m)
{
    for (unsigned i = 0; i < MACHINE_IOPMP_ENTRIES; i++) {
        m->iopmpcfg[i] = PMP_NAPOT | PMP_R | PMP_W;
        m->iopmpaddr[i] = (junk(m->config.seed, 0x900u + i) & 1) != 0 ? EVERYTHING : MACHINE_WINDOW_BASE >> 2 | 0xffff;
    }
}

void iopmp_write(struct machine *m, unsigned index, uint8_t config, uint64_t addr)
{
    if (m->config.iopmp == MACHINE_IOPMP_STUCK && index == m->config.seed % MACHINE_IOPMP_ENTRIES)
        return;
    /* Naturally aligned powers of two, or nothing: other ways to name a range are left out. */
    m->iopmpcfg[index] = (config & MODE_BITS) == PMP_NAPOT ? config & (PMP_NAPOT | PMP_R | PMP_W | PMP_X) : 0;
    m->iopmpaddr[index] = addr & ADDR_BITS;
}

/* First and last byte that the entry matches; false when it is off. */
static bool entry_range(const struct machine *m, unsigned i, uint64_t *first, uint64_t *last)
{
    uint64_t ones = m->iopmpaddr[i] ^ (m->iopmpaddr[i] + 1);

    *first = (m->iopmpaddr[i] & ~ones) << 2;
    *last = *first | ones << 2 | 3;
    return m->iopmpcfg[i] != 0;
}

uint8_t machine_iopmp_check(const struct machine *m, uint64_t pa, uint64_t len)
{
    uint64_t end = pa + (len - 1);
    uint64_t first, last;

    if (len == 0 || end < pa)
        return 0;
    if (m->config.iopmp == MACHINE_IOPMP_ABSENT || m->config.iopmp == MACHINE_IOPMP_REFUSED)
        return PMP_R | PMP_W | PMP_X;
    for (unsigned i = 0; i < MACHINE_IOPMP_ENTRIES; i++) {
        if (!entry_range(m, i, &first, &last) || end < first || pa > last)
            continue;
        /* An entry that matches only a part decides about none of it: a transaction is not divided. */
        return first <= pa && end <= last ? m->iopmpcfg[i] & (PMP_R | PMP_W | PMP_X) : 0;
    }
    return 0;
}

static bool within(uint64_t pa, unsigned width, uint64_t base, uint64_t size)
{
    return pa >= base && pa - base < size && width <= size - (pa - base);
}

bool machine_device_access(struct machine *m, uint64_t pa, bool store, unsigned width, uint64_t *value)
{
    uint8_t bytes[8] = {0};

    if (pa % width != 0 || (machine_iopmp_check(m, pa, width) & (store ? PMP_W : PMP_R)) == 0)
        return false;
    if (machine_peek(m, pa, width) == NULL) {
        /* The monitor's image and the devices of M-mode have no contents in this model. */
        *value = store ? *value : 0;
        return within(pa, width, MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE) ||
               within(pa, width, MACHINE_MMIO_BASE, MACHINE_MMIO_SIZE);
    }
    if (store) {
        for (unsigned i = 0; i < width; i++)
            bytes[i] = (uint8_t)(*value >> 8 * i);
        return machine_poke(m, pa, bytes, width);
    }
    machine_read(m, pa, bytes, width);
    *value = 0;
    for (unsigned i = 0; i < width; i++)
        *value |= (uint64_t)bytes[i] << 8 * i;
    return true;
}
