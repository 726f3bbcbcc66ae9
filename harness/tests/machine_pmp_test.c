/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: PMP decides as the architecture says: the lowest entry that matches a byte decides for it, every byte of an
 * access must be decided by the same entry, what nothing matches is closed. Compared with a slow model, byte by byte.
 */
#include "harness/tests/machine_host.h"

#define OFF 0x00u
#define TOR 0x08u
#define NA4 0x10u
#define NAPOT 0x18u
#define RWX (PMP_R | PMP_W | PMP_X)

static struct machine *m;
static struct hart *hart;

static void clear_all(void)
{
    for (unsigned i = 0; i < PMP_ENTRIES; i++)
        hal_pmp_write(hart, i, 0, 0);
}

/* --- the model -------------------------------------------------------------------------------------------------- */

static bool model_matches(unsigned i, uint64_t pa)
{
    uint8_t config;
    uint8_t ignored;
    uint64_t addr;
    uint64_t below = 0;

    hal_pmp_read(hart, i, &config, &addr);
    switch (config & 0x18) {
    case TOR:
        if (i > 0)
            hal_pmp_read(hart, i - 1, &ignored, &below);
        return pa >> 2 >= below && pa >> 2 < addr;
    case NA4: return pa >> 2 == addr;
    case NAPOT: {
        unsigned ones = 0;
        while (ones < 54 && (addr >> ones & 1) != 0)
            ones++;
        return ones >= 54 || pa >> (ones + 3) == addr >> (ones + 1);
    }
    default: return false;
    }
}

/* Entry that decides about a byte, PMP_ENTRIES when none does. */
static unsigned model_entry(uint64_t pa)
{
    unsigned i = 0;

    while (i < PMP_ENTRIES && !model_matches(i, pa))
        i++;
    return i;
}

static uint8_t model_byte(uint64_t pa)
{
    uint8_t config = 0;
    uint64_t addr;
    unsigned i = model_entry(pa);

    if (i < PMP_ENTRIES)
        hal_pmp_read(hart, i, &config, &addr);
    return config & RWX;
}

