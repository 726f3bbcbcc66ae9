/* SPDX-License-Identifier: Apache-2.0 */
/* Writing chapters; see writer.h. */
#include "harness/trace/writer.h"

#include "harness/trace/call_ids.h"
#include "monitor/abi/sbi.h"

void writer_op(struct writer *w, struct trace_op op)
{
    if (w->q->count == SEQUENCE_MAX || random_chance(w->aim.r, w->drop))
        return;
    trace_op_canonical(&op, w->q->sketch.harts);
    if (random_chance(w->aim.r, w->spoil))
        generate_spoil(&w->aim, &op);
    /* In chapters with mistakes in them something may come in between as well. */
    if (w->spoil != 0 && op.op == OP_HOST_CALL && w->q->count + 1 < SEQUENCE_MAX && random_chance(w->aim.r, 8))
        generate_disturbance(&w->aim, &op, &w->q->op[w->q->count++]);
    w->q->op[w->q->count++] = op;
    sketch_apply(&w->q->sketch, &op);
}

struct trace_op writer_host_call(struct writer *w, uint8_t hart, uint16_t id)
{
    struct trace_op op = {.op = OP_HOST_CALL, .hart = hart, .call = id};

    generate_call_args(&w->aim, &op);
    return op;
}

void writer_call(struct writer *w, uint8_t hart, uint16_t id)
{
    writer_op(w, writer_host_call(w, hart, id));
}

void writer_plain(struct writer *w, uint8_t hart, uint8_t code, uint64_t a0, uint64_t a1)
{
    writer_op(w, (struct trace_op){.op = code, .hart = hart, .a = {a0, a1}});
}

bool writer_hart_runs(const struct writer *w, uint8_t hart)
{
    return (w->q->sketch.started >> hart & 1) != 0;
}

void writer_take_back(struct writer *w, uint8_t hart)
{
    uint64_t number = 1 + 4 * random_below(w->aim.r, 3);

    writer_plain(w, hart, OP_IRQ, number, 1);
    if (random_chance(w->aim.r, 95))
        writer_plain(w, hart, OP_IRQ, number, 0);
}

uint8_t writer_host_hart(struct writer *w)
{
    uint8_t first = (uint8_t)random_below(w->aim.r, w->q->sketch.harts);

    for (uint8_t i = 0; i < w->q->sketch.harts; i++) {
        uint8_t hart = (uint8_t)((first + i) % w->q->sketch.harts);
        if (writer_hart_runs(w, hart) && !sketch_in_guest(&w->q->sketch, hart))
            return hart;
    }
    writer_take_back(w, 0);
    return 0;
}

int writer_guest_hart(const struct writer *w)
{
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (writer_hart_runs(w, h) && sketch_in_guest(&w->q->sketch, h))
            return h;
    }
    return -1;
}

void writer_fences(struct writer *w, uint8_t hart)
{
    writer_call(w, hart, CALL_covh_global_fence);
    for (uint8_t h = 0; h < w->q->sketch.harts; h++) {
        if (h == hart || !writer_hart_runs(w, h))
            continue;
        if (sketch_in_guest(&w->q->sketch, h))
            writer_take_back(w, h);
        writer_call(w, h, CALL_covh_local_fence);
    }
}

uint32_t writer_free_run(struct writer *w, uint8_t hart, uint32_t count, uint32_t align)
{
    uint32_t first = value_find_run(&w->aim, SKETCH_FREE, -1, count, align);
    if (first != NO_RUN)
        return first;
    first = value_find_run(&w->aim, SKETCH_HOST, -1, count, align);
    if (first == NO_RUN)
        return NO_RUN;
    struct trace_op op = writer_host_call(w, hart, CALL_covh_convert_pages);
    value_handle(&op, 0, ARG_WIN, first, 0);
    value_raw(&op, 1, count);
    writer_op(w, op);
    writer_fences(w, hart);
    return first;
}

void writer_tables(struct writer *w, uint8_t hart, uint32_t tvm, uint32_t first, uint32_t count)
{
    struct trace_op op = writer_host_call(w, hart, CALL_covh_add_tvm_page_table_pages);

    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_handle(&op, 1, ARG_WIN, first, 0);
    value_raw(&op, 2, count);
    writer_op(w, op);
}

void writer_run_vcpu(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t vcpu)
{
    if ((w->q->sketch.shmem >> hart & 1) == 0) {
        struct trace_op op = writer_host_call(w, hart, CALL_nacl_set_shmem);
        value_handle(&op, 0, ARG_RAM, 32 + 4 * hart, 0);
        value_raw(&op, 1, 0);
        writer_op(w, op);
    }
    for (uint64_t number = 1; number <= 9; number += 4) {
        if ((w->q->sketch.pending[hart] >> number & 1) != 0 && random_chance(w->aim.r, 95))
            writer_plain(w, hart, OP_IRQ, number, 0);
    }
    struct trace_op op = writer_host_call(w, hart, CALL_covh_run_tvm_vcpu);
    value_handle(&op, 0, ARG_TVM, tvm, 0);
    value_raw(&op, 1, vcpu);
    writer_op(w, op);
}

void writer_run(struct writer *w, uint8_t hart, uint32_t tvm)
{
    writer_run_vcpu(w, hart, tvm, 0);
}

int writer_entered_hart(struct writer *w)
{
    int hart = writer_guest_hart(w);
    int tvm = value_find_tvm(&w->aim, true);

    if (hart >= 0 || tvm < 0)
        return hart;
    writer_run(w, writer_host_hart(w), (uint32_t)tvm);
    return writer_guest_hart(w);
}

void writer_guest_access(struct writer *w, uint8_t hart, uint8_t code, uint64_t gpa)
{
    writer_op(w, (struct trace_op){.op = code, .hart = hart, .a = {gpa, 8, random_next(w->aim.r)}});
}

struct trace_op writer_guest_call(struct writer *w, uint8_t hart, uint16_t id)
{
    struct trace_op op = {.op = OP_GUEST_CALL, .hart = hart, .call = id};

    generate_call_args(&w->aim, &op);
    return op;
}
