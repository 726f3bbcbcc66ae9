/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole chapters from the life of confidential VMs, so that deep states are one mutation away: create a TVM up to its
 * first run, fault a page in, move a vCPU to another hart, destroy and reclaim, use frames again.
 *
 * Most chapters are written without a mistake. In the others an argument is spoiled here and there, or an operation
 * left out: a fence, a scrub, a check that nobody made.
 */
#include <string.h>

#include "harness/machine/machine.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/generate.h"
#include "monitor/abi/sbi.h"

#define NO_RUN UINT32_MAX
#define ROOT_PAGES 4u
#define STATE_PAGES 2u

struct writer {
    struct sequence *q;
    struct aim aim; /* aims from the state after what has been written */
    unsigned spoil; /* of 100 operations */
    unsigned drop;  /* of 100 operations */
};

/* --- writing ---------------------------------------------------------------------------------------------- */

static void write_op(struct writer *w, struct trace_op op)
{
    if (w->q->count == SEQUENCE_MAX || random_chance(w->aim.r, w->drop))
        return;
    trace_op_canonical(&op, w->q->sketch.harts);
    if (random_chance(w->aim.r, w->spoil))
        generate_spoil(&w->aim, &op);
    w->q->op[w->q->count++] = op;
    sketch_apply(&w->q->sketch, &op);
}

static struct trace_op host_call(struct writer *w, uint8_t hart, uint16_t id)
{
    struct trace_op op = {.op = OP_HOST_CALL, .hart = hart, .call = id};

    generate_call_args(&w->aim, &op);
    return op;
}

static void write_call(struct writer *w, uint8_t hart, uint16_t id)
{
    write_op(w, host_call(w, hart, id));
}

static void write_plain(struct writer *w, uint8_t hart, uint8_t code, uint64_t a0, uint64_t a1)
{
    write_op(w, (struct trace_op){.op = code, .hart = hart, .a = {a0, a1}});
}

static bool runs(const struct writer *w, uint8_t hart)
{
    return (w->q->sketch.started >> hart & 1) != 0;
}

/* The host takes a hart back from its guest by an interrupt, and serves it. */
static void take_back(struct writer *w, uint8_t hart)
{
    uint64_t number = 1 + 4 * random_below(w->aim.r, 3);

    write_plain(w, hart, OP_IRQ, number, 1);
    if (random_chance(w->aim.r, 95))
        write_plain(w, hart, OP_IRQ, number, 0);
}

/* A hart that runs host code; hart 0 is taken out of its guest when there is none. */
static uint8_t host_hart(struct writer *w)
{
    uint8_t first = (uint8_t)random_below(w->aim.r, w->q->sketch.harts);

    for (uint8_t i = 0; i < w->q->sketch.harts; i++) {
        uint8_t hart = (uint8_t)((first + i) % w->q->sketch.harts);
        if (runs(w, hart) && !sketch_in_guest(&w->q->sketch, hart))
            return hart;
    }
    take_back(w, 0);
    return 0;
}

/* A hart that runs a guest, or -1. */
static int guest_hart(const struct writer *w)
{
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (runs(w, h) && sketch_in_guest(&w->q->sketch, h))
            return h;
    }
    return -1;
}

static void write_fences(struct writer *w, uint8_t hart)
{
    write_call(w, hart, CALL_covh_global_fence);
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (h == hart || !runs(w, h))
            continue;
        if (sketch_in_guest(&w->q->sketch, h))
            take_back(w, h);
        write_call(w, h, CALL_covh_local_fence);
    }
}

/* Frames that are free to be donated; converts some when there are none. NO_RUN when the window is exhausted. */
static uint32_t free_run(struct writer *w, uint8_t hart, uint32_t count, uint32_t align)
{
    uint32_t first = value_find_run(&w->aim, SKETCH_FREE, -1, count, align);
    if (first != NO_RUN)
        return first;
    first = value_find_run(&w->aim, SKETCH_HOST, -1, count, align);
    if (first == NO_RUN)
        return NO_RUN;
    struct trace_op op = host_call(w, hart, CALL_covh_convert_pages);
    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    write_op(w, op);
    write_fences(w, hart);
    return first;
}

