/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the guest loads one byte from a device; the host answers with eight, to get more into the register than
 *   the guest's compiler reckons with.
 * Stopped by: the monitor: it extends the answer from the width of the access.
 * Succeeds without: device-load-all
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

#define DEVICE UINT64_C(0x10000000)

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    register uint64_t a0 __asm__("a0") = DEVICE;
    register uint64_t a1 __asm__("a1") = PAGE;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = SBI_EID_COVG;
    (void)argument;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
    for (;;) {
        uint64_t byte;
        __asm__ volatile("lbu %0, 0(%1)" : "=r"(byte) : "r"(DEVICE) : "memory");
        guest_say(byte > 0xff ? GUEST_NO_TRAP : CAUSE_ILLEGAL);
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
    struct tvm_exit e = tvm_run(&tvm, 0);
    scene(e.error == SBI_SUCCESS && e.a[7] == SBI_EID_COVG, "the guest declares a device");
}

void attack(void)
{
    struct tvm_exit e = tvm_run(&tvm, 0);
    scene(e.error == SBI_SUCCESS && e.scause == CAUSE_GUEST_LOAD, "the guest loads from the device");
    shmem[this_hart()][NACL_GPR_OFFSET(10) / 8] = SECRET;
    if (tvm_hear(&tvm, 0) == GUEST_NO_TRAP)
        verdict(SUCCEEDED, "the guest has more than a byte", SECRET);
    else
        verdict(BLOCKED, "the guest has a byte", SECRET & 0xff);
}
