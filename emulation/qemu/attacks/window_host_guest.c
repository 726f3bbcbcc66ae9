/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: an ordinary virtual machine of the hypervisor, in VS-mode, gets a TVM's memory mapped as its own and loads
 *   from it.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: it is open
 *   only while a TVM runs, not while any guest does.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_guest_load(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_GUEST_LOAD);
}
