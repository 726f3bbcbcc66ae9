/* SPDX-License-Identifier: Apache-2.0 */
/* Random states of host and guest; see worlds.h. */
#include "emulation/unicorn/worlds.h"

#define SATP_LAYOUT ((UINT64_C(1) << 60) - 1)

/* A translation root: off in one of four, else Sv39, Sv48 or Sv57 with any ASID and page number. */
static uint64_t random_root(struct prng *r)
{
    uint64_t value = prng_next(r);
    uint64_t mode = value >> 62;
    return mode == 0 ? 0 : (mode + 7) << 60 | (value & SATP_LAYOUT);
}

/* A value that is legal for the CSR in all its bits; csr_set sees to the rest. */
static uint64_t random_value(enum csr_slot slot, struct prng *r)
{
    uint64_t value;
    switch (slot) {
    case SLOT_satp:
    case SLOT_vsatp:
    case SLOT_hgatp: return random_root(r);
    case SLOT_stvec:
    case SLOT_vstvec: return prng_next(r) & ~UINT64_C(2);
    case SLOT_hstatus:
        value = prng_next(r);
        return (value & ~HSTATUS_VGEIN) | (value >> 40 & GUEST_FILES) << HSTATUS_VGEIN_SHIFT;
    case SLOT_senvcfg:
    case SLOT_henvcfg:
        value = prng_next(r);
        /* CBIE 2 is reserved. */
        return (value & ENVCFG_CBIE) == UINT64_C(2) << 4 ? value | ENVCFG_CBIE : value;
    default: return prng_next(r);
    }
}

static void randomise(struct csr_file *f, enum csr_slot slot, uint64_t own, struct prng *r)
{
    uint64_t old = f->value[slot];
    csr_set(f, slot, (old & ~own) | (random_value(slot, r) & own));
}

static void random_registers(struct registers *regs, struct prng *r)
{
    prng_fill(r, regs->x + 1, 31);
    prng_fill(r, regs->f, 32);
    for (unsigned i = 0; i < 32; i++)
        prng_fill(r, regs->v[i], VECTOR_WORDS);
    regs->pc = prng_next(r) & ~UINT64_C(1);
}

/* What vsetvl can leave: an illegal type in one of four, else any type that this hart has and a length within it. */
static void random_vector_type(struct csr_file *f, struct prng *r)
{
    uint64_t choice = prng_next(r), vtype = choice & 0xff;
    uint64_t most = (choice >> 62) == 0 ? 0 : vector_length_max(vtype);
    f->value[SLOT_vtype] = most == 0 ? VTYPE_VILL : vtype;
    f->value[SLOT_vl] = most == 0 ? 0 : (choice >> 16) % (most + 1);
}

/* Fences are owed by whoever changes translation; what a world owes itself is its own affair. */
static void forget_debts(struct csr_file *f)
{
    f->pmp_needs_sfence = false;
    f->pmp_needs_hfence_g = false;
    f->hgatp_needs_hfence_g = false;
    f->hgatp_needs_hfence_v = false;
    f->hgatp_changed_under_vsatp = false;
}

void world_random_host(struct emulated_hart *h, struct prng *r)
{
    random_registers(&h->regs, r);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].host_own != 0 && !csr_is_lacking(&h->csr, csr_table[slot].number))
            randomise(&h->csr, (enum csr_slot)slot, csr_table[slot].host_own, r);
    }
    random_vector_type(&h->csr, r);
    forget_debts(&h->csr);
    h->csr.mode = MODE_S;
    h->csr.virt = false;
    h->csr.reserved = (prng_next(r) & 1) != 0;
    h->csr.reserved_at = prng_next(r) & ~UINT64_C(7);
}

static bool is_shown(unsigned slot)
{
    return slot == SLOT_mie || slot == SLOT_vstimecmp;
}

void world_random_guest(struct emulated_hart *h, struct prng *shown, struct prng *secret)
{
    random_registers(&h->regs, secret);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].guest_own != 0)
            randomise(&h->csr, (enum csr_slot)slot, csr_table[slot].guest_own, is_shown(slot) ? shown : secret);
    }
    random_vector_type(&h->csr, secret);
    /* The guest's use of floating point makes FS dirty for the hypervisor level as well; so with vectors and VS. */
    if ((h->csr.value[SLOT_mstatus] & STATUS_FS) != 0)
        h->csr.value[SLOT_mstatus] |= STATUS_FS;
    if ((h->csr.value[SLOT_mstatus] & STATUS_VS) != 0)
        h->csr.value[SLOT_mstatus] |= STATUS_VS;
    h->csr.mode = (prng_next(shown) & 1) != 0 ? MODE_S : MODE_U;
    h->csr.virt = true;
    h->csr.reserved = (prng_next(secret) & 1) != 0;
    h->csr.reserved_at = prng_next(secret) & ~UINT64_C(7);
}

void world_random_page(struct emulated_hart *h, uint64_t address, struct prng *secret)
{
    uint64_t *word = hart_touch(h, address, 4096);
    if (word != NULL)
        prng_fill(secret, word, 4096 / sizeof(*word));
}
