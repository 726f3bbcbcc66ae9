/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole chapters from the life of confidential VMs, so that deep states are one mutation away: create a TVM up to its
 * first run, fault a page in, move a vCPU to another hart, destroy and reclaim, use frames again.
 *
 * Most chapters are written without a mistake. In the others an argument is spoiled here and there, or an operation
 * left out: a fence, a scrub, a check that nobody made.
 */
#include <string.h>

#include "harness/trace/call_ids.h"
#include "harness/trace/writer.h"
#include "monitor/abi/sbi.h"

#define ROOT_PAGES 4u
#define STATE_PAGES 2u

static void write_params(struct writer *w, uint8_t hart, uint32_t root, uint32_t state)
{
    uint32_t frame = (uint32_t)random_below(w->aim.r, 8);
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, frame, 0);
    value_handle(&op, 1, ARG_WIN, root, 0);
    writer_op(w, op);
    value_handle(&op, 0, ARG_RAM, frame, 8);
    value_handle(&op, 1, ARG_WIN, state, 0);
    writer_op(w, op);
    op = writer_host_call(w, hart, CALL_covh_create_tvm);
    value_handle(&op, 0, ARG_RAM, frame, 0);
    writer_op(w, op);
}

static void write_region(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_add_tvm_memory_region);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, gpa);
    value_raw(&op, 2, LAYOUT_REGION_LEN);
    writer_op(w, op);
}

static void write_measured(struct writer *w, uint8_t hart, uint32_t tvm, uint32_t first, uint32_t count, uint64_t gpa)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_add_tvm_measured_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 2, ARG_WIN, first, 0);
    value_raw(&op, 3, TSM_PAGE_4K);
    value_raw(&op, 4, count);
    value_raw(&op, 5, gpa);
    writer_op(w, op);
}

static void write_vcpu(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t vcpu, uint32_t frame)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_create_tvm_vcpu);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, vcpu);
    value_handle(&op, 2, ARG_WIN, frame, 0);
    writer_op(w, op);
}

static void write_finalize(struct writer *w, uint8_t hart, uint32_t tvm)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_finalize_tvm);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    writer_op(w, op);
}

/*
 * A TVM from nothing to its first run. Of one aligned run of 16 frames: 0..3 root, 4..5 state, 6 vCPU, 7..10 page
 * tables, 11..15 data.
 */
static void chapter_create(struct writer *w)
{
    struct random *r = w->aim.r;
    uint8_t hart = writer_host_hart(w);
    uint32_t tvm = w->q->sketch.tvms;
    uint32_t base = writer_free_run(w, hart, 16, 16);
    if (base == NO_RUN)
        return;

    write_params(w, hart, base, base + 4);
    write_region(w, hart, tvm, LAYOUT_REGION);
    if (random_chance(r, 30))
        write_region(w, hart, tvm, LAYOUT_SECOND_REGION);
    uint32_t tables = random_chance(r, 80) ? 4 : (uint32_t)random_below(r, 4);
    if (tables != 0)
        writer_tables(w, hart, tvm, base + 7, tables);
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
        writer_run(w, hart, tvm);
}

static void chapter_run(struct writer *w)
{
    int tvm = value_find_tvm(&w->aim, true);

    if (tvm >= 0)
        writer_run(w, writer_host_hart(w), (uint32_t)tvm);
}

/* The guest does this and that, and leaves at some point. */
static void chapter_guest(struct writer *w)
{
    int hart = writer_entered_hart(w);
    if (hart < 0)
        return;
    for (uint64_t i = 2 + random_below(w->aim.r, 6); i != 0; i--) {
        struct trace_op op;
        generate_op(&w->aim, &op);
        writer_op(w, op);
    }
}

