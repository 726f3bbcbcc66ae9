/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor-load instruction hlv.d reads the window through a second stage that maps it.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart. QEMU 7.2
 *   reports a guest page fault for it.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_hlv(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_GUEST_LOAD);
}
