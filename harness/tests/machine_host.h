/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for tests of the machine: SBI calls by number, and a TVM built step by step on a machine that was just
 * created or reset. Frames are taken from the start of the window in a fixed order.
 */
#ifndef TOUCHSTONE_HARNESS_TESTS_MACHINE_HOST_H
#define TOUCHSTONE_HARNESS_TESTS_MACHINE_HOST_H

#include <string.h>

#include "harness/machine/machine.h"
#include "harness/tests/test.h"

#define WINDOW(frame) (MACHINE_WINDOW_BASE + UINT64_C(4096) * (frame))
#define HOST(frame) (MACHINE_HOST_BASE + UINT64_C(4096) * (frame))

#define GUEST_BASE UINT64_C(0x80000000) /* guest-physical address of the region of the test's TVM */
#define GUEST_PAGES 64u

/* Frames of the test's TVM. */
enum {
    FRAME_ROOT = 0,
    FRAME_STATE = 4,
    FRAME_VCPU = 6,
    FRAME_TABLES = 7,
    FRAME_MEASURED = 15,
    FRAME_SPARE = 16,
    FRAMES_CONVERTED = 32
};

struct answer {
    int64_t error;
    uint64_t value;
};

static inline struct answer sbi(struct machine *m, uint32_t h, uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint64_t args[6] = {a0, a1, a2, a3, a4, a5};

    memcpy(&m->hart[h].x[10], args, sizeof(args));
    m->hart[h].x[16] = fid;
    m->hart[h].x[17] = eid;
    machine_ecall(m, h);
    return (struct answer){(int64_t)m->hart[h].x[10], m->hart[h].x[11]};
}

static inline struct answer covh(struct machine *m, uint32_t h, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi(m, h, SBI_EID_COVH, fid, a0, a1, a2, 0, 0, 0);
}

/* Start every hart that is still stopped. */
static inline void host_start_all(struct machine *m)
{
    for (uint32_t h = 1; h < m->config.harts; h++)
        CHECK_EQ(sbi(m, 0, SBI_EID_HSM, 0, h, HOST(0), h * 16, 0, 0, 0).error, SBI_SUCCESS);
}

/* Let every running hart fence, so that what hart 0 converted becomes usable. */
static inline void host_fence(struct machine *m)
{
    CHECK_EQ(covh(m, 0, 3, 0, 0, 0).error, SBI_SUCCESS);
    for (uint32_t h = 1; h < m->config.harts; h++)
        if (!m->hart[h].parked)
            CHECK_EQ(covh(m, h, 4, 0, 0, 0).error, SBI_SUCCESS);
}

/* A TVM with one vCPU and one measured page at GUEST_BASE, finalized. Returns its id. */
static inline uint64_t host_build_tvm(struct machine *m)
{
    uint64_t params[2] = {WINDOW(FRAME_ROOT), WINDOW(FRAME_STATE)};
    uint64_t id;

    CHECK_EQ(covh(m, 0, 1, WINDOW(0), FRAMES_CONVERTED, 0).error, SBI_SUCCESS);
    host_fence(m);
    CHECK(machine_poke(m, HOST(1), params, sizeof(params)));
    struct answer made = covh(m, 0, 5, HOST(1), sizeof(params), 0);
    CHECK_EQ(made.error, SBI_SUCCESS);
    id = made.value;
    CHECK_EQ(covh(m, 0, 10, id, WINDOW(FRAME_TABLES), FRAME_MEASURED - FRAME_TABLES).error, SBI_SUCCESS);
    CHECK_EQ(covh(m, 0, 9, id, GUEST_BASE, GUEST_PAGES * 4096u).error, SBI_SUCCESS);
    CHECK_EQ(sbi(m, 0, SBI_EID_COVH, 11, id, HOST(2), WINDOW(FRAME_MEASURED), 0, 1, GUEST_BASE).error, SBI_SUCCESS);
    CHECK_EQ(covh(m, 0, 14, id, 0, WINDOW(FRAME_VCPU)).error, SBI_SUCCESS);
    CHECK_EQ(sbi(m, 0, SBI_EID_COVH, 6, id, GUEST_BASE, 0x1234, 0, 0, 0).error, SBI_SUCCESS);
    return id;
}

/* Register a mailbox on hart `h` and enter vCPU 0. */
static inline bool host_run(struct machine *m, uint32_t h, uint64_t id)
{
    CHECK_EQ(sbi(m, h, SBI_EID_NACL, 1, HOST(16 + 4 * h), 0, 0, 0, 0, 0).error, SBI_SUCCESS);
    covh(m, h, 15, id, 0, 0);
    return machine_in_guest(m, h);
}

static inline struct machine *host_machine(uint32_t harts, uint64_t seed)
{
    struct machine_config config = machine_default_config();

    config.harts = harts;
    config.seed = seed;
    struct machine *m = machine_create(&config);
    if (m == NULL)
        test_error("no machine");
    return m;
}

#endif
