/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of the operations and their canonical form. Total: whatever an operation contains, it is a legal one
 * afterwards, and doing it twice changes nothing more.
 */
#include <string.h>

#include "harness/trace/ops.h"

static const struct op_shape shapes[OP_COUNT] = {
    [OP_NOP] = {"nop", false, 0, {{0}}},
    [OP_HOST_CALL] = {NULL, false, 0, {{0}}},
    [OP_HOST_ECALL] = {"host_ecall",
                       false,
                       8,
                       {{"a0", 0}, {"a1", 0}, {"a2", 0}, {"a3", 0}, {"a4", 0}, {"a5", 0}, {"a6", 0}, {"a7", 0}}},
    [OP_GUEST_CALL] = {NULL, true, 0, {{0}}},
    [OP_GUEST_ECALL] = {"guest_ecall",
                        true,
                        8,
                        {{"a0", 0}, {"a1", 0}, {"a2", 0}, {"a3", 0}, {"a4", 0}, {"a5", 0}, {"a6", 0}, {"a7", 0}}},
    [OP_HOST_LOAD] = {"host_load", false, 2, {{"addr", 0}, {"width", RULE_WIDTH}}},
    [OP_HOST_STORE] = {"host_store", false, 3, {{"addr", 0}, {"width", RULE_WIDTH}, {"value", 0}}},
    [OP_HOST_FETCH] = {"host_fetch", false, 1, {{"addr", 0}}},
    [OP_GUEST_LOAD] = {"guest_load", true, 2, {{"addr", 0}, {"width", RULE_WIDTH}}},
    [OP_GUEST_STORE] = {"guest_store", true, 3, {{"addr", 0}, {"width", RULE_WIDTH}, {"value", 0}}},
    [OP_GUEST_FETCH] = {"guest_fetch", true, 1, {{"addr", 0}}},
    [OP_HOST_CSR_READ] = {"host_csr_read", false, 1, {{"csr", RULE_CSR}}},
    [OP_HOST_CSR_WRITE] = {"host_csr_write", false, 2, {{"csr", RULE_CSR}, {"value", 0}}},
    [OP_GUEST_CSR_READ] = {"guest_csr_read", true, 1, {{"csr", RULE_CSR}}},
    [OP_GUEST_CSR_WRITE] = {"guest_csr_write", true, 2, {{"csr", RULE_CSR}, {"value", 0}}},
    [OP_HOST_REG] = {"host_reg", false, 2, {{"reg", RULE_REGISTER}, {"value", 0}}},
    [OP_GUEST_REG] = {"guest_reg", true, 2, {{"reg", RULE_REGISTER}, {"value", 0}}},
    [OP_GUEST_TRAP] = {"guest_trap", true, 4, {{"cause", 0}, {"tval", 0}, {"tval2", 0}, {"tinst", 0}}},
    [OP_HOST_TRAP] = {"host_trap", false, 4, {{"cause", 0}, {"tval", 0}, {"tval2", 0}, {"tinst", 0}}},
    [OP_GUEST_WFI] = {"guest_wfi", true, 0, {{0}}},
    [OP_GUEST_VIRTUAL] = {"guest_virtual", true, 1, {{"insn", 0}}},
    [OP_IRQ] = {"irq", false, 2, {{"number", RULE_IRQ}, {"level", RULE_BIT}}},
    [OP_HOST_FILL] = {"host_fill", false, 3, {{"addr", 0}, {"len", RULE_FILL}, {"pattern", 0}}},
    [OP_HOST_WRITE64] = {"host_write64", false, 2, {{"addr", 0}, {"value", 0}}},
    [OP_HOST_FENCE] = {"host_fence", false, 4, {{"type", RULE_FENCE}, {"addr", 0}, {"id", 0}, {"all", RULE_TWO_BITS}}},
    [OP_CONSOLE_INPUT] = {"console_input", false, 1, {{"byte", RULE_BYTE}}},
    [OP_TIME] = {"time", false, 1, {{"ticks", 0}}},
    [OP_GUEST_USER] = {"guest_user", true, 1, {{"on", RULE_BIT}}},
    [OP_HOST_USER] = {"host_user", false, 1, {{"on", RULE_BIT}}},
    [OP_EXPECT] = {NULL, false, 0, {{0}}},
    [OP_GUEST_EXEC] = {"guest_exec", true, 3, {{"insn", RULE_WORD}, {"addr", 0}, {"tinst", RULE_BIT}}},
    [OP_HOST_FDT] = {"host_fdt", false, 4, {{"addr", 0}, {"cpus", RULE_BYTE}, {"mem_base", 0}, {"mem_size", 0}}},
    [OP_HOST_RACE] = {"host_race", false, 2, {{"addr", 0}, {"value", 0}}},
    [OP_HOST_RACE_READ] = {"host_race_read", false, 3, {{"skip", RULE_BYTE}, {"word", RULE_BYTE}, {"flip", 0}}},
    [OP_FAULT] = {"fault", false, 2, {{"place", RULE_BYTE}, {"skip", RULE_BYTE}}},
    [OP_DEVICE_READ] = {"device_read", false, 2, {{"addr", 0}, {"width", RULE_WIDTH}}},
    [OP_DEVICE_WRITE] = {"device_write", false, 3, {{"addr", 0}, {"width", RULE_WIDTH}, {"value", 0}}},
    [OP_FAIL] = {"fail", false, 2, {{"kind", RULE_FAIL_KIND}, {"skip", RULE_BYTE}}},
};

