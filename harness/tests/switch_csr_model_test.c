/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch is judged by one model of the CSRs (emulation/unicorn), the monitor is fuzzed on another
 * (harness/machine). They were written apart from the same specification. Here both are given the same random writes,
 * and every CSR must read the same in both after each one, but for bits that only one of the two harts has.
 */
#include "harness/tests/test.h"

#include "harness/machine/machine.h"

/* The replay is a program, not a library: its model is compiled into this test. */
#include "emulation/unicorn/csr_model.c"

#define WRITES 20000u

/* Bits of a CSR that only one of the harts implements; the comment says which and why. */
static uint64_t only_one_has(unsigned number)
{
    switch (number) {
    case 0x301: return UINT64_C(1) << 21; /* misa: vector registers exist on the simulated machine only */
    case 0x30c:
    case 0x60c: return UINT64_C(0x1e00000000000007); /* mstateen0, hstateen0: more state exists in the replay */
    case 0x10c: return 7;                            /* sstateen0: the same */
    case 0x302: return UINT64_C(1) << 11;            /* medeleg: delegation of M ecalls, which has no meaning */
    case 0x303: return UINT64_C(0x3000);             /* mideleg: guest external and counter interrupts */
    case 0x304:
    case 0x104:
    case 0x604: return UINT64_C(0x3000);     /* mie, sie, hie: the same two */
    case 0x600: return UINT64_C(0x3f) << 12; /* hstatus.VGEIN: guest interrupt files exist in the replay only */
    case 0x607: return UINT64_C(0xe);        /* hgeie: the same */
    case 0x60a:                              /* henvcfg */
    case 0x30a: return UINT64_C(1) << 62;    /* menvcfg: Svpbmt exists in the replay only */
    case 0x344: return UINT64_C(0x60);       /* mip: the timers drive their bits on the simulated machine only */
    case 0x144: return UINT64_C(0x20);       /* sip, hip, vsip: the same seen from elsewhere */
    case 0x644: return UINT64_C(0x40);
    case 0x244: return UINT64_C(0x20);
    default: return 0;
    }
}

/* Clocks run on their own; PMP is written through functions on the simulated machine. */
static bool is_compared(const struct csr_info *info)
{
    if (info->class == CLASS_CLOCK || info->class == CLASS_ABSENT || info->class == CLASS_PMP)
        return false;
    /* mconfigptr and triggers: only the replay has them. */
    return info->number != 0xf15 && info->number != 0x7a0 && info->number != 0x7a1;
}

/* Values that tell: all bits, none, a legal mode in the highest bits, or anything. */
static uint64_t random_value(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t value = *state ^ *state >> 29;
    switch (*state >> 60) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return (value & UINT64_MAX >> 4) | UINT64_C(8) << 60;
    case 3: return (value & UINT64_MAX >> 4) | UINT64_C(9) << 60;
    default: return value;
    }
}

/* A reserved encoding may read back as anything legal, and the two harts choose differently: none is written. */
static uint64_t without_reserved(unsigned number, uint64_t value)
{
    switch (number) {
    case 0x105:
    case 0x205:
    case 0x305: return value & ~UINT64_C(2); /* trap vector mode */
    case 0x180:
    case 0x280: return value >> 60 == 0 ? 0 : value; /* translation off with other fields not zero */
    case 0x680: return value >> 60 >= 8 && value >> 60 <= 10 ? value : 0; /* and modes that do not exist */
    case 0x10a:
    case 0x30a:
    case 0x60a: return (value & ENVCFG_CBIE) == UINT64_C(2) << 4 ? value ^ UINT64_C(2) << 4 : value;
    default: return value;
    }
}

static void compare_all(const struct machine *m, const struct csr_file *f, unsigned written)
{
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        const struct csr_info *info = &csr_table[slot];
        uint64_t theirs = machine_csr_read(m, 0, info->number), ours = csr_get(f, (enum csr_slot)slot);
        uint64_t difference = (theirs ^ ours) & ~only_one_has(info->number);
        if (!is_compared(info) || CHECK(difference == 0))
            continue;
        printf("%s after a write to 0x%03x: machine 0x%" PRIx64 ", replay 0x%" PRIx64 "\n", info->name, written, theirs,
               ours);
    }
}

int main(void)
{
    struct machine_config config = machine_default_config();
    struct machine *m = machine_create(&config);
    if (m == NULL)
        test_error("no machine");
    struct csr_file f;
    csr_reset(&f, 0);
    uint64_t state = 1;

    /* Both start from zero where zero can be written, and with floating point on. */
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        machine_csr_write(m, 0, csr_table[slot].number, 0);
        csr_set(&f, (enum csr_slot)slot, 0);
    }
    machine_csr_write(m, 0, 0x300, STATUS_FS);
    csr_set(&f, SLOT_mstatus, STATUS_FS);
    compare_all(m, &f, 0);

    for (unsigned i = 0; i < WRITES; i++) {
        unsigned slot = (unsigned)((random_value(&state) >> 20) % CSR_SLOTS);
        uint64_t value = without_reserved(csr_table[slot].number, random_value(&state));
        if (!is_compared(&csr_table[slot]))
            continue;
        machine_csr_write(m, 0, csr_table[slot].number, value);
        csr_set(&f, (enum csr_slot)slot, value);
        compare_all(m, &f, csr_table[slot].number);
    }
    machine_destroy(m);
    return test_finish();
}
