/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: after an exit the host looks at the vector registers, which the guest has filled.
 * Stopped by: the world switch: vector registers are cleared behind a guest.
 * Succeeds without: keep-vector
 * Machine: v=true
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
        __asm__ volatile(".option push\n.option arch, +v\n"
                         "li t0, 0x600\ncsrs sstatus, t0\nvsetvli t0, zero, e8, m8, ta, ma\n"
                         "vmv.v.i v0, 5\nvmv.v.i v8, 6\nvmv.v.i v16, 7\nvmv.v.i v24, 8\n.option pop" ::
                             : "t0");
        guest_say(1);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    tvm_hear(&tvm, 0);
    __asm__ volatile("csrs sstatus, %0" : : "r"(UINT64_C(0x600)));
    uint64_t left = host_vector_or();
    verdict(left == 0 ? BLOCKED : SUCCEEDED, "what is in the vector registers", left);
}
