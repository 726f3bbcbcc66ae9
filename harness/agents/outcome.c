/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an operation looks to the agent that acted: results of calls, the entry into a guest, the exit record, a trap
 * taken by the agent's own handler. Only architectural state of the acting hart and the host's own mailbox are read.
 */
#include <stdio.h>
#include <string.h>

#include "harness/agents/agent.h"
#include "harness/trace/ops.h"

/* One word of the host's mailbox, as the host would load it; 0 when it registered none. */
static uint64_t mailbox_csr(const struct machine *m, uint32_t h, unsigned csr)
{
    const struct hart *hart = &m->monitor->hart[h];
    uint64_t value = 0;

    if (!hart->shmem_set)
        return 0;
    machine_read(m, hart->shmem.value + NACL_CSR_OFFSET(csr), &value, sizeof(value));
    return value;
}

static void see_result(struct agent_step *s)
{
    s->result->kind = EXPECT_RESULT;
    s->result->error = (int64_t)s->m->hart[s->hart].x[A0];
    s->result->value = s->m->hart[s->hart].x[A1];
}

/* a0..a7 of the host's mailbox, likewise. */
static void mailbox_args(const struct machine *m, uint32_t h, uint64_t a[8])
{
    const struct hart *hart = &m->monitor->hart[h];

    memset(a, 0, 8 * sizeof(a[0]));
    if (!hart->shmem_set)
        return;
    machine_read(m, hart->shmem.value + NACL_GPR_OFFSET(A0), a, 8 * sizeof(a[0]));
}

static void see_exit(struct agent_step *s)
{
    see_result(s);
    s->result->kind = EXPECT_EXIT;
    s->result->scause = machine_csr_read(s->m, s->hart, CSR_SCAUSE);
    s->result->stval = machine_csr_read(s->m, s->hart, CSR_STVAL);
    s->result->htval = mailbox_csr(s->m, s->hart, 0x643);
    s->result->htinst = mailbox_csr(s->m, s->hart, 0x64a);
    mailbox_args(s->m, s->hart, s->result->a);
}

static void see_trap(struct agent_step *s, uint64_t cause)
{
    s->result->kind = EXPECT_TRAP;
    s->result->value = cause;
}

void agent_see_host(struct agent_step *s, enum trap_taker taker, bool ecall)
{
    if (taker == TAKEN_BY_NOBODY || !agent_hart_runs(s->m, s->hart))
        return;
    if (machine_in_guest(s->m, s->hart))
        s->result->kind = EXPECT_ENTER;
    else if (taker == TAKEN_BY_HOST)
        see_trap(s, machine_csr_read(s->m, s->hart, CSR_SCAUSE));
    else if (ecall)
        see_result(s);
}

/*
 * Did the monitor send the guest into its own trap handler? A guest that was there already, and goes on, looks the same
 * by its pc: what was delivered has to be what this trap is answered with, too.
 */
static bool injected(const struct agent_step *s, uint64_t pc_before, const struct trap *t)
{
    uint64_t handler = machine_csr_read(s->m, s->hart, CSR_VSTVEC) & ~UINT64_C(3);
    uint64_t cause = machine_csr_read(s->m, s->hart, CSR_VSCAUSE);

    if (s->m->hart[s->hart].pc != handler || machine_csr_read(s->m, s->hart, CSR_VSEPC) != pc_before)
        return false;
    if (pc_before != handler)
        return true;
    return t != NULL && machine_csr_read(s->m, s->hart, CSR_VSTVAL) == t->tval &&
           (cause == 1 || cause == 2 || cause == 5 || cause == 7);
}

void agent_see_guest(struct agent_step *s, enum trap_taker taker, bool ecall, uint64_t pc_before, const struct trap *t)
{
    if (taker == TAKEN_BY_NOBODY || !agent_hart_runs(s->m, s->hart))
        return;
    if (!machine_in_guest(s->m, s->hart)) {
        if (taker == TAKEN_BY_HOST)
            see_trap(s, machine_csr_read(s->m, s->hart, CSR_SCAUSE));
        else
            see_exit(s);
        return;
    }
    if (taker == TAKEN_BY_GUEST)
        see_trap(s, machine_csr_read(s->m, s->hart, CSR_VSCAUSE));
    else if (ecall)
        see_result(s);
    else if (injected(s, pc_before, t))
        see_trap(s, machine_csr_read(s->m, s->hart, CSR_VSCAUSE));
}

