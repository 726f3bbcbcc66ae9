/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor lets a hardware counter count what a TVM does, by clearing mcountinhibit and reading
 *   minstret.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x320, zero; csrr a1, 0xb02", 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
