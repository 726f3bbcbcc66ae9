/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor reads mscratch, and so the place of the monitor's state of this hart.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrr a1, 0x340", 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
