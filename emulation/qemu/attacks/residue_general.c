/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: after an exit the host looks for the guest's secret in its own general registers.
 * Stopped by: the world switch: all general registers are the host's again, only the exit record is new.
 * Succeeds without: keep-general
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
        /* Everything that the call does not need holds the secret. */
        __asm__ volatile(
            "li t0, 0x5ec2e75ec2e75ec2\n"
            ".irp n, 3, 4, 6, 7, 9, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n"
            "mv x\\n, t0\n"
            ".endr\n"
            "li a0, 1\nli a6, 2\nli a7, 0x4442434e\necall\n"
            :
            :
            : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
              "s11", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "memory");
    }
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
}

void attack(void)
{
    uint64_t in[32] = {0}, out[32] = {0};
    in[10] = tvm.id;
    in[16] = COVH_RUN;
    in[17] = SBI_EID_COVH;
    mailbox_set();
    host_ecall_all(in, out);
    scene(out[10] == 0 && csr_read(CSR_SCAUSE) == CAUSE_ECALL_VS, "the guest leaves by its call");
    for (unsigned i = 1; i < 32; i++) {
        if (out[i] == SECRET) {
            verdict(SUCCEEDED, "the secret is in a register of the host, x", i);
            return;
        }
    }
    shmem[this_hart()][NACL_GPR_OFFSET(10) / 8] = 0;
    verdict(BLOCKED, "the secret is in no register", 0);
}
