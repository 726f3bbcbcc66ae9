/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a floating-point register is loaded from the window.
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
    must_fault(way_fp_load(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
