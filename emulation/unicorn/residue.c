/* SPDX-License-Identifier: Apache-2.0 */
/* Where secrets of a guest are after it has left; see residue.h. */
#include "emulation/unicorn/residue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulation/unicorn/steps.h"
#include "monitor/riscv/layout.h"

/* Words that are not found by chance: shorter ones could be anything. */
#define LEAST_SECRET (UINT64_C(1) << 40)
#define MAX_SECRETS 1024u

struct secrets {
    uint64_t word[MAX_SECRETS];
    unsigned count;
};

static void add(struct secrets *s, uint64_t word)
{
    if (word >= LEAST_SECRET && word <= ~LEAST_SECRET && s->count < MAX_SECRETS)
        s->word[s->count++] = word;
}

static int by_value(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

/* All that the guest has and does not show: registers, its CSRs but the scheduling hints, its page. */
static void collect(const struct replayer *r, struct secrets *s)
{
    const struct registers *regs = &r->hart.regs;
    s->count = 0;
    for (unsigned i = 1; i < 32; i++)
        add(s, regs->x[i]);
    for (unsigned i = 0; i < 32; i++)
        add(s, regs->f[i]);
    for (unsigned i = 0; i < 32 * VECTOR_WORDS; i++)
        add(s, regs->v[i / VECTOR_WORDS][i % VECTOR_WORDS]);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        if (csr_table[slot].guest_own != 0 && slot != SLOT_vstimecmp)
            add(s, r->hart.csr.value[slot]);
    }
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
        uint64_t word;
        memcpy(&word, r->guest_page + 8 * i, sizeof(word));
        add(s, word);
    }
}

static bool on_the_stack(const struct emulated_hart *h, uint64_t address)
{
    uint64_t end = h->stacks + RISCV_STACK_SLOT;
    return address < end && end - address <= RISCV_STACK_SIZE;
}

/* What the address is, where nothing of the guest may be. */
static const char *place_of(const struct emulated_hart *h, uint64_t address)
{
    if (address - h->window_base < h->window_size)
        return "window beside the guest's frames";
    if (on_the_stack(h, address))
        return "stack of the hart";
    return address - h->image_base < h->image_size ? "data of the monitor" : "memory of the host";
}

/* Returns the number of words on the stack. */
static uint64_t scan_page(struct replayer *r, enum edge edge, const struct secrets *s, uint64_t page)
{
    uint64_t on_stack = 0;
    for (uint64_t at = page; at < page + PAGE_SIZE; at += 8) {
        uint64_t word;
        memcpy(&word, hart_peek(&r->hart, at, sizeof(word)), sizeof(word));
        if (word < LEAST_SECRET || bsearch(&word, s->word, s->count, sizeof(word), by_value) == NULL)
            continue;
        on_stack += on_the_stack(&r->hart, at);
        if (!scene_is_the_guests(&r->scene, at))
            findings_add(r->findings, edge, ELEMENT_RESIDUE, place_of(&r->hart, at), "0x%llx of the guest at 0x%llx",
                         (unsigned long long)word, (unsigned long long)at);
    }
    return on_stack;
}

/* The stack deeper than what is wiped when a guest leaves: whoever serves a guest must not have been there. */
#define NEVER_REACHED (RISCV_STACK_SIZE - RISCV_WIPE_SIZE)

static const void *deep_stack(const struct emulated_hart *h)
{
    return hart_peek(h, h->stacks + RISCV_GUARD_SIZE, NEVER_REACHED);
}

static void check_depth(struct replayer *r, enum edge edge, const uint8_t before[NEVER_REACHED])
{
    if (memcmp(deep_stack(&r->hart), before, NEVER_REACHED) != 0)
        findings_add(r->findings, edge, ELEMENT_RESIDUE, "depth of the stack",
                     "more than the %u bytes that are wiped were used for a guest", (unsigned)RISCV_WIPE_SIZE);
}

void replay_residue(struct replayer *r, uint64_t rounds)
{
    static struct secrets s;
    static uint8_t deep[NEVER_REACHED];
    if (!r->usable || r->hart.stacks == 0)
        return;
    for (uint64_t i = 0; i < rounds; i++) {
        struct prng shown = prng_fork(r->seed, UINT64_C(0x3000000000000000) + i), secret = {.state = prng_next(&shown)};
        replay_back_to_base(r);
        guest_randomise(r, &shown, &secret);
        collect(r, &s);
        memcpy(deep, deep_stack(&r->hart), sizeof(deep));
        enum edge edge = possible_exit(r, exit_edges[i % exit_edge_count]);
        if (!step_exit(r, edge, &shown, &secret))
            continue;
        add(&s, r->hart.csr.value[SLOT_mtval]);
        qsort(s.word, s.count, sizeof(s.word[0]), by_value);
        findings_checked(r->findings, edge, ELEMENT_RESIDUE);
        check_depth(r, edge, deep);
        uint64_t on_stack = 0;
        for (uint32_t n = 0; n < r->hart.dirty_count; n++)
            on_stack += scan_page(r, edge, &s, RAM_BASE + (uint64_t)r->hart.dirty_list[n] * PAGE_SIZE);
        if (on_stack > r->findings->stack_residue)
            r->findings->stack_residue = on_stack;
    }
    replay_back_to_base(r);
}
