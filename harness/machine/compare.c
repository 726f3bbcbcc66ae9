/* SPDX-License-Identifier: Apache-2.0 */
/* Differences between two machines; see compare.h. */
#include "harness/machine/compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/machine/internal.h"

struct pair {
    const struct machine *a, *b;
    struct machine_difference *d;
};

/* Notes a difference under a name. Always false. */
static bool __attribute__((format(printf, 4, 5)))
differ(struct pair *p, uint64_t a, uint64_t b, const char *format, ...)
{
    va_list list;

    p->d->host = a;
    p->d->other = b;
    va_start(list, format);
    vsnprintf(p->d->field, sizeof(p->d->field), format, list);
    va_end(list);
    return false;
}

#define SAME(p, x, y, ...) ((uint64_t)(x) == (uint64_t)(y) || differ(p, (uint64_t)(x), (uint64_t)(y), __VA_ARGS__))

/* Words in a row, named by their index. */
static bool same_words(struct pair *p, const uint64_t *a, const uint64_t *b, unsigned count, uint32_t h,
                       const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (!SAME(p, a[i], b[i], "hart %u %s%u", (unsigned)h, name, i))
            return false;
    }
    return true;
}

/* --- harts ------------------------------------------------------------------------------------------------------ */

static const char *const csr_names[SLOT_COUNT] = {
#define CSR_PLAIN(name, number, writable) [SLOT_##name] = #name,
#define CSR_RULED(name, number) [SLOT_##name] = #name,
#define CSR_VIEW(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"
};

/* Means something to M-mode alone. */
static bool is_machine_only(unsigned slot)
{
    return slot == SLOT_mtvec || slot == SLOT_mscratch || slot == SLOT_mepc || slot == SLOT_mcause ||
           slot == SLOT_mtval || slot == SLOT_mtval2 || slot == SLOT_mtinst;
}

static bool same_csrs(struct pair *p, uint32_t h)
{
    const uint64_t *a = p->a->hart[h].csr, *b = p->b->hart[h].csr;
    bool parked = p->a->hart[h].parked; /* in M-mode, where mie says what ends the wait */

    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (is_machine_only(i) || (parked && (i == SLOT_mie || i == SLOT_mstatus)))
            continue;
        if (!SAME(p, a[i], b[i], "hart %u %s", (unsigned)h, csr_names[i]))
            return false;
    }
    return true;
}

static bool same_pmp(struct pair *p, uint32_t h)
{
    const struct machine_hart *a = &p->a->hart[h], *b = &p->b->hart[h];

    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        if (!SAME(p, a->pmpcfg[i], b->pmpcfg[i], "hart %u pmp%ucfg", (unsigned)h, i) ||
            !SAME(p, a->pmpaddr[i], b->pmpaddr[i], "hart %u pmpaddr%u", (unsigned)h, i))
            return false;
    }
    return true;
}

static bool same_tlb(struct pair *p, uint32_t h)
{
    const struct machine_hart *a = &p->a->hart[h], *b = &p->b->hart[h];

    for (unsigned i = 0; i < MACHINE_TLB_ENTRIES; i++) {
        const struct tlb_entry *x = &a->tlb[i], *y = &b->tlb[i];
        bool valid = (a->tlb_valid >> i & 1) != 0;
        if (!SAME(p, valid, (b->tlb_valid >> i & 1) != 0, "hart %u TLB entry %u valid", (unsigned)h, i))
            return false;
        bool same = x->virt == y->virt && x->user == y->user && x->bare == y->bare && x->asid == y->asid &&
                    x->vmid == y->vmid && x->va_page == y->va_page && x->gpa_page == y->gpa_page &&
                    x->va_shift == y->va_shift && x->gpa_shift == y->gpa_shift && x->perm == y->perm &&
                    x->pmp == y->pmp;
        if (valid && (!same || x->pa_page != y->pa_page))
            return differ(p, x->pa_page, y->pa_page, "hart %u TLB entry %u", (unsigned)h, i);
    }
    return SAME(p, a->tlb_next, b->tlb_next, "hart %u next TLB entry", (unsigned)h);
}

