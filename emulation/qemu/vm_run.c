/* SPDX-License-Identifier: Apache-2.0 */
/* Entering vCPUs, on this hart or on another; see vm.h. */
#include "emulation/qemu/vm.h"

#define COVH_RUN 15u
#define VLENB_MAX 64u                /* longer registers are closed to guests */
#define SOON 100000u                 /* 10 ms: inside of a guest's busy step */
#define PATIENCE UINT64_C(200000000) /* 20 s: a guest that does not come back is lost */

uint64_t vm_vector(void)
{
    const uint64_t vs = UINT64_C(3) << 9;
    __asm__ volatile("csrs sstatus, %0" : : "r"(vs));
    /* Not every emulator without the unit refuses the bits: the unit itself is asked. */
    struct outcome vlenb = probe_vector();
    return vlenb.cause == UINT64_MAX && vlenb.value <= VLENB_MAX ? GUEST_VECTOR : 0;
}

static void set_mailbox(uint64_t arg)
{
    (void)arg;
    expect("set_shmem", call(SBI_EID_NACL, 1, ARGS((uint64_t)(uintptr_t)shmem[this_hart()], 0, 0)), SBI_SUCCESS, 0);
}

void vm_set_mailbox(uint32_t hart)
{
    on_hart(hart, set_mailbox, 0);
}

void vm_enter(struct vcpu_run *run, uint64_t ticks)
{
    struct vm_exit *e = &run->exit;
    const volatile uint64_t *box = shmem[this_hart()];
    uint64_t vector = vm_vector();
    host_fp_fill(UINT64_C(0x1122334455667788));
    if (vector != 0)
        host_vector_fill();
    csr_write(CSR_STIMECMP, csr_read(CSR_TIME) + ticks);
    struct answer answer = call_silent(SBI_EID_COVH, COVH_RUN, ARGS(run->vm->id, run->vcpu));
    bool hidden = host_fp_or() == 0 && (vector == 0 || host_vector_or() == 0);
    *e = (struct vm_exit){.error = answer.error,
                          .value = answer.value,
                          .scause = csr_read(CSR_SCAUSE),
                          .stval = csr_read(CSR_STVAL),
                          .htval = box[NACL_CSR_OFFSET(0x643) / 8],
                          .htinst = box[NACL_CSR_OFFSET(0x64a) / 8]};
    for (unsigned i = 0; i < 8; i++)
        e->a[i] = box[NACL_GPR_OFFSET(10 + i) / 8];
    csr_write(CSR_STIMECMP, UINT64_MAX);
    run->hidden = run->hidden && (hidden || answer.error != SBI_SUCCESS);
}

/* Will it be busy before anything else takes it out? */
static uint64_t patience(const struct vcpu_run *run)
{
    const struct guest_step *s = run->at;
    while (s->kind != STEP_SPIN && s->kind != STEP_END && s->kind != STEP_WFI && s->kind != STEP_CALL_OUT &&
           s->kind != STEP_LEAVE && s->kind != STEP_REPORT && s->kind != STEP_MMIO_LOAD && s->kind != STEP_MMIO_STORE)
        s++;
    return s->kind == STEP_SPIN ? SOON : PATIENCE;
}

static void enter_work(uint64_t arg)
{
    struct vcpu_run *run = (struct vcpu_run *)(uintptr_t)arg;
    vm_enter(run, patience(run));
}

void vm_start(struct vcpu_run *run, uint32_t hart)
{
    run->hart = hart;
    run->inside = true;
    print("@enter h%d %x %x %x %x 0x0 0x0 0x0 0x0\n", (uint64_t)hart, (uint64_t)SBI_EID_COVH, (uint64_t)COVH_RUN,
          run->vm->id, (uint64_t)run->vcpu);
    hart_post(hart, enter_work, (uint64_t)(uintptr_t)run);
}

void vm_collect(struct vcpu_run *run)
{
    if (!hart_wait(run->hart)) {
        check(false, "the hart comes back from its vCPU");
        finish();
    }
    vm_serve(run);
}

void vm_run(struct vcpu_run *run)
{
    do {
        run->hart = this_hart();
        run->inside = true;
        print("@enter h%d %x %x %x %x 0x0 0x0 0x0 0x0\n", (uint64_t)run->hart, (uint64_t)SBI_EID_COVH,
              (uint64_t)COVH_RUN, run->vm->id, (uint64_t)run->vcpu);
        vm_enter(run, patience(run));
    } while (vm_serve(run));
}

void vm_begin(struct vm *vm, uint32_t vcpu, uint64_t script)
{
    vm->run[vcpu] =
        (struct vcpu_run){.vm = vm, .vcpu = vcpu, .at = guest_script(script), .hidden = true, .result = UINT64_MAX};
}

void vm_judge(const struct vcpu_run *run, const char *what)
{
    check(!run->lost, "every exit is explained by what the guest does");
    check(run->hidden, "host finds floating-point and vector registers zero at every exit");
    if (!check(run->result == GUEST_RESULT_OK, what))
        print("# vCPU %d: result %x\n", (uint64_t)run->vcpu, run->result);
}
