/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a misaligned load begins in the last bytes of the window and ends in memory of the host.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: the lowest
 *   entry that covers any byte decides.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_load(WINDOW_BASE + (uint64_t)WINDOW_PAGES * PAGE - 4), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
