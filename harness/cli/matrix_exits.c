/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest's step ended: the row of the exit table it falls under, and what became of a fault in each kind of region.
 */
#include "harness/cli/matrix.h"

#include <stdio.h>
#include <string.h>

#define INTERRUPT (UINT64_C(1) << 63)
#define CSR_VSATP 0x280u

static const char *access_name(uint64_t cause)
{
    switch (cause) {
    case 20: return "fetch";
    case 21: return "load";
    case 23: return "store";
    default: return NULL;
    }
}

static bool is_guest_op(const struct trace_op *op)
{
    switch ((enum trace_op_code)op->op) {
    case OP_GUEST_CALL:
    case OP_GUEST_ECALL:
    case OP_GUEST_LOAD:
    case OP_GUEST_STORE:
    case OP_GUEST_FETCH:
    case OP_GUEST_CSR_READ:
    case OP_GUEST_CSR_WRITE:
    case OP_GUEST_TRAP:
    case OP_GUEST_WFI:
    case OP_GUEST_VIRTUAL:
    case OP_GUEST_EXEC:
    case OP_IRQ: return true;
    default: return false;
    }
}

static void observe_exit(struct matrix *x, const struct matrix_step *s, const struct tvm_view *t)
{
    const struct step_result *seen = s->seen;
    const char *access = access_name(seen->scause);
    const char *call = matrix_call_of(s);
    char column[MATRIX_NAME];

    if (seen->scause == 10 && call != NULL) {
        matrix_hit(x, "exit", "ecall", call);
    } else if (seen->value != 0) {
        matrix_hit(x, "exit", "fatal", "vCPU dead");
    } else if ((seen->scause & INTERRUPT) != 0) {
        snprintf(column, sizeof(column), "%u", (unsigned)(seen->scause & 63));
        matrix_hit(x, "exit", "interrupt", column);
    } else if (access != NULL && seen->htinst != 0) {
        matrix_hit(x, "exit", "emulated device", access);
    } else if (access != NULL) {
        snprintf(column, sizeof(column), "%s", access);
        matrix_hit(x, "exit", view_region_name(view_region_at(t, seen->htval << 2)), column);
    } else if (seen->scause == 22) {
        matrix_hit(x, "exit", "virtual instruction", "wfi");
    } else {
        snprintf(column, sizeof(column), "scause %llu", (unsigned long long)seen->scause);
        matrix_hit(x, "exit", "other", column);
    }
}

/* --- accesses to emulated devices --------------------------------------------------------------------------- */

/* Name of a load or store, NULL for anything else. */
static const char *load_store_name(uint32_t insn)
{
    static const char *const loads[8] = {"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", NULL};
    static const char *const stores[8] = {"sb", "sh", "sw", "sd", NULL, NULL, NULL, NULL};

    switch (insn & 0x7f) {
    case 0x03: return loads[insn >> 12 & 7];
    case 0x23: return stores[insn >> 12 & 7];
    default: break;
    }
    switch (insn & 0xe003) {
    case 0x4000: return "c.lw";
    case 0x6000: return "c.ld";
    case 0xc000: return "c.sw";
    case 0xe000: return "c.sd";
    case 0x4002: return "c.lwsp";
    case 0x6002: return "c.ldsp";
    case 0xc002: return "c.swsp";
    case 0xe002: return "c.sdsp";
    default: return NULL;
    }
}

/* The step as an access to a device: address and instruction, and whether hardware described it. False if it is none. */
static bool device_access(const struct matrix_step *s, const struct tvm_view *t, uint32_t *insn, bool *described)
{
    bool exec = s->op->op == OP_GUEST_EXEC;
    bool trap = s->op->op == OP_GUEST_TRAP && (s->a[3] & 1) != 0;

    /* In a transformed instruction bit 1 tells the length of the original; the rest is a long one. */
    *insn = (uint32_t)(exec ? s->a[0] : s->a[3] | 2);
    *described = trap || (s->a[2] & 1) != 0;
    return (exec || trap) && view_region_at(t, exec ? s->a[1] : s->a[2] << 2) == REGION_MMIO;
}

