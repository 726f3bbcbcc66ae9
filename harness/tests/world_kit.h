/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of worlds and oracles share: one line per operation, and a TVM brought up to any point of its life with
 * frames at known places.
 */
#ifndef TOUCHSTONE_HARNESS_WORLD_KIT_H
#define TOUCHSTONE_HARNESS_WORLD_KIT_H

#include <stdarg.h>

#include "harness/agents/agent.h"
#include "harness/agents/marker.h"
#include "harness/oracles/oracle.h"
#include "harness/tests/test.h"

/* Frames of the TVM that kit_* functions build; a second TVM has the same layout KIT_STRIDE frames further. */
#define KIT_ROOT 0u
#define KIT_STATE 4u
#define KIT_TABLES 8u
#define KIT_TABLE_COUNT 6u
#define KIT_VCPU 16u
#define KIT_DATA 20u
#define KIT_SPARE 28u
#define KIT_STRIDE 32u

#define KIT_GPA UINT64_C(0x80000000)
#define KIT_REGION_PAGES 64u
#define KIT_ENTRY KIT_GPA
#define KIT_ARG UINT64_C(0x80001000)

/* Host RAM frames. */
#define KIT_SHMEM 1u /* three frames per hart */
#define KIT_PARAMS 16u
#define KIT_SOURCE 20u

static inline uint64_t kit_window(uint32_t frame)
{
    return MACHINE_WINDOW_BASE + (uint64_t)frame * PAGE_SIZE;
}

static inline uint64_t kit_ram(uint32_t frame)
{
    return MACHINE_HOST_BASE + (uint64_t)frame * PAGE_SIZE;
}

static inline struct world *kit_world_of(uint32_t harts, uint32_t oracles)
{
    struct machine_config config = machine_default_config();

    config.harts = harts;
    config.window_pages = 256;
    config.host_pages = 64;
    struct world *w = world_create(&config, oracles);
    if (w == NULL)
        test_error("no world");
    return w;
}

static inline struct world *kit_world(void)
{
    return kit_world_of(2, ORACLE_OWN | ORACLE_LIV | ORACLE_ORD);
}

static inline struct step_result kit_op(struct world *w, uint32_t hart, uint8_t code, uint64_t a0, uint64_t a1,
                                        uint64_t a2, uint64_t a3)
{
    struct trace_op op = {.op = code, .hart = (uint8_t)hart, .a = {a0, a1, a2, a3}};
    struct step_result r;

    world_step(w, &op, &r);
    return r;
}

/* A call of the host with up to six arguments. */
#define KIT_CALL(w, hart, id, ...) kit_call((w), (hart), (id), (const uint64_t[6]){__VA_ARGS__})

static inline struct step_result kit_call(struct world *w, uint32_t hart, uint16_t id, const uint64_t a[6])
{
    struct trace_op op = {.op = OP_HOST_CALL, .hart = (uint8_t)hart, .call = id};
    struct step_result r;

    memcpy(op.a, a, 6 * sizeof(a[0]));
    world_step(w, &op, &r);
    return r;
}

#define KIT_OK(w, hart, id, ...)                                                                                       \
    do {                                                                                                               \
        struct step_result kit_result = KIT_CALL((w), (hart), (id), __VA_ARGS__);                                      \
        CHECK_EQ(kit_result.kind, EXPECT_RESULT);                                                                      \
        CHECK_EQ(kit_result.error, SBI_SUCCESS);                                                                       \
    } while (0)

/* Hart 1 comes online, if there is one. */
static inline void kit_start_harts(struct world *w)
{
    for (uint32_t h = 1; h < w->machine->config.harts; h++)
        KIT_OK(w, 0, CALL_hsm_hart_start, h, kit_ram(0), 7);
}

static inline void kit_fence(struct world *w)
{
    KIT_OK(w, 0, CALL_covh_global_fence, 0);
    for (uint32_t h = 1; h < w->machine->config.harts; h++) {
        if (w->machine->monitor->hart[h].hsm_state == SBI_HSM_STARTED)
            KIT_OK(w, h, CALL_covh_local_fence, 0);
    }
}

