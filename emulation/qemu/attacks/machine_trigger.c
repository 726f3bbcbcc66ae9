/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor sets a trigger through tselect and tdata1, to be told what a TVM executes and touches.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x7a0, zero; csrr a1, 0x7a1; csrw 0x7a1, a1", 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
