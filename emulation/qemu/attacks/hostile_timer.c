/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host sets hvip.VSTIP before a run: a timer interrupt for a guest whose timer has not struck.
 * Stopped by: what the guest allowed: the monitor lets no other bit of hvip through. On QEMU 10 M-mode reaches VSTIP
 *   there only while menvcfg.STCE is 0, so the switch exchanges hvip in such a moment.
 * Succeeds without: interrupt-any
 * Machine: disarmed 10
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
        struct outcome got = attempt(
            "li t1, 0x222; csrw sie, t1; csrsi sstatus, 2; nop; nop; nop; nop; csrci sstatus, 2; csrw sie, zero", 0);
        __asm__ volatile("csrci sstatus, 2");
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    csr_write(0x645, 0x40);
    uint8_t said = tvm_hear(&tvm, 0);
    if (said == GUEST_NO_TRAP)
        verdict(BLOCKED, "no interrupt came", said);
    else
        verdict((said & GUEST_INTERRUPTED) != 0 ? SUCCEEDED : BROKEN, "the guest was interrupted", said);
}
