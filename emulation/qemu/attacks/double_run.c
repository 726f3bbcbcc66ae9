/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: a vCPU that runs on one hart is entered on another one too: two harts would share its registers, and the
 *   second save would overwrite the first.
 * Stopped by: the claim of a vCPU: from the call to the exit it is running, and only a runnable one can be claimed.
 * Succeeds without: run-running
 * Machine: together
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static struct tvm tvm;
static struct tvm_exit left;
static const struct tvm_work work = {.tvm = &tvm, .vcpu = 0, .exit = &left};

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    (void)argument;
    for (;;)
        ;
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &(const struct tvm_layout){.frame = 0, .frames = 16}, 1, 0);
}

void attack(void)
{
    tvm_run_elsewhere(&work);
    mailbox_set();
    /* A guest that is entered spins: the timer gets it out. */
    csr_write(CSR_SIE, 0x22);
    csr_write(CSR_STIMECMP, csr_read(CSR_TIME) + 100000);
    struct answer got = covh(COVH_RUN, ARGS(tvm.id, 0));
    csr_write(CSR_STIMECMP, UINT64_MAX);
    csr_write(CSR_SIE, 2);
    must_refuse(got, SBI_ERR_INVALID_PARAM);
    help_end();
}
