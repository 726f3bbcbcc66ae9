/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor executes mret behind a forged mepc and mstatus.MPP, to return into M-mode.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction, and so is mret itself.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrr a1, 0x341; lla t1, 2f; csrw 0x341, t1; li t1, 0x1800; csrs 0x300, t1; mret; 2:", 0),
               CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
