/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor of a few lines, in place of the real one, for tests of what the machine does around it. It notes what it
 * was called with, does what the test wants (`act`), and answers with the frame as it is then.
 *
 * A program that includes this links no part of the real monitor: these four functions are all that the machine calls.
 */
#ifndef TOUCHSTONE_HARNESS_TESTS_MACHINE_SMALL_MONITOR_H
#define TOUCHSTONE_HARNESS_TESTS_MACHINE_SMALL_MONITOR_H

#include "harness/tests/machine_host.h"

#define IRQ UINT64_C(0x8000000000000000)
#define MPP(n) ((uint64_t)(n) << 11)
#define MPV (UINT64_C(1) << 39)

static struct trap seen;
static struct world_ctx seen_frame;
static unsigned traps, wakes;
static bool wake_starts;
static void (*act)(struct hart *h); /* what the monitor does in a trap, if anything */
static bool boot_works = true;

bool monitor_init(struct monitor *monitor, const struct platform *platform)
{
    monitor->platform = *platform;
    for (uint32_t i = 0; i < platform->harts; i++) {
        monitor->hart[i].frame = &monitor->hart[i].host;
        monitor->hart[i].monitor = monitor;
        monitor->hart[i].id = i;
        monitor->hart[i].tvm_slot = HART_NO_TVM;
        monitor->hart[i].hsm_state = i == 0 ? SBI_HSM_STARTED : SBI_HSM_STOPPED;
    }
    return true;
}

bool monitor_boot_hart(struct hart *h, bool boot, uint64_t entry, uint64_t opaque)
{
    (void)boot;
    if (!boot_works)
        return false;
    for (unsigned i = 0; i < PMP_ENTRIES; i++)
        hal_pmp_write(h, i, i == 15 ? PMP_NAPOT | PMP_R | PMP_W | PMP_X : 0, UINT64_MAX);
    hal_vsatp_write(h, 0);
    hal_hgatp_write(h, 0);
    hal_fence_all(h);
    h->host.status = MPP(1);
    h->host.pc = entry;
    h->host.x[11] = opaque;
    return true;
}

void monitor_trap(struct hart *h, const struct trap *t)
{
    seen = *t;
    seen_frame = *h->frame;
    traps++;
    if (t->cause == (IRQ | 3))
        hal_ipi_clear(h);
    if (act != NULL)
        act(h);
}

bool monitor_hart_wake(struct hart *h)
{
    wakes++;
    hal_ipi_clear(h);
    if (wake_starts)
        h->hsm_state = SBI_HSM_STARTED;
    return wake_starts;
}

#endif
