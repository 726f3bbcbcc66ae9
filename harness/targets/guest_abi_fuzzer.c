/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the monitor from inside a guest. Each input finds a confidential VM with three vCPUs, two of them running
 * on a hart each; what it adds are acts of the guest, of the environment, and those of the host that answer a guest:
 * running vCPUs, results in mailboxes, pages for faults and for memory that changes hands. All oracles watch.
 *
 * An input is a trace of which everything else is left out. A finding is printed with the whole trace, bring-up
 * included (acting.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/targets/acting.h"
#include "harness/targets/fuzzer.h"
#include "harness/targets/state_feedback.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/ops.h"

#define MUTATION_ATTEMPTS 6u /* a mutation whose operations are all left out is followed by another, this often */

static const char bring_up_text[] =
    "touchstone 1 harts=2\n"
    "h0 covh_convert_pages(base=win[0], num_pages=64)\n"
    "h0 covh_global_fence()\n"
    "h0 host_write64(addr=ram[1], value=win[0])\n"
    "h0 host_write64(addr=ram[1]+8, value=win[4])\n"
    "h0 covh_create_tvm(params_addr=ram[1], params_len=16)\n"
    "h0 covh_add_tvm_memory_region(guest_id=tvm[0], gpa=0x80000000, len=0x200000)\n"
    "h0 covh_add_tvm_page_table_pages(guest_id=tvm[0], base=win[9], num_pages=8)\n"
    "h0 covh_add_tvm_measured_pages(guest_id=tvm[0], src=ram[2], dest=win[17], page_type=4K, num_pages=3, "
    "gpa=0x80000000)\n"
    "h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=0, state_page_addr=win[6])\n"
    "h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=1, state_page_addr=win[7])\n"
    "h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=2, state_page_addr=win[8])\n"
    "h0 covh_finalize_tvm(guest_id=tvm[0], entry_sepc=0x80000000, entry_arg=0x1000, identity_addr=0)\n"
    "h0 nacl_set_shmem(shmem_lo=ram[32], shmem_hi=0, flags=0)\n"
    "h0 hsm_hart_start(hartid=1, start_addr=ram[0], opaque=0)\n"
    "h1 nacl_set_shmem(shmem_lo=ram[36], shmem_hi=0, flags=0)\n"
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"
    "h0 guest_hsm_hart_start(hartid=1, start_addr=0x80000000, opaque=0x77)\n"
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"
    "h1 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=1)\n"
    "h0 covg_add_mmio_region(gpa=0x10000000, len=0x2000)\n"
    "h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n";

static struct world *world;
static struct trace bring_up, input, full;

/* --- what an input may do ----------------------------------------------------------------------------------- */

static bool answers_guest(uint16_t call)
{
    switch (call) {
    case CALL_covh_run_tvm_vcpu:
    case CALL_covh_add_tvm_zero_pages:
    case CALL_covh_add_tvm_shared_pages:
    case CALL_covh_tvm_fence:
    case CALL_covh_tvm_invalidate_pages:
    case CALL_covh_tvm_validate_pages:
    case CALL_covh_tvm_remove_pages: return true;
    default: return false;
    }
}

static bool allowed(const struct trace_op *op)
{
    if (trace_op_is_guest(op->op))
        return true;
    switch (op->op) {
    case OP_HOST_WRITE64:
    case OP_IRQ:
    case OP_TIME:
    case OP_CONSOLE_INPUT: return true;
    case OP_HOST_CALL: return answers_guest(op->call);
    default: return false;
    }
}

/* Bring-up, then what is allowed of `t`. */
static void compose(struct trace *out, const struct trace *t)
{
    *out = bring_up;
    for (uint32_t i = 0; i < t->count && out->count < TRACE_MAX_OPS; i++) {
        if (!allowed(&t->op[i]))
            continue;
        out->op[out->count] = t->op[i];
        out->op[out->count++].hart %= out->harts;
    }
}

/* The opposite: what is allowed of `t` and is not bring-up, of which a mutation may have taken parts away. */
static void strip(struct trace *out, const struct trace *t)
{
    uint32_t next = 0;

    *out = (struct trace){.harts = bring_up.harts};
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t same = next;
        while (same < bring_up.count && memcmp(&bring_up.op[same], &t->op[i], sizeof(t->op[i])) != 0)
            same++;
        if (same < bring_up.count)
            next = same + 1;
        else if (allowed(&t->op[i]))
            out->op[out->count++] = t->op[i];
    }
}

/* --- target ------------------------------------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct trace_error error;

    (void)argc;
    (void)argv;
    if (!trace_parse(&bring_up, bring_up_text, sizeof(bring_up_text) - 1, &error)) {
        fprintf(stderr, "error: bring-up, line %zu: %s\n", error.offset, error.text);
        exit(EXIT_FAILURE);
    }
    state_feedback_prepare();
    world = acting_world(&bring_up, ORACLE_ALL);
    if (!acting_run(world, &bring_up))
        acting_report(&world->finding, &bring_up);
    if (!machine_in_guest(world->machine, 0) || !machine_in_guest(world->machine, 1)) {
        fprintf(stderr, "error: the guest does not run after its bring-up\n");
        exit(EXIT_FAILURE);
    }
    world_reset(world);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    trace_decode_any(&input, data, size);
    compose(&full, &input);
    if (!acting_run(world, &full))
        acting_report(&world->finding, &full);
    world_reset(world);
    return 0;
}

/* The mutator sees the bring-up, so that it knows who runs where and what there is to ask for. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t before[TRACE_MAX_BYTES], after[TRACE_MAX_BYTES];

    if (max_size < TRACE_HEADER_SIZE)
        return 0;
    trace_decode_any(&input, data, size);
    compose(&full, &input);
    size_t whole = trace_encode(&full, before, sizeof(before));
    strip(&input, &full);
    for (uint32_t attempt = 0; attempt < MUTATION_ATTEMPTS; attempt++) {
        static struct trace mutated;
        memcpy(after, before, whole);
        size_t changed = trace_mutate(after, whole, sizeof(after), seed + attempt * 0x9e3779b9u, LLVMFuzzerMutate);
        trace_decode(&full, after, changed);
        strip(&mutated, &full);
        bool differs =
            mutated.count != input.count || memcmp(mutated.op, input.op, input.count * sizeof(input.op[0])) != 0;
        if (differs)
            return trace_encode(&mutated, data, max_size);
    }
    return trace_encode(&input, data, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed)
{
    return trace_crossover(data1, size1, data2, size2, out, max_out_size, seed);
}
