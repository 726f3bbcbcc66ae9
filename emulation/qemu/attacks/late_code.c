/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host adds a page of its own to a TVM that is finalized, behind the measurement.
 * Stopped by: the state of the TVM: measured pages only before finalize_tvm.
 * Succeeds without: late-pages
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
    uint64_t to = FRAME(16 + this_hart());
    must_refuse(covh(COVH_ADD_MEASURED, ARGS(tvm.id, (uint64_t)(uintptr_t)bait, to, TSM_PAGE_4K, 1, to)),
                SBI_ERR_INVALID_PARAM);
}
