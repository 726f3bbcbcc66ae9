/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: load-reserved reads the window, in case that reservations are checked by other rules than loads.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; load access
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
    must_fault(way_lr(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
