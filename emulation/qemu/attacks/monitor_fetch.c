/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor writes a return instruction into the monitor and jumps to it; where the store is stopped,
 *   the jump is tried all the same.
 * Stopped by: PMP entry 0, which covers the monitor's 2 MiB without any permission; instruction access fault.
 * Succeeds without: monitor-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

/* In the image, behind all that is in use. */
#define SPARE (MONITOR_BASE + MONITOR_SIZE - 64)

void attack(void)
{
    if (way_store(SPARE).cause == NO_TRAP)
        *(volatile uint64_t *)SPARE = UINT64_C(0x0000806700008067);
    __asm__ volatile("fence.i" : : : "memory");
    must_fault(way_fetch(SPARE), CAUSE_FETCH_ACCESS, CAUSE_FETCH_ACCESS);
}