static bool same_hart(struct pair *p, uint32_t h)
{
    const struct machine_hart *a = &p->a->hart[h], *b = &p->b->hart[h];

    for (unsigned i = 0; i < sizeof(a->v); i++) {
        if (!SAME(p, a->v[i], b->v[i], "hart %u v%u byte %u", (unsigned)h, i / MACHINE_VLENB, i % MACHINE_VLENB))
            return false;
    }
    return SAME(p, a->parked, b->parked, "hart %u parked", (unsigned)h) &&
           SAME(p, a->virt, b->virt, "hart %u V", (unsigned)h) &&
           SAME(p, a->priv, b->priv, "hart %u privilege", (unsigned)h) && same_words(p, a->x, b->x, 32, h, "x") &&
           SAME(p, a->pc, b->pc, "hart %u pc", (unsigned)h) && same_words(p, a->f, b->f, 32, h, "f") &&
           SAME(p, a->fcsr, b->fcsr, "hart %u fcsr", (unsigned)h) &&
           SAME(p, a->vstart, b->vstart, "hart %u vstart", (unsigned)h) &&
           SAME(p, a->vcsr, b->vcsr, "hart %u vcsr", (unsigned)h) && SAME(p, a->vl, b->vl, "hart %u vl", (unsigned)h) &&
           SAME(p, a->vtype, b->vtype, "hart %u vtype", (unsigned)h) && same_csrs(p, h) && same_pmp(p, h) &&
           same_tlb(p, h) && SAME(p, a->pmp_unfenced, b->pmp_unfenced, "hart %u PMP fence owed", (unsigned)h) &&
           SAME(p, a->hgatp_unfenced, b->hgatp_unfenced, "hart %u hgatp fence owed", (unsigned)h) &&
           SAME(p, a->guest_cached, b->guest_cached, "hart %u guest translations cached", (unsigned)h) &&
           SAME(p, a->guest_vmid, b->guest_vmid, "hart %u VMID of the last guest", (unsigned)h) &&
           SAME(p, p->a->msip[h], p->b->msip[h], "hart %u software interrupt", (unsigned)h);
}

/* --- monitor ---------------------------------------------------------------------------------------------------- */

/* Where a trap frame is: 0 the hart's host context, else its address in the window; 1 is neither. */
static uint64_t frame_of_host(const struct machine *m, const struct hart *h)
{
    if (memory_points_to_window(m, h->frame, sizeof(*h->frame)))
        return MACHINE_WINDOW_BASE + (uint64_t)((uintptr_t)h->frame - (uintptr_t)m->window);
    return h->frame == &h->host ? 0 : 1;
}

static uint64_t frame_of_port(const struct machine *m, const struct hart *h)
{
    uint64_t frame = (uintptr_t)h->frame; /* a physical address */
    uint64_t host = MACHINE_MONITOR_BASE + (uint64_t)((uintptr_t)&h->host - (uintptr_t)m->private->arena);

    if (frame == host)
        return 0;
    return machine_is_window(m, frame, sizeof(*h->frame)) ? frame : 1;
}

static bool same_context(struct pair *p, uint32_t h)
{
    const struct hart *a = &p->a->monitor->hart[h], *b = &p->b->monitor->hart[h];
    bool runs = a->frame == &a->host && !p->a->hart[h].parked;

    return (runs || same_words(p, a->host.x, b->host.x, 32, h, "saved x")) &&
           SAME(p, a->host.pc, b->host.pc, "hart %u saved pc", (unsigned)h) &&
           SAME(p, a->host.status, b->host.status, "hart %u saved mstatus", (unsigned)h) &&
           same_words(p, a->host.f, b->host.f, 32, h, "saved f") &&
           SAME(p, a->host.fcsr, b->host.fcsr, "hart %u saved fcsr", (unsigned)h) &&
           same_words(p, a->host.csr, b->host.csr, WORLD_CSR_SLOTS, h, "saved CSR ");
}

