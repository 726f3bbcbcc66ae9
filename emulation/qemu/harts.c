/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other harts: started through HSM, each waits for pieces of work that the boot hart hands it one by one. The boot
 * hart may wait for one to be done, so that the log of all is one sequence, or go on meanwhile.
 */
#include "emulation/qemu/payload.h"

#define PATIENCE (UINT64_C(60) * 10000000) /* 60 s: only reached when something is broken */

static struct worker {
    void (*work)(uint64_t arg);
    uint64_t arg;
    uint32_t ready; /* set by the boot hart: there is work */
    uint32_t done;  /* set by the other hart */
} workers[HARTS];

static uint32_t running = 1; /* the boot hart */

static uint64_t deadline(void)
{
    return csr_read(CSR_TIME) + PATIENCE;
}

bool hart_wait_state(uint32_t hart, uint64_t state)
{
    uint64_t end = deadline();
    while (call_silent(SBI_EID_HSM, 2, ARGS(hart)).value != state) {
        if (csr_read(CSR_TIME) > end)
            return false;
    }
    return true;
}

bool hart_wait(uint32_t hart)
{
    uint64_t end = deadline();
    while (__atomic_load_n(&workers[hart].done, __ATOMIC_ACQUIRE) == 0) {
        if (csr_read(CSR_TIME) > end)
            return false;
    }
    return true;
}

void payload_second(uint64_t hart)
{
    struct worker *w = &workers[hart];
    set_this_hart((uint32_t)hart);
    for (;;) {
        while (__atomic_load_n(&w->ready, __ATOMIC_ACQUIRE) == 0)
            ;
        __atomic_store_n(&w->ready, 0, __ATOMIC_RELAXED);
        w->work(w->arg);
        __atomic_store_n(&w->done, 1, __ATOMIC_RELEASE);
    }
}

void hart_post(uint32_t hart, void (*work)(uint64_t arg), uint64_t arg)
{
    struct worker *w = &workers[hart];
    w->work = work;
    w->arg = arg;
    __atomic_store_n(&w->done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&w->ready, 1, __ATOMIC_RELEASE);
}

void on_hart(uint32_t hart, void (*work)(uint64_t arg), uint64_t arg)
{
    if (hart == this_hart()) {
        work(arg);
        return;
    }
    hart_post(hart, work, arg);
    if (!hart_wait(hart)) {
        check(false, "the other hart answers");
        finish();
    }
}

void on_other_harts(void (*work)(uint64_t arg), uint64_t arg)
{
    for (uint32_t hart = 1; hart < running; hart++)
        on_hart(hart, work, arg);
}

void harts_are_running(uint32_t harts)
{
    running = harts;
}

void harts_start(uint32_t harts)
{
    for (uint32_t hart = 1; hart < harts; hart++) {
        expect("hart_start", call(SBI_EID_HSM, 0, ARGS(hart, (uint64_t)(uintptr_t)second_hart, 0)), SBI_SUCCESS, 0);
        check(hart_wait_state(hart, SBI_HSM_STARTED), "the hart comes up");
    }
    running = harts;
}

static void stop_self(uint64_t arg)
{
    (void)arg;
    log_call_without_answer(SBI_EID_HSM, 1, NO_ARGS);
    call_silent(SBI_EID_HSM, 1, NO_ARGS);
}

void harts_stop(void)
{
    for (uint32_t hart = 1; hart < running; hart++) {
        hart_post(hart, stop_self, 0);
        check(hart_wait_state(hart, SBI_HSM_STOPPED), "the hart stops");
    }
    running = 1;
}
