/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables in host RAM, for tests of translation: the test is the supervisor, or the hypervisor, that writes them.
 */
#ifndef TOUCHSTONE_HARNESS_TESTS_MACHINE_TABLES_H
#define TOUCHSTONE_HARNESS_TESTS_MACHINE_TABLES_H

#include "harness/tests/machine_host.h"

#define PTE_V 0x01u
#define PTE_R 0x02u
#define PTE_W 0x04u
#define PTE_X 0x08u
#define PTE_U 0x10u
#define PTE_A 0x40u
#define PTE_D 0x80u
#define PTE_ALL (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

#define CSR_SATP 0x180u
#define CSR_VSATP 0x280u
#define CSR_HGATP 0x680u
#define CSR_MSTATUS 0x300u
#define CSR_VSSTATUS 0x200u

struct tables {
    struct machine *m;
    uint64_t next; /* next free frame of host RAM for a table */
    uint64_t root; /* physical address */
    unsigned mode; /* 8, 9, 10 */
    bool g_stage;  /* x4: the root is 16 KiB */
};

static inline uint64_t word_at(const struct machine *m, uint64_t pa)
{
    const uint8_t *at = machine_peek(m, pa, 8);
    uint64_t word = 0;

    if (at == NULL)
        test_error("no memory there");
    memcpy(&word, at, 8);
    return word;
}

static inline void set_word(struct machine *m, uint64_t pa, uint64_t word)
{
    if (!machine_poke(m, pa, &word, 8))
        test_error("no memory there");
}

/* Tables of a mode that start at the given frame of host RAM, a multiple of four. */
static inline struct tables tables_new(struct machine *m, unsigned mode, bool g_stage, uint64_t frame)
{
    return (struct tables){.m = m, .next = frame + 4, .root = HOST(frame), .mode = mode, .g_stage = g_stage};
}

/* Address of the entry for `va` at `level` (0: 4 KiB), making tables on the way. */
static inline uint64_t tables_entry(struct tables *t, uint64_t va, unsigned level)
{
    unsigned top = t->mode - 6;
    uint64_t table = t->root;

    for (unsigned l = top;; l--) {
        uint64_t mask = l == top && t->g_stage ? 2047 : 511;
        uint64_t at = table + 8 * (va >> (12 + 9 * l) & mask);
        if (l == level)
            return at;
        if ((word_at(t->m, at) & PTE_V) == 0)
            set_word(t->m, at, (HOST(t->next++) >> 12) << 10 | PTE_V);
        table = word_at(t->m, at) >> 10 << 12;
    }
}

static inline void tables_map(struct tables *t, uint64_t va, uint64_t pa, unsigned level, uint64_t flags)
{
    set_word(t->m, tables_entry(t, va, level), pa >> 12 << 10 | flags);
}

/* Value of satp, vsatp or hgatp for these tables. */
static inline uint64_t tables_atp(const struct tables *t, uint64_t id)
{
    return (uint64_t)t->mode << 60 | id << 44 | t->root >> 12;
}

static inline struct access_result load(struct machine *m, uint64_t va)
{
    return machine_access(m, 0, va, ACCESS_LOAD, 8, 0);
}

#endif
