/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What engines are told of a step beside coverage says where a sequence has led to: another number when a TVM, its regions or
 * its vCPUs are in another state, the same number in the same state again, and the same ones whenever a trace runs again.
 */
#include <string.h>

#include "harness/agents/features.h"
#include "harness/tests/world_kit.h"
#include "monitor/core/tvm.h"

static const char text[] =
    "touchstone 1 harts=2\n"
    "h0 nacl_set_shmem(shmem_lo=ram[32], shmem_hi=0, flags=0)\n"                                   /* 0 */
    "h0 covh_convert_pages(base=win[0], num_pages=16)\n"                                           /* 1 */
    "h0 covh_global_fence()\n"                                                                     /* 2 */
    "h0 host_write64(addr=ram[1], value=win[0])\n"                                                 /* 3 */
    "h0 host_write64(addr=ram[1]+8, value=win[4])\n"                                               /* 4 */
    "h0 covh_create_tvm(params_addr=ram[1], params_len=16)\n"                                      /* 5 */
    "h0 covh_add_tvm_memory_region(guest_id=tvm[0], gpa=0x80000000, len=0x200000)\n"               /* 6 */
    "h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=0, state_page_addr=win[6])\n"                /* 7 */
    "h0 covh_finalize_tvm(guest_id=tvm[0], entry_sepc=0x80000000, entry_arg=0, identity_addr=0)\n" /* 8 */
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"                                           /* 9 */
    "h0 guest_wfi()\n"                                                                             /* 10 */
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"                                           /* 11 */
    "h0 guest_ecall(a0=0x80100000, a1=0x1000, a2=0, a3=0, a4=0, a5=0, a6=2, a7=0x434f5647)\n"      /* share: 12 */
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"                                           /* 13 */
    "h0 covh_destroy_tvm(guest_id=tvm[0])\n";                                                      /* 14 */

#define STEPS 15u
#define STATE 0u
#define LIFE 1u /* of the first slot; then that of the second */
#define PAGES 3u

struct told {
    uint64_t feature[STEPS][FEATURES_MAX];
    unsigned count[STEPS];
};

static void collect(struct world *w, const struct trace *t, struct told *told)
{
    struct features f;
    struct step_result seen;

    memset(told, 0, sizeof(*told));
    world_reset(w);
    features_begin(&f);
    for (uint32_t i = 0; i < STEPS; i++) {
        features_before(&f, w, &t->op[i]);
        CHECK(world_step(w, &t->op[i], &seen));
        told->count[i] = features_beside_coverage(&f, w, &t->op[i], &seen, told->feature[i]);
        CHECK(told->count[i] >= PAGES && told->count[i] <= FEATURES_MAX);
    }
}

int main(void)
{
    static struct trace t;
    static struct told one, again;
    static const uint32_t steps_of_life[] = {5, 6, 7, 8, 9, 12};
    struct trace_error error;

    if (!trace_parse(&t, text, sizeof(text) - 1, &error) || t.count != STEPS)
        test_error("the trace is none");
    struct world *w = kit_world_of(2, 0);
    collect(w, &t, &one);
    collect(w, &t, &again);
    CHECK(memcmp(&one, &again, sizeof(one)) == 0);

    for (unsigned i = 0; i < sizeof(steps_of_life) / sizeof(steps_of_life[0]); i++) {
        uint32_t at = steps_of_life[i];
        for (uint32_t earlier = 0; earlier < at; earlier++)
            CHECK(one.feature[at][LIFE] != one.feature[earlier][LIFE]);
    }
    CHECK_EQ(one.feature[9][LIFE], one.feature[11][LIFE]);     /* running again, and nothing is waited for */
    CHECK_EQ(one.feature[4][LIFE], one.feature[0][LIFE]);      /* no TVM yet */
    CHECK(one.feature[12][LIFE] != one.feature[10][LIFE]);     /* it waits for the host's answer, or for an interrupt */
    CHECK_EQ(one.feature[14][LIFE + 1], one.feature[0][LIFE]); /* no second TVM, ever */
    CHECK(one.feature[9][STATE] != one.feature[8][STATE]);
    CHECK_EQ(one.count[0], PAGES);     /* names no frame of the window */
    CHECK_EQ(one.count[7], PAGES + 1); /* names one */
    CHECK(one.feature[1][PAGES] != one.feature[7][PAGES]);

    /* Harts that overlap show objects that are half filled, or half wiped: those are looked at, and no more. */
    uint64_t finalized = kit_window(4) + offsetof(struct tvm, promoted);
    uint64_t out[FEATURES_MAX];
    struct features f;
    struct step_result seen = {0};
    uint8_t junk = 247;
    world_reset(w);
    features_begin(&f);
    for (uint32_t i = 0; i < 10; i++)
        CHECK(world_step(w, &t.op[i], &seen));
    CHECK(machine_poke(w->machine, finalized, &junk, sizeof(junk)));
    CHECK(features_beside_coverage(&f, w, &t.op[9], &seen, out) >= PAGES);
    CHECK(out[LIFE] != one.feature[9][LIFE]);
    world_destroy(w);
    return test_finish();
}
