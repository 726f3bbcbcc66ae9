/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor's page tables point into the monitor's image as their next level; the translation tells
 *   what is there.
 * Stopped by: PMP entry 0, which covers the monitor's 2 MiB without any permission: the walker is bound by it. A
 *   page fault, on a monitor that is open, says that the walker has read the word.
 * Succeeds without: monitor-open
 */
#include "emulation/qemu/attacks/kit/attack.h"

#define CAUSE_LOAD_PAGE 13u

void attack(void)
{
    struct outcome got = way_satp_table(MONITOR_BASE);
    if (got.cause == CAUSE_LOAD_PAGE) /* an instruction of the monitor makes no valid entry */
        got.cause = NO_TRAP;
    must_fault(got, CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
