/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor moves the PMP entry of the window away by writing pmpaddr2.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x3b2, a1", 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
