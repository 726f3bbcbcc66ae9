/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single operations. Which one is chosen by weight; what its arguments are follows from the state.
 */
#include "harness/trace/generate.h"

#include "harness/machine/machine.h"
#include "harness/trace/call_ids.h"
#include "monitor/abi/sbi.h"

#define NO_RUN UINT32_MAX
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- spoiling --------------------------------------------------------------------------------------------- */

void generate_spoil(const struct aim *aim, struct trace_op *op)
{
    unsigned args = trace_op_args(op);

    if (args == 0)
        return;
    unsigned arg = (unsigned)random_below(aim->r, args);
    const struct abi_call *call = abi_call_by_id(op->call);
    if ((op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) && call != NULL)
        value_bad(aim, call->arg[arg].kind, op, arg);
    else if (op->op == OP_HOST_WRITE64 && arg == 1)
        value_bad(aim, ABI_KIND_CONF_PAGES, op, arg);
    else if ((op->op == OP_HOST_LOAD || op->op == OP_HOST_STORE || op->op == OP_HOST_FETCH) && arg == 0)
        value_host_address(aim, op, arg);
    else if ((op->op == OP_GUEST_LOAD || op->op == OP_GUEST_STORE || op->op == OP_GUEST_FETCH) && arg == 0)
        value_bad(aim, ABI_KIND_GPA, op, arg);
    else if (op->op == OP_GUEST_EXEC && arg == 1)
        value_bad(aim, ABI_KIND_GPA, op, arg);
    else
        value_bad(aim, ABI_KIND_VALUE, op, arg);
    trace_op_canonical(op, aim->s->harts);
}

/* --- kinds of operations ---------------------------------------------------------------------------------- */

/* Calls by how often they are worth trying; the rest of the table is drawn evenly now and then. */
static const struct {
    uint16_t call;
    uint8_t weight;
} host_calls[] = {
    {CALL_covh_convert_pages, 10},
    {CALL_covh_reclaim_pages, 10},
    {CALL_covh_global_fence, 7},
    {CALL_covh_local_fence, 5},
    {CALL_covh_create_tvm, 5},
    {CALL_covh_finalize_tvm, 4},
    {CALL_covh_destroy_tvm, 6},
    {CALL_covh_add_tvm_memory_region, 6},
    {CALL_covh_add_tvm_page_table_pages, 8},
    {CALL_covh_add_tvm_measured_pages, 9},
    {CALL_covh_add_tvm_zero_pages, 9},
    {CALL_covh_create_tvm_vcpu, 6},
    {CALL_covh_run_tvm_vcpu, 14},
    {CALL_covh_add_tvm_shared_pages, 5},
    {CALL_covh_tvm_fence, 5},
    {CALL_covh_tvm_invalidate_pages, 6},
    {CALL_covh_tvm_validate_pages, 4},
    {CALL_covh_tvm_remove_pages, 6},
    {CALL_covh_promote_to_tvm, 3},
    {CALL_hsm_hart_suspend, 1},
    {CALL_nacl_set_shmem, 5},
    {CALL_hsm_hart_start, 4},
    {CALL_hsm_hart_stop, 1},
    {CALL_covh_get_tsm_info, 2},
    {CALL_dbcn_console_write, 2},
    {CALL_dbcn_console_read, 2},
};

static uint16_t choose_host_call(struct random *r)
{
    unsigned total = 0;

    for (size_t i = 0; i < COUNT_OF(host_calls); i++)
        total += host_calls[i].weight;
    uint64_t ticket = random_below(r, total);
    for (size_t i = 0; i < COUNT_OF(host_calls); i++) {
        if (ticket < host_calls[i].weight)
            return host_calls[i].call;
        ticket -= host_calls[i].weight;
    }
    return CALL_covh_global_fence;
}

static uint16_t any_call(struct random *r, bool guest)
{
    size_t count;
    const struct abi_call *call = abi_calls(&count);
    size_t i = random_below(r, count);

    while (call[i].guest != guest)
        i = (i + 1) % count;
    return call[i].id;
}

static void make_host_call(const struct aim *aim, struct trace_op *op)
{
    op->op = OP_HOST_CALL;
    op->call = random_chance(aim->r, 85) ? choose_host_call(aim->r) : any_call(aim->r, false);
    if (op->call == CALL_srst_system_reset && random_chance(aim->r, 70))
        op->call = CALL_covh_run_tvm_vcpu; /* nothing happens after a reset */
    generate_call_args(aim, op);
    if (random_chance(aim->r, 2))
        op->a[6] = random_below(aim->r, 64);
}

