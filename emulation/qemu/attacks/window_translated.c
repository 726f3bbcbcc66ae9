/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor maps the window into its own address space, with all permissions, and loads from there.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: PMP looks
 *   at physical addresses, after translation.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_translated(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
