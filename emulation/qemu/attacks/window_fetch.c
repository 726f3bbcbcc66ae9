/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor jumps to code of a TVM, to run it with its own registers.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; instruction
 *   access fault.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_fetch(SECRET_CODE), CAUSE_FETCH_ACCESS, CAUSE_FETCH_ACCESS);
}
