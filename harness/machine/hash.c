/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number for the state of a machine, the same in every process and build: memory that differs from the snapshot,
 * registers, translation caches, the monitor. Structures are taken field by field where they hold pointers or padding,
 * and pointers count as what they mean.
 */
#include <string.h>

#include "harness/machine/internal.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9fb21c651e98df25u + 0x632be59bd9b4e019u;
    return hash ^ hash >> 32;
}

static uint64_t mix_words(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;

    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, 8);
        hash = mix(hash, word);
    }
    return hash;
}

/* Any number of bytes, and how many. */
static uint64_t mix_bytes(uint64_t hash, const uint8_t *at, size_t bytes)
{
    uint64_t tail = 0;

    hash = mix_words(mix(hash, bytes), at, bytes);
    memcpy(&tail, at + (bytes & ~(size_t)7), bytes & 7);
    return mix(hash, tail);
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* Is it a window frame that nobody owns? What it holds means nothing: it is scrubbed or overwritten before it is used. */
static bool is_free(const struct machine *m, uint32_t frame)
{
    if (frame < m->config.host_pages)
        return false;
    uint8_t state = m->monitor->page[frame - m->config.host_pages].state;
    return state == PAGE_CONF_FREE || state == PAGE_CONVERTING;
}

static bool as_at_boot(const struct machine *m, uint32_t frame)
{
    _Alignas(64) uint8_t boot[PAGE_SIZE];

    memory_frame_to_boot(m, frame, boot);
    return memcmp(memory_frame(m, frame), boot, PAGE_SIZE) == 0;
}

/* Frames that were written, in order of number; one that was written back to what it held does not count. */
static uint64_t hash_memory(uint64_t hash, const struct machine *m, bool free_frames)
{
    const struct machine_private *p = m->private;

    if (p->dirty_count == 0)
        return hash;
    for (uint32_t frame = 0; frame < p->frames; frame++) {
        if ((p->frame_flags[frame] & FRAME_DIRTY) == 0 || (!free_frames && is_free(m, frame)) || as_at_boot(m, frame))
            continue;
        hash = mix_words(mix(hash, frame), memory_frame(m, frame), PAGE_SIZE);
    }
    return hash;
}

/* --- harts ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_tlb_entry(uint64_t hash, const struct tlb_entry *e)
{
    hash = mix(hash, (uint64_t)e->virt | (uint64_t)e->user << 1 | (uint64_t)e->bare << 2 | (uint64_t)e->perm << 8 |
                         (uint64_t)e->pmp << 16 | (uint64_t)e->va_shift << 24 | (uint64_t)e->gpa_shift << 32);
    hash = mix(hash, (uint64_t)e->asid | (uint64_t)e->vmid << 16);
    hash = mix(hash, e->va_page);
    hash = mix(hash, e->gpa_page);
    return mix(hash, e->pa_page);
}

static uint64_t hash_hart(uint64_t hash, const struct machine_hart *hart)
{
    hash = mix_words(hash, hart->x, sizeof(hart->x));
    hash = mix(hash, hart->pc);
    hash = mix_words(hash, hart->f, sizeof(hart->f));
    hash = mix(hash, hart->fcsr);
    hash = mix(mix(mix(mix(hash, hart->vstart), hart->vcsr), hart->vl), hart->vtype);
    hash = mix_words(hash, hart->v, sizeof(hart->v));
    hash = mix_words(hash, hart->csr, sizeof(hart->csr));
    hash = mix_words(hash, hart->pmpcfg, sizeof(hart->pmpcfg));
    hash = mix_words(hash, hart->pmpaddr, sizeof(hart->pmpaddr));
    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctz(rest);
        hash = hash_tlb_entry(mix(hash, i), &hart->tlb[i]);
    }
    hash = mix(hash, hart->tlb_next);
    return mix(hash, (uint64_t)hart->priv | (uint64_t)hart->virt << 2 | (uint64_t)hart->parked << 3 |
                         (uint64_t)hart->pmp_unfenced << 4 | (uint64_t)hart->hgatp_unfenced << 5 |
                         (uint64_t)hart->reserved_set << 6 | (uint64_t)hart->guest_cached << 7 |
                         (uint64_t)hart->guest_vmid << 8);
}

/* --- monitor ---------------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct page_record) == 24, "page records have no padding");
_Static_assert(sizeof(struct tvm_slot) == 24, "hash_tvm_slot has every member");
_Static_assert(sizeof(struct hart) - sizeof(struct world_ctx) == 104, "hash_monitor_hart has every member");
_Static_assert(sizeof(struct monitor) - sizeof(struct platform) - MONITOR_MAX_HARTS * sizeof(struct hart) -
                       MONITOR_MAX_TVMS * sizeof(struct tvm_slot) - sizeof(struct global_fence) ==
                   32,
               "hash_monitor has every member");

/* Where a hart's trap frame is: 0 for its host context, else the physical address in the window. */
static uint64_t frame_place(const struct machine *m, const struct hart *h)
{
    if (memory_points_to_window(m, h->frame, sizeof(*h->frame)))
        return MACHINE_WINDOW_BASE + (uint64_t)((uintptr_t)h->frame - (uintptr_t)m->window);
    return h->frame == &h->host ? 0 : 1;
}

static uint64_t hash_monitor_hart(uint64_t hash, const struct machine *m, const struct hart *h)
{
    hash = mix(hash, frame_place(m, h));
    hash = mix(hash, h->id);
    hash = mix_words(hash, &h->host, sizeof(h->host));
    hash = mix(hash, h->tvm_slot);
    hash = mix(hash, h->vcpu_id);
    hash = mix(hash, h->vcpu_frame.index);
    hash = mix(hash, h->shmem_set);
    hash = mix(hash, h->shmem.value);
    hash = mix(hash, h->hsm_state);
    hash = mix(hash, h->hsm_start);
    hash = mix(hash, h->hsm_opaque);
    hash = mix(hash, h->hsm_fresh);
    hash = mix(hash, h->ipi_request);
    hash = mix(hash, h->fence_wanted);
    return mix(hash, h->fence_done);
}

static uint64_t hash_tvm_slot(uint64_t hash, const struct tvm_slot *slot)
{
    hash = mix(hash, slot->lock.owner | (uint64_t)slot->state << 32);
    hash = mix(hash, slot->id);
    return mix(hash, slot->frame.index | (uint64_t)slot->running << 32);
}

/* The platform is a function of the configuration, which is hashed already. */
static uint64_t hash_monitor(uint64_t hash, const struct machine *m)
{
    const struct monitor *monitor = m->monitor;

    hash = mix(hash, monitor->closed);
    for (uint32_t i = 0; i < m->config.harts; i++)
        hash = hash_monitor_hart(hash, m, &monitor->hart[i]);
    hash = mix(hash, monitor->create_lock.owner);
    hash = mix(hash, monitor->next_tvm_id);
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        hash = hash_tvm_slot(hash, &monitor->tvm[i]);
    hash = mix(hash, monitor->pages_lock.owner);
    hash = mix(hash, monitor->fence.current);
    hash = mix_words(hash, monitor->fence.seen, sizeof(monitor->fence.seen));
    return mix_words(hash, monitor->page, (size_t)m->config.window_pages * sizeof(monitor->page[0]));
}

/* --- everything ------------------------------------------------------------------------------------------------- */

/* What waits for the monitor decides what happens next. */
static uint64_t hash_disturbance(uint64_t hash, const struct hart_private *p)
{
    const struct disturbance *d = &p->disturbance;

    hash = mix(hash, p->pmp_failed);
    for (uint32_t i = 0; i < d->races; i++) {
        const struct race *r = &d->race[i];
        hash = mix(hash, r->armed | (uint64_t)r->counts << 1 | (uint64_t)r->skip << 2 | (uint64_t)r->word << 34);
        hash = mix(mix(hash, r->address), r->value);
    }
    for (uint32_t i = 0; i < MACHINE_FAULTS; i++)
        hash = mix(hash, d->fault[i].armed | (uint64_t)d->fault[i].skip << 1);
    if (d->fail.armed) /* what has failed decides nothing any more */
        hash = mix(hash, 1 | (uint64_t)d->fail.kind << 1 | (uint64_t)d->fail.skip << 8);
    return hash;
}

static uint64_t state_hash(const struct machine *m, bool free_frames)
{
    uint64_t hash = mix(m->config.seed, m->config.harts | (uint64_t)m->config.host_pages << 32);

    hash = mix(hash, m->config.window_pages);
    hash = hash_memory(hash, m, free_frames);
    for (uint32_t i = 0; i < m->config.harts; i++) {
        hash = hash_hart(hash, &m->hart[i]);
        hash = mix(hash, m->msip[i] | (uint64_t)m->locks_held[i] << 1);
        hash = hash_disturbance(hash, &m->private->hart[i]);
    }
    hash = mix(hash, m->config.iopmp);
    for (uint32_t i = 0; i < MACHINE_IOPMP_ENTRIES; i++)
        hash = mix(mix(hash, m->iopmpcfg[i]), m->iopmpaddr[i]);
    hash = mix(hash, m->time);
    hash = mix(hash, m->halted | (uint64_t)m->reset_type << 32);
    hash = mix(hash, m->reset_reason | (uint64_t)m->reset_count << 32);
    hash = mix(hash, m->violation.kind | (uint64_t)m->violation.hart << 32);
    hash = mix_bytes(mix(hash, m->console_total), m->console, m->console_len);
    hash = mix_bytes(hash, m->input + m->input_pos, m->input_len - m->input_pos);
    return hash_monitor(hash, m);
}

uint64_t machine_state_hash(const struct machine *m)
{
    return state_hash(m, true);
}

uint64_t machine_owned_hash(const struct machine *m)
{
    return state_hash(m, false);
}
