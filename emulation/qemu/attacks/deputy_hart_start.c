/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host starts a hart at code that lies in a TVM.
 * Stopped by: the check of every address that a host gives: RAM, outside of monitor and window, the entry of a hart
 *   too.
 * Succeeds without: any-address
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    uint64_t stopped = this_hart() == 1 ? 2 : 1; /* harts are started one after the other, and stop */
    must_refuse(call_silent(SBI_EID_HSM, 0, ARGS(stopped, SECRET_CODE, 0)), SBI_ERR_INVALID_ADDRESS);
}
