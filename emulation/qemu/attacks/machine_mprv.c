/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor sets mstatus.MPRV and MPP, so that its loads are made as those of M-mode.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrs 0x300, a1", UINT64_C(0x21800)), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