/* A page that the guest misses, is given, and uses. */
static void chapter_fault_in(struct writer *w)
{
    int entered = writer_entered_hart(w);
    if (entered < 0)
        return;
    uint8_t hart = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[hart];
    bool huge = random_chance(w->aim.r, 4);
    uint64_t size = huge ? LAYOUT_REGION_LEN : 4096;
    uint64_t gpa = value_next_gpa(&w->aim, &w->q->sketch.tvm[tvm], size);

    writer_guest_access(w, hart, OP_GUEST_LOAD, gpa);
    if (sketch_in_guest(&w->q->sketch, hart))
        writer_take_back(w, hart);
    uint32_t count = huge ? 512 : 1 + (uint32_t)random_below(w->aim.r, 2);
    uint32_t first = writer_free_run(w, hart, count, huge ? 512 : 1);
    if (first == NO_RUN)
        return;
    if (random_chance(w->aim.r, 30)) {
        uint32_t table = writer_free_run(w, hart, 2, 1);
        if (table != NO_RUN && (table >= first + count || table + 2 <= first))
            writer_tables(w, hart, tvm, table, 2);
    }
    struct trace_op op = writer_host_call(w, hart, CALL_covh_add_tvm_zero_pages);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 1, ARG_WIN, first, 0);
    value_raw(&op, 2, huge ? TSM_PAGE_2M : TSM_PAGE_4K);
    value_raw(&op, 3, huge ? 1 : count);
    value_raw(&op, 4, gpa);
    writer_op(w, op);
    writer_run(w, hart, tvm);
    writer_guest_access(w, hart, OP_GUEST_STORE, gpa);
    writer_guest_access(w, hart, OP_GUEST_LOAD, gpa);
}

static void chapter_start_hart(struct writer *w)
{
    uint8_t hart = writer_host_hart(w);
    uint8_t target = (uint8_t)random_below(w->aim.r, w->q->sketch.harts);

    while (w->q->sketch.harts > 1 && target == hart)
        target = (uint8_t)((target + 1) % w->q->sketch.harts);
    struct trace_op op = writer_host_call(w, hart, CALL_hsm_hart_start);
    value_raw(&op, 0, target);
    writer_op(w, op);
    if (random_chance(w->aim.r, 60))
        writer_call(w, target, CALL_nacl_set_shmem);
}

/* A vCPU that has run on one hart goes on on another. */
static void chapter_migrate(struct writer *w)
{
    int entered = writer_entered_hart(w);
    if (entered < 0 || w->q->sketch.harts < 2)
        return;
    uint8_t from = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[from];
    uint8_t to = (uint8_t)((from + 1) % w->q->sketch.harts);
    uint64_t address = value_guest_address(&w->aim, &w->q->sketch.tvm[tvm]);

    writer_guest_access(w, from, OP_GUEST_STORE, address);
    if (sketch_in_guest(&w->q->sketch, from) && random_chance(w->aim.r, 50))
        writer_plain(w, from, OP_GUEST_WFI, 0, 0);
    if (sketch_in_guest(&w->q->sketch, from))
        writer_take_back(w, from);
    if (!writer_hart_runs(w, to)) {
        struct trace_op op = writer_host_call(w, from, CALL_hsm_hart_start);
        value_raw(&op, 0, to);
        writer_op(w, op);
    }
    if (sketch_in_guest(&w->q->sketch, to))
        writer_take_back(w, to);
    writer_run(w, to, tvm);
    writer_guest_access(w, to, OP_GUEST_LOAD, address);
}

/* Interrupts and remote fences, also at a hart that runs a guest. */
static void chapter_remote(struct writer *w)
{
    static const uint16_t calls[] = {
        CALL_ipi_send,           CALL_rfence_fence_i,          CALL_rfence_sfence_vma,  CALL_rfence_sfence_vma_asid,
        CALL_rfence_hfence_gvma, CALL_rfence_hfence_gvma_vmid, CALL_rfence_hfence_vvma, CALL_rfence_hfence_vvma_asid};

    if (w->q->sketch.started == 1)
        chapter_start_hart(w);
    uint8_t hart = writer_host_hart(w);
    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0; i--)
        writer_call(w, hart, calls[random_below(w->aim.r, sizeof(calls) / sizeof(calls[0]))]);
}

