/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host has the monitor print a TVM's memory on the console.
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
    must_refuse(call_silent(SBI_EID_DBCN, 0, ARGS(8, SECRET_WORD, 0)), SBI_ERR_INVALID_PARAM);
}
