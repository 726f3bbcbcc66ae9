/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host gives frames of one TVM to another one as its page tables, to write entries over a secret.
 * Stopped by: the page records: a frame has one owner.
 * Succeeds without: any-frame
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static struct tvm tvm;

void attack_prepare(void)
{
    secret_make();
    tvm_create(&tvm, &(const struct tvm_layout){.frame = SECRET_FRAMES, .frames = 16});
}

void attack(void)
{
    must_refuse(covh(COVH_ADD_TABLES, ARGS(tvm.id, SECRET_PAGE, 1)), SBI_ERR_INVALID_ADDRESS);
}
