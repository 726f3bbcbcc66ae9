/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: before a run the host clears hedeleg and points stvec to code of its own: an exception of the guest that
 *   M-mode delegates would arrive there, in the middle of the TVM, with the window open.
 * Stopped by: hedeleg, hideleg and stvec, which are the monitor's choice while a TVM runs: what it delegates goes on
 *   to the guest.
 * Succeeds without: host-delegation
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static struct tvm tvm;

/* Taken instead of the guest: its registers are here, and its memory can be read. Comes back by no way but the end. */
void stolen(void);
__asm__(".text\n.balign 4\nthief: lla sp, thief_stack + 4096\nli tp, 0\ncall stolen\n"
        ".bss\n.balign 16\nthief_stack: .space 4096\n.text");
extern const uint8_t thief[];

void stolen(void)
{
    verdict(SUCCEEDED, "the host runs inside of the TVM and reads its memory", *(const volatile uint64_t *)SECRET_WORD);
    finish();
}

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    (void)argument;
    for (;;) {
        struct outcome got = attempt(".word 0", 0);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    secret_make();
    tvm_with_guest(&tvm, &(const struct tvm_layout){.frame = SECRET_FRAMES, .frames = 16}, 1, 0);
}

void attack(void)
{
    uint64_t own = csr_read(0x105);
    csr_write(0x602, 0);
    csr_write(0x603, 0);
    csr_write(0x105, (uint64_t)(uintptr_t)thief);
    uint8_t said = tvm_hear(&tvm, 0);
    csr_write(0x105, own);
    must_hear(said, CAUSE_ILLEGAL, CAUSE_FETCH_ACCESS);
}
