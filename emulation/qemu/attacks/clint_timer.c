/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor sets the machine timer, whose interrupt would come to the monitor.
 * Stopped by: PMP entry 1, which covers the interrupt controller without any permission; store access fault.
 * Succeeds without: clint-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

#define MTIMECMP (CLINT_BASE + 0x4000)

void attack(void)
{
    must_fault(probe_store(MTIMECMP, 4), CAUSE_STORE_ACCESS, CAUSE_STORE_ACCESS);
}