/* A call by number: unknown extensions and functions, junk in the function word, every register wild. */
static void make_ecall(const struct aim *aim, struct trace_op *op, bool guest)
{
    static const uint64_t extensions[] = {SBI_EID_COVI, SBI_EID_COVG, SBI_EID_COVH, SBI_EID_NACL,
                                          0x504D55,     0x53555350,   0x43505043,   0x535441,
                                          0x535345,     0x46574654,   0x44425452,   0x4D505859};
    struct random *r = aim->r;

    op->op = guest ? OP_GUEST_ECALL : OP_HOST_ECALL;
    for (unsigned i = 0; i < 6; i++)
        value_good(aim, (enum abi_arg_kind)(1 + random_below(r, ABI_KIND_IRQ)), op, i);
    const struct abi_call *call = abi_call_by_id(any_call(r, random_chance(r, 50)));
    value_raw(op, 6, random_chance(r, 50) ? call->fid : random_below(r, 40));
    value_raw(op, 7, random_chance(r, 50) ? call->eid : extensions[random_below(r, COUNT_OF(extensions))]);
    if (random_chance(r, 30))
        op->a[6] |= 1ull << random_below(r, 64);
    if (random_chance(r, 15))
        op->a[7] = random_chance(r, 50) ? random_below(r, 16) : op->a[7] | 1ull << random_below(r, 64);
}

/* Root in the window, any mode, a VMID that TVMs may have. */
static uint64_t hostile_hgatp(struct random *r)
{
    uint64_t mode = 8 + random_below(r, 3);
    uint64_t vmid = random_below(r, 4);

    return mode << 60 | vmid << 44 | ((MACHINE_WINDOW_BASE >> 12) + random_below(r, 64));
}

static void make_csr(const struct aim *aim, struct trace_op *op, bool guest)
{
    static const uint16_t host_csrs[] = {0x680, 0x280, 0x645, 0x604, 0x10a, 0x105, 0x180, 0x140, 0x602,
                                         0x603, 0x600, 0x606, 0x607, 0x605, 0x60a, 0x200, 0x205, 0x240,
                                         0x241, 0x242, 0x243, 0x24d, 0x14d, 0x104, 0x100, 0x106, 0x142,
                                         0x143, 0x141, 0x643, 0x64a, 0x244, 0x204, 0x003, 0x144, 0x644};
    static const uint16_t guest_csrs[] = {0x140, 0x105, 0x141, 0x142, 0x143, 0x180, 0x100, 0x104, 0x144, 0x14d,
                                          0x10a, 0x106, 0x003, 0xc01, 0xc00, 0x680, 0x600, 0x300, 0x3a0, 0x240};
    struct random *r = aim->r;
    bool write = random_chance(r, 65);

    op->op = (uint8_t)(guest ? (write ? OP_GUEST_CSR_WRITE : OP_GUEST_CSR_READ)
                             : (write ? OP_HOST_CSR_WRITE : OP_HOST_CSR_READ));
    uint64_t csr =
        guest ? guest_csrs[random_below(r, COUNT_OF(guest_csrs))] : host_csrs[random_below(r, COUNT_OF(host_csrs))];
    value_raw(op, 0, random_chance(r, 95) ? csr : random_next(r));
    value_raw(op, 1, random_chance(r, 40) ? random_next(r) : value_edge(r, random_next(r) & 0xffff));
    if (csr == 0x680 && write && random_chance(r, 60))
        op->a[1] = hostile_hgatp(r);
}

static void make_access(const struct aim *aim, struct trace_op *op, bool guest)
{
    static const uint8_t host_ops[] = {OP_HOST_LOAD, OP_HOST_LOAD, OP_HOST_STORE, OP_HOST_FETCH};
    static const uint8_t guest_ops[] = {OP_GUEST_LOAD, OP_GUEST_STORE, OP_GUEST_STORE, OP_GUEST_FETCH};
    struct random *r = aim->r;

    op->op = guest ? guest_ops[random_below(r, 4)] : host_ops[random_below(r, 4)];
    if (guest)
        value_raw(op, 0, value_guest_address(aim, &aim->s->tvm[aim->s->guest[op->hart]]));
    else
        value_host_address(aim, op, 0);
    value_raw(op, 1, random_chance(r, 80) ? 8 : 1u << random_below(r, 3));
    value_raw(op, 2, random_next(r));
}

