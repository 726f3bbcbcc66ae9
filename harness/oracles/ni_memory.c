/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, the other way round, in host memory: words of the twin's host that a call has no business with, next to those that
 * it takes; see ni.h. They are put back in the same step, unless somebody has written there meanwhile.
 *
 * A run takes at most two words of the mailbox, and which bits of them is said by the exit before: the host was shown
 * what it is asked. A promotion takes memory that may lie anywhere, around its other inputs as well, so nothing there differs.
 */
#include "harness/oracles/ni.h"

#include <string.h>

#include "harness/machine/internal.h"
#include "harness/oracles/oracle.h"

#define A0 10u
#define PARAMS_BYTES 16u
#define IDENTITY_BYTES 64u

/* Words of the mailbox that have names, none of which a run takes. */
static const uint16_t mailbox_csrs[] = {0x200, 0x204, 0x205, 0x240, 0x241, 0x242, 0x243, 0x244,
                                        0x24d, 0x280, 0x600, 0x602, 0x603, 0x604, 0x605, 0x606,
                                        0x607, 0x60a, 0x643, 0x644, 0x645, 0x64a, 0x680};
#define MAILBOX_CSRS (sizeof(mailbox_csrs) / sizeof(mailbox_csrs[0]))
_Static_assert(MAILBOX_CSRS <= NI_WORDS, "there is room for all of them");

static void plant_at(struct ni_state *n, uint8_t *at)
{
    struct ni_word *word = &n->word[n->words++];

    word->at = at;
    memcpy(&word->before, at, sizeof(word->before));
    word->after = word->before ^ NI_HOST_SECRET;
    memcpy(at, &word->after, sizeof(word->after));
}

static void plant(struct world *w, uint64_t address)
{
    struct machine *m = w->twin->machine;

    if (machine_is_host_ram(m, address, sizeof(uint64_t)))
        plant_at(w->ni, m->host_ram + (address - MACHINE_HOST_BASE));
}

/* The words for general registers are in a row, and differ at once. */
static void plant_registers(struct ni_state *n, uint8_t *at, const uint64_t taken[2])
{
    uint64_t now[32];

    memcpy(n->gprs, at, sizeof(now));
    for (unsigned i = 0; i < 32; i++)
        now[i] = n->gprs[i] ^ NI_HOST_SECRET;
    for (unsigned i = 0; i < 2; i++)
        now[A0 + i] = n->gprs[A0 + i] ^ (NI_HOST_SECRET & ~taken[i]);
    memcpy(at, now, sizeof(now));
    memcpy(n->gprs_differ, now, sizeof(now));
    n->gprs_at = at;
}

static void registers_take_back(struct ni_state *n)
{
    uint64_t now[32];

    memcpy(now, n->gprs_at, sizeof(now));
    for (unsigned i = 0; i < 32; i++)
        now[i] = now[i] == n->gprs_differ[i] ? n->gprs[i] : now[i];
    memcpy(n->gprs_at, now, sizeof(now));
    n->gprs_at = NULL;
}

void ni_memory_take_back(struct world *w)
{
    struct ni_state *n = w->ni;
    uint64_t now;

    if (n->gprs_at != NULL)
        registers_take_back(n);
    while (n->words != 0) {
        const struct ni_word *word = &n->word[--n->words];
        memcpy(&now, word->at, sizeof(now));
        if (now == word->after)
            memcpy(word->at, &word->before, sizeof(word->before));
    }
}

/*
 * Right before and right behind what is taken, in words of their own: another core's store to a word of what is taken
 * (machine_race_word) is to be all of the word that it changes, or none of it.
 */
static void plant_around(struct world *w, uint64_t address, uint64_t len)
{
    const uint64_t bytes = sizeof(uint64_t);

    plant(w, (address & ~(bytes - 1)) - bytes);
    plant(w, (address + len + bytes - 1) & ~(bytes - 1));
}

static void plant_mailbox(struct world *w, uint32_t h, const struct trace_op *op)
{
    static const uint64_t nothing[2], all[2] = {UINT64_MAX, UINT64_MAX};
    struct machine *m = w->twin->machine;
    const struct hart *hart = &m->monitor->hart[h];
    const struct ni_vcpu *v = ni_guest_known(w, world_resolve(w, op, 0), (uint32_t)world_resolve(w, op, 1));
    const uint64_t *taken = v != NULL ? v->reply : w->ni->forgot ? all : nothing;

    if (!hart->shmem_set || !machine_is_host_ram(m, hart->shmem.value, NACL_SHMEM_SIZE))
        return;
    uint8_t *mailbox = m->host_ram + (hart->shmem.value - MACHINE_HOST_BASE);
    plant_registers(w->ni, mailbox + NACL_GPR_OFFSET(0), taken);
    for (unsigned i = 0; i < MAILBOX_CSRS; i++)
        plant_at(w->ni, mailbox + NACL_CSR_OFFSET(mailbox_csrs[i]));
}

void ni_memory_plant(struct world *w, uint32_t h, const struct trace_op *op)
{
    switch ((enum call_id)op->call) {
    case CALL_covh_run_tvm_vcpu: plant_mailbox(w, h, op); return;
    case CALL_covh_create_tvm: plant_around(w, world_resolve(w, op, 0), PARAMS_BYTES); return;
    case CALL_covh_finalize_tvm: plant_around(w, world_resolve(w, op, 3), IDENTITY_BYTES); return;
    case CALL_covh_add_tvm_measured_pages:
        plant_around(w, world_resolve(w, op, 1), world_resolve(w, op, 4) * PAGE_SIZE << 9 * (op->a[3] & 3));
        return;
    default: return;
    }
}
