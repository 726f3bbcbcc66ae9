/* SPDX-License-Identifier: Apache-2.0 */
/* promote_to_tvm: the order of its steps, and what is neither tables nor device tree; see promote.h. */
#include "monitor/core/promote.h"

#include "monitor/core/gstage.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/vcpu.h"
#include "monitor/hal/hal.h"

#define BOOT_VCPU 0u

/* The object, and an empty root. It has no slot yet. */
static int64_t make_object(struct promotion *p, const struct promote_request *request)
{
    struct monitor *m = p->h->monitor;
    struct conf_page root;
    if (!promote_take(p, TVM_ROOT_PAGES, PAGE_TVM_ROOT, &root))
        return SBI_ERR_OUT_OF_MEMORY;
    if (!promote_take(p, TVM_STATE_PAGES, PAGE_TVM_STATE, &p->object))
        return SBI_ERR_OUT_OF_MEMORY;
    struct tvm *t = hal_conf_rw(m, p->object, TVM_STATE_PAGES);
    t->gstage_mode = m->platform.gstage_mode;
    t->root = root;
    t->pool_head = CONF_PAGE_NONE;
    t->reserve_head = CONF_PAGE_NONE;
    t->promoted = true;
    if (request->has_identity)
        hal_untrusted_read(p->h, t->identity, request->identity, sizeof(t->identity));
    p->t = t;
    return SBI_SUCCESS;
}

