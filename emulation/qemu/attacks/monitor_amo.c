/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: an atomic memory operation changes a word of the monitor, as one that takes a lock away would.
 * Stopped by: PMP entry 0, which covers the monitor's 2 MiB without any permission; store access fault.
 * Succeeds without: monitor-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

/* In the image, behind all that is in use. */
#define SPARE (MONITOR_BASE + MONITOR_SIZE - 64)

void attack(void)
{
    must_fault(way_amo(SPARE), CAUSE_STORE_ACCESS, CAUSE_LOAD_ACCESS);
}