/* --- creating --------------------------------------------------------------------------------------------- */

static void write_params(struct writer *w, uint8_t hart, uint32_t root, uint32_t state)
{
    uint32_t frame = (uint32_t)random_below(w->aim.r, 8);
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, frame, 0);
    value_handle(&op, 1, ARG_WIN, root, 0);
    write_op(w, op);
    value_handle(&op, 0, ARG_RAM, frame, 8);
    value_handle(&op, 1, ARG_WIN, state, 0);
    write_op(w, op);
    op = host_call(w, hart, CALL_covh_create_tvm);
    value_handle(&op, 0, ARG_RAM, frame, 0);
    write_op(w, op);
}

static void write_region(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa)
{
    struct trace_op op = host_call(w, hart, CALL_covh_add_tvm_memory_region);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, gpa);
    value_raw(&op, 2, LAYOUT_REGION_LEN);
    write_op(w, op);
}

static void write_tables(struct writer *w, uint8_t hart, uint32_t tvm, uint32_t first, uint32_t count)
{
    struct trace_op op = host_call(w, hart, CALL_covh_add_tvm_page_table_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 1, ARG_WIN, first, 0);
    value_raw(&op, 2, count);
    write_op(w, op);
}

static void write_measured(struct writer *w, uint8_t hart, uint32_t tvm, uint32_t first, uint32_t count, uint64_t gpa)
{
    struct trace_op op = host_call(w, hart, CALL_covh_add_tvm_measured_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 2, ARG_WIN, first, 0);
    value_raw(&op, 3, TSM_PAGE_4K);
    value_raw(&op, 4, count);
    value_raw(&op, 5, gpa);
    write_op(w, op);
}

static void write_vcpu(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t vcpu, uint32_t frame)
{
    struct trace_op op = host_call(w, hart, CALL_covh_create_tvm_vcpu);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, vcpu);
    value_handle(&op, 2, ARG_WIN, frame, 0);
    write_op(w, op);
}

static void write_finalize(struct writer *w, uint8_t hart, uint32_t tvm)
{
    struct trace_op op = host_call(w, hart, CALL_covh_finalize_tvm);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    write_op(w, op);
}

static void write_run_vcpu(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t vcpu)
{
    if ((w->q->sketch.shmem >> hart & 1) == 0) {
        struct trace_op op = host_call(w, hart, CALL_nacl_set_shmem);
        value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0);
        value_raw(&op, 1, 0);
        write_op(w, op);
    }
    for (uint64_t number = 1; number <= 9; number += 4) {
        if ((w->q->sketch.pending[hart] >> number & 1) != 0 && random_chance(w->aim.r, 95))
            write_plain(w, hart, OP_IRQ, number, 0);
    }
    struct trace_op op = host_call(w, hart, CALL_covh_run_tvm_vcpu);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, vcpu);
    write_op(w, op);
}

static void write_run(struct writer *w, uint8_t hart, uint32_t tvm)
{
    write_run_vcpu(w, hart, tvm, 0);
}

/*
 * A TVM from nothing to its first run. Of one aligned run of 16 frames: 0..3 root, 4..5 state, 6 vCPU, 7..10 page
 * tables, 11..15 data.
 */
static void chapter_create(struct writer *w)
{
    struct random *r = w->aim.r;
    uint8_t hart = host_hart(w);
    uint32_t tvm = w->q->sketch.tvms;
    uint32_t base = free_run(w, hart, 16, 16);
    if (base == NO_RUN)
        return;

    write_params(w, hart, base, base + 4);
    write_region(w, hart, tvm, LAYOUT_REGION);
    if (random_chance(r, 30))
        write_region(w, hart, tvm, LAYOUT_SECOND_REGION);
    uint32_t tables = random_chance(r, 80) ? 4 : (uint32_t)random_below(r, 4);
    if (tables != 0)
        write_tables(w, hart, tvm, base + 7, tables);
    uint32_t pages = (uint32_t)random_below(r, 4);
    if (pages != 0)
        write_measured(w, hart, tvm, base + 11, pages, LAYOUT_REGION);
    if (random_chance(r, 90))
        write_vcpu(w, hart, tvm, 0, base + 6);
    if (random_chance(r, 35))
        write_vcpu(w, hart, tvm, 1, base + 15);
    if (random_chance(r, 10))
        return;
    write_finalize(w, hart, tvm);
    if (random_chance(r, 85))
        write_run(w, hart, tvm);
}

