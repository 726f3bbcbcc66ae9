/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host gives a frame of one TVM to another one as well.
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
    covh(COVH_ADD_REGION, ARGS(tvm.id, SECRET_PAGE, PAGE));
}

void attack(void)
{
    must_refuse(
        covh(COVH_ADD_MEASURED, ARGS(tvm.id, (uint64_t)(uintptr_t)bait, SECRET_PAGE, TSM_PAGE_4K, 1, SECRET_PAGE)),
        SBI_ERR_INVALID_ADDRESS);
}
