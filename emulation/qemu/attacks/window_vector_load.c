/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a vector load of two elements takes the window in, element by element.
 * Stopped by: PMP entry 2, which covers the window without any permission while no TVM runs on the hart; the load
 *   faults at its first element in the window.
 * Succeeds without: window-open
 * Machine: v=true
 */
#include "emulation/qemu/attacks/kit/attack.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_fault(way_vector_load(SECRET_WORD), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
