/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a guest invalidates cache blocks: what lay in memory before a scrub could come back. The host allows it in
 *   henvcfg before each run.
 * Stopped by: henvcfg, which is the monitor's choice while a TVM runs: cbo.inval is an illegal instruction. Behind
 *   it is menvcfg, which makes a flush of it.
 * Succeeds without: guest-environment
 * Machine: disarmed 10
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    for (;;) {
        struct outcome got = attempt(".insn i 0x0f, 2, x0, a1, 0", argument);
        guest_say_outcome(got);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, FRAME(FRAME_FREE) + 0x1800);
}

void attack(void)
{
    if (way_cbo_zero((uint64_t)(uintptr_t)bait).cause == CAUSE_ILLEGAL) {
        verdict(SKIPPED, "the emulated hart has no cache-block instructions", CAUSE_ILLEGAL);
        return;
    }
    csr_write(0x60a, UINT64_C(0xf0)); /* henvcfg: CBZE, CBCFE, CBIE */
    must_hear(tvm_hear(&tvm, 0), CAUSE_ILLEGAL, CAUSE_ILLEGAL);
}
