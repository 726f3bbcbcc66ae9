/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest writes to the root of its own second stage, to give itself more memory.
 * Stopped by: the second stage: frames of tables are not mapped, and a fault there is answered as that of any page that is
 *   missing.
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
        *(volatile uint64_t *)argument = 0;
        guest_say(GUEST_NO_TRAP);
    }
}

void attack_prepare(void)
{
    /* The frames of its root are declared as its memory, and no page is mapped there. */
    tvm_with_guest(&tvm, &layout, 1, FRAME(FRAME_ROOT) + 0x3f00);
}

void attack(void)
{
    struct tvm_exit e = tvm_run(&tvm, 0);
    if (e.error == SBI_SUCCESS && e.scause == CAUSE_GUEST_STORE)
        verdict(BLOCKED, "the store leaves the TVM as a fault of the page", e.htval << 2);
    else
        verdict(e.scause == CAUSE_ECALL_VS ? SUCCEEDED : BROKEN, "the guest left with cause", e.scause);
}
