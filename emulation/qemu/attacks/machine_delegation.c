/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor delegates all traps to itself in medeleg, so that it gets those of a TVM with the TVM's
 *   registers.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x302, a1", UINT64_C(0xf0b5ff)), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
