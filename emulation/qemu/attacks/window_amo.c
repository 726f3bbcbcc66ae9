/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: an atomic memory operation brings a word of a TVM's memory into a register, and changes it.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; a store
 *   access fault, though the operation reads first; a load access fault on QEMU 7.2.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_amo(SECRET_WORD), CAUSE_STORE_ACCESS, CAUSE_LOAD_ACCESS);
}
