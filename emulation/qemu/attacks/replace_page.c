/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host maps a fresh page over one that a TVM has in use, to turn its data back.
 * Stopped by: the rule that a page is mapped only where nothing is.
 * Succeeds without: map-over
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static struct tvm tvm;

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &(const struct tvm_layout){.frame = 0, .frames = 20}, 1, 0);
}

void attack(void)
{
    must_refuse(covh(COVH_ADD_ZERO, ARGS(tvm.id, FRAME(16 + this_hart()), TSM_PAGE_4K, 1, GUEST_BLOCK(&tvm))),
                SBI_ERR_INVALID_ADDRESS);
}
