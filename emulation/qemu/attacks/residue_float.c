/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: after an exit the host looks at the floating-point registers, which the guest has filled.
 * Stopped by: the world switch: floating-point registers are cleared behind a guest.
 * Succeeds without: keep-float
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
        __asm__ volatile(".option push\n.option arch, +f, +d\n"
                         "li t0, 0x6000\ncsrs sstatus, t0\nli t0, 0x5ec2e75ec2e75ec2\n"
                         "fmv.d.x f0, t0\nfmv.d.x f7, t0\nfmv.d.x f17, t0\nfmv.d.x f31, t0\n.option pop" ::
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
    uint64_t left = host_fp_or();
    verdict(left == 0 ? BLOCKED : SUCCEEDED, "what is in the floating-point registers", left);
}
