/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: cbo.zero clears a block of a TVM's memory: an instruction that is neither load nor store.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; the
 *   instruction needs the permission to write, and raises a store access fault.
 * Succeeds without: window-open
 * Machine: disarmed 10
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    struct outcome got = way_cbo_zero(SECRET_SPARE);
    if (got.cause == CAUSE_ILLEGAL)
        verdict(SKIPPED, "the emulated hart has no cache-block instructions", got.cause);
    else
        must_fault(got, CAUSE_STORE_ACCESS, CAUSE_STORE_ACCESS);
}