static void leave_guests(struct writer *w, int tvm)
{
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (w->q->sketch.guest[h] == tvm)
            writer_take_back(w, h);
    }
}

/* The host looks for what is left in a frame. */
static void write_look(struct writer *w, uint8_t hart, uint32_t frame)
{
    struct trace_op op = {.op = OP_HOST_LOAD, .hart = hart};

    value_handle(&op, 0, ARG_WIN, frame, (int32_t)(8 * random_below(w->aim.r, 512)));
    value_raw(&op, 1, 8);
    writer_op(w, op);
}

static void write_reclaim(struct writer *w, uint8_t hart, uint32_t first, uint32_t count)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_reclaim_pages);

    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    writer_op(w, op);
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
    uint8_t hart = writer_host_hart(w);
    struct trace_op op = writer_host_call(w, hart, CALL_covh_destroy_tvm);
    value_handle(&op, 0, ARG_TVM, (uint32_t)tvm, 0);
    writer_op(w, op);
    if (data != NO_RUN && random_chance(w->aim.r, 70)) {
        write_reclaim(w, hart, data, 1 + (uint32_t)random_below(w->aim.r, 3));
        write_look(w, hart, data);
    }
    if (root != NO_RUN && random_chance(w->aim.r, 60)) {
        write_reclaim(w, hart, root, random_chance(w->aim.r, 60) ? 16 : ROOT_PAGES);
        write_look(w, hart, root);
    }
    if (random_chance(w->aim.r, 40))
        writer_run(w, hart, (uint32_t)tvm); /* a stale handle */
}

/* Free frames go back to the host, and come again. */
static void chapter_recycle(struct writer *w)
{
    uint8_t hart = writer_host_hart(w);
    uint32_t count = 1 + (uint32_t)random_below(w->aim.r, 8);
    uint32_t first = writer_free_run(w, hart, count, 1);
    if (first == NO_RUN)
        return;

    write_reclaim(w, hart, first, count);
    write_look(w, hart, first);
    struct trace_op op = writer_host_call(w, hart, CALL_covh_convert_pages);
    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    writer_op(w, op);
    if (random_chance(w->aim.r, 70))
        writer_fences(w, hart);
}

/* Console in both directions. */
static void chapter_console(struct writer *w)
{
    uint8_t hart = writer_host_hart(w);

    writer_plain(w, hart, OP_CONSOLE_INPUT, random_next(w->aim.r), 0);
    writer_call(w, hart, CALL_dbcn_console_read);
    writer_call(w, hart, CALL_dbcn_console_write);
}

static void write_register(struct writer *w, uint8_t hart, uint8_t code)
{
    uint64_t value = random_next(w->aim.r);

    writer_plain(w, hart, code, 1 + random_below(w->aim.r, 64), value);
}

/* Some HS registers of note get hostile values; then a guest runs under it. */
static void chapter_hostile_registers(struct writer *w)
{
    static const uint16_t csrs[] = {0x680, 0x280, 0x645, 0x604, 0x10a, 0x105, 0x602,
                                    0x603, 0x600, 0x606, 0x607, 0x60a, 0x24d};
    int tvm = value_find_tvm(&w->aim, true);
    if (tvm < 0)
        return;
    uint8_t hart = writer_host_hart(w);

    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0; i--) {
        uint64_t value = random_chance(w->aim.r, 50) ? UINT64_MAX : random_next(w->aim.r);
        writer_plain(w, hart, OP_HOST_CSR_WRITE, csrs[random_below(w->aim.r, sizeof(csrs) / sizeof(csrs[0]))], value);
    }
    write_register(w, hart, OP_HOST_REG);
    writer_run(w, hart, (uint32_t)tvm);
    write_register(w, hart, OP_GUEST_REG);
    if (sketch_in_guest(&w->q->sketch, hart))
        writer_take_back(w, hart);
}

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
