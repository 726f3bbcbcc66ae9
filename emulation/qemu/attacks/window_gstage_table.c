/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the same through the second stage: hgatp of the hypervisor leads the walk through a page of a TVM.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart. QEMU 7.2
 *   reports a guest page fault for it, later ones an access fault.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_hgatp_table(SECRET_PAGE), CAUSE_LOAD_ACCESS, CAUSE_GUEST_LOAD);
}
