/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: hlvx.wu reads the window as a fetch would, with the execute permission of the second stage.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; an access
 *   fault. QEMU 7.2 reports a guest page fault, QEMU 10 an instruction access fault.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    struct outcome got = way_hlvx(SECRET_WORD);
    if (got.cause == CAUSE_FETCH_ACCESS) /* QEMU 10 */
        got.cause = CAUSE_LOAD_ACCESS;
    must_fault(got, CAUSE_LOAD_ACCESS, CAUSE_GUEST_LOAD);
}