/* Instructions that access memory, with a register: every width, sign and compressed form, and what no monitor emulates. */
static uint32_t access_insn(struct random *r)
{
    static const uint32_t words[] = {0x00000003, 0x00001003, 0x00002003, 0x00003003, 0x00004003, 0x00005003, 0x00006003,
                                     0x00000023, 0x00001023, 0x00002023, 0x00003023, 0x00002007, 0x00003027, 0x0000202f,
                                     0x1000302f, 0x1800302f, 0x00007003, 0x02050007, 0x0005000f};
    static const uint16_t halves[] = {0x4000, 0x6000, 0xc000, 0xe000, 0x4002, 0x6002,
                                      0xc002, 0xe002, 0x2000, 0xa000, 0x2002, 0xa002};
    uint32_t reg = (uint32_t)random_below(r, 32);

    if (random_chance(r, 5))
        return (uint32_t)random_next(r);
    if (random_chance(r, 30)) {
        uint32_t half = halves[random_below(r, COUNT_OF(halves))];
        return half | (reg & 7) << 2 | (random_chance(r, 50) ? reg << 7 : 0);
    }
    uint32_t word = words[random_below(r, random_chance(r, 85) ? 11 : COUNT_OF(words))];
    return word | reg << ((word & 0x7f) == 0x23 ? 20 : 7) | (uint32_t)random_below(r, 32) << 15;
}

void generate_exec(const struct aim *aim, struct trace_op *op)
{
    op->op = OP_GUEST_EXEC;
    value_raw(op, 0, access_insn(aim->r));
    value_raw(op, 1, value_guest_address(aim, &aim->s->tvm[aim->s->guest[op->hart]]));
    if (random_chance(aim->r, 15))
        op->a[1] += random_below(aim->r, 8);
    value_raw(op, 2, random_chance(aim->r, 40));
}

/* Traps that hardware can raise while a guest runs. */
static void make_guest_trap(const struct aim *aim, struct trace_op *op)
{
    static const uint8_t causes[] = {0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 15, 20, 21, 22, 23};
    struct random *r = aim->r;

    op->op = OP_GUEST_TRAP;
    value_raw(op, 0, causes[random_below(r, COUNT_OF(causes))]);
    value_raw(op, 1,
              random_chance(r, 60) ? value_guest_address(aim, &aim->s->tvm[aim->s->guest[op->hart]]) : random_next(r));
    value_raw(op, 2, op->a[0] >= 20 ? op->a[1] >> 2 : 0);
    value_raw(op, 3,
              random_chance(r, 60)   ? 0
              : random_chance(r, 50) ? 0x2000 + 0x1000 * random_below(r, 2)
                                     : random_next(r));
}

static void make_guest_op(const struct aim *aim, struct trace_op *op)
{
    struct random *r = aim->r;
    uint64_t pick = random_below(r, 100);

    if (pick < 27) {
        make_access(aim, op, true);
    } else if (pick < 36) {
        generate_exec(aim, op);
    } else if (pick < 51) {
        op->op = OP_GUEST_CALL;
        op->call = any_call(r, true);
        generate_call_args(aim, op);
    } else if (pick < 56) {
        make_ecall(aim, op, true);
    } else if (pick < 68) {
        make_csr(aim, op, true);
    } else if (pick < 76) {
        op->op = OP_GUEST_REG;
        value_raw(op, 0, 1 + random_below(r, TRACE_MAX_REGISTER));
        value_raw(op, 1, random_next(r));
    } else if (pick < 82) {
        make_guest_trap(aim, op);
    } else if (pick < 88) {
        op->op = OP_GUEST_WFI;
    } else if (pick < 91) {
        op->op = OP_GUEST_VIRTUAL;
        value_raw(op, 0, random_chance(r, 50) ? 0x10500073 : random_next(r) & 0xffffffff);
    } else if (pick < 98) {
        op->op = OP_IRQ;
        value_raw(op, 0, 1 + 4 * random_below(r, 3));
        value_raw(op, 1, random_chance(r, 85));
    } else {
        op->op = OP_GUEST_USER;
        value_raw(op, 0, random_below(r, 2));
    }
}

static void make_host_fence(const struct aim *aim, struct trace_op *op)
{
    op->op = OP_HOST_FENCE;
    value_raw(op, 0, random_below(aim->r, 3));
    value_raw(op, 1, LAYOUT_REGION >> (op->a[0] == 2 ? 2 : 0));
    value_raw(op, 2, random_below(aim->r, 4));
    value_raw(op, 3, random_chance(aim->r, 60) ? 3 : random_below(aim->r, 4));
}

