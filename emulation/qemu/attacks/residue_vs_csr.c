/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: after an exit the host reads vsscratch, where a guest's kernel keeps an address of its own.
 * Stopped by: the exchange of all VS registers.
 * Succeeds without: keep-vsscratch
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
        csr_write(0x140, guest_secret());
        guest_say(1);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    csr_write(0x240, 0x77);
    tvm_hear(&tvm, 0);
    uint64_t left = csr_read(0x240);
    verdict(left == SECRET ? SUCCEEDED : left == 0x77 ? BLOCKED : BROKEN, "vsscratch after the exit", left);
}
