/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, the other way round: what a guest sees does not depend on what the host keeps to itself; see ni.h.
 *
 * While a guest runs, the host of the twin has other values in what a run does not take: general registers but a0 to a7,
 * CSRs that are storage, and the words of its mailbox that are no answers. Floating-point and vector registers are the same
 * in both: whether they come back depends on whether their unit was in use.
 * The difference is put there right before the call and taken back when the hart has left the guest; if it is no longer
 * there then, the host's register was not brought back, and the comparison of the hosts says so.
 */
#include "harness/oracles/ni.h"

#include <string.h>

#include "harness/oracles/oracle.h"

#define A0 10u
#define A1 11u
#define A7 17u

/* CSRs that hold any number, and that no trap of the host's writes. vsscratch and its neighbours are those of a VM of the host's own. */
static const uint16_t storage[] = {0x140, 0x205, 0x240, 0x241, 0x243};
#define STORAGE_COUNT (sizeof(storage) / sizeof(storage[0]))

/* --- putting the difference there, and taking it back ------------------------------------------------------------- */

static void flip_registers(struct machine *m, uint32_t h)
{
    struct machine_hart *hart = &m->hart[h];

    for (unsigned i = 1; i < 32; i++)
        if (i < A0 || i > A7) /* the call sets all of those */
            hart->x[i] ^= NI_HOST_SECRET;
    for (unsigned i = 0; i < STORAGE_COUNT; i++)
        machine_csr_write(m, h, storage[i], machine_csr_read(m, h, storage[i]) ^ NI_HOST_SECRET);
}

static bool is_answer(unsigned i)
{
    return i == 0 || i == A0 || i == A1;
}

static uint64_t mailbox_word(const struct hart *hart, unsigned i)
{
    return hart->shmem.value + NACL_GPR_OFFSET(i);
}

static void flip_mailbox(struct world *w, uint32_t h)
{
    struct machine *m = w->twin->machine;
    const struct hart *hart = &m->monitor->hart[h];

    w->ni_mailbox = hart->shmem_set;
    for (unsigned i = 0; w->ni_mailbox && i < 32; i++) {
        if (is_answer(i) || !machine_read(m, mailbox_word(hart, i), &w->ni_word[i], sizeof(w->ni_word[i])))
            continue;
        uint64_t other = w->ni_word[i] ^ NI_HOST_SECRET;
        machine_poke(m, mailbox_word(hart, i), &other, sizeof(other));
    }
}

/* An exit may have written there meanwhile, and what it wrote is compared. */
static void restore_mailbox(struct world *w, uint32_t h)
{
    struct machine *m = w->twin->machine;
    const struct hart *hart = &m->monitor->hart[h];
    uint64_t now;

    for (unsigned i = 0; w->ni_mailbox && i < 32; i++)
        if (!is_answer(i) && machine_read(m, mailbox_word(hart, i), &now, sizeof(now)) &&
            now == (w->ni_word[i] ^ NI_HOST_SECRET))
            machine_poke(m, mailbox_word(hart, i), &w->ni_word[i], sizeof(now));
    w->ni_mailbox = false;
}

void ni_host_before(struct world *w, uint32_t h, const struct trace_op *op)
{
    const struct machine *m = w->twin->machine;

    if (op->op != OP_HOST_CALL || op->call != CALL_covh_run_tvm_vcpu || w->ni_planted[h] || m->hart[h].virt ||
        m->hart[h].parked || machine_halted(m))
        return;
    flip_registers(w->twin->machine, h);
    flip_mailbox(w, h);
    w->ni_planted[h] = true;
}

void ni_host_left(struct world *w, uint32_t acting)
{
    restore_mailbox(w, acting);
    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        if (!w->ni_planted[h] || machine_in_guest(w->twin->machine, h))
            continue;
        flip_registers(w->twin->machine, h);
        w->ni_planted[h] = false;
    }
}

/* --- what the guest sees ------------------------------------------------------------------------------------------ */

/* Does a pair of words differ by the host's secret, or by a half of it? Secrets of guests differ in other bits. */
static bool by_host(uint64_t one, uint64_t other)
{
    uint64_t difference = one ^ other;

    uint32_t low = (uint32_t)difference;

    return low == (uint32_t)NI_HOST_SECRET || low == NI_HOST_SECRET >> 32 || difference >> 32 == NI_HOST_SECRET >> 32;
}

static void judge(struct world *w, uint32_t h, const char *what, unsigned number, uint64_t one, uint64_t other)
{
    if (by_host(one, other))
        oracle_report(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register",
                      "hart %u: %s %u of the guest is 0x%llx, and 0x%llx when the host has other values of its own", h,
                      what, number, (unsigned long long)one, (unsigned long long)other);
}

static void judge_registers(struct world *w, uint32_t h)
{
    const struct machine_hart *one = &w->machine->hart[h];
    const struct machine_hart *other = &w->twin->machine->hart[h];
    uint64_t a, b;

    for (unsigned i = 1; i < 32; i++)
        judge(w, h, "x", i, one->x[i], other->x[i]);
    for (unsigned i = 0; i < 32; i++)
        judge(w, h, "f", i, one->f[i], other->f[i]);
    for (unsigned i = 0; i < sizeof(one->v); i += sizeof(a)) {
        memcpy(&a, one->v + i, sizeof(a));
        memcpy(&b, other->v + i, sizeof(b));
        judge(w, h, "vector byte", i, a, b);
    }
    judge(w, h, "pc", 0, one->pc, other->pc);
    for (unsigned i = 1; i < STORAGE_COUNT; i++)
        judge(w, h, "CSR", storage[i], machine_csr_read(w->machine, h, storage[i]),
              machine_csr_read(w->twin->machine, h, storage[i]));
}

void ni_host_after(struct world *w, uint32_t h, bool was_guest, const struct step_result *mine,
                   const struct step_result *twin)
{
    bool answers = mine->kind == EXPECT_RESULT || mine->kind == EXPECT_TRAP;

    if (!machine_in_guest(w->machine, h))
        return;
    if (mine->kind == EXPECT_ENTER)
        judge_registers(w, h);
    if (was_guest &&
        (mine->kind != twin->kind || (answers && (mine->error != twin->error || mine->value != twin->value))))
        oracle_report(
            w, ORACLE_NI, S1_ISOLATION, "ni-guest-way",
            "hart %u: the guest's operation answers %lld, 0x%llx, and %lld, 0x%llx when others keep other secrets", h,
            (long long)mine->error, (unsigned long long)mine->value, (long long)twin->error,
            (unsigned long long)twin->value);
}
