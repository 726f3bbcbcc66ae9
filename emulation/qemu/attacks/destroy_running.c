/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host destroys a TVM while its vCPU runs on another hart: the guest would go on in memory that belongs
 *   to nobody.
 * Stopped by: the number of running vCPUs in the TVM's slot.
 * Succeeds without: destroy-running
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
    must_refuse(covh(COVH_DESTROY, ARGS(tvm.id)), SBI_ERR_FAILED);
    help_end();
}
