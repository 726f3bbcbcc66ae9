/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor-store instruction hsv.d overwrites a TVM's memory through a second stage that maps it.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; a store
 *   fault.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_hsv(SECRET_SPARE), CAUSE_STORE_ACCESS, CAUSE_GUEST_STORE);
}
