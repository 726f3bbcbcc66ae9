/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a TVM's guest jumps to code of the hypervisor.
 * Stopped by: the second stage: no leaf of it leads there, and the monitor answers the fault of an address that the
 *   guest never declared with an access fault.
 * Succeeds without: guest-not-virtual
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const uint32_t code_of_host[] = {0x00008067, 0x00008067}; /* returns */

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    for (;;) {
        struct outcome got = attempt("mv t1, ra; jalr a1; mv ra, t1", argument);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, (uint64_t)(uintptr_t)code_of_host);
}

void attack(void)
{
    must_hear(tvm_hear(&tvm, 0), CAUSE_FETCH_ACCESS, CAUSE_FETCH_ACCESS);
}
