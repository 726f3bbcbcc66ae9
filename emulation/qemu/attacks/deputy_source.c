/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host builds a TVM of its own and names a page of another one as the source of its first page: the
 *   monitor would copy the secret into the attacker's TVM.
 * Stopped by: the check of every address that a host gives: RAM, outside of monitor and window.
 * Succeeds without: any-address
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
    uint64_t to = FRAME(SECRET_FRAMES + FRAME_FREE + this_hart() % 4);
    must_refuse(covh(COVH_ADD_MEASURED, ARGS(tvm.id, SECRET_PAGE, to, TSM_PAGE_4K, 1, to)), SBI_ERR_INVALID_ADDRESS);
}