static void observe_device(struct matrix *x, const struct matrix_step *s, const struct tvm_view *t)
{
    char column[MATRIX_NAME];
    uint32_t insn;
    bool described;

    if (!device_access(s, t, &insn, &described))
        return;
    const char *name = load_store_name(insn);

    if (s->seen->kind == EXPECT_EXIT && s->seen->htinst != 0 && name != NULL) {
        /* The transformed form does not tell which base register a short instruction had. */
        bool sp = strlen(name) == 6 && described;

        snprintf(column, sizeof(column), "%.*s", sp ? 4 : 6, name);
        matrix_hit(x, "mmio", column, described ? "mtinst" : "fetched");
    } else if (s->seen->kind == EXPECT_TRAP) {
        snprintf(column, sizeof(column), "injects %u", (unsigned)s->seen->value);
        matrix_hit(x, "mmio", name == NULL ? "other instruction" : "page end", column);
    } else if (s->seen->kind == EXPECT_NONE) {
        matrix_hit(x, "mmio", "fetch that faults", "goes on");
    }
}

/* --- faults by region --------------------------------------------------------------------------------------- */

/* Kind of access and guest-physical address of the step, where both can be told. */
static const char *access_of(const struct matrix_step *s, uint64_t *gpa)
{
    const struct trace_op *op = s->op;

    *gpa = s->a[0];
    switch ((enum trace_op_code)op->op) {
    case OP_GUEST_LOAD: return "load";
    case OP_GUEST_STORE: return "store";
    case OP_GUEST_FETCH: return "fetch";
    case OP_GUEST_TRAP: break;
    case OP_GUEST_EXEC: {
        const char *name = load_store_name((uint32_t)s->a[0]);

        *gpa = s->a[1];
        return name == NULL ? NULL : strchr(name, 'l') != NULL ? "load" : "store";
    }
    default: return NULL;
    }
    *gpa = s->a[2] << 2;
    switch (s->a[3]) {
    case 0x2000:
    case 0x3000: return access_name(s->a[0]) != NULL ? "walk read" : NULL;
    case 0x2020:
    case 0x3020: return access_name(s->a[0]) != NULL ? "walk write" : NULL;
    default: return access_name(s->a[0]);
    }
}

/* A fault by the region it was in: left to the host, or sent into the guest. */
static void observe_fault(struct matrix *x, const struct matrix_step *s, const struct tvm_view *t)
{
    char row[MATRIX_NAME], column[MATRIX_NAME];
    uint64_t gpa;
    const char *access = access_of(s, &gpa);

    /* Behind a first stage of its own the address is virtual. */
    bool translated = s->op->op != OP_GUEST_TRAP && machine_csr_read(s->w->machine, s->op->hart, CSR_VSATP) >> 60 != 0;

    if (access == NULL || translated)
        return;
    snprintf(row, sizeof(row), "%s", view_region_name(view_region_at(t, gpa)));
    if (s->seen->kind == EXPECT_EXIT && access_name(s->seen->scause) != NULL && s->seen->value == 0)
        snprintf(column, sizeof(column), "%s exits", access);
    else if (s->seen->kind == EXPECT_TRAP)
        snprintf(column, sizeof(column), "%s injects %u", access, (unsigned)s->seen->value);
    else
        return;
    matrix_hit_if_listed(x, "fault", row, column);
}

void matrix_observe_exits(struct matrix *x, const struct matrix_step *s)
{
    uint32_t slot = s->before->tvm_slot[s->op->hart];

    if (slot >= MONITOR_MAX_TVMS || !is_guest_op(s->op))
        return;
    if (s->seen->kind == EXPECT_EXIT)
        observe_exit(x, s, &s->before->tvm[slot]);
    observe_fault(x, s, &s->before->tvm[slot]);
    observe_device(x, s, &s->before->tvm[slot]);
    if (s->seen->kind == EXPECT_TRAP && s->op->op == OP_GUEST_VIRTUAL) {
        char column[MATRIX_NAME];

        snprintf(column, sizeof(column), "other injects %u", (unsigned)s->seen->value);
        matrix_hit(x, "exit", "virtual instruction", column);
    }
}
