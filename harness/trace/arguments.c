/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of calls that belong together: a run of frames and its length, a TVM and an address in its regions, a vCPU and
 * a frame for it. Good ones, as far as the sketch of the state knows; generate.c spoils them.
 */
#include "harness/trace/call_ids.h"
#include "harness/trace/generate.h"
#include "monitor/abi/sbi.h"
#include "monitor/core/types.h"

#define NO_RUN UINT32_MAX
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void set_window(struct trace_op *op, unsigned arg, uint32_t first)
{
    value_handle(op, arg, ARG_WIN, first != NO_RUN ? first : 0, 0);
}

static uint32_t small_count(struct random *r)
{
    static const uint8_t counts[] = {1, 1, 1, 2, 2, 3, 4, 8, 16};

    return counts[random_below(r, COUNT_OF(counts))];
}

/* Base and count of frames in one state; the arguments begin at `arg`. */
static void set_run(const struct aim *aim, struct trace_op *op, unsigned arg, uint8_t state)
{
    uint32_t count = small_count(aim->r);
    uint32_t first = value_find_run(aim, state, -1, count, 1);

    if (first == NO_RUN) {
        count = 1;
        first = value_find_run(aim, state, -1, count, 1);
    }
    set_window(op, arg, first);
    value_raw(op, arg + 1, count);
}

static void set_tvm(const struct aim *aim, struct trace_op *op, bool runnable)
{
    int tvm = value_find_tvm(aim, runnable);

    if (tvm >= 0)
        value_handle(op, 0, ARG_TVM, (uint32_t)tvm, 0);
}

static const struct sketch_tvm *chosen_tvm(const struct aim *aim, const struct trace_op *op)
{
    uint32_t index = trace_handle_index(op->a[0]);

    return op->kind[0] == ARG_TVM && index < aim->s->tvms ? &aim->s->tvm[index] : NULL;
}

/* Base, page type, count and GPA of data pages, beginning at `arg`. */
static void set_data(const struct aim *aim, struct trace_op *op, unsigned arg)
{
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);
    uint32_t huge = random_chance(aim->r, 4) ? value_find_run(aim, SKETCH_FREE, -1, 512, 512) : NO_RUN;

    if (huge != NO_RUN) {
        set_window(op, arg, huge);
        value_raw(op, arg + 1, TSM_PAGE_2M);
        value_raw(op, arg + 2, 1);
    } else {
        uint32_t count = 1 + (uint32_t)random_below(aim->r, 3);
        set_window(op, arg, value_find_run(aim, SKETCH_FREE, -1, count, 1));
        value_raw(op, arg + 1, TSM_PAGE_4K);
        value_raw(op, arg + 2, count);
    }
    if (tvm != NULL)
        value_raw(op, arg + 3, value_next_gpa(aim, tvm, huge != NO_RUN ? LAYOUT_REGION_LEN : 4096));
}

static void set_region(const struct aim *aim, struct trace_op *op)
{
    static const uint64_t bases[] = {LAYOUT_REGION, LAYOUT_SECOND_REGION, 0, 0x40000000};
    static const uint64_t lens[] = {LAYOUT_REGION_LEN, LAYOUT_REGION_LEN, 0x4000, 0x1000};

    value_raw(op, 1, bases[random_below(aim->r, COUNT_OF(bases))]);
    value_raw(op, 2, lens[random_below(aim->r, COUNT_OF(lens))]);
}

/* Parameters that the trace already wrote, if there are any. */
static void set_create_params(const struct aim *aim, struct trace_op *op)
{
    for (uint32_t i = 0; i < SKETCH_WRITES; i++) {
        const struct sketch_write *w = &aim->s->write[(aim->s->writes + i) % SKETCH_WRITES];
        if (w->used && w->kind == ARG_WIN && (trace_handle_offset(w->address) & 15) == 0) {
            op->kind[0] = ARG_RAM;
            op->a[0] = w->address;
        }
    }
    value_raw(op, 1, sizeof(struct tvm_create_params));
}

static void set_vcpu(const struct aim *aim, struct trace_op *op)
{
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);
    unsigned next = 0;

    while (tvm != NULL && next < 63 && (tvm->vcpus >> next & 1) != 0)
        next++;
    value_raw(op, 1, next);
    set_window(op, 2, value_find_run(aim, SKETCH_FREE, -1, 1, 1));
}

