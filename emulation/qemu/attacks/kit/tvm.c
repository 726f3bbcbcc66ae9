/* SPDX-License-Identifier: Apache-2.0 */
/* Building TVMs; see tvm.h. */
#include "emulation/qemu/attacks/kit/tvm.h"

#include "emulation/qemu/attacks/kit/attack.h"

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
    must(covh(COVH_ADD_REGION, ARGS(tvm->id, TVM_CODE, TVM_MEMORY_SIZE)), "add_tvm_memory_region");
    must(covh(COVH_ADD_TABLES, ARGS(tvm->id, FRAME(at->frame + FRAME_TABLES), 4)), "add_tvm_page_table_pages");
}

void tvm_add_measured(const struct tvm *tvm, const uint64_t *from, uint64_t dest, uint32_t pages, uint64_t gpa)
{
    must(covh(COVH_ADD_MEASURED, ARGS(tvm->id, (uint64_t)(uintptr_t)from, dest, TSM_PAGE_4K, pages, gpa)),
         "add_tvm_measured_pages");
}