/* --- running ---------------------------------------------------------------------------------------------- */

/* A hart that runs a guest, entering a runnable TVM first when there is none; -1 when no TVM is that far. */
static int entered_hart(struct writer *w)
{
    int hart = guest_hart(w);
    int tvm = value_find_tvm(&w->aim, true);

    if (hart >= 0 || tvm < 0)
        return hart;
    write_run(w, host_hart(w), (uint32_t)tvm);
    return guest_hart(w);
}

static void chapter_run(struct writer *w)
{
    int tvm = value_find_tvm(&w->aim, true);

    if (tvm >= 0)
        write_run(w, host_hart(w), (uint32_t)tvm);
}

/* The guest does this and that, and leaves at some point. */
static void chapter_guest(struct writer *w)
{
    int hart = entered_hart(w);
    if (hart < 0)
        return;
    for (uint64_t i = 2 + random_below(w->aim.r, 6); i != 0; i--) {
        struct trace_op op;
        generate_op(&w->aim, &op);
        write_op(w, op);
    }
}

static void write_guest_access(struct writer *w, uint8_t hart, uint8_t code, uint64_t gpa)
{
    write_op(w, (struct trace_op){.op = code, .hart = hart, .a = {gpa, 8, random_next(w->aim.r)}});
}

/* A page that the guest misses, is given, and uses. */
static void chapter_fault_in(struct writer *w)
{
    int entered = entered_hart(w);
    if (entered < 0)
        return;
    uint8_t hart = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[hart];
    bool huge = random_chance(w->aim.r, 4);
    uint64_t size = huge ? LAYOUT_REGION_LEN : 4096;
    uint64_t gpa = value_next_gpa(&w->aim, &w->q->sketch.tvm[tvm], size);

    write_guest_access(w, hart, OP_GUEST_LOAD, gpa);
    if (sketch_in_guest(&w->q->sketch, hart))
        take_back(w, hart);
    uint32_t count = huge ? 512 : 1 + (uint32_t)random_below(w->aim.r, 2);
    uint32_t first = free_run(w, hart, count, huge ? 512 : 1);
    if (first == NO_RUN)
        return;
    if (random_chance(w->aim.r, 30)) {
        uint32_t table = free_run(w, hart, 2, 1);
        if (table != NO_RUN && (table >= first + count || table + 2 <= first))
            write_tables(w, hart, tvm, table, 2);
    }
    struct trace_op op = host_call(w, hart, CALL_covh_add_tvm_zero_pages);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 1, ARG_WIN, first, 0);
    value_raw(&op, 2, huge ? TSM_PAGE_2M : TSM_PAGE_4K);
    value_raw(&op, 3, huge ? 1 : count);
    value_raw(&op, 4, gpa);
    write_op(w, op);
    write_run(w, hart, tvm);
    write_guest_access(w, hart, OP_GUEST_STORE, gpa);
    write_guest_access(w, hart, OP_GUEST_LOAD, gpa);
}

/* --- memory that changes hands ---------------------------------------------------------------------------- */

static struct trace_op guest_call(struct writer *w, uint8_t hart, uint16_t id)
{
    struct trace_op op = {.op = OP_GUEST_CALL, .hart = hart, .call = id};

    generate_call_args(&w->aim, &op);
    return op;
}

/* The host answers what a vCPU left with, and runs it again. */
static void write_reply(struct writer *w, uint8_t hart, uint64_t a0)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0x50);
    value_raw(&op, 1, a0);
    write_op(w, op);
}