static void set_finalize(const struct aim *aim, struct trace_op *op)
{
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);

    value_raw(op, 1, tvm != NULL && tvm->regions != 0 ? tvm->region[0] : LAYOUT_REGION);
    value_raw(op, 2, random_below(aim->r, 4) * 0x1000);
    uint32_t frame = (uint32_t)random_below(aim->r, 16);
    if (random_chance(aim->r, 70))
        value_raw(op, 3, 0);
    else
        value_handle(op, 3, ARG_RAM, frame, 64 * (int32_t)random_below(aim->r, 3));
}

static void set_shmem(const struct aim *aim, struct trace_op *op)
{
    value_handle(op, 0, ARG_RAM, LAYOUT_MAILBOX(op->hart), 0);
    value_raw(op, 1, 0);
    value_raw(op, 2, 0);
    if (random_chance(aim->r, 15)) {
        value_raw(op, 0, NACL_SHMEM_NONE);
        value_raw(op, 1, NACL_SHMEM_NONE);
    }
}

/* A range of guest addresses where something is mapped, for calls that take pages away and give them back. */
static void set_mapped_range(const struct aim *aim, struct trace_op *op)
{
    set_tvm(aim, op, true);
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);

    if (tvm == NULL)
        return;
    uint64_t gpa = tvm->mapped != 0 ? tvm->gpa[random_below(aim->r, tvm->mapped)] : LAYOUT_REGION;
    uint64_t len = PAGE_SIZE * (random_chance(aim->r, 80) ? 1 : 1 + random_below(aim->r, 4));
    if (tvm->change_len != 0 && random_chance(aim->r, 50)) {
        gpa = tvm->change;
        len = tvm->change_len;
    } else if (tvm->shared_len != 0 && random_chance(aim->r, 40)) {
        gpa = tvm->shared;
        len = tvm->shared_len;
    }
    value_raw(op, 1, gpa);
    value_raw(op, 2, random_chance(aim->r, 3) ? LAYOUT_REGION_LEN : len);
}

/* Host memory for a guest's shared range. */
static void set_shared_pages(const struct aim *aim, struct trace_op *op)
{
    bool large = random_chance(aim->r, 5);
    set_tvm(aim, op, true);
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);

    value_handle(op, 1, ARG_RAM, large ? 512 : LAYOUT_SHARED + (uint32_t)random_below(aim->r, LAYOUT_SHARED_FRAMES), 0);
    value_raw(op, 2, large ? TSM_PAGE_2M : TSM_PAGE_4K);
    value_raw(op, 3, 1);
    if (tvm != NULL && tvm->shared_len != 0)
        value_raw(op, 4, tvm->shared + random_below(aim->r, tvm->shared_len / PAGE_SIZE) * PAGE_SIZE);
}

static void set_promote(const struct aim *aim, struct trace_op *op)
{
    value_raw(op, 0, LAYOUT_REGION + LAYOUT_FDT * PAGE_SIZE);
    value_raw(op, 1, random_chance(aim->r, 95) ? 0 : LAYOUT_REGION);
    value_raw(op, 2, LAYOUT_REGION);
    value_raw(op, 3, 0);
}

/* A range that the guest's own calls are about. */
static void set_guest_range(const struct aim *aim, struct trace_op *op)
{
    const struct sketch_tvm *tvm = sketch_in_guest(aim->s, op->hart) ? &aim->s->tvm[aim->s->guest[op->hart]] : NULL;
    uint64_t len = PAGE_SIZE * (random_chance(aim->r, 70) ? 1 : 1 + random_below(aim->r, 4));
    uint64_t gpa = LAYOUT_REGION;

    if (op->call == CALL_covg_add_mmio_region || op->call == CALL_covg_remove_mmio_region)
        gpa = LAYOUT_DEVICE + PAGE_SIZE * random_below(aim->r, 4);
    else if (tvm != NULL && op->call == CALL_covg_unshare_memory_region && tvm->shared_len != 0)
        gpa = tvm->shared;
    else if (tvm != NULL && tvm->mapped != 0 && random_chance(aim->r, 80))
        gpa = tvm->gpa[random_below(aim->r, tvm->mapped)];
    else if (tvm != NULL)
        gpa = value_next_gpa(aim, tvm, PAGE_SIZE);
    value_raw(op, 0, gpa);
    value_raw(op, 1, len);
}