void agent_take_trap(struct agent_step *s, const struct trap *t)
{
    bool guest = machine_in_guest(s->m, s->hart);
    uint64_t pc = s->m->hart[s->hart].pc;
    enum trap_taker taker = machine_trap(s->m, s->hart, t);

    if (guest)
        agent_see_guest(s, taker, false, pc, t);
    else
        agent_see_host(s, taker, false);
}

enum trap_taker agent_ecall(struct agent_step *s, const uint64_t args[6], uint64_t fid, uint64_t eid)
{
    struct machine_hart *hart = &s->m->hart[s->hart];
    struct world *w = s->w;

    for (unsigned i = 0; i < 6; i++)
        hart->x[A0 + i] = args[i];
    hart->x[A6] = fid;
    hart->x[A7] = eid;
    bool host = !machine_in_guest(s->m, s->hart);
    machine_copies_repeat(s->m, s->hart, host && (uint32_t)eid == SBI_EID_COVH && COVE_FID(fid) == 7);
    enum trap_taker taker = machine_ecall(s->m, s->hart);
    w->calls++;

    bool create = (uint32_t)eid == SBI_EID_COVH && (COVE_FID(fid) == 5 || COVE_FID(fid) == 7);
    bool answered = host && taker == TAKEN_BY_MONITOR && agent_hart_runs(s->m, s->hart);
    if (create && answered && hart->x[A0] == SBI_SUCCESS && w->tvm_count < WORLD_MAX_TVM_HANDLES)
        w->tvm_id[w->tvm_count++] = hart->x[A1];
    return taker;
}

/* --- expectations ----------------------------------------------------------------------------------------------- */

static const char *kind_name(unsigned kind)
{
    static const char *const names[EXPECT_KIND_COUNT] = {"RESULT", "ENTER", "EXIT", "VALUE", "TRAP", "NONE"};

    return kind < EXPECT_KIND_COUNT ? names[kind] : "?";
}

/* The fields of a result in the order of OP_EXPECT; returns how many the kind has. */
static unsigned seen_fields(const struct step_result *seen, uint64_t word[TRACE_EXPECT_FIELDS])
{
    switch (seen->kind) {
    case EXPECT_RESULT:
    case EXPECT_EXIT:
        word[0] = (uint64_t)seen->error;
        word[1] = seen->value;
        word[2] = seen->scause;
        word[3] = seen->stval;
        word[4] = seen->htval;
        word[5] = seen->htinst;
        memcpy(word + 6, seen->a, sizeof(seen->a));
        return seen->kind == EXPECT_RESULT ? 2 : TRACE_EXPECT_FIELDS;
    case EXPECT_VALUE:
    case EXPECT_TRAP: word[0] = seen->value; return 1;
    default: return 0;
    }
}

static void say(char *why, size_t max, const char *what, uint64_t expected, uint64_t seen)
{
    if (why != NULL && max != 0)
        snprintf(why, max, "%s: expected 0x%llx, saw 0x%llx", what, (unsigned long long)expected,
                 (unsigned long long)seen);
}

static void say_error(char *why, size_t max, int64_t expected, int64_t seen)
{
    const char *a = trace_error_name(expected);
    const char *b = trace_error_name(seen);

    if (a == NULL || b == NULL)
        say(why, max, "error", (uint64_t)expected, (uint64_t)seen);
    else if (why != NULL && max != 0)
        snprintf(why, max, "error: expected %s, saw %s", a, b);
}

bool world_expect(const struct world *w, const struct trace_op *expect, const struct step_result *seen, char *why,
                  size_t max)
{
    uint64_t word[TRACE_EXPECT_FIELDS] = {0};

    if (expect->call != seen->kind) {
        if (why != NULL && max != 0)
            snprintf(why, max, "expected %s, saw %s", kind_name(expect->call), kind_name(seen->kind));
        return false;
    }
    unsigned fields = seen_fields(seen, word);
    for (unsigned i = 0; i < fields; i++) {
        int slot = trace_expect_slot(expect->a[7], i);
        uint64_t expected = slot >= 0 ? world_resolve(w, expect, (unsigned)slot) : 0;
        if (slot < 0 || expected == word[i])
            continue;
        if (fields == 1)
            say(why, max, seen->kind == EXPECT_TRAP ? "cause" : "value", expected, word[i]);
        else if (i == 0)
            say_error(why, max, (int64_t)expected, (int64_t)word[i]);
        else
            say(why, max, trace_expect_name(i), expected, word[i]);
        return false;
    }
    return true;
}
