/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory protection: entries decoded when written, the lowest matching one decides, nothing matching means
 * no access for S and U. M-mode is not checked here: the monitor never locks an entry against itself.
 */
#include "harness/machine/internal.h"

#define PMP_LOCK 0x80u
#define PMP_MODE 0x18u
#define PMP_TOR 0x08u
#define PMP_NA4 0x10u
#define PMP_RWX (PMP_R | PMP_W | PMP_X)
#define PMP_ADDR_BITS (UINT64_MAX >> 10)

static const struct pmp_range matches_nothing = {.first = 1, .last = 0};

static struct pmp_range decode(const struct machine_hart *hart, unsigned index)
{
    uint8_t config = hart->pmpcfg[index];
    uint64_t addr = hart->pmpaddr[index];
    struct pmp_range range = matches_nothing;

    switch (config & PMP_MODE) {
    case PMP_TOR: {
        uint64_t low = index == 0 ? 0 : hart->pmpaddr[index - 1];
        if (low >= addr)
            return matches_nothing;
        range.first = low << 2;
        range.last = (addr << 2) - 1;
        break;
    }
    case PMP_NA4:
        range.first = addr << 2;
        range.last = range.first + 3;
        break;
    case PMP_NAPOT: {
        /* n trailing ones: 2^(n+3) bytes. All ones is the whole address space. */
        uint64_t ones = addr ^ (addr + 1);
        range.first = (addr & ~ones) << 2;
        range.last = range.first | ones << 2 | 3;
        break;
    }
    default: return matches_nothing;
    }
    range.perm = config & PMP_RWX;
    return range;
}

bool pmp_write(struct machine *m, uint32_t h, unsigned index, uint8_t config, uint64_t addr)
{
    struct machine_hart *hart = &m->hart[h];
    struct hart_private *p = &m->private->hart[h];
    uint8_t config_before = hart->pmpcfg[index];
    uint64_t addr_before = hart->pmpaddr[index];

    if ((config_before & PMP_LOCK) != 0)
        return false;
    config &= PMP_LOCK | PMP_MODE | PMP_RWX;
    if ((config & (PMP_R | PMP_W)) == PMP_W)
        config &= (uint8_t)~PMP_W; /* writable but not readable is reserved */
    hart->pmpcfg[index] = config;
    hart->pmpaddr[index] = addr & PMP_ADDR_BITS;
    p->pmp[index] = decode(hart, index);
    if (index + 1 < PMP_ENTRIES)
        p->pmp[index + 1] = decode(hart, index + 1); /* TOR starts where this one ends */
    return config != config_before || hart->pmpaddr[index] != addr_before;
}

/*
 * What decides about the byte at `pa`: the permission, and in *last how far the same entry (or the same absence of one)
 * decides, at most to the given end.
 */
static uint8_t decide(const struct hart_private *p, uint64_t pa, uint64_t *last)
{
    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        const struct pmp_range *range = &p->pmp[i];
        if (range->first > range->last || range->last < pa)
            continue;
        if (range->first <= pa) {
            if (range->last < *last)
                *last = range->last;
            return range->perm;
        }
        if (range->first <= *last)
            *last = range->first - 1; /* from there on this one goes first */
    }
    return 0;
}

uint8_t pmp_access(const struct machine *m, uint32_t h, uint64_t pa, uint64_t len)
{
    uint64_t last = pa + len - 1;
    uint8_t perm = decide(&m->private->hart[h], pa, &last);

    return last == pa + len - 1 ? perm : 0;
}

bool pmp_page(const struct machine *m, uint32_t h, uint64_t pa_page, uint8_t *perm)
{
    uint64_t first = pa_page << PAGE_SHIFT;
    uint64_t last = first + PAGE_MASK;

    *perm = decide(&m->private->hart[h], first, &last);
    return last == first + PAGE_MASK;
}

uint8_t machine_pmp_check(const struct machine *m, uint32_t h, uint64_t pa, uint64_t len)
{
    uint8_t perm = PMP_RWX;

    if (len == 0 || len - 1 > UINT64_MAX - pa)
        return 0;
    for (uint64_t end = pa + (len - 1);;) {
        uint64_t last = end;
        perm &= decide(&m->private->hart[h], pa, &last);
        if (perm == 0 || last == end)
            return perm;
        pa = last + 1;
    }
}