static bool same_monitor_hart(struct pair *p, uint32_t h)
{
    const struct hart *a = &p->a->monitor->hart[h], *b = &p->b->monitor->hart[h];
    const unsigned n = (unsigned)h;

    return SAME(p, a->id, b->id, "monitor hart %u id", n) &&
           SAME(p, frame_of_host(p->a, a), frame_of_port(p->b, b), "monitor hart %u frame", n) &&
           SAME(p, a->tvm_slot, b->tvm_slot, "monitor hart %u tvm_slot", n) &&
           SAME(p, a->vcpu_id, b->vcpu_id, "monitor hart %u vcpu_id", n) &&
           SAME(p, a->vcpu_frame.index, b->vcpu_frame.index, "monitor hart %u vcpu_frame", n) &&
           SAME(p, a->shmem_set, b->shmem_set, "monitor hart %u shmem_set", n) &&
           SAME(p, a->shmem.value, b->shmem.value, "monitor hart %u shmem", n) &&
           SAME(p, a->hsm_state, b->hsm_state, "monitor hart %u hsm_state", n) &&
           SAME(p, a->hsm_start, b->hsm_start, "monitor hart %u hsm_start", n) &&
           SAME(p, a->hsm_opaque, b->hsm_opaque, "monitor hart %u hsm_opaque", n) &&
           SAME(p, a->hsm_fresh, b->hsm_fresh, "monitor hart %u hsm_fresh", n) &&
           SAME(p, a->ipi_request, b->ipi_request, "monitor hart %u ipi_request", n) &&
           SAME(p, a->fence_wanted, b->fence_wanted, "monitor hart %u fence_wanted", n) &&
           SAME(p, a->fence_done, b->fence_done, "monitor hart %u fence_done", n) && same_context(p, h);
}

static bool same_tvms(struct pair *p)
{
    for (unsigned i = 0; i < MONITOR_MAX_TVMS; i++) {
        const struct tvm_slot *a = &p->a->monitor->tvm[i], *b = &p->b->monitor->tvm[i];
        if (!SAME(p, a->lock.owner, b->lock.owner, "TVM slot %u lock", i) ||
            !SAME(p, a->state, b->state, "TVM slot %u state", i) || !SAME(p, a->id, b->id, "TVM slot %u id", i) ||
            !SAME(p, a->frame.index, b->frame.index, "TVM slot %u frame", i) ||
            !SAME(p, a->running, b->running, "TVM slot %u running", i))
            return false;
    }
    return true;
}

static bool same_records(struct pair *p)
{
    const struct page_record *x = p->a->monitor->page, *y = p->b->monitor->page;
    uint32_t count = p->a->config.window_pages;

    if (memcmp(x, y, count * sizeof(*x)) == 0)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        const struct page_record *a = &x[i], *b = &y[i];
        const unsigned n = (unsigned)i;
        if (!SAME(p, a->state, b->state, "page record %u state", n) ||
            !SAME(p, a->owner, b->owner, "page record %u owner", n) ||
            !SAME(p, a->zero, b->zero, "page record %u zero", n) ||
            !SAME(p, a->link, b->link, "page record %u link", n) ||
            !SAME(p, a->version, b->version, "page record %u version", n) ||
            !SAME(p, a->gfn, b->gfn, "page record %u gfn", n))
            return false;
    }
    return true;
}

static bool same_monitor(struct pair *p)
{
    const struct monitor *a = p->a->monitor, *b = p->b->monitor;

    for (uint32_t h = 0; h < p->a->config.harts; h++) {
        if (!same_monitor_hart(p, h))
            return false;
    }
    for (unsigned i = 0; i < MONITOR_MAX_HARTS; i++) {
        if (!SAME(p, a->fence.seen[i], b->fence.seen[i], "fence version seen by hart %u", i))
            return false;
    }
    return SAME(p, a->closed, b->closed, "closed harts") &&
           SAME(p, a->create_lock.owner, b->create_lock.owner, "create_lock") &&
           SAME(p, a->pages_lock.owner, b->pages_lock.owner, "pages_lock") &&
           SAME(p, a->next_tvm_id, b->next_tvm_id, "next TVM id") &&
           SAME(p, a->fence.current, b->fence.current, "fence version") && same_tvms(p) && same_records(p);
}

