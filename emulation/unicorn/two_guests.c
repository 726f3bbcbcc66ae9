/* SPDX-License-Identifier: Apache-2.0 */
/* Two vCPUs of one TVM, each on a hart: one resets the system, the other has to leave; see harts.h. */
#include "emulation/unicorn/steps.h"
#include "emulation/unicorn/two_harts.h"
#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define NACL_SET_SHMEM 1u
#define SECOND_VCPU 1u
#define A2 12

/* Hart 0 makes the TVM, starts hart 1, runs vCPU 0 and lets it start vCPU 1; it is in the guest then. */
static bool make_tvm(struct two_harts *t, struct prng *rng)
{
    struct replayer *r = &t->r;
    struct scene_call call;
    struct prng secret = {.state = prng_next(rng)};
    bool ok = true;
    for (unsigned i = 0; ok && scene_next_call(&r->scene, i, &call); i++)
        ok = step_setup(r, &call, rng);
    ok = ok && two_harts_start(t, rng, SCENE_HOST_ENTRY, prng_next(rng));
    two_harts_turn_to(t, 0);
    ok = ok && step_first_run(r, rng);
    if (!ok)
        return false;
    guest_randomise(r, rng, &secret);
    return step_exit(r, EDGE_EXIT_VCPU_START, rng, &secret) && step_run(r, rng);
}

/* Hart 1 gets a mailbox, is refused the vCPU that runs on hart 0, and runs the other one for the first time. */
static bool run_second(struct two_harts *t, struct prng *rng)
{
    struct replayer *r = &t->r;
    struct emulated_hart *h = &r->hart;
    const struct scene_call mailbox = {
        .name = "set_shmem", .eid = SBI_EID_NACL, .fid = NACL_SET_SHMEM, .args = {SCENE_SHMEM, 0}};
    const uint64_t pc = r->other_pc, opaque = r->other_opaque;
    two_harts_turn_to(t, 1);
    r->in_guest = false;
    if (!step_setup(r, &mailbox, rng) || !step_host(r, EDGE_RUN_RUNNING, rng))
        return false;
    world_random_host(h, rng);
    host_run_call(r, r->scene.tvm_id, SECOND_VCPU, rng);
    r->host = view_of(h);
    struct csr_file live = h->csr;
    if (!play(r, EDGE_HOST_RUN, &(struct csr_trap){.cause = 9}))
        return false;
    struct view after = view_of(h), expected = fresh_guest(&after, pc, opaque);
    expected.regs.x[A0] = SECOND_VCPU;
    check_world(&r->checker, EDGE_HOST_RUN, true, true, &expected, &live);
    check_stores(&r->checker, EDGE_HOST_RUN, &no_stores);
    r->in_guest = h->csr.virt;
    return r->in_guest;
}

static bool one_round(struct two_harts *t, struct prng *rng)
{
    struct replayer *r = &t->r;
    if (!make_tvm(t, rng))
        return false;
    const struct view host = r->host;
    if (!run_second(t, rng))
        return false;
    struct prng secret = {.state = prng_next(rng)};
    guest_randomise(r, rng, &secret);
    /* Hart 0 is told by an interrupt, whose word it clears. */
    r->extra_store = (struct store){.address = CLINT_MSIP, .size = 4, .value = 1};
    bool ok = step_exit(r, EDGE_EXIT_RESET, rng, &secret);
    two_harts_turn_to(t, 0);
    r->host = host;
    r->in_guest = true;
    r->extra_store.value = 0;
    ok = ok && step_killed(r);
    r->extra_store = (struct store){0};
    return ok && step_host(r, EDGE_RUN_DEAD, rng);
}

bool replay_two_guests(const struct firmware_image *fw, uint64_t seed, uint64_t rounds, struct findings *findings,
                       char *why, size_t why_size)
{
    static struct two_harts t;
    bool opened = true;
    for (uint64_t i = 0; i < rounds && opened; i++) {
        struct prng rng = prng_fork(~seed, UINT64_C(0x5000000000000000) + i);
        t = (struct two_harts){.r = {.findings = findings, .seed = seed}};
        t.r.checker = (struct checker){.scene = &t.r.scene, .findings = findings};
        opened = two_harts_boot(&t, fw, why, why_size);
        bool ok = opened && t.r.usable && one_round(&t, &rng);
        hart_close(&t.r.hart);
        if (!ok)
            break;
    }
    return opened;
}
