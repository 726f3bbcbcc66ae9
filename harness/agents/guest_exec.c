/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction of a guest that accesses memory. The guest has the instruction in its own memory at its pc, fetches it
 * there, and accesses the address that the trace gives (as if its base register held it). So the monitor, which may have
 * to look the instruction up, finds what a processor would have executed. All other instructions of guests are acted out
 * by operations of their own. What is no load or store is an
 * illegal instruction. Atomics exchange, whatever they are: nobody looks at the sum.
 */
#include "harness/agents/access_insn.h"
#include "harness/agents/agent.h"

/* Have the instruction at pc. Where the guest may not write, whatever is there stays. */
static void place(struct agent_step *s, uint64_t pc, uint32_t insn)
{
    machine_access(s->m, s->hart, pc, ACCESS_STORE, 2, insn & 0xffff);
    if ((insn & 3) == 3)
        machine_access(s->m, s->hart, pc + 2, ACCESS_STORE, 2, insn >> 16);
}

/* Fetch as a processor does that takes one parcel first. False when a trap was taken instead. */
static bool fetch(struct agent_step *s, uint64_t pc, uint32_t *insn)
{
    struct access_result r = machine_access(s->m, s->hart, pc, ACCESS_FETCH, 2, 0);

    if (r.ok && (r.value & 3) == 3)
        r = machine_access(s->m, s->hart, pc, ACCESS_FETCH, 4, 0);
    if (!r.ok) {
        agent_take_trap(s, &r.trap);
        return false;
    }
    *insn = (uint32_t)r.value;
    return true;
}

/* The access went through: what the instruction leaves behind. */
static void retire(struct agent_step *s, const struct access_insn *d, uint64_t loaded)
{
    struct machine_hart *hart = &s->m->hart[s->hart];

    if (d->form != FORM_STORE && d->fp)
        hart->f[d->reg] = access_insn_extend(d, loaded);
    else if (d->form != FORM_STORE && d->reg != 0)
        hart->x[d->reg] = access_insn_extend(d, loaded);
    hart->pc += d->len;
    agent_see_value(s, d->form == FORM_STORE ? 0 : loaded);
}

void guest_exec(struct agent_step *s)
{
    struct machine_hart *hart = &s->m->hart[s->hart];
    uint64_t pc = hart->pc;
    uint64_t loaded = 0;
    uint32_t insn = (uint32_t)s->a[0];

    place(s, pc, insn);
    if (!fetch(s, pc, &insn))
        return;
    struct access_insn d = access_insn_decode(insn);
    if (d.form == FORM_NONE) {
        agent_take_trap(s, &(struct trap){.cause = 2, .tval = insn});
        return;
    }
    bool writes = d.form != FORM_LOAD;
    uint64_t value = d.fp ? hart->f[d.reg] : hart->x[d.form == FORM_AMO ? d.source : d.reg];
    struct access_result r = {.ok = true};
    if (d.form == FORM_AMO)
        loaded = machine_access(s->m, s->hart, s->a[1], ACCESS_LOAD, d.width, 0).value;
    r = machine_access(s->m, s->hart, s->a[1], writes ? ACCESS_STORE : ACCESS_LOAD, d.width, value);
    if (!r.ok) {
        bool guest_page = r.trap.cause == 21 || r.trap.cause == 23;
        if (guest_page && r.trap.tinst == 0 && (s->a[2] & 1) != 0)
            r.trap.tinst = d.transformed;
        agent_take_trap(s, &r.trap);
        return;
    }
    s->w->stored_secret |= writes; /* registers hold secrets */
    retire(s, &d, d.form == FORM_LOAD ? r.value : loaded);
}
