/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor's page tables point to a page of a TVM as their next level. The walker reads it, and the
 *   translation that comes out tells what is in it.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart: the page-
 *   table walker is bound by PMP too, and the access that needed the walk faults.
 * Succeeds without: window-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_satp_table(SECRET_PAGE), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
