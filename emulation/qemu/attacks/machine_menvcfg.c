/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the hypervisor allows cache blocks to be invalidated, in menvcfg: what was in memory before a scrub could
 *   come back.
 * Stopped by: the mode that the monitor leaves to: in S-mode every access to a CSR of M-mode is an illegal
 *   instruction.
 * Succeeds without: machine-mode
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack(void)
{
    must_fault(attempt("csrw 0x30a, a1", UINT64_C(0x80000000000000f0)), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
