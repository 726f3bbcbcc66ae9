/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chapters about TVMs with several vCPUs, which start, wake and stop each other, and about virtual machines of the host
 * that are promoted to TVMs.
 */
#include "harness/machine/machine.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/writer.h"

#define PROMOTE_ROOT 96u /* host frames: root of four, table, table, pages */
#define PROMOTE_PAGES 8u

void chapter_vcpus(struct writer *w)
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
    int entered = writer_entered_hart(w);
    if (entered < 0)
        return;
    uint8_t first = (uint8_t)entered;
    uint32_t tvm = (uint32_t)w->q->sketch.guest[first];
    struct trace_op op = writer_guest_call(w, first, CALL_guest_hsm_hart_start);
    uint8_t second = (uint8_t)((first + 1) % w->q->sketch.harts);

    value_raw(&op, 0, 1);
    writer_op(w, op);
    if (!writer_hart_runs(w, second)) {
        op = writer_host_call(w, first, CALL_hsm_hart_start);
        value_raw(&op, 0, second);
        writer_op(w, op);
    }
    writer_run(w, first, tvm);
    if (sketch_in_guest(&w->q->sketch, second))
        writer_take_back(w, second);
    writer_run_vcpu(w, second, tvm, 1);
    for (uint64_t i = 1 + random_below(w->aim.r, 4); i != 0; i--) {
        uint8_t hart = random_chance(w->aim.r, 50) ? first : second;
        unsigned pick = (unsigned)random_below(w->aim.r, random_chance(w->aim.r, 90) ? 9 : 11);
        writer_op(w, writer_guest_call(w, hart, calls[pick]));
        if (!sketch_in_guest(&w->q->sketch, hart) && random_chance(w->aim.r, 70))
            writer_run_vcpu(w, hart, tvm, hart == first ? 0 : 1);
    }
}

static void write_word(struct writer *w, uint8_t hart, uint32_t frame, uint32_t offset, uint64_t value)
{
    struct trace_op op = {.op = OP_HOST_WRITE64, .hart = hart};

    value_handle(&op, 0, ARG_RAM, frame, (int32_t)offset);
    value_raw(&op, 1, value);
    writer_op(w, op);
}

static uint64_t host_entry(uint32_t frame, uint64_t flags)
{
    return ((uint64_t)(MACHINE_HOST_BASE >> 12) + frame) << 10 | flags;
}

void chapter_promote(struct writer *w)
{
    uint8_t hart = writer_host_hart(w);
    uint32_t tables = PROMOTE_ROOT + 4;
    uint32_t pages = PROMOTE_ROOT + 6;
    uint32_t tvm = w->q->sketch.tvms;
    bool large = random_chance(w->aim.r, 10);

    if ((w->q->sketch.shmem >> hart & 1) == 0)
        writer_call(w, hart, CALL_nacl_set_shmem);
    struct trace_op fdt = {.op = OP_HOST_FDT, .hart = hart};
    value_handle(&fdt, 0, ARG_RAM, pages + LAYOUT_FDT, 0);
    value_raw(&fdt, 1, 1 + random_below(w->aim.r, 3));
    value_raw(&fdt, 2, LAYOUT_REGION);
    value_raw(&fdt, 3, random_chance(w->aim.r, 80) ? PROMOTE_PAGES * 2 * 4096 : LAYOUT_REGION_LEN);
    writer_op(w, fdt);
    write_word(w, hart, PROMOTE_ROOT, 8 * (LAYOUT_REGION >> 30), host_entry(tables, 1));
    write_word(w, hart, tables, 0, large ? host_entry(512, 0xdf) : host_entry(tables + 1, 1));
    for (uint32_t i = 0; i < (large ? 0 : 1 + LAYOUT_FDT); i++)
        write_word(w, hart, tables + 1, 8 * i, host_entry(pages + i, random_chance(w->aim.r, 90) ? 0xdf : 0xd7));
    write_word(w, hart, 32 + 4 * hart, 0x1c00, 8ull << 60 | ((MACHINE_HOST_BASE >> 12) + PROMOTE_ROOT));
    /* One draw a statement: in which order a compiler evaluates arguments is its own affair. */
    uint32_t offset = 8 * (1 + (uint32_t)random_below(w->aim.r, 31));
    write_word(w, hart, 32 + 4 * hart, offset, random_next(w->aim.r));
    writer_call(w, hart, CALL_covh_promote_to_tvm);
    writer_run(w, hart, tvm);
    writer_guest_access(w, hart, OP_GUEST_STORE, LAYOUT_REGION);
    writer_guest_access(w, hart, OP_GUEST_STORE, LAYOUT_REGION + 4096 * (4 + random_below(w->aim.r, 8)));
}
