/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host names a page of a TVM as its mailbox: the monitor would write exit records over the TVM's memory,
 *   and read answers from it.
 * Stopped by: the check of every address that a host gives: RAM, outside of monitor and window.
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
    must_refuse(call_silent(SBI_EID_NACL, 1, ARGS(SECRET_PAGE, 0, 0)), SBI_ERR_INVALID_ADDRESS);
}
