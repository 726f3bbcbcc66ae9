/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: hsv.d writes to the monitor through a second stage that maps it.
 * Stopped by: PMP entry 0, which covers the monitor's 2 MiB without any permission; a store fault.
 * Succeeds without: monitor-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

/* In the image, behind all that is in use. */
#define SPARE (MONITOR_BASE + MONITOR_SIZE - 64)

void attack(void)
{
    must_fault(way_hsv(SPARE), CAUSE_STORE_ACCESS, CAUSE_GUEST_STORE);
}
