/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest reads the memory of another TVM. The window is open on its hart, so nothing but its second stage
 *   is between them.
 * Stopped by: the second stage: no leaf of it leads there, and the monitor answers the fault of an address that the
 *   guest never declared with an access fault.
 * Succeeds without: guest-not-virtual
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = SECRET_FRAMES, .frames = 16};
static struct tvm tvm;

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    for (;;) {
        struct outcome got = attempt("ld a1, 0(a1)", argument);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    secret_make();
    tvm_with_guest(&tvm, &layout, 1, SECRET_WORD);
}

void attack(void)
{
    must_hear(tvm_hear(&tvm, 0), CAUSE_LOAD_ACCESS, CAUSE_LOAD_ACCESS);
}
