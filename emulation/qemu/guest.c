/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest: runs in VS-mode inside the TVM, without translation of its own, from a block that was copied there page
 * by page. It executes its script, checks what comes of each step, and reports one number. No global is written, and
 * nothing outside of the block is referred to: it runs at another address than it was linked for.
 */
#include "emulation/qemu/guest_script.h"
#include "monitor/abi/sbi.h"

#define RDCYCLE 0xc00022f3u     /* csrr t0, cycle: counters are off for guests */
#define HFENCE_GVMA 0x62000073u /* the guest is no hypervisor */
#define CSRR_HSTATUS 0x600022f3u

#define NO_TRAP UINT64_MAX
#define GUEST_TIMER_INTERRUPT (UINT64_C(1) << 63 | 5)
#define SPIN_TICKS 2500000u /* a quarter of a second */
#define SIEVE_LIMIT 2000u

struct outcome {
    uint64_t cause; /* NO_TRAP, or scause */
    uint64_t value; /* loaded value, or stval */
};

/* guest.S: do one thing and come back with what happened, also when it trapped. */
struct outcome guest_try_load(uint64_t addr);
struct outcome guest_try_store(uint64_t addr, uint64_t value);
struct outcome guest_try_fetch(uint64_t addr);
struct outcome guest_try_rdcycle(void);
struct outcome guest_try_hfence(void);
struct outcome guest_try_hstatus(void);
struct outcome guest_try_timer(uint64_t stimecmp);
struct outcome guest_ecall(uint64_t argument, uint64_t fid, uint64_t eid); /* cause: error */
void guest_fp_set(void);
uint64_t guest_fp_differs(void); /* OR of all differences from what guest_fp_set wrote */
void guest_wfi(void);

void guest_main(uint64_t vcpu, uint64_t script, uint64_t entry_registers);

#define SBI_CALL(eid, fid, arg, err, val)                                                                              \
    {                                                                                                                  \
        .kind = STEP_CALL, .addr = (eid), .cause = (fid), .argument = (arg), .error = (uint64_t)(err), .value = (val)  \
    }

const struct guest_step guest_script_first[] = {
    {.kind = STEP_ENTRY_CLEAN},
    {.kind = STEP_FP_SET},
    SBI_CALL(SBI_EID_BASE, 0, 0, SBI_SUCCESS, SBI_SPEC_VERSION),
    SBI_CALL(SBI_EID_BASE, 3, SBI_EID_BASE, SBI_SUCCESS, 1),
    SBI_CALL(SBI_EID_BASE, 3, SBI_EID_COVH, SBI_SUCCESS, 0),
    SBI_CALL(SBI_EID_COVH, 0, 0, SBI_ERR_NOT_SUPPORTED, 0),
    SBI_CALL(0x0a000000, 7, 0, SBI_ERR_NOT_SUPPORTED, 0),
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE, .value = 0},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 8, .value = GUEST_SECRET},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x1ff8, .value = GUEST_SECRET + 1},
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE + 0x1ff8, .value = GUEST_SECRET + 1},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_WFI},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_VIRTUAL, .value = RDCYCLE, .cause = 2},
    {.kind = STEP_VIRTUAL, .value = HFENCE_GVMA, .cause = 2},
    {.kind = STEP_VIRTUAL, .value = CSRR_HSTATUS, .cause = 2},
    {.kind = STEP_LOAD_FAULT, .addr = GUEST_UNDECLARED, .cause = 5},
    {.kind = STEP_STORE_FAULT, .addr = GUEST_CODE_BASE + GUEST_REGION_SIZE, .cause = 7},
    {.kind = STEP_FETCH, .addr = GUEST_DATA_BASE + 0x2000},
    {.kind = STEP_TIMER},
    {.kind = STEP_SPIN},
    {.kind = STEP_FP_CHECK},
    {.kind = STEP_SIEVE, .addr = GUEST_DATA_BASE + 0x100, .value = GUEST_RESULT_FIRST},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x3000, .value = GUEST_SECRET + 2},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x1000},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x2000},
    {.kind = STEP_FILL, .addr = GUEST_DATA_BASE + 0x3000},
    {.kind = STEP_STORE, .addr = GUEST_DATA_BASE + 0x3ff8, .value = GUEST_SECRET + 3},
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE + 0x3ff8, .value = GUEST_SECRET + 3},
    {.kind = STEP_REPORT, .value = GUEST_RESULT_FIRST},
    {.kind = STEP_END},
};

/* Demand-zero pages made of frames that held the first guest's secrets, code, tables and registers. */
#define ZERO_PAGE(n)                                                                                                   \
    {.kind = STEP_LOAD, .addr = GUEST_DATA_BASE + 0x1000 * (n) + 8, .value = 0},                                       \
    {                                                                                                                  \
        .kind = STEP_PAGE_ZERO, .addr = GUEST_DATA_BASE + 0x1000 * (n)                                                 \
    }

