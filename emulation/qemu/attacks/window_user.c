/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a user process of the hypervisor loads from the window.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: entries
 *   bind U-mode as they bind S-mode.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_user(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