static bool same_platform(struct pair *p)
{
    const struct platform *a = &p->a->monitor->platform, *b = &p->b->monitor->platform;

    return SAME(p, a->ram_base, b->ram_base, "platform ram_base") &&
           SAME(p, a->ram_size, b->ram_size, "platform ram_size") &&
           SAME(p, a->monitor_base, b->monitor_base, "platform monitor_base") &&
           SAME(p, a->monitor_size, b->monitor_size, "platform monitor_size") &&
           SAME(p, a->window_base, b->window_base, "platform window_base") &&
           SAME(p, a->window_pages, b->window_pages, "platform window_pages") &&
           SAME(p, a->mmio_base, b->mmio_base, "platform mmio_base") &&
           SAME(p, a->mmio_size, b->mmio_size, "platform mmio_size") &&
           SAME(p, a->reserve_pages, b->reserve_pages, "platform reserve_pages") &&
           SAME(p, a->vlenb, b->vlenb, "platform vlenb") && SAME(p, a->harts, b->harts, "platform harts") &&
           SAME(p, a->gstage_mode, b->gstage_mode, "platform gstage_mode") &&
           SAME(p, a->vmid_bits, b->vmid_bits, "platform vmid_bits") &&
           SAME(p, a->mvendorid, b->mvendorid, "platform mvendorid") &&
           SAME(p, a->marchid, b->marchid, "platform marchid") && SAME(p, a->mimpid, b->mimpid, "platform mimpid");
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static bool same_frame(struct pair *p, uint32_t frame)
{
    const uint8_t *a = memory_frame(p->a, frame), *b = memory_frame(p->b, frame);
    uint32_t host_pages = p->a->config.host_pages;
    uint32_t at = 0;

    if (memcmp(a, b, PAGE_SIZE) == 0)
        return true;
    while (memcmp(a + at, b + at, 8) == 0)
        at += 8;
    uint64_t x, y;
    memcpy(&x, a + at, 8);
    memcpy(&y, b + at, 8);
    if (frame < host_pages)
        return differ(p, x, y, "host RAM 0x%llx",
                      (unsigned long long)(MACHINE_HOST_BASE + (uint64_t)frame * PAGE_SIZE + at));
    return differ(p, x, y, "window frame %u (state %u) +0x%x", (unsigned)(frame - host_pages),
                  p->a->monitor->page[frame - host_pages].state, (unsigned)at);
}

/* Frames that neither machine wrote are as at boot in both. */
static bool same_memory(struct pair *p)
{
    const struct machine_private *a = p->a->private, *b = p->b->private;

    for (uint32_t i = 0; i < a->dirty_count; i++) {
        if (!same_frame(p, a->dirty[i]))
            return false;
    }
    for (uint32_t i = 0; i < b->dirty_count; i++) {
        if ((a->frame_flags[b->dirty[i]] & FRAME_DIRTY) == 0 && !same_frame(p, b->dirty[i]))
            return false;
    }
    return true;
}

/* --- everything ------------------------------------------------------------------------------------------------- */

static bool same_reset(struct pair *p)
{
    bool a = p->a->reset_type == SBI_SRST_SHUTDOWN, b = p->b->reset_type == SBI_SRST_SHUTDOWN;
    bool failed_a = a && p->a->reset_reason == SBI_SRST_REASON_FAILURE;
    bool failed_b = b && p->b->reset_reason == SBI_SRST_REASON_FAILURE;

    return SAME(p, p->a->violation.kind, p->b->violation.kind, "broken rule") && SAME(p, a, b, "reset is a shutdown") &&
           SAME(p, failed_a, failed_b, "reset because of a failure");
}

static bool same_console(struct pair *p)
{
    if (!SAME(p, p->a->console_total, p->b->console_total, "bytes on the console") ||
        !SAME(p, p->a->console_len, p->b->console_len, "bytes on the console"))
        return false;
    for (uint32_t i = 0; i < p->a->console_len; i++) {
        if (!SAME(p, p->a->console[i], p->b->console[i], "console byte %u", (unsigned)i))
            return false;
    }
    return SAME(p, p->a->input_pos, p->b->input_pos, "console input taken") &&
           SAME(p, p->a->input_len, p->b->input_len, "console input");
}

bool machine_compare(const struct machine *host, const struct machine *other, struct machine_difference *d)
{
    struct pair p = {.a = host, .b = other, .d = d};

    *d = (struct machine_difference){0};
    if (other->violation.kind != VIOLATION_NONE)
        snprintf(d->note, sizeof(d->note), "%.150s", other->violation.text);
    if (!SAME(&p, host->halted, other->halted, "machine has stopped"))
        return false;
    if (host->halted)
        return same_reset(&p);
    if (!SAME(&p, host->time, other->time, "time") ||
        !SAME(&p, host->violation.kind, other->violation.kind, "broken rule"))
        return false;
    for (uint32_t h = 0; h < host->config.harts; h++) {
        if (!same_hart(&p, h))
            return false;
    }
    return same_console(&p) && same_platform(&p) && same_monitor(&p) && same_memory(&p);
}
