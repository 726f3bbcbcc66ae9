/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest's step ended: the row of the exit table it falls under, and what became of a fault in each kind of region.
 */
#include "harness/cli/matrix.h"

#include <stdio.h>

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
    if (s->seen->kind == EXPECT_TRAP && s->op->op == OP_GUEST_VIRTUAL) {
        char column[MATRIX_NAME];

        snprintf(column, sizeof(column), "other injects %u", (unsigned)s->seen->value);
        matrix_hit(x, "exit", "virtual instruction", column);
    }
}