static inline void kit_convert(struct world *w, uint32_t frame, uint32_t count)
{
    KIT_OK(w, 0, CALL_covh_convert_pages, kit_window(frame), count);
    kit_fence(w);
}

/* Convert everything a TVM at `base` needs and create it. Returns its id. */
static inline uint64_t kit_create(struct world *w, uint32_t base)
{
    kit_convert(w, base, KIT_STRIDE);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS), kit_window(base + KIT_ROOT), 0, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_PARAMS) + 8, kit_window(base + KIT_STATE), 0, 0);
    struct step_result r = KIT_CALL(w, 0, CALL_covh_create_tvm, kit_ram(KIT_PARAMS), 16);
    CHECK_EQ(r.error, SBI_SUCCESS);
    return r.value;
}

/* Region, tables, two measured pages and vCPU 0. */
static inline void kit_populate(struct world *w, uint32_t base, uint64_t id)
{
    kit_op(w, 0, OP_HOST_FILL, kit_ram(KIT_SOURCE), 2 * PAGE_SIZE, 42, 0);
    KIT_OK(w, 0, CALL_covh_add_tvm_memory_region, id, KIT_GPA, KIT_REGION_PAGES * PAGE_SIZE);
    KIT_OK(w, 0, CALL_covh_add_tvm_page_table_pages, id, kit_window(base + KIT_TABLES), KIT_TABLE_COUNT);
    KIT_OK(w, 0, CALL_covh_add_tvm_measured_pages, id, kit_ram(KIT_SOURCE), kit_window(base + KIT_DATA), 0, 2, KIT_GPA);
    KIT_OK(w, 0, CALL_covh_create_tvm_vcpu, id, 0, kit_window(base + KIT_VCPU));
}

static inline void kit_finalize(struct world *w, uint64_t id)
{
    KIT_OK(w, 0, CALL_covh_finalize_tvm, id, KIT_ENTRY, KIT_ARG, 0);
}

static inline void kit_shmem(struct world *w, uint32_t hart)
{
    KIT_OK(w, hart, CALL_nacl_set_shmem, kit_ram(KIT_SHMEM + 3 * hart), 0, 0);
}

/* A runnable TVM and mailboxes for all started harts. Returns its id. */
static inline uint64_t kit_runnable(struct world *w, uint32_t base)
{
    uint64_t id = kit_create(w, base);

    kit_populate(w, base, id);
    kit_finalize(w, id);
    kit_shmem(w, 0);
    return id;
}

static inline void kit_run(struct world *w, uint32_t hart, uint64_t id)
{
    struct step_result r = KIT_CALL(w, hart, CALL_covh_run_tvm_vcpu, id, 0);
    CHECK_EQ(r.kind, EXPECT_ENTER);
}

/* A world whose hart 0 runs vCPU 0 of a fresh TVM. */
static inline struct world *kit_in_guest(void)
{
    struct world *w = kit_world();

    kit_run(w, 0, kit_runnable(w, 0));
    return w;
}

/* No finding so far; prints the one there is. */
#define CHECK_CLEAN(w) kit_check_clean((w), __FILE__, __LINE__)
static inline void kit_check_clean(const struct world *w, const char *file, int line)
{
    if (!test_check(!w->finding.found, file, line, "no finding"))
        fprintf(stderr, "    step %u, %s: %s\n", w->finding.step, w->finding.property, w->finding.text);
}

/* Exactly this finding. */
#define CHECK_FINDING(w, oracle, severity, property)                                                                   \
    kit_check_finding((w), (oracle), (severity), (property), __FILE__, __LINE__)
static inline void kit_check_finding(const struct world *w, uint32_t oracle, enum severity severity,
                                     const char *property, const char *file, int line)
{
    const struct finding *f = &w->finding;
    bool same = f->found && f->oracle == oracle && f->severity == severity && strcmp(f->property, property) == 0;

    if (!test_check(same, file, line, property))
        fprintf(stderr, "    saw: %s %s %s: %s\n", f->found ? oracle_name(f->oracle) : "nothing",
                f->found ? severity_name(f->severity) : "", f->property, f->text);
}

#endif