/* The host's answer to a vCPU that waits, in its mailbox: a0 or a1. */
static void make_reply(const struct aim *aim, struct trace_op *op)
{
    struct random *r = aim->r;
    bool address = random_chance(r, 30);

    op->op = OP_HOST_WRITE64;
    value_handle(op, 0, ARG_RAM, 32 + 4 * op->hart, address ? 0x58 : 0x50);
    if (address)
        value_handle(op, 1, ARG_RAM, 64 + (uint32_t)random_below(r, 16), 0);
    else
        value_raw(op, 1, random_chance(r, 60) ? 0 : random_chance(r, 50) ? 0 - random_below(r, 1100) : random_next(r));
}

/* A word in host memory: half a parameter block for create_tvm. */
static void make_host_write(const struct aim *aim, struct trace_op *op)
{
    if (random_chance(aim->r, 40)) {
        make_reply(aim, op);
        return;
    }
    bool root = random_chance(aim->r, 50);
    uint32_t first = value_find_run(aim, SKETCH_FREE, -1, root ? 4 : 2, root ? 4 : 1);

    op->op = OP_HOST_WRITE64;
    value_handle(op, 0, ARG_RAM, (uint32_t)random_below(aim->r, 16), root ? 0 : 8);
    value_handle(op, 1, ARG_WIN, first != NO_RUN ? first : 0, 0);
    if (random_chance(aim->r, 20))
        value_raw(op, 1, random_next(aim->r));
}

static void make_host_op(const struct aim *aim, struct trace_op *op)
{
    struct random *r = aim->r;
    uint16_t pending = aim->s->pending[op->hart];
    uint64_t pick = random_below(r, 100);

    if (pending != 0 && pick < 25) {
        /* An interrupt that is not served keeps every guest from running. */
        op->op = OP_IRQ;
        value_raw(op, 0, (pending >> 1 & 1) != 0 ? 1 : (pending >> 5 & 1) != 0 ? 5 : 9);
        value_raw(op, 1, 0);
    } else if (pick < 66) {
        make_host_call(aim, op);
    } else if (pick < 76) {
        make_access(aim, op, false);
    } else if (pick < 81) {
        make_ecall(aim, op, false);
    } else if (pick < 88) {
        make_csr(aim, op, false);
    } else if (pick < 91) {
        op->op = OP_HOST_REG;
        value_raw(op, 0, 1 + random_below(r, TRACE_MAX_REGISTER));
        value_raw(op, 1, random_next(r));
    } else if (pick < 94) {
        make_host_write(aim, op);
    } else if (pick < 95 && random_chance(r, 50)) {
        generate_device(aim, op);
    } else if (pick < 95) {
        op->op = OP_HOST_FILL;
        value_handle(op, 0, ARG_RAM, (uint32_t)random_below(r, 16), 0);
        value_raw(op, 1, 4096 * (1 + random_below(r, 3)));
        value_raw(op, 2, random_next(r));
    } else if (pick < 96) {
        make_host_fence(aim, op);
    } else if (pick < 97) {
        op->op = OP_CONSOLE_INPUT;
        value_raw(op, 0, random_next(r));
    } else if (pick < 98 && random_chance(r, 50)) {
        op->op = OP_HOST_FDT;
        value_handle(op, 0, ARG_RAM, (uint32_t)random_below(r, 16), 0);
        value_raw(op, 1, random_chance(r, 90) ? 1 + random_below(r, 4) : random_next(r));
        value_raw(op, 2, LAYOUT_REGION);
        value_raw(op, 3, LAYOUT_REGION_LEN);
    } else if (pick < 98) {
        op->op = OP_TIME;
        value_raw(op, 0, value_edge(r, 1000));
    } else if (pick < 99) {
        op->op = OP_IRQ;
        value_raw(op, 0, 1 + 4 * random_below(r, 3));
        value_raw(op, 1, random_below(r, 2));
    } else {
        op->op = OP_HOST_USER;
        value_raw(op, 0, random_below(r, 2));
    }
}

static uint8_t choose_hart(const struct aim *aim)
{
    uint8_t hart = (uint8_t)random_below(aim->r, aim->s->harts);

    /* A hart that is stopped does nothing: mostly take one that runs. */
    for (unsigned i = 0; i < aim->s->harts && (aim->s->started >> hart & 1) == 0 && random_chance(aim->r, 97); i++)
        hart = (uint8_t)((hart + 1) % aim->s->harts);
    return hart;
}

void generate_op(const struct aim *aim, struct trace_op *op)
{
    *op = (struct trace_op){.hart = choose_hart(aim)};
    if (sketch_in_guest(aim->s, op->hart))
        make_guest_op(aim, op);
    else
        make_host_op(aim, op);
    trace_op_canonical(op, aim->s->harts);
    if (random_chance(aim->r, SPOIL_PERCENT))
        generate_spoil(aim, op);
}
