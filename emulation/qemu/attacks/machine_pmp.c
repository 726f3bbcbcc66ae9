/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor opens the window by writing pmpcfg0.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x3a0, a1", UINT64_C(0x1f1f1f)), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
