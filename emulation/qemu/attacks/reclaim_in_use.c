/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host takes a frame back that a TVM uses.
 * Stopped by: the page records: a frame has one owner, and only free ones go back.
 * Succeeds without: reclaim-any
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

void attack_prepare(void)
{
    secret_make();
}

void attack(void)
{
    must_refuse(covh(COVH_RECLAIM, ARGS(SECRET_PAGE, 1)), SBI_ERR_INVALID_ADDRESS);
}
