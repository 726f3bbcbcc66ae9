/* SPDX-License-Identifier: Apache-2.0 */
/* Two runs that must look alike to a world; see checks.h. */
#include "emulation/unicorn/checks.h"

#include <stdio.h>
#include <string.h>

#define NO_NUMBER 32u /* of a value that has a name of its own */

void observe_world(const struct emulated_hart *h, struct observation *o)
{
    o->view = view_of(h);
}

void observe_stores(const struct emulated_hart *h, struct observation *o)
{
    uint32_t count = h->outside_count < MAX_OUTSIDE_STORES ? h->outside_count : MAX_OUTSIDE_STORES;
    uint32_t room = MAX_OUTSIDE_STORES - o->store_count;
    count = count < room ? count : room;
    memcpy(o->stores + o->store_count, h->outside, count * sizeof(o->stores[0]));
    o->store_count += count;
}

/* Can the world see this CSR, or feel it? Everything but what died with mret; the guest has nothing of the host's. */
static bool world_feels(enum csr_slot slot, bool guest)
{
    switch (csr_table[slot].class) {
    case CLASS_TRAP:
    case CLASS_ALIAS:
    case CLASS_ABSENT:
    case CLASS_CLOCK: return false;
    case CLASS_HOST: return !guest;
    default: return true;
    }
}

struct comparison {
    struct checker *checker;
    enum edge edge;
    const struct pair_name *name;
};

/* One value that two runs must agree on: `a` is the reference's. */
static void agree(const struct comparison *by, const char *what, unsigned number, uint64_t a, uint64_t b)
{
    char name[24];
    if (a == b)
        return;
    snprintf(name, sizeof(name), number < 32 ? "%s%u" : "%s", what, number);
    findings_add(by->checker->findings, by->edge, ELEMENT_PAIR, name,
                 "0x%llx or 0x%llx, by what it must not depend on: runs 0 and %u of group %llu", (unsigned long long)a,
                 (unsigned long long)b, by->name->run, (unsigned long long)by->name->group);
}

static void agree_on_registers(const struct comparison *by, const struct registers *a, const struct registers *b)
{
    if (memcmp(a, b, sizeof(*a)) == 0)
        return;
    for (unsigned i = 0; i < 32; i++) {
        agree(by, "x", i, a->x[i], b->x[i]);
        agree(by, "f", i, a->f[i], b->f[i]);
        for (unsigned n = 0; n < VECTOR_WORDS; n++)
            agree(by, "v", i, a->v[i][n], b->v[i][n]);
    }
    agree(by, "pc", NO_NUMBER, a->pc, b->pc);
}

void check_pair(struct checker *c, enum edge edge, bool guest, const struct pair_name *name,
                const struct observation *reference, const struct observation *other)
{
    const struct comparison by = {c, edge, name};
    const struct csr_file *a = &reference->view.csr, *b = &other->view.csr;
    const struct store *first = reference->stores, *second = other->stores;
    c->findings->pairs[edge]++;
    findings_checked(c->findings, edge, ELEMENT_PAIR);
    agree_on_registers(&by, &reference->view.regs, &other->view.regs);
    agree(&by, "mode", NO_NUMBER, a->mode | a->virt << 2, b->mode | b->virt << 2);
    for (unsigned i = 0; i < CSR_SLOTS; i++) {
        enum csr_slot slot = (enum csr_slot)i;
        if (a->value[slot] != b->value[slot] && world_feels(slot, guest))
            agree(&by, csr_table[slot].name, NO_NUMBER, comparable(slot, a->value[slot]),
                  comparable(slot, b->value[slot]));
    }
    agree(&by, "number of stores", NO_NUMBER, reference->store_count, other->store_count);
    for (uint32_t i = 0; i < reference->store_count && i < other->store_count; i++) {
        agree(&by, "address of store ", i, first[i].address, second[i].address);
        agree(&by, "value of store ", i, first[i].value, second[i].value);
        agree(&by, "size of store ", i, first[i].size, second[i].size);
    }
}
