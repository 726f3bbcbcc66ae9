/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor reads the monitor's memory, where registers of guests pass through.
 * Stopped by: PMP entry 0, which covers the monitor's 2 MiB without any permission; load access fault.
 * Succeeds without: monitor-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(way_load(MONITOR_BASE), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
