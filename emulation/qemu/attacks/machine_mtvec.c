/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor turns the monitor's trap vector to code of its own.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x305, a1", UINT64_C(0x80200000)), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
