/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of a step: (operation, outcome, state), and (operation before and whether it worked, operation and outcome).
 *
 * The state is coarse on purpose: what the first few TVMs are in, whether the hart runs a guest, whether a global fence
 * is under way, whether the mailbox is set. Finer and every input would be new; coarser and no sequence would be.
 */
#include "harness/cli/novelty.h"

#include <string.h>

#define WATCHED_TVMS 2u

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}

static uint64_t abstract_state(const struct world *w, uint32_t h)
{
    const struct machine *m = w->machine;
    const struct monitor *monitor = m->monitor;
    const struct hart *hart = &monitor->hart[h];
    uint64_t state = 0;

    for (uint32_t i = 0; i < WATCHED_TVMS; i++)
        state = state << 4 | (monitor->tvm[i].state & 3u) << 1 | (monitor->tvm[i].running != 0);
    state = state << 1 | machine_in_guest(m, h);
    state = state << 1 | hart->shmem_set;
    bool fencing = false;

    for (uint32_t i = 0; i < m->config.harts; i++)
        fencing |= monitor->hart[i].hsm_state == SBI_HSM_STARTED && monitor->fence.seen[i] != monitor->fence.current;
    return state << 2 | (uint64_t)fencing << 1 | m->halted;
}

/* Small numbers as they are, large ones by size: addresses must not make everything look new. */
static uint64_t coarse(uint64_t value)
{
    return value < 32 ? value : 64 - (uint64_t)__builtin_clzll(value) + 32;
}

static uint64_t outcome(const struct trace_op *op, const struct step_result *seen)
{
    uint64_t hash = mix(op->op, op->call);

    hash = mix(hash, (uint64_t)seen->kind);
    switch (seen->kind) {
    case EXPECT_RESULT: return mix(hash, (uint64_t)seen->error);
    case EXPECT_EXIT: return mix(mix(hash, seen->scause), coarse(seen->value));
    case EXPECT_TRAP: return mix(hash, seen->value);
    case EXPECT_ENTER:
    case EXPECT_VALUE:
    case EXPECT_NONE:
    case EXPECT_KIND_COUNT: break;
    }
    return hash;
}

/* Operation, and whether it did what it is for. */
static uint64_t worked(const struct trace_op *op, const struct step_result *seen)
{
    bool refused = (seen->kind == EXPECT_RESULT && seen->error != 0) || seen->kind == EXPECT_TRAP;

    return mix(mix(op->op, op->call), refused);
}

static unsigned mark(struct novelty *n, uint64_t feature)
{
    uint32_t index = (uint32_t)(feature >> (64 - NOVELTY_BITS));
    uint8_t bit = (uint8_t)(1u << (index & 7u));

    if (n->seen[index >> 3] & bit)
        return 0;
    n->seen[index >> 3] |= bit;
    n->count++;
    return 1;
}

void novelty_begin(struct novelty *n)
{
    n->last = 0;
}

unsigned novelty_step(struct novelty *n, const struct world *w, const struct trace_op *op,
                      const struct step_result *seen)
{
    uint32_t h = op->hart < w->machine->config.harts ? op->hart : 0;
    uint64_t now = outcome(op, seen);
    unsigned fresh = mark(n, mix(mix(1, now), abstract_state(w, h)) * 0x9e3779b97f4a7c15u);

    fresh += mark(n, mix(mix(2, n->last), now) * 0x9e3779b97f4a7c15u);
    n->last = worked(op, seen);
    return fresh;
}