static void write_reply_address(struct writer *w, uint8_t hart)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0x58);
    value_handle(&op, 1, ARG_RAM, 64 + (uint32_t)random_below(w->aim.r, 8), 0);
    write_op(w, op);
}

static void write_range(struct writer *w, uint8_t hart, uint16_t id, uint32_t tvm, uint64_t gpa, uint64_t len)
{
    struct trace_op op = host_call(w, hart, id);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, gpa);
    value_raw(&op, 2, len);
    write_op(w, op);
}

/* Pages that nobody uses any more leave a TVM: block, fence, with an interrupt for those who run, remove. */
static void write_removal(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa, uint64_t len)
{
    write_range(w, hart, CALL_covh_tvm_invalidate_pages, tvm, gpa, len);
    if (random_chance(w->aim.r, 10)) {
        write_range(w, hart, CALL_covh_tvm_validate_pages, tvm, gpa, len);
        write_range(w, hart, CALL_covh_tvm_invalidate_pages, tvm, gpa, len);
    }
    struct trace_op op = host_call(w, hart, CALL_covh_tvm_fence);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    write_op(w, op);
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (w->q->sketch.guest[h] == (int8_t)tvm && random_chance(w->aim.r, 80))
            take_back(w, h);
    }
    write_range(w, hart, random_chance(w->aim.r, 85) ? CALL_covh_tvm_remove_pages : CALL_covh_tvm_remove_pages_linux,
                tvm, gpa, len);
}

static void write_change(struct writer *w, uint8_t hart, uint16_t id, uint64_t gpa, uint64_t len)
{
    struct trace_op op = guest_call(w, hart, id);

    value_raw(&op, 0, gpa);
    value_raw(&op, 1, len);
    write_op(w, op);
}

static void write_shared(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa)
{
    struct trace_op op = host_call(w, hart, CALL_covh_add_tvm_shared_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 4, gpa);
    write_op(w, op);
}

/* A guest shares a page with the host, both use it, and sometimes it takes it back. */
static void chapter_share(struct writer *w)
{
    int entered = entered_hart(w);
    if (entered < 0)
        return;
    uint8_t hart = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[hart];
    const struct sketch_tvm *t = &w->q->sketch.tvm[tvm];
    bool mapped = t->mapped != 0 && random_chance(w->aim.r, 80);
    uint64_t gpa = mapped ? t->gpa[t->mapped - 1] : value_next_gpa(&w->aim, t, 4096);
    uint64_t len = 4096 * (random_chance(w->aim.r, 75) ? 1 : 1 + random_below(w->aim.r, 3));
    bool promoted = t->promoted;

    write_change(w, hart, CALL_covg_share_memory_region, gpa, len);
    if (mapped && !promoted)
        write_removal(w, hart, tvm, gpa, len);
    write_reply(w, hart, random_chance(w->aim.r, 85) ? 0 : 0 - random_below(w->aim.r, 20));
    if (promoted)
        write_reply_address(w, hart);
    write_run(w, hart, tvm);
    write_guest_access(w, hart, OP_GUEST_STORE, gpa);
    if (!promoted) {
        write_shared(w, hart, tvm, gpa);
        write_run(w, hart, tvm);
    }
    write_guest_access(w, hart, OP_GUEST_STORE, gpa);
    if (random_chance(w->aim.r, 30))
        write_guest_access(w, hart, OP_GUEST_FETCH, gpa);
    if (random_chance(w->aim.r, 50))
        return;
    write_change(w, hart, CALL_covg_unshare_memory_region, gpa, len);
    if (!promoted) {
        write_removal(w, hart, tvm, gpa, 4096);
        write_reply(w, hart, 0);
    }
    write_run(w, hart, tvm);
    write_guest_access(w, hart, OP_GUEST_LOAD, gpa);
}

