/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the memory calls share: a world with room for 2 MiB pages, calls that have to be refused without a trace,
 * and the talk between guest and host about shared memory.
 */
#ifndef TOUCHSTONE_HARNESS_MONITOR_KIT_H
#define TOUCHSTONE_HARNESS_MONITOR_KIT_H

#include "harness/tests/oracle_kit.h"
#include "monitor/core/gstage.h"

#define LARGE_FRAME 512u /* first window frame, and first frame of host RAM, that is aligned to 2 MiB and not in use */
#define ROOM (8 * LARGE_SIZE)
#define WATCHING ORACLE_SINGLE
#define SCAUSE_ECALL 10u
#define SCAUSE_LOAD_FAULT 21u

static inline struct world *large_world(uint32_t oracles)
{
    struct machine_config config = machine_default_config();

    config.window_pages = 2048;
    struct world *w = world_create(&config, oracles);
    if (w == NULL)
        test_error("no world");
    kit_start_harts(w);
    return w;
}

/* A TVM in state INITIALIZING with a region of 16 MiB, page tables and vCPU 0. */
static inline uint64_t large_tvm(struct world *w, uint32_t base)
{
    uint64_t id = kit_create(w, base);

    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, id, KIT_GPA, ROOM);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(base + KIT_TABLES), KIT_TABLE_COUNT);
    KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, 0, kit_window(base + KIT_VCPU));
    return id;
}

static inline uint64_t large_runnable(struct world *w, uint32_t base)
{
    uint64_t id = large_tvm(w, base);

    kit_finalize(w, id);
    kit_shmem(w, 0);
    return id;
}

/* vCPU 1 of the TVM whose vCPU 0 runs on hart 0, and to which it was given before finalize, comes to run on hart 1. */
static inline void start_second_vcpu(struct world *w, uint64_t id)
{
    struct trace_op op = {.op = OP_GUEST_CALL, .call = CALL_guest_hsm_hart_start, .a = {1, KIT_ENTRY, 0}};
    struct step_result r;

    world_step(w, &op, &r);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    kit_run(w, 0, id);
    CHECK_EQ(w->machine->hart[0].x[10], SBI_SUCCESS);
    kit_shmem(w, 1);
    CHECK_EQ(KIT_CALL(w, 1, CALL_covh_run_tvm_vcpu, id, 1).kind, EXPECT_ENTER);
}

/* What the monitor knows: its table of TVMs, the fence, the page records (members only, no padding), and the window. */
static inline size_t monitor_copy_size(const struct world *w)
{
    const struct monitor *m = w->machine->monitor;
    uint32_t pages = w->machine->config.window_pages;

    return sizeof(m->tvm) + sizeof(m->fence) + pages * sizeof(m->page[0]) + (size_t)pages * PAGE_SIZE;
}

static inline uint8_t *monitor_copy(const struct world *w)
{
    const struct monitor *m = w->machine->monitor;
    uint32_t pages = w->machine->config.window_pages;
    uint8_t *copy = malloc(monitor_copy_size(w));
    uint8_t *at = copy;

    if (copy == NULL)
        test_error("no memory");
    memcpy(at, m->tvm, sizeof(m->tvm));
    at += sizeof(m->tvm);
    memcpy(at, &m->fence, sizeof(m->fence));
    at += sizeof(m->fence);
    memcpy(at, m->page, pages * sizeof(m->page[0]));
    at += pages * sizeof(m->page[0]);
    memcpy(at, w->machine->window, (size_t)pages * PAGE_SIZE);
    return copy;
}

/* The host's call answers `error`, and nothing in the monitor has changed. */
#define REFUSED(w, hart, wanted, id, ...)                                                                              \
    refused((w), (hart), (wanted), (id), (const uint64_t[6]){__VA_ARGS__}, __FILE__, __LINE__)
static inline void refused(struct world *w, uint32_t hart, int64_t error, uint16_t id, const uint64_t a[6],
                           const char *file, int line)
{
    uint8_t *before = monitor_copy(w);
    struct step_result r = kit_call(w, hart, id, a);
    uint8_t *after = monitor_copy(w);

    test_check(r.kind == EXPECT_RESULT && r.value == 0, file, line, "a result without a value");
    test_check_eq((uint64_t)r.error, (uint64_t)error, file, line, "error", "wanted");
    test_check(memcmp(before, after, monitor_copy_size(w)) == 0, file, line, "nothing has changed");
    free(before);
    free(after);
}

/* A call of the guest on `hart`. */
#define GUEST_CALL(w, hart, id, ...) guest_call((w), (hart), (id), (const uint64_t[6]){__VA_ARGS__})
static inline struct step_result guest_call(struct world *w, uint32_t hart, uint16_t id, const uint64_t a[6])
{
    struct trace_op op = {.op = OP_GUEST_CALL, .hart = (uint8_t)hart, .call = id};
    struct step_result r;

    memcpy(op.a, a, 6 * sizeof(a[0]));
    world_step(w, &op, &r);
    return r;
}

#define GUEST_REFUSED(w, wanted, id, ...)                                                                              \
    do {                                                                                                               \
        struct step_result guest_result = GUEST_CALL((w), 0, (id), __VA_ARGS__);                                       \
        CHECK_EQ(guest_result.kind, EXPECT_RESULT);                                                                    \
        CHECK_EQ(guest_result.error, (wanted));                                                                        \
    } while (0)

/* The guest's call leaves the TVM and shows the host the range. */
static inline void guest_shows(struct world *w, uint16_t id, uint64_t gpa, uint64_t len)
{
    struct step_result r = GUEST_CALL(w, 0, id, gpa, len);

    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.value, 0);
    CHECK_EQ(r.scause, SCAUSE_ECALL);
    CHECK_EQ(r.a[0], gpa);
    CHECK_EQ(r.a[1], len);
}

/* The host's answer to what vCPU 0 waits for, and what the run says. */
static inline struct step_result host_answers(struct world *w, uint64_t id, uint64_t a0, uint64_t a1)
{
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10), a0, 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(11), a1, 0, 0);
    return KIT_CALL(w, 0, CALL_covh_run_tvm_vcpu, id, 0);
}

/* The guest leaves without having done anything. */
static inline void guest_rests(struct world *w)
{
    CHECK_EQ(kit_op(w, 0, OP_GUEST_WFI, 0, 0, 0, 0).kind, EXPECT_EXIT);
}

static inline void guest_stores(struct world *w, uint64_t gpa, uint64_t value)
{
    struct step_result r = kit_op(w, 0, OP_GUEST_STORE, gpa, 8, value, 0);

    if (r.kind == EXPECT_NONE)
        r = kit_op(w, 0, OP_GUEST_STORE, gpa, 8, value, 0);
    CHECK_EQ(r.kind, EXPECT_VALUE);
}

static inline void guest_faults(struct world *w, uint64_t gpa)
{
    struct step_result r = kit_op(w, 0, OP_GUEST_LOAD, gpa, 8, 0, 0);

    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.scause, SCAUSE_LOAD_FAULT);
    CHECK_EQ(r.htval, gpa >> 2);
}

/* The guest gets there; a fault that the monitor settles by itself makes it try once more. */
static inline uint64_t guest_loads(struct world *w, uint64_t gpa)
{
    struct step_result r = kit_op(w, 0, OP_GUEST_LOAD, gpa, 8, 0, 0);

    if (r.kind == EXPECT_NONE)
        r = kit_op(w, 0, OP_GUEST_LOAD, gpa, 8, 0, 0);
    CHECK_EQ(r.kind, EXPECT_VALUE);
    return r.value;
}

#endif
