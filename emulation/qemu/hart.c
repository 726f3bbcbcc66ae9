/* SPDX-License-Identifier: Apache-2.0 */
/* The second hart, and all that is tried on the way to it: what HSM, IPI and RFENCE answer a host. */
#include "emulation/qemu/payload.h"

#define SECOND 1u
#define SIP_SSIP (UINT64_C(1) << 1)
#define PATIENCE (UINT64_C(20) * 10000000)

static bool interrupted;

void on_second_hart(void (*work)(uint64_t arg), uint64_t arg)
{
    on_hart(SECOND, work, arg);
}

/* Silent: the boot hart is logging the call that caused it. */
static void take_software_interrupt(uint64_t arg)
{
    uint64_t end = csr_read(CSR_TIME) + PATIENCE;
    (void)arg;
    while ((csr_read(CSR_SIP) & SIP_SSIP) == 0 && csr_read(CSR_TIME) < end)
        ;
    interrupted = (csr_read(CSR_SIP) & SIP_SSIP) != 0;
    __asm__ volatile("csrc sip, %0" : : "r"(SIP_SSIP));
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
    check(hart_wait_state(SECOND, SBI_HSM_STARTED), "second hart comes up");
    expect("second hart is started", call(SBI_EID_HSM, 2, ARGS(SECOND)), SBI_SUCCESS, SBI_HSM_STARTED);
    expect("hart_start refuses a hart that runs",
           call(SBI_EID_HSM, 0, ARGS(SECOND, (uint64_t)(uintptr_t)second_hart, 0)), SBI_ERR_ALREADY_AVAILABLE, 0);

    hart_post(SECOND, take_software_interrupt, 0);
    expect("send_ipi to the second hart", call(SBI_EID_IPI, 0, ARGS(1u << SECOND, 0)), SBI_SUCCESS, 0);
    check(hart_wait(SECOND) && interrupted, "second hart receives a software interrupt");
    print("@irq h%d 0x1 0x0\n", (uint64_t)SECOND);
    expect("remote fence_i on both harts", call(SBI_EID_RFENCE, 0, ARGS(3, 0)), SBI_SUCCESS, 0);
    expect("remote sfence_vma on both harts", call(SBI_EID_RFENCE, 1, ARGS(3, 0, 0, 0)), SBI_SUCCESS, 0);
    harts_are_running(2);
}

void second_hart_stop(void)
{
    harts_stop();
    expect("second hart is stopped again", call(SBI_EID_HSM, 2, ARGS(SECOND)), SBI_SUCCESS, SBI_HSM_STOPPED);
}