/* The host takes pages away that the guest did not offer, gives them back, or tries to remove them. */
static void chapter_block(struct writer *w)
{
    int tvm = value_find_tvm(&w->aim, true);
    if (tvm < 0 || w->q->sketch.tvm[tvm].mapped == 0)
        return;
    const struct sketch_tvm *t = &w->q->sketch.tvm[tvm];
    uint8_t hart = host_hart(w);
    uint64_t gpa = t->gpa[random_below(w->aim.r, t->mapped)];

    if (random_chance(w->aim.r, 40)) {
        write_removal(w, hart, (uint32_t)tvm, gpa, 4096);
        write_run(w, hart, (uint32_t)tvm);
    } else {
        write_range(w, hart, CALL_covh_tvm_invalidate_pages, (uint32_t)tvm, gpa, 4096);
        if (random_chance(w->aim.r, 60))
            write_run(w, hart, (uint32_t)tvm);
        write_guest_access(w, hart, OP_GUEST_LOAD, gpa);
    }
    if (random_chance(w->aim.r, 60))
        write_range(w, hart, CALL_covh_tvm_validate_pages, (uint32_t)tvm, gpa, 4096);
}

/* A guest declares a device, uses it, and the host emulates it. */
static void chapter_device(struct writer *w)
{
    int entered = entered_hart(w);
    if (entered < 0)
        return;
    uint8_t hart = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[hart];

    if (w->q->sketch.tvm[tvm].device_len == 0 || random_chance(w->aim.r, 20)) {
        write_change(w, hart, CALL_covg_add_mmio_region, LAYOUT_DEVICE, 4096 * (1 + random_below(w->aim.r, 2)));
        write_run(w, hart, tvm);
    }
    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0 && sketch_in_guest(&w->q->sketch, hart); i--) {
        struct trace_op op = {.op = OP_GUEST_EXEC, .hart = hart};
        generate_exec(&w->aim, &op);
        value_raw(&op, 1, LAYOUT_DEVICE + 8 * random_below(w->aim.r, 512));
        if (random_chance(w->aim.r, 25))
            write_plain(w, hart, OP_GUEST_REG, 65, LAYOUT_REGION + 0xffe - 2 * random_below(w->aim.r, 4));
        write_op(w, op);
        if (random_chance(w->aim.r, 70))
            write_reply(w, hart, random_next(w->aim.r));
        write_run(w, hart, tvm);
    }
    if (random_chance(w->aim.r, 20))
        write_change(w, hart, CALL_covg_remove_mmio_region, LAYOUT_DEVICE, 4096);
}

/* Several vCPUs of one guest: started, woken and stopped by each other, on several harts. */
static void chapter_vcpus(struct writer *w)
{
    static const uint16_t calls[] = {CALL_guest_ipi_send,
                                     CALL_guest_rfence_fence_i,
                                     CALL_guest_rfence_sfence_vma,
                                     CALL_guest_hsm_hart_stop,
                                     CALL_guest_hsm_hart_suspend,
                                     CALL_guest_hsm_hart_get_status,
                                     CALL_guest_time_set_timer,
                                     CALL_guest_ipi_send,
                                     CALL_guest_rfence_sfence_vma_asid,
                                     CALL_guest_srst_system_reset,
                                     CALL_covg_allow_external_interrupt};
    int entered = entered_hart(w);
    if (entered < 0)
        return;
    uint8_t first = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[first];
    struct trace_op op = guest_call(w, first, CALL_guest_hsm_hart_start);
    uint8_t second = (uint8_t)((first + 1) % w->q->sketch.harts);

    value_raw(&op, 0, 1);
    write_op(w, op);
    if (!runs(w, second)) {
        op = host_call(w, first, CALL_hsm_hart_start);
        value_raw(&op, 0, second);
        write_op(w, op);
    }
    write_run(w, first, tvm);
    if (sketch_in_guest(&w->q->sketch, second))
        take_back(w, second);
    write_run_vcpu(w, second, tvm, 1);
    for (uint64_t i = 1 + random_below(w->aim.r, 4); i != 0; i--) {
        uint8_t hart = random_chance(w->aim.r, 50) ? first : second;
        unsigned pick = (unsigned)random_below(w->aim.r, random_chance(w->aim.r, 90) ? 9 : 11);
        write_op(w, guest_call(w, hart, calls[pick]));
        if (!sketch_in_guest(&w->q->sketch, hart) && random_chance(w->aim.r, 70))
            write_run_vcpu(w, hart, tvm, hart == first ? 0 : 1);
    }
}

