/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a misaligned load begins below the window and ends inside of it: the first byte is allowed, the last is
 *   not.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: an access
 *   that an entry covers only in part fails as a whole.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    /* The frame at the border belongs to the monitor; what is in it does not matter. */
    must_fault(way_load(WINDOW_BASE - 4), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
