/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chapters that are traces of their own: each starts the harts that it needs, and ends with everything as it was. What
 * happens in them has one order, although several vCPUs run at once.
 */
#include "emulation/qemu/vm.h"

#define FIRST_FRAME 64u /* behind those of the first chapters */
#define PROMOTED_FRAME 128u
#define PROMOTED_FRAMES 384u

static struct vm vm;

static void begin(const char *trace, const char *name, uint32_t harts)
{
    log_trace(trace);
    section(name);
    harts_start(harts);
    for (uint32_t i = 0; i < harts; i++)
        vm_set_mailbox(i);
}

static void clear_mailbox(uint64_t arg)
{
    (void)arg;
    expect("set_shmem takes the mailbox back", call(SBI_EID_NACL, 1, ARGS(UINT64_MAX, UINT64_MAX, 0)), SBI_SUCCESS, 0);
}

static void end(void)
{
    clear_mailbox(0);
    on_other_harts(clear_mailbox, 0);
    harts_stop();
}

/* Four vCPUs on four harts. The first one starts the others; see the scripts for what they do to each other. */
void suite_vcpus(void)
{
    static const uint64_t scripts[VM_VCPUS] = {GUEST_SCRIPT_VCPU0, GUEST_SCRIPT_VCPU1, GUEST_SCRIPT_VCPU2,
                                               GUEST_SCRIPT_VCPU3};
    begin("vcpus", "four vCPUs on four harts", HARTS);
    vm_build(&vm, FIRST_FRAME, VM_VCPUS, GUEST_SCRIPT_VCPU0);
    vm_run(&vm.run[0]); /* has started the others, and waits */
    for (uint32_t i = 1; i < VM_VCPUS; i++) {
        vm_begin(&vm, i, scripts[i]);
        vm_start(&vm.run[i], i);
    }
    vm_run(&vm.run[0]); /* has let them go, and waits */
    for (uint32_t i = 1; i < VM_VCPUS; i++)
        vm_collect(&vm.run[i]); /* stopped, suspended, suspended */
    expect("run_tvm_vcpu refuses a stopped vCPU", call(SBI_EID_COVH, 15, ARGS(vm.id, 1)), SBI_ERR_INVALID_PARAM, 0);
    vm_run(&vm.run[0]); /* sent an interrupt to the second */
    vm_start(&vm.run[2], 2);
    vm_begin(&vm, 3, GUEST_SCRIPT_VCPU3_RESUMED);
    vm_start(&vm.run[3], 3);
    vm_collect(&vm.run[2]);
    vm_collect(&vm.run[3]);
    vm_run(&vm.run[0]); /* has started the first again */
    vm_begin(&vm, 1, GUEST_SCRIPT_VCPU1_AGAIN);
    vm_start(&vm.run[1], 1);
    vm_collect(&vm.run[1]);
    vm_run(&vm.run[0]);
    vm_judge(&vm.run[0], "first vCPU sees its interrupts, fences and starts come true");
    vm_judge(&vm.run[1], "second vCPU is stopped and started again");
    vm_judge(&vm.run[2], "third vCPU is suspended and keeps its registers");
    vm_judge(&vm.run[3], "fourth vCPU is suspended and begins afresh");
    vm_destroy(&vm);
    end();
}

void suite_devices(void)
{
    begin("devices", "devices and shared memory", 1);
    vm_build(&vm, FIRST_FRAME, 1, GUEST_SCRIPT_DEVICES);
    vm_run(&vm.run[0]);
    vm_judge(&vm.run[0], "guest gets from devices and shared memory what it should");
    vm_destroy(&vm);
    end();
}

void suite_promoted(void)
{
    begin("promoted", "a TVM that was promoted", 2);
    vm_promote(&vm, PROMOTED_FRAME, PROMOTED_FRAMES, GUEST_SCRIPT_PROMOTED);
    vm_run(&vm.run[0]); /* has started its second vCPU */
    vm_begin(&vm, 1, GUEST_SCRIPT_VCPU1_AGAIN);
    vm_start(&vm.run[1], 1);
    vm_collect(&vm.run[1]);
    vm_run(&vm.run[0]);
    vm_judge(&vm.run[0], "promoted guest finds its memory, shares and takes back");
    vm_judge(&vm.run[1], "second vCPU of the promoted guest runs");
    vm_destroy(&vm);
    end();
}
