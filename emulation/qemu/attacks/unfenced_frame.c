/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host uses a frame for a TVM that was converted and not fenced: some hart may still hold a translation
 *   to it.
 * Stopped by: the version of the global fence in the page record.
 * Succeeds without: any-frame
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static struct tvm tvm;

void attack_prepare(void)
{
    tvm_create(&tvm, &(const struct tvm_layout){.frame = 0, .frames = 16});
    covh(COVH_CONVERT, ARGS(FRAME(16), 4));
}

void attack(void)
{
    must_refuse(covh(COVH_ADD_TABLES, ARGS(tvm.id, FRAME(16 + this_hart()), 1)), SBI_ERR_INVALID_ADDRESS);
}
