/* SPDX-License-Identifier: Apache-2.0 */
/* Building TVMs; see tvm.h. */
#include "emulation/qemu/attacks/kit/tvm.h"

#include "emulation/qemu/attacks/kit/attack.h"

uint64_t shmem[HARTS][NACL_SHMEM_SIZE / 8] __attribute__((aligned(4096)));
uint64_t parameters[PAGE / 8] __attribute__((aligned(4096)));

struct answer covh(uint64_t fid, const uint64_t args[6])
{
    return call_silent(SBI_EID_COVH, fid, args);
}

static void must(struct answer got, const char *what)
{
    scene(got.error == SBI_SUCCESS, what);
}

void frames_convert(uint32_t frame, uint32_t count)
{
    must(covh(COVH_CONVERT, ARGS(FRAME(frame), count)), "convert_pages");
    must(covh(COVH_GLOBAL_FENCE, NO_ARGS), "global_fence");
    hart0_fence();
}

void tvm_create(struct tvm *tvm, const struct tvm_layout *at)
{
    frames_convert(at->frame, at->frames);
    parameters[0] = FRAME(at->frame + FRAME_ROOT);
    parameters[1] = FRAME(at->frame + FRAME_STATE);
    struct answer created =
        covh(COVH_CREATE_TVM, ARGS((uint64_t)(uintptr_t)parameters, sizeof(struct tvm_create_params)));
    must(created, "create_tvm");
    *tvm = (struct tvm){.id = created.value, .at = *at};
    must(covh(COVH_ADD_REGION, ARGS(tvm->id, FRAME(at->frame), (uint64_t)at->frames * PAGE)), "add_tvm_memory_region");
    must(covh(COVH_ADD_TABLES, ARGS(tvm->id, FRAME(at->frame + FRAME_TABLES), 4)), "add_tvm_page_table_pages");
}

void tvm_add_measured(const struct tvm *tvm, const uint64_t *from, uint64_t dest, uint32_t pages)
{
    must(covh(COVH_ADD_MEASURED, ARGS(tvm->id, (uint64_t)(uintptr_t)from, dest, TSM_PAGE_4K, pages, dest)),
         "add_tvm_measured_pages");
}

void tvm_with_guest(struct tvm *tvm, const struct tvm_layout *at, uint32_t vcpus, uint64_t argument)
{
    tvm_create(tvm, at);
    tvm_add_measured(tvm, (const uint64_t *)(const void *)__guest_start, GUEST_BLOCK(tvm), GUEST_PAGES);
    for (uint32_t i = 0; i < vcpus; i++)
        must(covh(COVH_CREATE_VCPU, ARGS(tvm->id, i, FRAME(at->frame + FRAME_VCPU + i))), "create_tvm_vcpu");
    must(covh(COVH_FINALIZE, ARGS(tvm->id, GUEST_BLOCK(tvm), argument, 0)), "finalize_tvm");
}

void mailbox_set(void)
{
    must(call_silent(SBI_EID_NACL, 1, ARGS((uint64_t)(uintptr_t)shmem[this_hart()], 0, 0)), "set_shmem");
}

struct tvm_exit tvm_run(const struct tvm *tvm, uint64_t vcpu)
{
    const volatile uint64_t *box = shmem[this_hart()];
    mailbox_set();
    struct answer answer = covh(COVH_RUN, ARGS(tvm->id, vcpu));
    struct tvm_exit e = {.error = answer.error,
                         .scause = csr_read(CSR_SCAUSE),
                         .stval = csr_read(CSR_STVAL),
                         .htval = box[NACL_CSR_OFFSET(0x643) / 8],
                         .htinst = box[NACL_CSR_OFFSET(0x64a) / 8]};
    for (unsigned i = 0; i < 8; i++) {
        e.a[i] = box[NACL_GPR_OFFSET(10 + i) / 8];
        shmem[this_hart()][NACL_GPR_OFFSET(10 + i) / 8] = 0; /* the answer to a call: success */
    }
    return e;
}

uint8_t tvm_hear(const struct tvm *tvm, uint64_t vcpu)
{
    struct tvm_exit e = tvm_run(tvm, vcpu);
    bool speaks = e.error == SBI_SUCCESS && e.scause == CAUSE_ECALL_VS && e.a[7] == SBI_EID_DBCN;
    if (!speaks)
        print("# error %x, scause %x, stval %x, htval %x\n", (uint64_t)e.error, e.scause, e.stval, e.htval);
    scene(speaks, "the guest leaves without a word");
    return (uint8_t)e.a[0];
}

void must_hear(uint8_t said, uint8_t cause, uint8_t other_cause)
{
    if (said == GUEST_NO_TRAP)
        verdict(SUCCEEDED, "nothing stopped the guest", said);
    else if (said == cause || said == other_cause)
        verdict(BLOCKED, "the guest got an exception", said);
    else
        verdict(BROKEN, "the guest says something else", said);
}

static void run_work(uint64_t arg)
{
    const struct tvm_work *w = (const struct tvm_work *)(uintptr_t)arg;
    *w->exit = tvm_run(w->tvm, w->vcpu);
}

void tvm_run_elsewhere(const struct tvm_work *w)
{
    help_begin(run_work, (uint64_t)(uintptr_t)w);
    /* A second fence of the TVM is refused while a vCPU is inside that came before the first. */
    while (covh(COVH_TVM_FENCE, ARGS(w->tvm->id)).error == SBI_SUCCESS)
        ;
}
