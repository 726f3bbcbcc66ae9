/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the guest stores one byte to a device; the host looks for the rest of the register in what it is told.
 * Stopped by: the exit record: only the bytes that were stored are in it.
 * Succeeds without: device-store-all
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
        __asm__ volatile("sb %0, 0(%1)" : : "r"(guest_secret()), "r"(DEVICE) : "memory");
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
    scene(e.error == SBI_SUCCESS && e.scause == CAUSE_GUEST_STORE, "the guest stores to the device");
    verdict(e.a[0] == (SECRET & 0xff) ? BLOCKED : e.a[0] == SECRET ? SUCCEEDED : BROKEN, "what the host sees", e.a[0]);
}
