/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs an attack: the scene on hart 0, then the attack on each hart in turn. While one tries, the others are stopped, or
 * wait for an interrupt: with -icount a boot is the same to the instruction each time.
 */
#include "emulation/qemu/attacks/kit/attack.h"

#define TEST_DEVICE ((volatile uint32_t *)UINT64_C(0x100000))
#define TEST_PASS 0x5555u
#define HSM_START 0u
#define HSM_STOP 1u
#define LOCAL_FENCE 4u
#define SIE_SSIE UINT64_C(2)

static bool stated[HARTS], done[HARTS];
static bool fence_wanted; /* of hart 0, by the hart that runs */

/* Power off without the monitor's help: some attacks leave it with less than it needs. */
_Noreturn void finish(void)
{
    print("attack: end\n");
    *TEST_DEVICE = TEST_PASS;
    for (;;)
        ;
}

void verdict(enum verdict v, const char *how, uint64_t detail)
{
    static const char *const names[] = {"blocked", "SUCCEEDED", "error", "skip"};
    print("attack: hart %d: %s: %s (%x)\n", (uint64_t)this_hart(), names[v], how, detail);
    stated[this_hart()] = true;
}

_Noreturn void payload_unexpected_trap(uint64_t cause, uint64_t tval, uint64_t pc)
{
    print("# stval %x, sepc %x\n", tval, pc);
    verdict(BROKEN, "unexpected trap", cause);
    finish();
}

void must_fault(struct outcome got, uint64_t cause, uint64_t other_cause)
{
    if (got.cause == NO_TRAP)
        verdict(SUCCEEDED, got.value == SECRET ? "the secret was read" : "no fault", got.value);
    else if (got.cause == cause || got.cause == other_cause)
        verdict(BLOCKED, "fault", got.cause);
    else
        verdict(BROKEN, "a fault that says nothing about the defence", got.cause);
}

void must_refuse(struct answer got, int64_t error)
{
    if (got.error == SBI_SUCCESS)
        verdict(SUCCEEDED, "the call was served", got.value);
    else if (got.error == error)
        verdict(BLOCKED, "refused, error", (uint64_t)-got.error);
    else
        verdict(BROKEN, "refused for another reason, error", (uint64_t)-got.error);
}

void scene(bool ok, const char *what)
{
    if (ok)
        return;
    verdict(BROKEN, what, 0);
    finish();
}

__attribute__((weak)) void attack_prepare(void) {}

static void turn(void)
{
    uint32_t hart = this_hart();
    attack();
    if (!stated[hart])
        verdict(BROKEN, "no verdict", 0);
}

void hart0_fence(void)
{
    if (this_hart() == 0)
        return;
    __atomic_store_n(&fence_wanted, true, __ATOMIC_RELEASE);
    call_silent(SBI_EID_IPI, 0, ARGS(1, 0));
    while (__atomic_load_n(&fence_wanted, __ATOMIC_ACQUIRE))
        ;
}

static void wait_for(uint32_t hart)
{
    while (!__atomic_load_n(&done[hart], __ATOMIC_ACQUIRE)) {
        __asm__ volatile("wfi" : : : "memory");
        if (!__atomic_load_n(&fence_wanted, __ATOMIC_ACQUIRE))
            continue;
        __asm__ volatile("csrc sip, %0" : : "r"(SIE_SSIE));
        call_silent(SBI_EID_COVH, LOCAL_FENCE, NO_ARGS);
        __atomic_store_n(&fence_wanted, false, __ATOMIC_RELEASE);
    }
}

static void take_turns(void)
{
    for (uint32_t hart = 1; hart < HARTS; hart++) {
        struct answer started = call_silent(SBI_EID_HSM, HSM_START, ARGS(hart, (uint64_t)(uintptr_t)second_hart, 0));
        scene(started.error == SBI_SUCCESS, "hart_start");
        wait_for(hart);
        while (call_silent(SBI_EID_HSM, 2, ARGS(hart)).value != SBI_HSM_STOPPED)
            ;
        __asm__ volatile("csrc sip, %0" : : "r"(SIE_SSIE));
    }
}

void payload_main(void)
{
    set_this_hart(0);
    log_record(false);
    csr_write(CSR_SIE, SIE_SSIE); /* to be woken, not to be interrupted */
    attack_prepare();
    turn();
    take_turns();
    finish();
}

/* --- a hart that helps ------------------------------------------------------------------------------------------- */

static void (*help_work)(uint64_t arg);
static uint64_t help_arg;

/* One that neither runs nor has its turn; hart 0 always waits. */
static uint32_t helper(void)
{
    return this_hart() == 1 ? 2 : 1;
}

void help_begin(void (*work)(uint64_t arg), uint64_t arg)
{
    help_work = work;
    help_arg = arg;
    scene(call_silent(SBI_EID_HSM, HSM_START, ARGS(helper(), (uint64_t)(uintptr_t)second_hart, 0)).error == SBI_SUCCESS,
          "hart_start of the hart that helps");
}

void help_end(void)
{
    call_silent(SBI_EID_IPI, 0, ARGS(UINT64_C(1) << helper(), 0));
    while (call_silent(SBI_EID_HSM, 2, ARGS(helper())).value != SBI_HSM_STOPPED)
        ;
    help_work = NULL;
}

void payload_second(uint64_t hart)
{
    set_this_hart((uint32_t)hart);
    __asm__ volatile("csrc sip, %0" : : "r"(SIE_SSIE)); /* it may have ended its last work */
    if (help_work != NULL) {
        csr_write(CSR_SIE, SIE_SSIE); /* an interrupt takes its guest out */
        help_work(help_arg);
        call_silent(SBI_EID_HSM, HSM_STOP, NO_ARGS);
    }
    turn();
    __atomic_store_n(&done[hart], true, __ATOMIC_RELEASE);
    call_silent(SBI_EID_IPI, 0, ARGS(1, 0));
    call_silent(SBI_EID_HSM, HSM_STOP, NO_ARGS);
    for (;;)
        ;
}