static bool page_is_zero(const uint64_t *words)
{
    for (uint32_t i = 0; i < PAGE_SIZE / sizeof(*words); i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* Each copied page belongs to a region, and is measured. */
static int64_t settle_pages(struct promotion *p)
{
    struct tvm *t = p->t;
    struct conf_page page;
    for (uint64_t gfn = 0; promote_next(p, &gfn, &page); gfn++) {
        struct gpa gpa = {gfn << PAGE_SHIFT};
        if (tvm_region_containing(t, gpa, PAGE_SIZE) == NULL &&
            !tvm_region_insert(t, gpa, PAGE_SIZE, REGION_CONFIDENTIAL))
            return SBI_ERR_FAILED;
        const void *bytes = hal_conf_ro(p->h->monitor, page, 1);
        if (!page_is_zero(bytes))
            measure_page(&t->pages, gpa, bytes);
    }
    return SBI_SUCCESS;
}

/* Every page table that the regions can need. *pages: their size. */
static int64_t make_tables(struct promotion *p, uint64_t *pages)
{
    const struct tvm *t = p->t;
    *pages = 0;
    for (uint32_t i = 0; i < t->region_count; i++)
        *pages += t->region[i].len >> PAGE_SHIFT;
    /* Before any work on them: the host may have declared any number of pages. */
    if (promote_exceeds(p, *pages - p->mapped))
        return SBI_ERR_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < t->region_count; i++) {
        uint64_t first = t->region[i].base >> PAGE_SHIFT;
        uint64_t last = first + (t->region[i].len >> PAGE_SHIFT) - 1;
        for (uint64_t at = first / LARGE_PAGES; at <= last / LARGE_PAGES; at++)
            if (!promote_map(p, at * LARGE_PAGES, NULL))
                return SBI_ERR_OUT_OF_MEMORY;
    }
    return SBI_SUCCESS;
}

/* A frame for each page of the regions that is not mapped, and one for each vCPU. */
static int64_t take_quota(struct promotion *p)
{
    uint64_t pages;
    struct conf_page page;
    int64_t error = make_tables(p, &pages);
    if (error != SBI_SUCCESS)
        return error;
    for (uint32_t i = 0; i < p->vcpus; i++) {
        if (!promote_take(p, TVM_VCPU_STATE_PAGES, PAGE_VCPU_STATE, &page))
            return SBI_ERR_OUT_OF_MEMORY;
        p->t->vcpu[i] = (struct vcpu_slot){.state = VCPU_STOPPED, .frame = page};
    }
    for (uint64_t i = p->mapped; i < pages; i++)
        if (!promote_take(p, 1, PAGE_RESERVE, &page))
            return SBI_ERR_OUT_OF_MEMORY;
    return SBI_SUCCESS;
}

/*
 * Take a slot and an id. The slot is no longer ABSENT, so no other call takes it, and has no id yet, so none finds it.
 */
static bool take_slot(struct promotion *p)
{
    struct monitor *m = p->h->monitor;
    hal_lock(p->h, &m->create_lock);
    uint32_t index = tvm_free_slot(p->h);
    bool found = index != MONITOR_MAX_TVMS;
    if (found) {
        struct tvm_slot *slot = &m->tvm[index];
        hal_lock(p->h, &slot->lock);
        slot->state = TVM_INITIALIZING;
        hal_unlock(p->h, &slot->lock);
        p->t->slot = index;
        p->t->id = m->next_tvm_id++;
    }
    hal_unlock(p->h, &m->create_lock);
    return found;
}

/* Registers of the boot vCPU; those that are views of others go where the others are kept. */
static void start_boot_vcpu(struct promotion *p, const struct promote_request *request)
{
    struct vcpu_slot *slot = &p->t->vcpu[BOOT_VCPU];
    struct world_ctx *ctx = &vcpu_object(p->h->monitor, slot->frame)->ctx;
    for (uint32_t i = 1; i < 32; i++)
        ctx->x[i] = request->x[i];
    ctx->pc = request->entry;
    ctx->csr[WORLD_SLOT_vsstatus] = request->csr[PROMOTE_vsstatus];
    ctx->csr[WORLD_SLOT_mie] |= request->csr[PROMOTE_vsie] << 1;
    ctx->csr[WORLD_SLOT_vstvec] = request->csr[PROMOTE_vstvec];
    ctx->csr[WORLD_SLOT_vsscratch] = request->csr[PROMOTE_vsscratch];
    ctx->csr[WORLD_SLOT_vsepc] = request->csr[PROMOTE_vsepc];
    ctx->csr[WORLD_SLOT_vscause] = request->csr[PROMOTE_vscause];
    ctx->csr[WORLD_SLOT_vstval] = request->csr[PROMOTE_vstval];
    ctx->csr[WORLD_SLOT_hvip] = request->csr[PROMOTE_vsip] << 1;
    ctx->csr[WORLD_SLOT_vstimecmp] = request->csr[PROMOTE_vstimecmp];
    ctx->csr[WORLD_SLOT_VSATP] = request->csr[PROMOTE_vsatp];
    slot->state = VCPU_RUNNABLE;
}

static void measure_config(struct promotion *p, const struct promote_request *request)
{
    struct measurement *r = &p->t->config;
    measure_word(r, request->entry);
    for (uint32_t i = 0; i < 32; i++)
        measure_word(r, request->x[i]);
    for (uint32_t i = 0; i < PROMOTE_CSR_COUNT; i++)
        measure_word(r, request->csr[i]);
    measure_word(r, p->vcpus);
    measure_word(r, p->t->region_count);
    for (uint32_t i = 0; i < p->t->region_count; i++) {
        measure_word(r, p->t->region[i].base);
        measure_word(r, p->t->region[i].len);
    }
}

/* Make the TVM known. Nothing here can fail, but a system reset on another hart ends what has a slot. */
static bool publish(struct promotion *p, const struct promote_request *request)
{
    struct monitor *m = p->h->monitor;
    struct tvm *t = p->t;
    struct tvm_slot *slot = tvm_slot_of(m, t);
    /* VMIDs may collide when the hardware has few bits: every world switch forgets all translations. */
    t->vmid = (t->slot + 1) & ((1u << m->platform.vmid_bits) - 1);
    t->htimedelta = 0 - hal_time(p->h);
    promote_commit_frames(p);
    for (uint32_t i = 0; i < p->vcpus; i++)
        vcpu_reset(m, t, vcpu_object(m, t->vcpu[i].frame), i);
    start_boot_vcpu(p, request);

    hal_lock(p->h, &slot->lock);
    bool alive = slot->state == TVM_INITIALIZING;
    if (alive) {
        slot->state = TVM_RUNNABLE;
        slot->frame = p->object;
        slot->running = 0;
        __atomic_store_n(&slot->id, t->id, __ATOMIC_RELAXED);
    }
    hal_unlock(p->h, &slot->lock);
    return alive;
}

int64_t promote_tvm(struct hart *h, const struct promote_request *request, uint64_t *id)
{
    struct promotion p = {.h = h, .taken = CONF_PAGE_NONE, .scanned = h->monitor->platform.window_pages};
    int64_t error = make_object(&p, request);
    if (error == SBI_SUCCESS)
        error = promote_copy_memory(&p, request->hgatp);
    if (error == SBI_SUCCESS)
        error = promote_read_fdt(&p, request->fdt);
    if (error == SBI_SUCCESS)
        error = settle_pages(&p);
    if (error == SBI_SUCCESS)
        error = take_quota(&p);
    if (error == SBI_SUCCESS)
        measure_config(&p, request);
    if (error == SBI_SUCCESS && !take_slot(&p))
        error = SBI_ERR_FAILED;
    if (error != SBI_SUCCESS) {
        promote_roll_back(&p);
        return error;
    }
    *id = p.t->id;
    return publish(&p, request) ? SBI_SUCCESS : SBI_ERR_FAILED;
}
