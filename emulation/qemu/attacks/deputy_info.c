/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host has the monitor write its description of itself over its own image.
 * Stopped by: the check of every address that a host gives: RAM, outside of monitor and window.
 * Succeeds without: any-address
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

void attack(void)
{
    must_refuse(covh(0, ARGS(MONITOR_BASE + MONITOR_SIZE - PAGE, sizeof(struct tsm_info))), SBI_ERR_INVALID_ADDRESS);
}
