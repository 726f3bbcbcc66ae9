/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: promote_to_tvm alone. A good VM is prepared in host memory, the input damages its page tables, its device
 * tree, its mailbox and the amount of free memory, and asks for promotion in between; at the end the VM is promoted, run
 * if it can be, and destroyed, while all oracles watch.
 *
 * An input is made into a trace. A finding is printed with that trace as text, which `touchstone run` takes back.
 */
#include "harness/oracles/oracle.h"
#include "harness/targets/acting.h"
#include "harness/targets/fuzzer.h"
#include "harness/targets/state_feedback.h"

/* Host RAM frames: mailbox, root of the tables (four), tables below it, and pages, the last one the device tree. */
#define SHMEM 32u
#define ROOT 64u
#define TABLES 68u
#define PAGES 128u
#define FDT_PAGE 3u

#define GPA UINT64_C(0x80000000)
#define FDT_GPA (GPA + FDT_PAGE * PAGE_SIZE)
#define LEAF UINT64_C(0xdf)
#define POINTER UINT64_C(0x01)
#define EDIT_OPS 400u /* operations before the end of each trace is added */

struct input {
    const uint8_t *at;
    size_t left;
};

/* Work is bounded by the size of the window, so a small one is fast; 2 MiB pages fit only into the large one. */
#define SMALL_WINDOW 128u
#define LARGE_WINDOW 1024u

static struct world *small_world, *large_world;
static struct trace trace;

/* The next bytes of the input as a number, zeros when there are no more. */
static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

static void add(uint8_t code, uint16_t call, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    if (trace.count < TRACE_MAX_OPS)
        trace.op[trace.count++] = (struct trace_op){.op = code, .call = call, .a = {a0, a1, a2, a3}};
}

static uint64_t ram(uint64_t frame)
{
    return MACHINE_HOST_BASE + frame * PAGE_SIZE;
}

static uint64_t entry(uint64_t address, uint64_t flags)
{
    return address >> PAGE_SHIFT << 10 | flags;
}

static void store(uint64_t address, uint64_t value)
{
    add(OP_HOST_WRITE64, 0, address, value, 0, 0);
}

static void store_mailbox_csr(unsigned csr, uint64_t value)
{
    store(ram(SHMEM) + NACL_CSR_OFFSET(csr), value);
}

static uint64_t hgatp(unsigned levels)
{
    return (uint64_t)(levels - 3 + GSTAGE_SV39X4) << 60 | ram(ROOT) >> PAGE_SHIFT;
}

static void prepare(unsigned levels, uint32_t frames)
{
    uint64_t table = ROOT;
    uint64_t below = TABLES;

    add(OP_HOST_CALL, CALL_covh_convert_pages, MACHINE_WINDOW_BASE, frames, 0, 0);
    add(OP_HOST_CALL, CALL_covh_global_fence, 0, 0, 0, 0);
    add(OP_HOST_CALL, CALL_nacl_set_shmem, ram(SHMEM), 0, 0, 0);
    add(OP_HOST_FILL, 0, ram(PAGES), FDT_PAGE * PAGE_SIZE, 1, 0);
    add(OP_HOST_FDT, 0, ram(PAGES + FDT_PAGE), 2, GPA, 16 * PAGE_SIZE);
    store_mailbox_csr(0x680, hgatp(levels));
    for (unsigned level = levels - 1; level > 0; level--, table = below++)
        store(ram(table) + (level == 2 ? 16 : 0), entry(ram(below), POINTER));
    for (uint64_t i = 0; i <= FDT_PAGE; i++)
        store(ram(table) + 8 * i, entry(ram(PAGES + i), LEAF));
}

/* A place that an entry may point to: all kinds of right and wrong ones. */
static uint64_t some_address(struct input *in)
{
    uint64_t kind = take(in, 1) % 8;
    uint64_t n = take(in, 2);

    switch (kind) {
    case 0: return ram(ROOT + n % 12);
    case 1: return ram(TABLES + n % 8);
    case 2: return ram(PAGES + n % 8);
    case 3: return ram(512 * (1 + n % 2)); /* 2 MiB aligned */
    case 4: return MACHINE_WINDOW_BASE + n % 1024 * PAGE_SIZE;
    case 5: return MACHINE_MONITOR_BASE + n % 512 * PAGE_SIZE;
    case 6: return MACHINE_MMIO_BASE + n % 16 * PAGE_SIZE;
    default: return n << 40 | n << PAGE_SHIFT;
    }
}