const struct op_shape *trace_op_shape(uint8_t op)
{
    return &shapes[op];
}

int trace_op_by_name(const char *name, size_t len)
{
    for (int op = 0; op < OP_COUNT; op++) {
        const char *candidate = shapes[op].name;
        if (candidate != NULL && strlen(candidate) == len && memcmp(candidate, name, len) == 0)
            return op;
    }
    return -1;
}

unsigned trace_op_args(const struct trace_op *op)
{
    if (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) {
        const struct abi_call *call = abi_call_by_id(op->call);
        return call != NULL ? call->args : 0;
    }
    return shapes[op->op].args;
}

unsigned trace_expect_fields(uint16_t kind)
{
    switch (kind) {
    case EXPECT_RESULT: return 2;
    case EXPECT_EXIT: return TRACE_EXPECT_FIELDS;
    case EXPECT_VALUE:
    case EXPECT_TRAP: return 1;
    default: return 0;
    }
}

const char *trace_expect_name(unsigned field)
{
    static const char *const names[TRACE_EXPECT_FIELDS] = {
        "error", "value", "scause", "stval", "htval", "htinst", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"};
    return names[field];
}

/* Fields that have a place of their own, and places there are: a[7] holds the mask. */
#define FIXED_FIELDS 6u
#define FIELD_SLOTS 7u

int trace_expect_slot(uint64_t mask, unsigned field)
{
    unsigned slot = 0;

    if ((mask >> field & 1) == 0)
        return -1;
    if (field < FIXED_FIELDS)
        return (int)field;
    for (unsigned other = FIXED_FIELDS;; other++) {
        while (slot < FIXED_FIELDS && (mask >> slot & 1) != 0)
            slot++;
        if (other == field)
            return slot < FIELD_SLOTS ? (int)slot : -1;
        slot += (unsigned)(mask >> other & 1);
    }
}

static uint64_t reduce(enum arg_rule rule, uint64_t value)
{
    static const uint8_t irqs[] = {1, 5, 9};

    switch (rule) {
    case RULE_WIDTH: return value == 1 || value == 2 || value == 4 || value == 8 ? value : 1ull << (value & 3);
    case RULE_CSR: return value & 0xfff;
    case RULE_REGISTER: return value >= 1 && value <= TRACE_MAX_REGISTER ? value : value % TRACE_MAX_REGISTER + 1;
    case RULE_BIT: return value & 1;
    case RULE_TWO_BITS: return value & 3;
    case RULE_BYTE: return value & 0xff;
    case RULE_WORD: return value & UINT32_MAX;
    case RULE_IRQ: return value == 1 || value == 5 || value == 9 ? value : irqs[value % 3];
    case RULE_FENCE:
    case RULE_FAIL_KIND: return value % 3;
    case RULE_FILL: return value <= TRACE_MAX_FILL ? value : value % (TRACE_MAX_FILL + 1);
    case RULE_ANY: break;
    }
    return value;
}

static void clear_args(struct trace_op *op, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        op->kind[i] = ARG_RAW;
        op->a[i] = 0;
    }
}

