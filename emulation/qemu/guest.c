/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest: runs in VS-mode inside the TVM, without translation of its own, from a block that was copied there page
 * by page. It executes its script, checks what comes of each step, and reports one number. No global is written, and
 * nothing outside of the block is referred to: it runs at another address than it was linked for.
 */
#include "emulation/qemu/guest_script.h"
#include "monitor/abi/sbi.h"

#define NO_TRAP UINT64_MAX
#define GUEST_TIMER_INTERRUPT (UINT64_C(1) << 63 | 5)
#define GUEST_EXTERNAL_INTERRUPT (UINT64_C(1) << 63 | 9)
#define GUEST_SOFTWARE_INTERRUPT (UINT64_C(1) << 63 | 1)
#define SIP_SSIP UINT64_C(2)
#define SPIN_TICKS 2500000u /* a quarter of a second */
#define SIEVE_LIMIT 2000u
#define OWN_TICKS 20000u /* 2 ms */

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
struct outcome guest_ecall(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t fid, uint64_t eid); /* cause: error */
struct outcome guest_access(uint64_t addr, uint64_t value, const uint8_t *code); /* value: a1 afterwards */
struct outcome guest_try_external(void);
struct outcome guest_wait_ipi(void);
void guest_fp_set(void);
uint64_t guest_fp_differs(void); /* OR of all differences from what guest_fp_set wrote */
void guest_wfi(void);
void guest_vector_set(void);
uint64_t guest_vector_differs(void);

void guest_main(uint64_t vcpu, uint64_t script, uint64_t registers);

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

/* How this vCPU began: its id, the OR of all registers that should be zero, whether it uses vector registers. */
struct entry {
    uint64_t vcpu, registers;
    int vector;
};

/* The value that an access to a device gives, or leaves alone. */
static int access_device(const struct guest_step *s)
{
    uint64_t value = s->kind == STEP_MMIO_STORE ? s->value : UINT64_C(0x7777777777777777);
    struct outcome o = guest_access(s->addr, value, guest_accesses + ACCESS_SPACING * s->argument);
    return o.cause == NO_TRAP && o.value == s->value;
}

#define OWN_WORDS 1024u

static int own_pages(const struct guest_step *s)
{
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)s->addr;
    int same = 1;
    for (uint64_t round = 0; round < s->argument; round++) {
        for (uint64_t i = 0; i < OWN_WORDS; i++)
            word[i] = s->value + round + 3 * i;
        for (uint64_t start = time_now(); time_now() - start < OWN_TICKS;)
            __asm__ volatile("");
        for (uint64_t i = 0; i < OWN_WORDS; i++)
            same = same && word[i] == s->value + round + 3 * i;
    }
    return same;
}

/* Take back a software interrupt that may be pending. It is not looked at: not every emulator shows it in sip. */
static void take_software_interrupt(void)
{
    __asm__ volatile("csrc sip, %0" : : "r"(SIP_SSIP));
}

/*
 * Interrupt all vCPUs of the mask `cause` and fence them, again and again, while they do the same. Ends when all is
 * done and the others, which count at addr, are too.
 */
static int storm(const struct guest_step *s)
{
    uint64_t *done = (uint64_t *)(uintptr_t)s->addr;
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < s->argument; i++) {
        wrong |= guest_ecall(s->cause, 0, 0, 0, SBI_EID_IPI).cause;
        wrong |= guest_ecall(s->cause, 0, 0, 0, SBI_EID_RFENCE).cause;
        wrong |= guest_ecall(s->cause, 0, 0, 1, SBI_EID_RFENCE).cause;
        take_software_interrupt();
    }
    __atomic_fetch_add(done, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(done, __ATOMIC_SEQ_CST) != s->value)
        take_software_interrupt();
    return wrong == 0;
}

/* Do one step. False when it did not end as the script says. */
static int step_ok(const struct guest_step *s, const struct entry *entry)
{
    struct outcome o;
    if (s->kind == STEP_VECTOR_SET || s->kind == STEP_VECTOR_CHECK) {
        if (entry->vector && s->kind == STEP_VECTOR_SET)
            guest_vector_set();
        return !entry->vector || s->kind == STEP_VECTOR_SET || guest_vector_differs() == 0;
    }
    if (s->kind == STEP_ENTRY_CLEAN)
        return entry->registers == 0 && entry->vcpu == s->value;
    if (s->kind == STEP_FP_SET) {
        guest_fp_set();
        return 1;
    }
    if (s->kind == STEP_FP_CHECK)
        return guest_fp_differs() == 0;
    if (s->kind == STEP_CALL || s->kind == STEP_CALL_OUT || s->kind == STEP_LEAVE) {
        o = guest_ecall(s->argument, s->argument1, guest_step_argument2(s, entry->vector ? GUEST_VECTOR : 0), s->cause,
                        s->addr);
        return s->kind != STEP_LEAVE && o.cause == s->error && o.value == s->value;
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
    if (s->kind == STEP_MMIO_LOAD || s->kind == STEP_MMIO_STORE)
        return access_device(s);
    if (s->kind == STEP_WAIT_WORD) {
        while (*(const volatile uint64_t *)(uintptr_t)s->addr != s->value)
            ;
        return 1;
    }
    if (s->kind == STEP_WAIT_IPI)
        return guest_wait_ipi().cause == GUEST_SOFTWARE_INTERRUPT;
    if (s->kind == STEP_EXTERNAL)
        return guest_try_external().cause == GUEST_EXTERNAL_INTERRUPT;
    if (s->kind == STEP_OWN)
        return own_pages(s);
    if (s->kind == STEP_STORM)
        return storm(s);
    if (s->kind == STEP_SIEVE)
        return sieve(s->addr) == s->value;
    if (s->kind == STEP_FILL)
        return page_words(s->addr, 1) != 0;
    if (s->kind == STEP_PAGE_ZERO)
        return page_words(s->addr, 0) == 0;
    return 0;
}

void guest_main(uint64_t vcpu, uint64_t script, uint64_t registers)
{
    struct entry entry = {.vcpu = vcpu, .registers = registers, .vector = (script & GUEST_VECTOR) != 0};
    const struct guest_step *s = guest_script(script & (GUEST_VECTOR - 1));
    uint64_t failed = 0;
    for (uint64_t n = 0;; n++, s++) {
        if (s->kind == STEP_REPORT) {
            uint64_t result = failed ? failed : s->value;
            for (;;)
                guest_try_load(GUEST_REPORT_BASE + result * 4096);
        }
        if (!step_ok(s, &entry) && failed == 0)
            failed = GUEST_FAILED(n);
    }
}
