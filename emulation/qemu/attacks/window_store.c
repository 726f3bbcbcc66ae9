/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor overwrites a word of a TVM's memory.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; store
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
    must_fault(way_store(SECRET_SPARE), CAUSE_STORE_ACCESS, CAUSE_STORE_ACCESS);
}
