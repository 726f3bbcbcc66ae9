/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chapters without an order: harts run vCPUs and are interrupted whenever it happens. Nothing of them is recorded; what
 * counts is that everybody comes to the end and finds what is his.
 */
#include "emulation/qemu/vm.h"

#define FIRST_FRAME 64u
#define PROMOTED_FRAME 128u
#define PROMOTED_FRAMES 384u
#define PAIR_PAGES 2u
#define CAUSE_STORE 23u
#define CAUSE_ACCESS 5u
#define TICKS 5000u /* 0.5 ms between two interrupts of the host */
#define ROUNDS 200u
#define EXITS_IN_A_ROUND 8u
#define EXITS_MAX 200000u

static struct vm vm, other;

static void begin(const char *name, uint32_t harts)
{
    section(name);
    log_record(false);
    harts_start(harts);
    for (uint32_t i = 0; i < harts; i++)
        vm_set_mailbox(i);
}

static void clear_mailbox(uint64_t arg)
{
    (void)arg;
    call(SBI_EID_NACL, 1, ARGS(UINT64_MAX, UINT64_MAX, 0));
}

static void end(void)
{
    clear_mailbox(0);
    on_other_harts(clear_mailbox, 0);
    harts_stop();
}

/* One exit: true when the vCPU can simply go on. */
static bool goes_on(struct vcpu_run *run)
{
    vm_enter(run, TICKS);
    run->lost = run->lost || run->exit.error != SBI_SUCCESS || run->exit.value != 0;
    return !vm_is_report(&run->exit, &run->result) && !run->lost;
}

/* A few exits of a vCPU, on whatever hart this is. */
static void run_for_a_while(uint64_t arg)
{
    struct vcpu_run *run = (struct vcpu_run *)(uintptr_t)arg;
    run->result = UINT64_MAX;
    for (unsigned i = 0; i < EXITS_IN_A_ROUND; i++) {
        if (!goes_on(run))
            return;
        run->result = UINT64_MAX;
    }
}

static void run_to_the_end(uint64_t arg)
{
    struct vcpu_run *run = (struct vcpu_run *)(uintptr_t)arg;
    for (unsigned i = 0; i < EXITS_MAX; i++) {
        if (!goes_on(run))
            return;
    }
    run->result = UINT64_MAX;
}

static void judge(const struct vcpu_run *run, const char *what)
{
    check(run->hidden, "host finds floating-point and vector registers zero at every exit");
    if (!check(!run->lost && run->result == GUEST_RESULT_OK, what))
        print("# vCPU %d: result %x, error %x, value %x, scause %x\n", (uint64_t)run->vcpu, run->result,
              (uint64_t)run->exit.error, run->exit.value, run->exit.scause);
}

/* The pages that a guest asks for before it is left alone. */
static void give_pages(struct vm *v)
{
    for (unsigned i = 0; i < EXITS_MAX && v->demanded < PAIR_PAGES; i++) {
        vm_enter(&v->run[0], TICKS);
        const struct vm_exit *e = &v->run[0].exit;
        if (e->scause != CAUSE_STORE)
            continue;
        expect("add_tvm_zero_pages",
               call(SBI_EID_COVH, 12, ARGS(v->id, vm_next_frame(v), TSM_PAGE_4K, 1, e->htval << 2)), SBI_SUCCESS, 1);
    }
}

/* One TVM made step by step and a promoted one, with the same addresses and other numbers in them. */
void suite_pair(void)
{
    bool closed = true;
    uint64_t rounds = 0;
    begin("two TVMs at once", 3);
    vm_build(&vm, FIRST_FRAME, 1, GUEST_SCRIPT_PAIR_A);
    vm_promote(&other, PROMOTED_FRAME, PROMOTED_FRAMES, GUEST_SCRIPT_PAIR_B);
    give_pages(&vm);
    struct vcpu_run *a = &vm.run[0], *b = &other.run[0];
    bool a_runs = true, b_runs = true;
    for (; rounds < ROUNDS && (a_runs || b_runs); rounds++) {
        uint32_t hart = 1 + (rounds & 1); /* they change places */
        if (a_runs)
            hart_post(hart, run_for_a_while, (uint64_t)(uintptr_t)a);
        if (b_runs)
            hart_post(3 - hart, run_for_a_while, (uint64_t)(uintptr_t)b);
        closed = probe_load(FRAME(FIRST_FRAME + 22), 1).cause == CAUSE_ACCESS && closed;
        closed = probe_load(FRAME(PROMOTED_FRAME + PROMOTED_FRAMES - 1), 1).cause == CAUSE_ACCESS && closed;
        if ((a_runs && !hart_wait(hart)) || (b_runs && !hart_wait(3 - hart))) {
            check(false, "both harts come back");
            finish();
        }
        a_runs = a_runs && a->result == UINT64_MAX && !a->lost;
        b_runs = b_runs && b->result == UINT64_MAX && !b->lost;
    }
    check(closed, "the window stays closed to a hart while others run TVMs");
    judge(a, "first TVM finds what it wrote");
    judge(b, "second TVM finds what it wrote");
    vm_destroy(&vm);
    vm_destroy(&other);
    end();
}

/* Four vCPUs that send each other interrupts and fences, each on its hart, with the host's timers in between. */
void suite_storm(void)
{
    begin("a storm of interrupts and fences", HARTS);
    vm_build(&vm, FIRST_FRAME, VM_VCPUS, GUEST_SCRIPT_STORM0);
    vm_run(&vm.run[0]); /* has started the others, and waits */
    for (uint32_t i = 1; i < VM_VCPUS; i++) {
        vm_begin(&vm, i, GUEST_SCRIPT_STORM1);
        hart_post(i, run_to_the_end, (uint64_t)(uintptr_t)&vm.run[i]);
    }
    run_to_the_end((uint64_t)(uintptr_t)&vm.run[0]);
    bool all = true;
    for (uint32_t i = 1; i < VM_VCPUS; i++)
        all = hart_wait(i) && all;
    if (!check(all, "every vCPU comes to its end"))
        finish();
    for (uint32_t i = 0; i < VM_VCPUS; i++)
        judge(&vm.run[i], "no interrupt and no fence is lost or refused");
    vm_destroy(&vm);
    end();
}