const struct guest_step guest_script_second[] = {
    {.kind = STEP_ENTRY_CLEAN},
    ZERO_PAGE(0),
    ZERO_PAGE(1),
    ZERO_PAGE(2),
    ZERO_PAGE(3),
    ZERO_PAGE(4),
    ZERO_PAGE(5),
    ZERO_PAGE(6),
    ZERO_PAGE(7),
    {.kind = STEP_REPORT, .value = GUEST_RESULT_SECOND},
    {.kind = STEP_END},
};

static uint64_t time_now(void)
{
    uint64_t t;
    __asm__ volatile("csrr %0, time" : "=r"(t));
    return t;
}

/* A timer in the past must interrupt the guest, one in the future must not, and neither the host. */
static int timer_works(void)
{
    return guest_try_timer(0).cause == GUEST_TIMER_INTERRUPT && guest_try_timer(UINT64_MAX).cause == NO_TRAP;
}

/* Time enough for the host's timer to strike in the middle. */
static void spin(void)
{
    uint64_t start = time_now();
    while (time_now() - start < SPIN_TICKS)
        __asm__ volatile("");
}

static uint64_t sieve(uint64_t addr)
{
    volatile uint8_t *composite = (volatile uint8_t *)addr;
    uint64_t primes = 0;
    for (uint64_t i = 0; i < SIEVE_LIMIT; i++)
        composite[i] = 0;
    for (uint64_t i = 2; i < SIEVE_LIMIT; i++) {
        if (composite[i])
            continue;
        primes++;
        for (uint64_t j = i * i; j < SIEVE_LIMIT; j += i)
            composite[j] = 1;
    }
    return primes;
}

/* Fill the page, or OR all of its words. */
static uint64_t page_words(uint64_t addr, int fill)
{
    volatile uint64_t *word = (volatile uint64_t *)addr;
    uint64_t all = 0;
    for (uint64_t i = 0; i < 512; i++) {
        if (fill)
            word[i] = GUEST_SECRET ^ ((addr + 8 * i) & 0xffff);
        all |= word[i];
    }
    return all;
}

/*
 * An illegal instruction that the hardware delegates to VS-mode itself. QEMU 7.2 takes the exception number 2 for the
 * interrupt number 2 there and subtracts one; later versions do not.
 */
static int illegal_instruction(uint64_t cause)
{
    return cause == 2 || cause == 1;
}

static struct outcome try_instruction(uint64_t insn)
{
    if (insn == RDCYCLE)
        return guest_try_rdcycle();
    if (insn == HFENCE_GVMA)
        return guest_try_hfence();
    return guest_try_hstatus();
}

/* Do one step. False when it did not end as the script says. */
static int step_ok(const struct guest_step *s, uint64_t entry_registers)
{
    struct outcome o;
    if (s->kind == STEP_ENTRY_CLEAN)
        return entry_registers == 0;
    if (s->kind == STEP_FP_SET) {
        guest_fp_set();
        return 1;
    }
    if (s->kind == STEP_FP_CHECK)
        return guest_fp_differs() == 0;
    if (s->kind == STEP_CALL) {
        o = guest_ecall(s->argument, s->cause, s->addr);
        return o.cause == s->error && o.value == s->value;
    }
    if (s->kind == STEP_LOAD) {
        o = guest_try_load(s->addr);
        return o.cause == NO_TRAP && o.value == s->value;
    }
    if (s->kind == STEP_STORE)
        return guest_try_store(s->addr, s->value).cause == NO_TRAP;
    if (s->kind == STEP_LOAD_FAULT || s->kind == STEP_STORE_FAULT) {
        o = s->kind == STEP_LOAD_FAULT ? guest_try_load(s->addr) : guest_try_store(s->addr, 0);
        return o.cause == s->cause && o.value == s->addr;
    }
    if (s->kind == STEP_FETCH)
        return illegal_instruction(guest_try_fetch(s->addr).cause);
    if (s->kind == STEP_VIRTUAL) {
        o = try_instruction(s->value);
        return o.cause == s->cause && o.value == s->value;
    }
    if (s->kind == STEP_TIMER)
        return timer_works();
    if (s->kind == STEP_SPIN) {
        spin();
        return 1;
    }
    if (s->kind == STEP_WFI) {
        guest_wfi();
        return 1;
    }
    if (s->kind == STEP_SIEVE)
        return sieve(s->addr) == s->value;
    if (s->kind == STEP_FILL)
        return page_words(s->addr, 1) != 0;
    if (s->kind == STEP_PAGE_ZERO)
        return page_words(s->addr, 0) == 0;
    return 0;
}

void guest_main(uint64_t vcpu, uint64_t script, uint64_t entry_registers)
{
    const struct guest_step *s = script == GUEST_SCRIPT_FIRST ? guest_script_first : guest_script_second;
    uint64_t failed = vcpu == 0 ? 0 : GUEST_FAILED(0xfff);
    for (uint64_t n = 0;; n++, s++) {
        if (s->kind == STEP_REPORT) {
            uint64_t result = failed ? failed : s->value;
            for (;;)
                guest_try_load(GUEST_REPORT_BASE + result * 4096);
        }
        if (!step_ok(s, entry_registers) && failed == 0)
            failed = GUEST_FAILED(n);
    }
}
