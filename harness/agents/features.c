/* SPDX-License-Identifier: Apache-2.0 */
/* Features of a step; see features.h. */
#include "harness/agents/features.h"

#include <string.h>

#include "monitor/core/tvm.h"
#include "monitor/core/vcpu.h"

#define WATCHED_TVMS 2u
#define WATCHED_VCPUS 2u
_Static_assert(WATCHED_TVMS + 8 <= FEATURES_MAX, "lives fit where the sequence is");

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}

static uint64_t finished(uint64_t hash)
{
    return hash * 0x9e3779b97f4a7c15u;
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

/* What a vCPU is in, and what it waits for: 0 when there is none, or none in the window. */
static uint64_t life_of_vcpu(const struct machine *m, const struct vcpu_slot *slot)
{
    uint64_t at = MACHINE_WINDOW_BASE + (uint64_t)slot->frame.index * PAGE_SIZE;
    const struct vcpu *vcpu =
        slot->state != VCPU_ABSENT ? (const void *)machine_peek(m, at, sizeof(struct vcpu)) : NULL;

    return vcpu != NULL ? (slot->state & 7u) << 4 | (vcpu->pending.kind & 7u) << 1 | 1 : 0;
}

/* 0 for a slot without a TVM. */
static uint64_t life(const struct machine *m, uint32_t slot)
{
    const struct tvm_slot *entry = &m->monitor->tvm[slot];
    const struct tvm *t =
        entry->state == TVM_INITIALIZING || entry->state == TVM_RUNNABLE ? machine_tvm_object(m, slot) : NULL;
    uint32_t kinds = 0, states = 0;
    uint8_t promoted;

    if (t == NULL)
        return entry->state;
    memcpy(&promoted, &t->promoted, sizeof(promoted)); /* another hart may be about to fill the object, or to wipe it */
    for (uint32_t i = 0; i < t->region_count && i < TVM_MAX_REGIONS; i++)
        kinds |= 1u << (t->region[i].type & 7u);
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++)
        states |= 1u << (t->vcpu[i].state & 7u);
    uint64_t hash = mix(mix(entry->state << 2 | (entry->running != 0) << 1 | (promoted != 0), kinds), states);
    for (uint32_t i = 0; i < WATCHED_VCPUS; i++)
        hash = mix(hash, life_of_vcpu(m, &t->vcpu[i]));
    return hash;
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

void features_begin(struct features *f)
{
    f->last = 0;
    f->frames = 0;
}

static uint8_t use_of(const struct world *w, uint32_t frame)
{
    return w->machine->monitor->page[frame].state;
}

void features_before(struct features *f, const struct world *w, const struct trace_op *op)
{
    const struct platform *p = &w->machine->monitor->platform;

    f->frames = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t frame = (world_resolve(w, op, i) - p->window_base) >> 12;
        if (frame >= p->window_pages)
            continue;
        f->frame[f->frames] = (uint32_t)frame;
        f->use[f->frames++] = use_of(w, (uint32_t)frame);
    }
}

static uint32_t hart_of(const struct world *w, const struct trace_op *op)
{
    return op->hart < w->machine->config.harts ? op->hart : 0;
}

/* For each frame that was named a feature of its uses and of `hash`, behind the `count` that there are. Returns how many then. */
static unsigned page_features(struct features *f, const struct world *w, uint64_t hash, uint64_t *out, unsigned count)
{
    for (uint32_t i = 0; i < f->frames; i++)
        out[count++] = finished(mix(hash, (uint64_t)f->use[i] << 8 | use_of(w, f->frame[i])));
    f->frames = 0;
    return count;
}

unsigned features_after(struct features *f, const struct world *w, const struct trace_op *op,
                        const struct step_result *seen, uint64_t out[FEATURES_MAX])
{
    uint64_t now = outcome(op, seen);
    unsigned count = 0;

    out[count++] = finished(mix(mix(1, now), abstract_state(w, hart_of(w, op))));
    out[count++] = finished(mix(mix(2, f->last), now));
    f->last = worked(op, seen);
    return page_features(f, w, mix(3, now), out, count);
}

unsigned features_beside_coverage(struct features *f, const struct world *w, const struct trace_op *op,
                                  const struct step_result *seen, uint64_t out[FEATURES_MAX])
{
    unsigned count = 0;

    out[count++] = finished(mix(4, abstract_state(w, hart_of(w, op))));
    for (uint32_t slot = 0; slot < WATCHED_TVMS; slot++)
        out[count++] = finished(mix(5, life(w->machine, slot)));
    return page_features(f, w, mix(6, worked(op, seen)), out, count);
}