/* --- promoting -------------------------------------------------------------------------------------------- */

#define PROMOTE_ROOT 96u /* host frames: root of four, table, table, pages */
#define PROMOTE_PAGES 8u

static void write_word(struct writer *w, uint8_t hart, uint32_t frame, uint32_t offset, uint64_t value)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, frame, (int32_t)offset);
    value_raw(&op, 1, value);
    write_op(w, op);
}

static uint64_t host_entry(uint32_t frame, uint64_t flags)
{
    return ((uint64_t)(MACHINE_HOST_BASE >> 12) + frame) << 10 | flags;
}

/* The host has an ordinary virtual machine of a few pages, and asks the monitor to make it confidential. */
static void chapter_promote(struct writer *w)
{
    uint8_t hart = host_hart(w);
    uint32_t tables = PROMOTE_ROOT + 4;
    uint32_t pages = PROMOTE_ROOT + 6;
    uint32_t tvm = w->q->sketch.tvms;
    bool large = random_chance(w->aim.r, 10);

    if ((w->q->sketch.shmem >> hart & 1) == 0)
        write_call(w, hart, CALL_nacl_set_shmem);
    struct trace_op fdt = {.op = OP_HOST_FDT, .hart = hart};
    value_handle(&fdt, 0, ARG_RAM, pages + LAYOUT_FDT, 0);
    value_raw(&fdt, 1, 1 + random_below(w->aim.r, 3));
    value_raw(&fdt, 2, LAYOUT_REGION);
    value_raw(&fdt, 3, random_chance(w->aim.r, 80) ? PROMOTE_PAGES * 2 * 4096 : LAYOUT_REGION_LEN);
    write_op(w, fdt);
    write_word(w, hart, PROMOTE_ROOT, 8 * (LAYOUT_REGION >> 30), host_entry(tables, 1));
    write_word(w, hart, tables, 0, large ? host_entry(512, 0xdf) : host_entry(tables + 1, 1));
    for (uint32_t i = 0; i < (large ? 0 : 1 + LAYOUT_FDT); i++)
        write_word(w, hart, tables + 1, 8 * i, host_entry(pages + i, random_chance(w->aim.r, 90) ? 0xdf : 0xd7));
    write_word(w, hart, 32 + 4 * hart, 0x1c00, 8ull << 60 | ((MACHINE_HOST_BASE >> 12) + PROMOTE_ROOT));
    write_word(w, hart, 32 + 4 * hart, 8 * (1 + (uint32_t)random_below(w->aim.r, 31)), random_next(w->aim.r));
    write_call(w, hart, CALL_covh_promote_to_tvm);
    write_run(w, hart, tvm);
    write_guest_access(w, hart, OP_GUEST_STORE, LAYOUT_REGION);
    write_guest_access(w, hart, OP_GUEST_STORE, LAYOUT_REGION + 4096 * (4 + random_below(w->aim.r, 8)));
}

/* --- several harts ---------------------------------------------------------------------------------------- */

static void chapter_start_hart(struct writer *w)
{
    uint8_t hart = host_hart(w);
    uint8_t target = (uint8_t)random_below(w->aim.r, w->q->sketch.harts);

    while (w->q->sketch.harts > 1 && target == hart)
        target = (uint8_t)((target + 1) % w->q->sketch.harts);
    struct trace_op op = host_call(w, hart, CALL_hsm_hart_start);
    value_raw(&op, 0, target);
    write_op(w, op);
    if (random_chance(w->aim.r, 60))
        write_call(w, target, CALL_nacl_set_shmem);
}

