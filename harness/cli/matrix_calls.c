/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which call a step made, and how it came out: for the caller, which for a guest call that leaves to the host is only
 * known when the vCPU runs again.
 */
#include "harness/cli/matrix.h"

#include <stdio.h>
#include <string.h>

#define A0 10u
#define SCAUSE_GUEST_ECALL 10u
#define HSM_NON_RETENTIVE 0x80000000u

static bool by_guest(const struct trace_op *op)
{
    return op->op == OP_GUEST_CALL || op->op == OP_GUEST_ECALL;
}

static bool by_host(const struct trace_op *op)
{
    return op->op == OP_HOST_CALL || op->op == OP_HOST_ECALL;
}

/* Short name of an extension that a raw ecall named. */
static const char *extension_name(uint64_t eid)
{
    size_t count;
    const struct abi_call *calls = abi_calls(&count);

    for (size_t i = 0; i < count; i++) {
        if (calls[i].eid == eid)
            return calls[i].ext;
    }
    return eid == SBI_EID_COVI ? "COVI" : "unknown";
}

static bool is_cove(uint64_t eid)
{
    return eid == SBI_EID_COVH || eid == SBI_EID_COVI || eid == SBI_EID_COVG;
}

/* A raw ecall that is well formed names the function it hits; anything else is a row of its own per extension. */
static const char *name_of_ecall(const struct matrix_step *s)
{
    static char row[MATRIX_NAME];
    bool guest = by_guest(s->op);
    uint64_t fid = s->a[6], eid = s->a[7];
    bool formed = eid == (uint32_t)eid && (fid == (uint32_t)fid || fid == (uint64_t)(int64_t)(int32_t)fid);
    const struct abi_call *call = NULL;

    if (formed && is_cove(eid) && COVE_RESERVED(fid) == 0 && COVE_SDID(fid) <= 1)
        call = abi_call_by_number(guest, eid, COVE_FID(fid));
    else if (formed && !is_cove(eid))
        call = abi_call_by_number(guest, eid, (uint32_t)fid);
    if (call != NULL)
        return call->name;
    snprintf(row, sizeof(row), "%s: other function of %s", guest ? "guest" : "host", extension_name(eid));
    return row;
}

const char *matrix_call_of(const struct matrix_step *s)
{
    static char row[MATRIX_NAME];

    if (s->op->op == OP_HOST_ECALL || s->op->op == OP_GUEST_ECALL)
        return name_of_ecall(s);
    if (s->op->op != OP_HOST_CALL && s->op->op != OP_GUEST_CALL)
        return NULL;
    const struct abi_call *call = abi_call_by_id(s->op->call);

    if (call == NULL)
        return NULL;
    if (s->a[6] > (is_cove(call->eid) ? 1u : 0u)) {
        snprintf(row, sizeof(row), "%s: other function of %s", call->guest ? "guest" : "host", call->ext);
        return row;
    }
    return call->name;
}

static const char *outcome_name(int64_t error)
{
    const char *name = trace_error_name(error);

    return name != NULL ? name : "other value";
}

/* Names that stay: the row of an "other function" is in a buffer that the next call overwrites. */
static const char *lasting_name(const char *name)
{
    const struct abi_call *call = abi_call_by_name(name, strlen(name));

    return call != NULL ? call->name : "guest: other function";
}

static void guest_left(struct matrix *x, struct matrix_calls *calls, const struct matrix_step *s, const char *call)
{
    uint32_t slot = s->before->tvm_slot[s->op->hart], vcpu = s->before->vcpu_id[s->op->hart];

    if (slot >= MONITOR_MAX_TVMS || vcpu >= TVM_MAX_VCPUS || s->seen->scause != SCAUSE_GUEST_ECALL)
        return;
    /* Calls after which the vCPU does not go on where it was have had all the outcome they will ever have. */
    if (s->seen->value != 0) {
        matrix_hit(x, "call", call, "SUCCESS");
        return;
    }
    struct matrix_pending *p = &calls->pending[slot][vcpu];

    p->call = lasting_name(call);
    p->tvm = s->before->tvm[slot].id;
    p->a0 = s->a[0];
}

/* The vCPU runs again: what it finds in a0 is the outcome of the call it left with. */
static void guest_back(struct matrix *x, struct matrix_calls *calls, const struct matrix_step *s)
{
    const struct machine *m = s->w->machine;
    uint32_t slot = s->after->tvm_slot[s->op->hart], vcpu = s->after->vcpu_id[s->op->hart];

    if (slot >= MONITOR_MAX_TVMS || vcpu >= TVM_MAX_VCPUS)
        return;
    struct matrix_pending *p = &calls->pending[slot][vcpu];

    if (p->call == NULL || p->tvm != s->after->tvm[slot].id)
        return;
    bool woken = strcmp(p->call, "guest_hsm_hart_suspend") == 0 && (p->a0 & HSM_NON_RETENTIVE) != 0;
    int64_t error = woken ? SBI_SUCCESS : (int64_t)m->hart[s->op->hart].x[A0];

    matrix_hit(x, "call", p->call, outcome_name(error));
    p->call = NULL;
}

/* Calls that name a TVM, by the state it was in. */
static void observe_state(struct matrix *x, const struct matrix_step *s, const char *call, const char *outcome)
{
    const struct abi_call *known = abi_call_by_name(call, strlen(call));
    char column[MATRIX_NAME];

    if (known == NULL || known->guest || known->args == 0 || known->arg[0].kind != ABI_KIND_TVM)
        return;
    uint32_t slot = view_slot(s->before, s->a[0]);

    if (slot == MONITOR_MAX_TVMS)
        return;
    snprintf(column, sizeof(column), "%s %s", view_tvm_name(s->before->tvm[slot].state), outcome);
    if (strcmp(outcome, "SUCCESS") == 0)
        matrix_hit(x, "state", call, column);
    else
        matrix_hit_if_listed(x, "state", call, column);
}

/* The value of hart_get_status is a state, and each has to be seen. */
static void observe_status(struct matrix *x, const struct matrix_step *s, const char *call)
{
    if (strstr(call, "hsm_hart_get_status") != NULL && s->seen->error == SBI_SUCCESS)
        matrix_hit(x, "hsm", call, view_hsm_name(s->seen->value));
}

static void came_out(struct matrix *x, const struct matrix_step *s, const char *call, const char *outcome)
{
    matrix_hit(x, "call", call, outcome);
    if (by_host(s->op))
        observe_state(x, s, call, outcome);
}

void matrix_observe_calls(struct matrix *x, struct matrix_calls *calls, const struct matrix_step *s)
{
    const char *call = matrix_call_of(s);
    uint32_t h = s->op->hart;
    bool guest_ran = s->before->tvm_slot[h] != HART_NO_TVM;

    if (call == NULL || s->before->halted || by_guest(s->op) != guest_ran)
        return;
    switch (s->seen->kind) {
    case EXPECT_RESULT:
        came_out(x, s, call, outcome_name(s->seen->error));
        observe_status(x, s, call);
        return;
    case EXPECT_ENTER:
        came_out(x, s, call, "SUCCESS");
        guest_back(x, calls, s);
        return;
    case EXPECT_EXIT: guest_left(x, calls, s, call); return;
    case EXPECT_NONE:
        /* The caller is gone: the hart stopped or suspended itself, or the system was reset. */
        if (s->after->halted || s->after->hsm[h] != s->before->hsm[h])
            came_out(x, s, call, "SUCCESS");
        return;
    default: return;
    }
}