static uint8_t model_range(uint64_t pa, uint64_t len)
{
    uint8_t perm = RWX;

    for (uint64_t i = 0; i < len; i++)
        perm &= model_byte(pa + i);
    return perm;
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

static uint64_t random_state = 1;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Entries packed into a few hundred bytes at the start of host RAM, so that they meet in every way. */
static void agrees_with_model(void)
{
    static const uint8_t modes[] = {OFF, TOR, NA4, NAPOT};

    for (unsigned round = 0; round < 400; round++) {
        clear_all();
        for (unsigned n = 0; n < 2 * PMP_ENTRIES; n++) {
            unsigned i = n < PMP_ENTRIES ? n : random_number() % PMP_ENTRIES; /* and some of them once more */
            uint64_t addr = HOST(0) / 4 + random_number() % 64;
            uint8_t mode = modes[random_number() % 4];
            if (mode == NAPOT)
                addr |= (UINT64_C(1) << random_number() % 5) - 1;
            hal_pmp_write(hart, i, mode | (random_number() & RWX), addr);
        }
        for (unsigned i = 0; i < 24; i++) {
            uint64_t pa = HOST(0) - 16 + random_number() % 300;
            uint64_t len = 1 + random_number() % 40;
            CHECK_EQ(machine_pmp_check(m, 0, pa, len), model_range(pa, len));
        }
        /* An access of eight bytes: all of it decided by one entry, or refused. */
        hal_fence_all(hart);
        for (unsigned i = 0; i < 8; i++) {
            uint64_t pa = HOST(0) + 8 * (random_number() % 40);
            bool one_entry = model_entry(pa) == model_entry(pa + 4);
            bool allowed = one_entry && (model_byte(pa) & PMP_R) != 0;
            struct access_result r = machine_access(m, 0, pa, ACCESS_LOAD, 8, 0);
            CHECK_EQ(r.ok, allowed);
            CHECK(r.ok || r.trap.cause == 5);
        }
    }
}

static void single_rules(void)
{
    clear_all();
    CHECK_EQ(machine_pmp_check(m, 0, HOST(0), 1), 0);
    hal_pmp_write(hart, 5, NAPOT | RWX, UINT64_MAX);
    CHECK_EQ(machine_pmp_check(m, 0, 0, UINT64_C(1) << 56), RWX);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(0), 0), 0);
    CHECK_EQ(machine_pmp_check(m, 0, UINT64_MAX - 3, 8), 0);

    /* The lowest entry wins, closed or open. */
    hal_pmp_write(hart, 4, NAPOT, HOST(1) >> 2 | 0x1ff);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(1), 4096), 0);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(0), 4096), RWX);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(0), 4097), 0);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(2) - 1, 1), 0);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(2) - 1, 2), 0);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(2), 2), RWX);
    hal_pmp_write(hart, 3, NAPOT | PMP_R, HOST(1) >> 2 | 0x1ff);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(1), 4096), PMP_R);

    /* Each kind of access needs its own bit, and says so with its own cause. */
    hal_fence_all(hart);
    CHECK(machine_access(m, 0, HOST(1), ACCESS_LOAD, 8, 0).ok);
    CHECK_EQ(machine_access(m, 0, HOST(1), ACCESS_STORE, 8, 1).trap.cause, 7);
    CHECK_EQ(machine_access(m, 0, HOST(1), ACCESS_FETCH, 4, 0).trap.cause, 1);

    /* Writable but not readable is reserved; bits 5 and 6 do not exist; addresses have 54 bits. */
    uint8_t config;
    uint64_t addr;
    hal_pmp_write(hart, 3, 0x60 | NAPOT | PMP_W | PMP_X, UINT64_MAX);
    hal_pmp_read(hart, 3, &config, &addr);
    CHECK_EQ(config, NAPOT | PMP_X);
    CHECK_EQ(addr, UINT64_MAX >> 10);

    /* TOR: from the entry below, wherever that is; an empty range matches nothing. */
    clear_all();
    hal_pmp_write(hart, 0, TOR | PMP_R, 0x1000);
    hal_pmp_write(hart, 1, TOR | PMP_X, 0x1000);
    hal_pmp_write(hart, 2, TOR | RWX, 0x2000);
    CHECK_EQ(machine_pmp_check(m, 0, 0, 0x4000), PMP_R);
    CHECK_EQ(machine_pmp_check(m, 0, 0x4000, 0x4000), RWX);
    hal_pmp_write(hart, 1, TOR | PMP_X, 0x1800);
    CHECK_EQ(machine_pmp_check(m, 0, 0x4000, 0x2000), PMP_X);
    CHECK_EQ(machine_pmp_check(m, 0, 0x6000, 0x2000), RWX);
}

/* An entry that locks itself stays as it is. */
static void locked_entries_stay(void)
{
    uint8_t config;
    uint64_t addr;

    clear_all();
    hal_pmp_write(hart, 2, 0x80 | NAPOT | PMP_R, HOST(1) >> 2 | 0x1ff);
    hal_pmp_write(hart, 2, 0, 0);
    hal_pmp_read(hart, 2, &config, &addr);
    CHECK_EQ(config, 0x80 | NAPOT | PMP_R);
    CHECK_EQ(addr, HOST(1) >> 2 | 0x1ff);
}

/* Every hart has its own. */
static void harts_are_separate(void)
{
    machine_reset(m);
    hal_pmp_write(hart, 3, NAPOT, HOST(1) >> 2 | 0x1ff);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(1), 8), 0);
    CHECK_EQ(machine_pmp_check(m, 1, HOST(1), 8), RWX);
    machine_reset(m);
    CHECK_EQ(machine_pmp_check(m, 0, HOST(1), 8), RWX);
}

int main(void)
{
    m = host_machine(2, 0);
    hart = &m->monitor->hart[0];
    single_rules();
    agrees_with_model();
    locked_entries_stay();
    harts_are_separate();
    machine_destroy(m);
    return test_finish();
}
