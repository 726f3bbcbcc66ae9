/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest turns its second stage off by writing hgatp.
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
    (void)argument;
    for (;;) {
        struct outcome got = attempt("csrw 0x680, a1", 0);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    must_hear(tvm_hear(&tvm, 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
