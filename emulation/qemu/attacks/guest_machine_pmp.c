/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest opens all of memory by writing pmpcfg0.
 * Stopped by: the mode that the monitor enters guests in: an illegal instruction. QEMU 7.2 delivers an illegal
 *   instruction under the number 1.
 * Succeeds without: guest-machine
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
        struct outcome got = attempt("csrs 0x3a0, a1", UINT64_C(0x1f1f1f));
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    must_hear(tvm_hear(&tvm, 0), CAUSE_ILLEGAL, CAUSE_FETCH_ACCESS);
}
