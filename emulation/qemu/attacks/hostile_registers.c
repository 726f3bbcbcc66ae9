/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host writes vsscratch before a run, as it may for its own virtual machines, to change a register of
 *   the TVM.
 * Stopped by: the exchange of all VS registers: the guest finds what it left.
 * Succeeds without: keep-vsscratch
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

#define FORGED UINT64_C(0xf0f0f0f0)

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    (void)argument;
    for (;;) {
        csr_write(0x140, 0x1234);
        guest_say(0);
        guest_say(csr_read(0x140) == 0x1234 ? CAUSE_ILLEGAL : GUEST_NO_TRAP);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    scene(tvm_hear(&tvm, 0) == 0, "the guest sets its register first");
    csr_write(0x240, FORGED);
    if (tvm_hear(&tvm, 0) == GUEST_NO_TRAP)
        verdict(SUCCEEDED, "the guest finds a register changed", FORGED);
    else
        verdict(BLOCKED, "the guest finds its register as it was", 0x1234);
}
