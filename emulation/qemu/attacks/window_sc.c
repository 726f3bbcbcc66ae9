/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a store-conditional to the window, after a reservation of the same word, or of memory of the host when that is
 *   refused.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: no reservation
 *   is given for it, and without one a store-conditional fails or faults. Neither writes.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_sc(SECRET_SPARE), CAUSE_STORE_ACCESS, CAUSE_STORE_ACCESS);
}
