/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor raises a machine software interrupt of hart 0 itself, to make the monitor serve requests
 *   that nobody made.
 * Stopped by: PMP entry 1, which covers the interrupt controller without any permission; store access fault.
 * Succeeds without: clint-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(probe_store(CLINT_BASE, 4), CAUSE_STORE_ACCESS, CAUSE_STORE_ACCESS);
}
