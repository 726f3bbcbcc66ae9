/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building TVMs step by step, as a hypervisor does: convert frames, fence every hart, create, regions, tables, measured
 * pages, vCPU, finalize. Calls that must be refused are mixed in where a hypervisor could make them.
 */
#include "emulation/qemu/guest_script.h"
#include "emulation/qemu/payload.h"

uint64_t parameters[PAGE / 8] __attribute__((aligned(4096)));

enum {
    COVH_CONVERT = 1,
    COVH_GLOBAL_FENCE = 3,
    COVH_LOCAL_FENCE = 4,
    COVH_CREATE_TVM = 5,
    COVH_FINALIZE = 6,
    COVH_ADD_REGION = 9,
    COVH_ADD_TABLES = 10,
    COVH_ADD_MEASURED = 11,
    COVH_ADD_ZERO = 12,
    COVH_CREATE_VCPU = 14,
    COVH_RUN = 15,
};

static struct answer covh(uint64_t fid, const uint64_t args[6])
{
    return call(SBI_EID_COVH, fid, args);
}

static void local_fence(uint64_t arg)
{
    (void)arg;
    expect("local_fence", covh(COVH_LOCAL_FENCE, NO_ARGS), SBI_SUCCESS, 0);
}

void convert_frames(uint32_t first, uint32_t count)
{
    expect("convert_pages", covh(COVH_CONVERT, ARGS(FRAME(first), count)), SBI_SUCCESS, count);
    expect("global_fence", covh(COVH_GLOBAL_FENCE, NO_ARGS), SBI_SUCCESS, 0);
    expect("second global_fence is refused while the first is open", covh(COVH_GLOBAL_FENCE, NO_ARGS),
           SBI_ERR_ALREADY_STARTED, 0);
    on_second_hart(local_fence, 0);
}

static struct answer create(const struct tvm_plan *plan)
{
    parameters[0] = FRAME(plan->root);
    parameters[1] = FRAME(plan->state);
    uint64_t at = (uint64_t)(uintptr_t)parameters;
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), at, parameters[0]);
    print("@ram h%d %x %x\n", (uint64_t)this_hart(), at + 8, parameters[1]);
    return covh(COVH_CREATE_TVM, ARGS(at, sizeof(struct tvm_create_params)));
}

static struct answer add_code(uint64_t tvm, const struct tvm_plan *plan)
{
    uint64_t source = (uint64_t)(uintptr_t)__guest_start;
    return covh(COVH_ADD_MEASURED,
                ARGS(tvm, source, FRAME(plan->code), TSM_PAGE_4K, GUEST_CODE_PAGES, GUEST_CODE_BASE));
}

uint64_t tvm_build(const struct tvm_plan *plan)
{
    struct answer created = create(plan);
    check(created.error == SBI_SUCCESS && created.value != 0, "create_tvm");
    uint64_t tvm = created.value;
    if (created.error != SBI_SUCCESS)
        return 0;

    expect("create_tvm refuses frames that belong to a TVM", create(plan), SBI_ERR_INVALID_ADDRESS, 0);
    expect("add_tvm_memory_region", covh(COVH_ADD_REGION, ARGS(tvm, GUEST_CODE_BASE, GUEST_REGION_SIZE)), SBI_SUCCESS,
           0);
    expect("add_tvm_memory_region for the report",
           covh(COVH_ADD_REGION, ARGS(tvm, GUEST_REPORT_BASE, GUEST_REPORT_SIZE)), SBI_SUCCESS, 0);
    expect("add_tvm_memory_region refuses an overlap", covh(COVH_ADD_REGION, ARGS(tvm, GUEST_DATA_BASE, PAGE)),
           SBI_ERR_INVALID_ADDRESS, 0);

    print("@copy h%d %x %x\n", (uint64_t)this_hart(), (uint64_t)(uintptr_t)__guest_start,
          (uint64_t)GUEST_CODE_PAGES * PAGE);
    expect("add_tvm_measured_pages without tables", add_code(tvm, plan), SBI_ERR_OUT_OF_PTPAGES, 0);
    expect("add_tvm_page_table_pages", covh(COVH_ADD_TABLES, ARGS(tvm, FRAME(plan->tables), 4)), SBI_SUCCESS, 4);
    expect("add_tvm_measured_pages", add_code(tvm, plan), SBI_SUCCESS, GUEST_CODE_PAGES);
    expect("add_tvm_zero_pages is refused before finalize_tvm",
           covh(COVH_ADD_ZERO, ARGS(tvm, FRAME(plan->data[0]), TSM_PAGE_4K, 1, GUEST_DATA_BASE)), SBI_ERR_INVALID_PARAM,
           0);
    expect("create_tvm_vcpu", covh(COVH_CREATE_VCPU, ARGS(tvm, 0, FRAME(plan->vcpu))), SBI_SUCCESS, 0);
    expect("run_tvm_vcpu is refused before finalize_tvm", covh(COVH_RUN, ARGS(tvm, 0)), SBI_ERR_INVALID_PARAM, 0);
    expect("finalize_tvm", covh(COVH_FINALIZE, ARGS(tvm, GUEST_CODE_BASE, plan->script, 0)), SBI_SUCCESS, 0);
    expect("add_tvm_measured_pages is refused after finalize_tvm", add_code(tvm, plan), SBI_ERR_INVALID_PARAM, 0);
    return tvm;
}