/* A vCPU that has run on one hart goes on on another. */
static void chapter_migrate(struct writer *w)
{
    int entered = entered_hart(w);
    if (entered < 0 || w->q->sketch.harts < 2)
        return;
    uint8_t from = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[from];
    uint8_t to = (uint8_t)((from + 1) % w->q->sketch.harts);
    uint64_t address = value_guest_address(&w->aim, &w->q->sketch.tvm[tvm]);

    write_guest_access(w, from, OP_GUEST_STORE, address);
    if (sketch_in_guest(&w->q->sketch, from) && random_chance(w->aim.r, 50))
        write_plain(w, from, OP_GUEST_WFI, 0, 0);
    if (sketch_in_guest(&w->q->sketch, from))
        take_back(w, from);
    if (!runs(w, to)) {
        struct trace_op op = host_call(w, from, CALL_hsm_hart_start);
        value_raw(&op, 0, to);
        write_op(w, op);
    }
    if (sketch_in_guest(&w->q->sketch, to))
        take_back(w, to);
    write_run(w, to, tvm);
    write_guest_access(w, to, OP_GUEST_LOAD, address);
}

/* Interrupts and remote fences, also at a hart that runs a guest. */
static void chapter_remote(struct writer *w)
{
    static const uint16_t calls[] = {
        CALL_ipi_send,           CALL_rfence_fence_i,          CALL_rfence_sfence_vma,  CALL_rfence_sfence_vma_asid,
        CALL_rfence_hfence_gvma, CALL_rfence_hfence_gvma_vmid, CALL_rfence_hfence_vvma, CALL_rfence_hfence_vvma_asid};

    if (w->q->sketch.started == 1)
        chapter_start_hart(w);
    uint8_t hart = host_hart(w);
    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0; i--)
        write_call(w, hart, calls[random_below(w->aim.r, sizeof(calls) / sizeof(calls[0]))]);
}

/* --- ending ----------------------------------------------------------------------------------------------- */

static void leave_guests(struct writer *w, int tvm)
{
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (w->q->sketch.guest[h] == tvm)
            take_back(w, h);
    }
}

/* The host looks for what is left in a frame. */
static void write_look(struct writer *w, uint8_t hart, uint32_t frame)
{
    struct trace_op op = {.op = OP_HOST_LOAD, .hart = hart};

    value_handle(&op, 0, ARG_WIN, frame, (int32_t)(8 * random_below(w->aim.r, 512)));
    value_raw(&op, 1, 8);
    write_op(w, op);
}

static void write_reclaim(struct writer *w, uint8_t hart, uint32_t first, uint32_t count)
{
    struct trace_op op = host_call(w, hart, CALL_covh_reclaim_pages);

    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    write_op(w, op);
}

static void chapter_destroy(struct writer *w)
{
    int tvm = value_find_tvm(&w->aim, random_chance(w->aim.r, 80));
    if (tvm < 0)
        return;
    uint32_t root = value_find_run(&w->aim, SKETCH_ROOT, tvm, ROOT_PAGES, 1);
    uint32_t data = value_find_run(&w->aim, SKETCH_DATA, tvm, 1, 1);

    if (random_chance(w->aim.r, 90))
        leave_guests(w, tvm);
    uint8_t hart = host_hart(w);
    struct trace_op op = host_call(w, hart, CALL_covh_destroy_tvm);
    value_handle(&op, 0, ARG_TVM, (uint32_t)tvm, 0);
    write_op(w, op);
    if (data != NO_RUN && random_chance(w->aim.r, 70)) {
        write_reclaim(w, hart, data, 1 + (uint32_t)random_below(w->aim.r, 3));
        write_look(w, hart, data);
    }
    if (root != NO_RUN && random_chance(w->aim.r, 60)) {
        write_reclaim(w, hart, root, random_chance(w->aim.r, 60) ? 16 : ROOT_PAGES);
        write_look(w, hart, root);
    }
    if (random_chance(w->aim.r, 40))
        write_run(w, hart, (uint32_t)tvm); /* a stale handle */
}

