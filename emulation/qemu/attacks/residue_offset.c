/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host watches the faults of a guest for the part of the address that a page does not need, as an attack
 *   on its data structures would.
 * Stopped by: the exit record, which has no room for it: stval is zero, htval is that of the page, htinst is zero.
 * Succeeds without: show-stval
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

#define OFFSET 0x5a8u

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    for (;;)
        (void)*(const volatile uint64_t *)argument;
}

void attack_prepare(void)
{
    /* In its region and never given: the guest faults there again and again. */
    tvm_with_guest(&tvm, &layout, 1, FRAME(15) + OFFSET);
}

void attack(void)
{
    struct tvm_exit e = tvm_run(&tvm, 0);
    scene(e.error == SBI_SUCCESS && e.scause == CAUSE_GUEST_LOAD, "the guest faults");
    bool seen = (e.stval & 0xff8) == OFFSET || (e.htval << 2 & 0xff8) == OFFSET || e.htinst != 0;
    verdict(seen ? SUCCEEDED : BLOCKED, "stval of the fault", e.stval);
}