/* Mostly the flags of a leaf or of a pointer. */
static uint64_t some_flags(struct input *in)
{
    uint64_t flags = take(in, 1);

    if (flags < 0x60)
        return LEAF;
    if (flags < 0xc0)
        return POINTER;
    return take(in, 1) | take(in, 1) << 56;
}

static void promote(uint64_t fdt, uint64_t tap, uint64_t pc, uint64_t identity)
{
    add(OP_HOST_CALL, CALL_covh_promote_to_tvm, fdt, tap, pc, identity);
}

static void edit(struct input *in)
{
    uint64_t place = take(in, 2);

    switch (take(in, 1) % 8) {
    case 0:
    case 1:
    case 2: {
        uint64_t address = some_address(in);
        store(ram(ROOT + place % 12) + 8 * (place / 12 % 512), entry(address, some_flags(in)));
        break;
    }
    case 3: store(ram(PAGES + FDT_PAGE) + place % 0x400 / 8 * 8, take(in, 8)); break;
    case 4: {
        uint64_t base = GPA + take(in, 2) * 0x100;
        add(OP_HOST_FDT, 0, ram(PAGES + FDT_PAGE), place % 80, base, take(in, 4));
        break;
    }
    case 5:
        store(ram(SHMEM) + (place % 2 == 0 ? place / 2 % 32 * 8 : NACL_CSR_OFFSET(0x200 + place / 2 % 0x90)),
              take(in, 8));
        break;
    case 6: store_mailbox_csr(0x680, hgatp(3 + place % 3) ^ take(in, 1) ^ take(in, 1) << 52); break;
    default:
        promote(FDT_GPA ^ (place & 15) << 10, take(in, 1) / 250, GPA, take(in, 1) < 250 ? 0 : ram(60) + place);
        break;
    }
}

static void finish(struct input *in)
{
    promote(FDT_GPA, 0, GPA, 0);
    for (uint32_t handle = 0; handle < 2; handle++) {
        struct trace_op run = {.op = OP_HOST_CALL, .call = CALL_covh_run_tvm_vcpu, .kind = {ARG_TVM}, .a = {handle}};
        trace.op[trace.count++] = run;
        for (unsigned i = 0; i < 8; i++)
            add(i % 2 == 0 ? OP_GUEST_LOAD : OP_GUEST_STORE, 0, GPA + take(in, 2) * 0x40, 8, 5, 0);
        add(OP_GUEST_WFI, 0, 0, 0, 0, 0);
        run.call = CALL_covh_destroy_tvm;
        trace.op[trace.count++] = run;
    }
    add(OP_HOST_CALL, CALL_covh_reclaim_pages, MACHINE_WINDOW_BASE, trace.window_pages, 0, 0);
}

static struct world *make_world(uint32_t window_pages)
{
    trace = (struct trace){.harts = 1, .window_pages = window_pages};
    return acting_world(&trace, ORACLE_ALL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    state_feedback_prepare();
    small_world = make_world(SMALL_WINDOW);
    large_world = make_world(LARGE_WINDOW);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    struct input in = {.at = data, .left = size};
    uint8_t choice = (uint8_t)take(&in, 1);
    bool large = choice >= 248;
    struct world *world = large ? large_world : small_world;

    trace.window_pages = large ? LARGE_WINDOW : SMALL_WINDOW;
    trace.count = 0;
    prepare(3 + choice % 3, choice < 192 || large ? trace.window_pages : choice / 5u);
    while (in.left > 0 && trace.count < EDIT_OPS)
        edit(&in);
    finish(&in);
    if (!acting_run(world, &trace))
        acting_report(&world->finding, &trace);
    world_reset(world);
    return 0;
}
