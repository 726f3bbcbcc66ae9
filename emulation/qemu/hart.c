/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second hart: started through HSM, it waits for pieces of work that the boot hart hands it one by one, so that
 * the log of both is one sequence.
 */
#include "emulation/qemu/payload.h"

#define SECOND 1u
#define SIP_SSIP (UINT64_C(1) << 1)
#define PATIENCE (UINT64_C(20) * 10000000) /* 20 s: only reached when something is broken */

static struct {
    void (*work)(uint64_t arg);
    uint64_t arg;
    uint32_t ready; /* set by the boot hart: there is work */
    uint32_t done;  /* set by the second hart */
    bool interrupted;
} mailbox;

static uint64_t deadline(void)
{
    return csr_read(CSR_TIME) + PATIENCE;
}

/* Wait until HSM reports `state`, without filling the log with questions. */
static bool wait_for_state(uint64_t state)
{
    uint64_t end = deadline();
    while (call_silent(SBI_EID_HSM, 2, ARGS(SECOND)).value != state) {
        if (csr_read(CSR_TIME) > end)
            return false;
    }
    return true;
}

static bool wait_for_word(const uint32_t *word)
{
    uint64_t end = deadline();
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
        if (csr_read(CSR_TIME) > end)
            return false;
    }
    return true;
}

void payload_second(uint64_t hart)
{
    set_this_hart((uint32_t)hart);
    for (;;) {
        while (__atomic_load_n(&mailbox.ready, __ATOMIC_ACQUIRE) == 0)
            ;
        __atomic_store_n(&mailbox.ready, 0, __ATOMIC_RELAXED);
        mailbox.work(mailbox.arg);
        __atomic_store_n(&mailbox.done, 1, __ATOMIC_RELEASE);
    }
}

static void post(void (*work)(uint64_t arg), uint64_t arg)
{
    mailbox.work = work;
    mailbox.arg = arg;
    __atomic_store_n(&mailbox.done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&mailbox.ready, 1, __ATOMIC_RELEASE);
}

void on_second_hart(void (*work)(uint64_t arg), uint64_t arg)
{
    post(work, arg);
    if (!wait_for_word(&mailbox.done)) {
        check(false, "second hart answers");
        finish();
    }
}

/* Silent: the boot hart is logging the call that caused it. */
static void take_software_interrupt(uint64_t arg)
{
    uint64_t end = deadline();
    (void)arg;
    while ((csr_read(CSR_SIP) & SIP_SSIP) == 0 && csr_read(CSR_TIME) < end)
        ;
    mailbox.interrupted = (csr_read(CSR_SIP) & SIP_SSIP) != 0;
    __asm__ volatile("csrc sip, %0" : : "r"(SIP_SSIP));
}

static void stop_self(uint64_t arg)
{
    (void)arg;
    log_call_without_answer(SBI_EID_HSM, 1, NO_ARGS);
    call_silent(SBI_EID_HSM, 1, NO_ARGS);
}

void second_hart_start(void)
{
    expect("second hart is stopped", call(SBI_EID_HSM, 2, ARGS(SECOND)), SBI_SUCCESS, SBI_HSM_STOPPED);
    expect("hart_start refuses an entry in the window", call(SBI_EID_HSM, 0, ARGS(SECOND, FRAME(0), 0)),
           SBI_ERR_INVALID_ADDRESS, 0);
    expect("hart_start refuses an entry in the monitor", call(SBI_EID_HSM, 0, ARGS(SECOND, MONITOR_BASE, 0)),
           SBI_ERR_INVALID_ADDRESS, 0);
    expect("hart_start starts the second hart",
           call(SBI_EID_HSM, 0, ARGS(SECOND, (uint64_t)(uintptr_t)second_hart, 0x77)), SBI_SUCCESS, 0);
    check(wait_for_state(SBI_HSM_STARTED), "second hart comes up");
    expect("second hart is started", call(SBI_EID_HSM, 2, ARGS(SECOND)), SBI_SUCCESS, SBI_HSM_STARTED);
    expect("hart_start refuses a hart that runs",
           call(SBI_EID_HSM, 0, ARGS(SECOND, (uint64_t)(uintptr_t)second_hart, 0)), SBI_ERR_ALREADY_AVAILABLE, 0);

    post(take_software_interrupt, 0);
    expect("send_ipi to the second hart", call(SBI_EID_IPI, 0, ARGS(1u << SECOND, 0)), SBI_SUCCESS, 0);
    check(wait_for_word(&mailbox.done) && mailbox.interrupted, "second hart receives a software interrupt");
    print("@irq h%d 0x1 0x0\n", (uint64_t)SECOND);
    expect("remote fence_i on both harts", call(SBI_EID_RFENCE, 0, ARGS(3, 0)), SBI_SUCCESS, 0);
    expect("remote sfence_vma on both harts", call(SBI_EID_RFENCE, 1, ARGS(3, 0, 0, 0)), SBI_SUCCESS, 0);
}

void second_hart_stop(void)
{
    post(stop_self, 0);
    check(wait_for_state(SBI_HSM_STOPPED), "second hart stops");
    expect("second hart is stopped again", call(SBI_EID_HSM, 2, ARGS(SECOND)), SBI_SUCCESS, SBI_HSM_STOPPED);
}