/* Free frames go back to the host, and come again. */
static void chapter_recycle(struct writer *w)
{
    uint8_t hart = host_hart(w);
    uint32_t count = 1 + (uint32_t)random_below(w->aim.r, 8);
    uint32_t first = free_run(w, hart, count, 1);
    if (first == NO_RUN)
        return;

    write_reclaim(w, hart, first, count);
    write_look(w, hart, first);
    struct trace_op op = host_call(w, hart, CALL_covh_convert_pages);
    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    write_op(w, op);
    if (random_chance(w->aim.r, 70))
        write_fences(w, hart);
}

/* Console in both directions. */
static void chapter_console(struct writer *w)
{
    uint8_t hart = host_hart(w);

    write_plain(w, hart, OP_CONSOLE_INPUT, random_next(w->aim.r), 0);
    write_call(w, hart, CALL_dbcn_console_read);
    write_call(w, hart, CALL_dbcn_console_write);
}

static void write_register(struct writer *w, uint8_t hart, uint8_t code)
{
    uint64_t value = random_next(w->aim.r);

    write_plain(w, hart, code, 1 + random_below(w->aim.r, 64), value);
}

/* Some HS registers of note get hostile values; then a guest runs under it. */
static void chapter_hostile_registers(struct writer *w)
{
    static const uint16_t csrs[] = {0x680, 0x280, 0x645, 0x604, 0x10a, 0x105, 0x602,
                                    0x603, 0x600, 0x606, 0x607, 0x60a, 0x24d};
    int tvm = value_find_tvm(&w->aim, true);
    if (tvm < 0)
        return;
    uint8_t hart = host_hart(w);

    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0; i--) {
        uint64_t value = random_chance(w->aim.r, 50) ? UINT64_MAX : random_next(w->aim.r);
        write_plain(w, hart, OP_HOST_CSR_WRITE, csrs[random_below(w->aim.r, sizeof(csrs) / sizeof(csrs[0]))], value);
    }
    write_register(w, hart, OP_HOST_REG);
    write_run(w, hart, (uint32_t)tvm);
    write_register(w, hart, OP_GUEST_REG);
    if (sketch_in_guest(&w->q->sketch, hart))
        take_back(w, hart);
}

/* --- choosing --------------------------------------------------------------------------------------------- */

static const struct {
    void (*write)(struct writer *w);
    uint8_t weight;      /* while no TVM can run */
    uint8_t weight_live; /* while one can */
} chapters[] = {
    {chapter_create, 60, 12},
    {chapter_run, 0, 12},
    {chapter_guest, 0, 18},
    {chapter_fault_in, 0, 16},
    {chapter_start_hart, 8, 6},
    {chapter_migrate, 0, 10},
    {chapter_remote, 5, 6},
    {chapter_destroy, 6, 16},
    {chapter_recycle, 10, 8},
    {chapter_console, 3, 2},
    {chapter_hostile_registers, 0, 6},
    {chapter_share, 0, 16},
    {chapter_block, 0, 8},
    {chapter_device, 0, 12},
    {chapter_vcpus, 0, 12},
    {chapter_promote, 10, 5},
};

#define CHAPTERS (sizeof(chapters) / sizeof(chapters[0]))

static void write_chapter(struct writer *w)
{
    bool live = value_find_tvm(&w->aim, true) >= 0;
    unsigned total = 0;

    for (size_t i = 0; i < CHAPTERS; i++)
        total += live ? chapters[i].weight_live : chapters[i].weight;
    uint64_t ticket = random_below(w->aim.r, total);
    for (size_t i = 0; i < CHAPTERS; i++) {
        unsigned weight = live ? chapters[i].weight_live : chapters[i].weight;
        if (ticket < weight) {
            chapters[i].write(w);
            return;
        }
        ticket -= weight;
    }
}

void generate_sequence(struct sequence *q, const struct trace *t, uint32_t at, struct random *r)
{
    struct writer w = {.q = q, .aim = {.r = r, .s = &q->sketch, .t = t, .at = at < t->count ? at : t->count}};

    q->count = 0;
    sketch_run(&q->sketch, t, at);
    if (random_chance(r, 35)) {
        w.spoil = 6;
        w.drop = 3;
    }
    write_chapter(&w);
    while (q->count < 24 && random_chance(r, 35))
        write_chapter(&w);
}
