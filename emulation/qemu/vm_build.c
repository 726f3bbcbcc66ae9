/* SPDX-License-Identifier: Apache-2.0 */
/* TVMs made step by step, and the end of every TVM; see vm.h. */
#include "emulation/qemu/vm.h"

enum {
    COVH_CONVERT = 1,
    COVH_RECLAIM = 2,
    COVH_GLOBAL_FENCE = 3,
    COVH_LOCAL_FENCE = 4,
    COVH_CREATE_TVM = 5,
    COVH_FINALIZE = 6,
    COVH_DESTROY = 8,
    COVH_ADD_REGION = 9,
    COVH_ADD_TABLES = 10,
    COVH_ADD_MEASURED = 11,
    COVH_CREATE_VCPU = 14,
};

/* Frames of a TVM, counted from its first. */
enum { ROOT = 0, STATE = 4, TABLES = 8, VCPUS = 12, CODE = 16, DATA = 22 };

static struct answer covh(uint64_t fid, const uint64_t args[6])
{
    return call(SBI_EID_COVH, fid, args);
}

static void local_fence(uint64_t arg)
{
    (void)arg;
    expect("local_fence", covh(COVH_LOCAL_FENCE, NO_ARGS), SBI_SUCCESS, 0);
}

void vm_convert(uint32_t first, uint32_t count)
{
    expect("convert_pages", covh(COVH_CONVERT, ARGS(FRAME(first), count)), SBI_SUCCESS, count);
    expect("global_fence", covh(COVH_GLOBAL_FENCE, NO_ARGS), SBI_SUCCESS, 0);
    on_other_harts(local_fence, 0);
}

static uint64_t create(uint32_t frame)
{
    uint64_t at = (uint64_t)(uintptr_t)parameters;
    parameters[0] = FRAME(frame + ROOT);
    parameters[1] = FRAME(frame + STATE);
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), at, parameters[0]);
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), at + 8, parameters[1]);
    struct answer created = covh(COVH_CREATE_TVM, ARGS(at, sizeof(struct tvm_create_params)));
    check(created.error == SBI_SUCCESS && created.value != 0, "create_tvm");
    return created.value;
}

void vm_build(struct vm *vm, uint32_t frame, uint32_t vcpus, uint64_t script)
{
    uint64_t source = (uint64_t)(uintptr_t)__guest_start;
    vm_convert(frame, VM_FRAMES);
    *vm = (struct vm){.id = create(frame), .frame = frame, .frames = VM_FRAMES};
    expect("add_tvm_memory_region", covh(COVH_ADD_REGION, ARGS(vm->id, GUEST_CODE_BASE, GUEST_REGION_SIZE)),
           SBI_SUCCESS, 0);
    expect("add_tvm_memory_region for the report",
           covh(COVH_ADD_REGION, ARGS(vm->id, GUEST_REPORT_BASE, GUEST_REPORT_SIZE)), SBI_SUCCESS, 0);
    expect("add_tvm_page_table_pages", covh(COVH_ADD_TABLES, ARGS(vm->id, FRAME(frame + TABLES), 4)), SBI_SUCCESS, 4);
    print("@copy h%d %x %x\n", (uint64_t)this_hart(), source, (uint64_t)GUEST_CODE_PAGES * PAGE);
    expect("add_tvm_measured_pages",
           covh(COVH_ADD_MEASURED,
                ARGS(vm->id, source, FRAME(frame + CODE), TSM_PAGE_4K, GUEST_CODE_PAGES, GUEST_CODE_BASE)),
           SBI_SUCCESS, GUEST_CODE_PAGES);
    for (uint32_t i = 0; i < vcpus; i++)
        expect("create_tvm_vcpu", covh(COVH_CREATE_VCPU, ARGS(vm->id, i, FRAME(frame + VCPUS + i))), SBI_SUCCESS, 0);
    expect("finalize_tvm", covh(COVH_FINALIZE, ARGS(vm->id, GUEST_CODE_BASE, script | vm_vector(), 0)), SBI_SUCCESS, 0);
    vm_begin(vm, 0, script);
}

uint64_t vm_next_frame(struct vm *vm)
{
    return FRAME(vm->frame + DATA + vm->demanded++ % (VM_FRAMES - DATA));
}

void vm_destroy(struct vm *vm)
{
    expect("destroy_tvm", covh(COVH_DESTROY, ARGS(vm->id)), SBI_SUCCESS, 0);
    expect("reclaim_pages", covh(COVH_RECLAIM, ARGS(FRAME(vm->frame), vm->frames)), SBI_SUCCESS, vm->frames);
}