/* A CALL that names no call of its caller is the same attempt by number. */
static void call_to_ecall(struct trace_op *op)
{
    const struct abi_call *other = abi_call_by_id(op->call);

    op->op = op->op == OP_HOST_CALL ? OP_HOST_ECALL : OP_GUEST_ECALL;
    if (other != NULL) {
        /* A function of the other caller: interesting in itself, so keep its numbers. */
        op->a[6] = other->fid;
        op->a[7] = other->eid;
        op->kind[7] = ARG_RAW;
    } else {
        op->a[6] = op->call;
    }
    op->kind[6] = ARG_RAW;
    op->call = 0;
}

static void canonical_call(struct trace_op *op)
{
    const struct abi_call *call = abi_call_by_id(op->call);

    if (call == NULL || call->guest != (op->op == OP_GUEST_CALL)) {
        call_to_ecall(op);
        return;
    }
    clear_args(op, call->args, 6);
    op->kind[6] = ARG_RAW;
    op->a[6] &= 63; /* width of a supervisor domain id */
    clear_args(op, 7, 8);
}

static void canonical_expect(struct trace_op *op)
{
    op->call %= EXPECT_KIND_COUNT;
    uint64_t mask = op->a[7] & ((1ull << trace_expect_fields(op->call)) - 1);
    unsigned used = 0;
    for (unsigned field = 0; field < TRACE_EXPECT_FIELDS; field++) {
        int slot = trace_expect_slot(mask, field);
        if (slot >= 0)
            used |= 1u << slot;
        else
            mask &= ~(1ull << field);
    }
    for (unsigned i = 0; i < FIELD_SLOTS; i++) {
        if ((used >> i & 1) == 0)
            clear_args(op, i, i + 1);
    }
    op->kind[7] = ARG_RAW;
    op->a[7] = mask;
}

static void canonical_plain(struct trace_op *op)
{
    const struct op_shape *shape = &shapes[op->op];

    op->call = 0;
    for (unsigned i = 0; i < shape->args; i++) {
        if (shape->arg[i].rule == RULE_ANY)
            continue;
        op->kind[i] = ARG_RAW;
        op->a[i] = reduce(shape->arg[i].rule, op->a[i]);
    }
    clear_args(op, shape->args, 8);
}

void trace_op_canonical(struct trace_op *op, uint8_t harts)
{
    op->flags = 0;
    op->zero = 0;
    op->zero2 = 0;
    op->hart = (uint8_t)(op->hart % harts);
    for (unsigned i = 0; i < 8; i++)
        op->kind[i] = (uint8_t)(op->kind[i] % ARG_KIND_COUNT);
    if (op->op >= OP_COUNT)
        op->op = OP_HOST_ECALL;

    switch (op->op) {
    case OP_HOST_CALL:
    case OP_GUEST_CALL: canonical_call(op); break;
    case OP_EXPECT: canonical_expect(op); break;
    default: canonical_plain(op); break;
    }
}

static uint32_t clamp_pages(uint32_t pages, uint32_t max)
{
    if (pages < TRACE_MIN_PAGES)
        return TRACE_MIN_PAGES;
    return pages > max ? max : pages;
}

uint32_t trace_legal_host_pages(uint32_t pages)
{
    return pages == 0 ? 0 : clamp_pages(pages, TRACE_MAX_HOST_PAGES);
}

uint32_t trace_legal_window_pages(uint32_t pages)
{
    if (pages == 0)
        return 0;
    uint32_t wanted = clamp_pages(pages, TRACE_MAX_WINDOW_PAGES);
    uint32_t legal = TRACE_MIN_PAGES;
    while (legal * 2 <= wanted)
        legal *= 2;
    return legal;
}

const char *trace_iopmp_name(uint8_t iopmp)
{
    static const char *const names[IOPMP_COUNT] = {"present", "absent", "refused", "stuck"};

    return names[iopmp % IOPMP_COUNT];
}

bool trace_op_is_guest(uint8_t op)
{
    switch ((enum trace_op_code)op) {
    case OP_GUEST_CALL:
    case OP_GUEST_ECALL:
    case OP_GUEST_LOAD:
    case OP_GUEST_STORE:
    case OP_GUEST_FETCH:
    case OP_GUEST_CSR_READ:
    case OP_GUEST_CSR_WRITE:
    case OP_GUEST_REG:
    case OP_GUEST_TRAP:
    case OP_GUEST_WFI:
    case OP_GUEST_VIRTUAL:
    case OP_GUEST_USER:
    case OP_GUEST_EXEC: return true;
    default: return false;
    }
}