static void set_console(const struct aim *aim, struct trace_op *op)
{
    const struct sketch_tvm *tvm = sketch_in_guest(aim->s, op->hart) ? &aim->s->tvm[aim->s->guest[op->hart]] : NULL;

    value_raw(op, 0, 1 + random_below(aim->r, 64));
    value_raw(op, 1, tvm != NULL && tvm->shared_len != 0 ? tvm->shared : LAYOUT_REGION);
    value_raw(op, 2, 0);
}

/* vCPUs by number, addresses where a vCPU can begin, suspensions of both kinds. */
static void set_guest_hsm(const struct aim *aim, struct trace_op *op)
{
    if (op->call == CALL_guest_hsm_hart_suspend)
        value_raw(op, 0, random_chance(aim->r, 50) ? 0 : 0x80000000u);
    else
        value_raw(op, 0, random_below(aim->r, 3));
    value_raw(op, 1, LAYOUT_REGION + 4 * random_below(aim->r, 4));
}

/* A vCPU that has been started, if there is one. */
static uint64_t some_vcpu(const struct aim *aim, const struct trace_op *op)
{
    const struct sketch_tvm *tvm = chosen_tvm(aim, op);

    for (unsigned i = 0; tvm != NULL && i < 8; i++) {
        uint64_t vcpu = random_below(aim->r, 4);
        if ((tvm->started >> vcpu & 1) != 0)
            return vcpu;
    }
    return 0;
}

void generate_call_args(const struct aim *aim, struct trace_op *op)
{
    const struct abi_call *call = abi_call_by_id(op->call);

    for (unsigned i = 0; i < call->args; i++)
        value_good(aim, call->arg[i].kind, op, i);
    switch (call->id) {
    case CALL_covh_get_tsm_info: value_raw(op, 1, sizeof(struct tsm_info)); break;
    case CALL_covh_convert_pages: set_run(aim, op, 0, SKETCH_HOST); break;
    case CALL_covh_reclaim_pages: set_run(aim, op, 0, SKETCH_FREE); break;
    case CALL_covh_create_tvm: set_create_params(aim, op); break;
    case CALL_covh_finalize_tvm:
        set_tvm(aim, op, false);
        set_finalize(aim, op);
        break;
    case CALL_covh_add_tvm_memory_region:
        set_tvm(aim, op, false);
        set_region(aim, op);
        break;
    case CALL_covh_add_tvm_page_table_pages:
        set_tvm(aim, op, random_chance(aim->r, 50));
        set_run(aim, op, 1, SKETCH_FREE);
        break;
    case CALL_covh_add_tvm_measured_pages:
        set_tvm(aim, op, false);
        set_data(aim, op, 2);
        break;
    case CALL_covh_add_tvm_zero_pages:
        set_tvm(aim, op, true);
        set_data(aim, op, 1);
        break;
    case CALL_covh_create_tvm_vcpu:
        set_tvm(aim, op, false);
        set_vcpu(aim, op);
        break;
    case CALL_covh_run_tvm_vcpu:
        set_tvm(aim, op, true);
        value_raw(op, 1, some_vcpu(aim, op));
        break;
    case CALL_covh_tvm_fence: set_tvm(aim, op, true); break;
    case CALL_covh_tvm_invalidate_pages:
    case CALL_covh_tvm_validate_pages:
    case CALL_covh_tvm_remove_pages:
    case CALL_covh_tvm_remove_pages_linux: set_mapped_range(aim, op); break;
    case CALL_covh_add_tvm_shared_pages: set_shared_pages(aim, op); break;
    case CALL_covh_promote_to_tvm: set_promote(aim, op); break;
    case CALL_covg_add_mmio_region:
    case CALL_covg_remove_mmio_region:
    case CALL_covg_share_memory_region:
    case CALL_covg_unshare_memory_region: set_guest_range(aim, op); break;
    case CALL_guest_dbcn_console_write:
    case CALL_guest_dbcn_console_read: set_console(aim, op); break;
    case CALL_guest_hsm_hart_start:
    case CALL_guest_hsm_hart_get_status:
    case CALL_guest_hsm_hart_suspend: set_guest_hsm(aim, op); break;
    case CALL_nacl_set_shmem: set_shmem(aim, op); break;
    case CALL_hsm_hart_start: value_raw(op, 0, random_below(aim->r, aim->s->harts)); break;
    default: break;
    }
}
