/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold when the monitor hands the hart to a world. A check compares the hart with a view: the complete
 * state that the world is entitled to, built from what it had when it ran last and from the documented effects of
 * the trap, and from nothing that the monitor says.
 */
#ifndef TOUCHSTONE_UNICORN_CHECKS_H
#define TOUCHSTONE_UNICORN_CHECKS_H

#include "emulation/unicorn/findings.h"
#include "emulation/unicorn/scene.h"

/* The state of a world: registers, CSRs, mode. */
struct view {
    struct registers regs;
    struct csr_file csr;
};

static inline struct view view_of(const struct emulated_hart *h)
{
    return (struct view){.regs = h->regs, .csr = h->csr};
}

/* What a world can see of a CSR's value: GVA of mstatus describes the last trap into M-mode. */
static inline uint64_t comparable(enum csr_slot slot, uint64_t value)
{
    return slot == SLOT_mstatus ? value & ~STATUS_GVA : value;
}

/* What the monitor may store outside of its own memory during one trap: exactly these, in any order. */
#define MAX_EXPECTED_STORES 16u

struct expected_stores {
    struct store list[MAX_EXPECTED_STORES];
    uint32_t count;
};

/* Results of PMP decoding, kept because it changes only between two states. */
struct pmp_memory {
    uint64_t key[2][2 + 16];
    bool known[2];
    bool good[2];
};

struct checker {
    const struct scene *scene;
    struct findings *findings;
    struct pmp_memory pmp;
    bool without_stateen; /* the hart has no Smstateen: what that would have to close is not checked */
};

/*
 * The hart has just been handed to a world: to a guest when `guest`. `expected` is that world's view; CSRs of class
 * HOST are compared with `live`, the state in which the trap was raised, because they belong to no switch.
 * `crossed`: the other world ran before.
 */
void check_world(struct checker *c, enum edge edge, bool guest, bool crossed, const struct view *expected,
                 const struct csr_file *live);

/* Stores of the last trap outside of the monitor's memory. */
void check_stores(struct checker *c, enum edge edge, const struct expected_stores *expected);

/* Every CSR that any instruction of the firmware names has an owner: true when that holds. */
bool check_text(struct checker *c, const struct firmware_image *fw);

/* The firmware did not come back to a world. Always a violation. */
void check_stopped(struct checker *c, enum edge edge);

/* A trap that the harness is about to raise must be the monitor's, not the host's own. */
bool check_reaches_monitor(struct checker *c, enum edge edge, uint64_t cause);

/* What a world sees in one of two runs: itself, and the stores outside of the monitor's memory. */
struct observation {
    struct view view;
    struct store stores[MAX_OUTSIDE_STORES];
    uint32_t store_count;
};

/* The world as it is now; the stores of the last trap, behind those that are there already. */
void observe_world(const struct emulated_hart *h, struct observation *o);
void observe_stores(const struct emulated_hart *h, struct observation *o);

/* Which two runs: number `run` of a group, and number 0, the reference of that group. */
struct pair_name {
    uint64_t group;
    unsigned run;
};

/*
 * Two runs that differed only in what the world must not learn: all that the world sees is equal. `guest`: a guest sees,
 * else the host.
 */
void check_pair(struct checker *c, enum edge edge, bool guest, const struct pair_name *name,
                const struct observation *reference, const struct observation *other);

#endif
