/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest uses hlv.d on the memory of another TVM.
 * Stopped by: V=1: the instruction is the hypervisor's, the trap comes to the monitor, and the guest gets an illegal
 *   instruction.
 * Succeeds without: guest-not-virtual
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    for (;;) {
        struct outcome got = attempt(".insn r 0x73, 4, 0x36, a1, a1, x0", argument);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, FRAME(FRAME_FREE));
}

void attack(void)
{
    must_hear(tvm_hear(&tvm, 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
