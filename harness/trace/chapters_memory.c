/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chapters about memory that changes hands: a guest shares pages with the host and takes them back, the host takes pages
 * away, a guest declares a device and uses it.
 */
#include "harness/trace/call_ids.h"
#include "harness/trace/writer.h"

/* The host answers what a vCPU left with, and runs it again. */
static void write_reply(struct writer *w, uint8_t hart, uint64_t a0)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0x50);
    value_raw(&op, 1, a0);
    writer_op(w, op);
}

static void write_reply_address(struct writer *w, uint8_t hart)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0x58);
    value_handle(&op, 1, ARG_RAM, 64 + (uint32_t)random_below(w->aim.r, 8), 0);
    writer_op(w, op);
}

static void write_range(struct writer *w, uint8_t hart, uint16_t id, uint32_t tvm, uint64_t gpa, uint64_t len)
{
    struct trace_op op = writer_host_call(w, hart, id);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, gpa);
    value_raw(&op, 2, len);
    writer_op(w, op);
}

/* Pages that nobody uses any more leave a TVM: block, fence, with an interrupt for those who run, remove. */
static void write_removal(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa, uint64_t len)
{
    write_range(w, hart, CALL_covh_tvm_invalidate_pages, tvm, gpa, len);
    if (random_chance(w->aim.r, 10)) {
        write_range(w, hart, CALL_covh_tvm_validate_pages, tvm, gpa, len);
        write_range(w, hart, CALL_covh_tvm_invalidate_pages, tvm, gpa, len);
    }
    struct trace_op op = writer_host_call(w, hart, CALL_covh_tvm_fence);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    writer_op(w, op);
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (w->q->sketch.guest[h] == (int8_t)tvm && random_chance(w->aim.r, 80))
            writer_take_back(w, h);
    }
    write_range(w, hart, random_chance(w->aim.r, 85) ? CALL_covh_tvm_remove_pages : CALL_covh_tvm_remove_pages_linux,
                tvm, gpa, len);
}

static void write_change(struct writer *w, uint8_t hart, uint16_t id, uint64_t gpa, uint64_t len)
{
    struct trace_op op = writer_guest_call(w, hart, id);

    value_raw(&op, 0, gpa);
    value_raw(&op, 1, len);
    writer_op(w, op);
}

static void write_shared(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t gpa)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_add_tvm_shared_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 4, gpa);
    writer_op(w, op);
}

void chapter_share(struct writer *w)
{
    int entered = writer_entered_hart(w);
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
    writer_run(w, hart, tvm);
    writer_guest_access(w, hart, OP_GUEST_STORE, gpa);
    if (!promoted) {
        write_shared(w, hart, tvm, gpa);
        writer_run(w, hart, tvm);
    }
    writer_guest_access(w, hart, OP_GUEST_STORE, gpa);
    if (random_chance(w->aim.r, 30))
        writer_guest_access(w, hart, OP_GUEST_FETCH, gpa);
    if (random_chance(w->aim.r, 50))
        return;
    write_change(w, hart, CALL_covg_unshare_memory_region, gpa, len);
    if (!promoted) {
        write_removal(w, hart, tvm, gpa, 4096);
        write_reply(w, hart, 0);
    }
    writer_run(w, hart, tvm);
    writer_guest_access(w, hart, OP_GUEST_LOAD, gpa);
}

void chapter_block(struct writer *w)
{
    int tvm = value_find_tvm(&w->aim, true);
    if (tvm < 0 || w->q->sketch.tvm[tvm].mapped == 0)
        return;
    const struct sketch_tvm *t = &w->q->sketch.tvm[tvm];
    uint8_t hart = writer_host_hart(w);
    uint64_t gpa = t->gpa[random_below(w->aim.r, t->mapped)];

    if (random_chance(w->aim.r, 40)) {
        write_removal(w, hart, (uint32_t)tvm, gpa, 4096);
        writer_run(w, hart, (uint32_t)tvm);
    } else {
        write_range(w, hart, CALL_covh_tvm_invalidate_pages, (uint32_t)tvm, gpa, 4096);
        if (random_chance(w->aim.r, 60))
            writer_run(w, hart, (uint32_t)tvm);
        writer_guest_access(w, hart, OP_GUEST_LOAD, gpa);
    }
    if (random_chance(w->aim.r, 60))
        write_range(w, hart, CALL_covh_tvm_validate_pages, (uint32_t)tvm, gpa, 4096);
}

void chapter_device(struct writer *w)
{
    int entered = writer_entered_hart(w);
    if (entered < 0)
        return;
    uint8_t hart = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[hart];

    if (w->q->sketch.tvm[tvm].device_len == 0 || random_chance(w->aim.r, 20)) {
        write_change(w, hart, CALL_covg_add_mmio_region, LAYOUT_DEVICE, 4096 * (1 + random_below(w->aim.r, 2)));
        writer_run(w, hart, tvm);
    }
    for (uint64_t i = 1 + random_below(w->aim.r, 3); i != 0 && sketch_in_guest(&w->q->sketch, hart); i--) {
        struct trace_op op = {.op = OP_GUEST_EXEC, .hart = hart};
        generate_exec(&w->aim, &op);
        value_raw(&op, 1, LAYOUT_DEVICE + 8 * random_below(w->aim.r, 512));
        if (random_chance(w->aim.r, 25))
            writer_plain(w, hart, OP_GUEST_REG, 65, LAYOUT_REGION + 0xffe - 2 * random_below(w->aim.r, 4));
        writer_op(w, op);
        if (random_chance(w->aim.r, 70))
            write_reply(w, hart, random_next(w->aim.r));
        writer_run(w, hart, tvm);
    }
    if (random_chance(w->aim.r, 20))
        write_change(w, hart, CALL_covg_remove_mmio_region, LAYOUT_DEVICE, 4096);
}
