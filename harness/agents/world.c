/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a world: making, resetting, and the way of one operation from a trace to the agent that performs it and
 * past the oracles. Everything here is a function of configuration and trace.
 */
#include "harness/agents/world.h"

#include <stdlib.h>
#include <string.h>

#include "harness/agents/agent.h"
#include "harness/oracles/ni.h"
#include "harness/oracles/oracle.h"
#include "harness/trace/ops.h"

#define TRACE_FRAME_BYTES 4096u

/* Full audits also happen this often during a run: steps per audit, a power of two. */
#define STEPS_PER_AUDIT 64u

_Static_assert((int)IOPMP_PRESENT == (int)MACHINE_IOPMP_PRESENT && (int)IOPMP_ABSENT == (int)MACHINE_IOPMP_ABSENT &&
                   (int)IOPMP_REFUSED == (int)MACHINE_IOPMP_REFUSED && (int)IOPMP_STUCK == (int)MACHINE_IOPMP_STUCK,
               "traces and machine count alike");

struct machine_config world_config_for(const struct trace *t)
{
    struct machine_config config = machine_default_config();

    config.harts = t->harts;
    config.seed = t->seed;
    config.iopmp = t->iopmp;
    if (t->host_pages != 0)
        config.host_pages = t->host_pages;
    if (t->window_pages != 0) {
        config.window_pages = 1;
        while (config.window_pages < t->window_pages)
            config.window_pages *= 2; /* the window is one PMP entry */
    }
    return config;
}

struct world *world_create(const struct machine_config *config, uint32_t oracles)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->oracles = oracles;
    w->machine = machine_create(config);
    if (w->machine == NULL || !oracle_create(w)) {
        world_destroy(w);
        return NULL;
    }
    if ((oracles & ORACLE_NI) != 0) {
        w->twin = world_create(config, 0);
        if (w->twin == NULL || !ni_create(w)) {
            world_destroy(w);
            return NULL;
        }
    }
    world_reset(w);
    return w;
}

struct world *world_create_around(struct machine *m)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        machine_destroy(m);
        return NULL;
    }
    w->machine = m;
    if (!oracle_create(w)) {
        world_destroy(w);
        return NULL;
    }
    world_reset(w);
    return w;
}

void world_destroy(struct world *w)
{
    if (w == NULL)
        return;
    world_destroy(w->twin);
    ni_destroy(w);
    free(w->past);
    oracle_destroy(w);
    if (w->machine != NULL)
        machine_destroy(w->machine);
    free(w);
}

void world_reset(struct world *w)
{
    machine_reset(w->machine);
    memset(w->tvm_id, 0, sizeof(w->tvm_id));
    w->tvm_count = 0;
    w->step = 0;
    w->device_reached = w->overrun = w->stored_secret = false;
    memset(&w->finding, 0, sizeof(w->finding));
    oracle_reset(w);
    if (w->twin != NULL)
        ni_reset(w);
}

uint64_t world_resolve(const struct world *w, const struct trace_op *op, unsigned index)
{
    uint64_t value = op->a[index];
    uint32_t number = (uint32_t)value;
    uint64_t offset = (uint64_t)(int64_t)(int32_t)(value >> 32);
    uint64_t base;

    switch ((enum trace_arg_kind)op->kind[index]) {
    case ARG_WIN: base = MACHINE_WINDOW_BASE; break;
    case ARG_RAM: base = MACHINE_HOST_BASE; break;
    case ARG_MON: base = MACHINE_MONITOR_BASE; break;
    case ARG_MMIO: base = MACHINE_MMIO_BASE; break;
    case ARG_TVM: return (number < w->tvm_count ? w->tvm_id[number] : 0) + offset;
    case ARG_RAW:
    case ARG_KIND_COUNT:
    default: return value;
    }
    return base + (uint64_t)number * TRACE_FRAME_BYTES + offset;
}

bool agent_hart_runs(const struct machine *m, uint32_t h)
{
    return !machine_halted(m) && !m->hart[h].parked;
}

/*
 * Interrupts that the hart takes before its next instruction. M-mode's own arrive in every mode; the host's preempt a
 * guest always. An interrupt that the host takes in its own code is left to OP_IRQ, so that a trace stays readable.
 * True when the guest was taken off the hart, so that its operation does not happen.
 */
static bool preempted(struct agent_step *s)
{
    struct machine *m = s->m;
    bool guest = machine_in_guest(m, s->hart);

    if (!guest && !machine_msip(m, s->hart))
        return false;
    uint64_t pc = m->hart[s->hart].pc;
    enum trap_taker taker = machine_take_interrupt(m, s->hart);
    if (taker == TAKEN_BY_NOBODY || !guest || machine_in_guest(m, s->hart))
        return false;
    agent_see_guest(s, taker, false, pc, NULL);
    return true;
}

static void perform(struct agent_step *s)
{
    switch ((enum trace_op_code)s->op->op) {
    case OP_NOP:
    case OP_EXPECT:
    case OP_COUNT: return;
    case OP_CONSOLE_INPUT:
    case OP_TIME:
    case OP_HOST_RACE:
    case OP_HOST_RACE_READ:
    case OP_FAULT:
    case OP_FAIL: environment(s); return;
    case OP_DEVICE_READ:
    case OP_DEVICE_WRITE: device_agent(s); return;
    case OP_IRQ: /* also reaches a hart that is suspended */
        if (s->m->monitor->hart[s->hart].hsm_state == SBI_HSM_SUSPENDED) {
            environment(s);
            return;
        }
        break;
    default: break;
    }
    if (!agent_hart_runs(s->m, s->hart) || preempted(s) || !agent_hart_runs(s->m, s->hart))
        return;

    bool in_guest = machine_in_guest(s->m, s->hart);
    if (s->op->op == OP_IRQ)
        environment(s);
    else if (trace_op_is_guest(s->op->op) && in_guest)
        guest_agent(s);
    else if (!trace_op_is_guest(s->op->op) && !in_guest)
        host_agent(s);
}

/* What was prepared for the monitor's next work on a hart is for the next operation of that hart. */
static bool prepares(uint8_t op)
{
    return op == OP_HOST_RACE || op == OP_HOST_RACE_READ || op == OP_FAULT || op == OP_FAIL;
}

/* One operation between its oracles, which see host memory as the monitor found it when it first looked. */
static void act(struct agent_step *s)
{
    struct world *w = s->w;

    w->device_reached = false;
    machine_races_settle(w->machine);
    oracle_before(w, s->hart, s->op);
    perform(s);
    w->failed = prepares(s->op->op) ? NULL : machine_disturbance_end(w->machine, s->hart);
    machine_races_hide(w->machine);
    oracle_after(w, s->hart, s->op);
    machine_races_show(w->machine);
}

bool world_step(struct world *w, const struct trace_op *op, struct step_result *result)
{
    struct step_result seen;
    struct agent_step s = {.w = w, .m = w->machine, .op = op, .result = result != NULL ? result : &seen};

    memset(s.result, 0, sizeof(*s.result));
    s.result->kind = EXPECT_NONE;
    if (w->finding.found)
        return false;
    s.hart = op->hart % w->machine->config.harts;
    if (op->op != OP_EXPECT && op->op != OP_NOP && !w->overrun) {
        for (unsigned i = 0; i < 8; i++)
            s.a[i] = op->kind[i] == ARG_RAW ? op->a[i] : world_resolve(w, op, i);
        if (w->twin != NULL)
            ni_before(w, s.hart, op);
        act(&s);
        if (w->twin != NULL && !w->finding.found)
            ni_step(w, s.hart, op, s.result);
        /* Both worlds after what their guests were entered with was compared: markers take the place of zeros. */
        if (s.result->kind == EXPECT_ENTER && !w->is_twin)
            guest_plant_markers(w, s.hart);
        if (s.result->kind == EXPECT_ENTER && w->twin != NULL && w->twin_runs &&
            machine_in_guest(w->twin->machine, s.hart))
            guest_plant_markers(w->twin, s.hart);
    }
    if (!w->finding.found && !w->overrun && (w->step + 1) % STEPS_PER_AUDIT == 0)
        oracle_audit(w);
    w->step++;
    return !w->finding.found;
}

bool world_run(struct world *w, const struct trace *t)
{
    world_reset(w);
    for (uint32_t i = 0; i < t->count && !w->finding.found; i++) {
        w->step = i;
        world_step(w, &t->op[i], NULL);
    }
    return world_audit(w);
}

bool world_audit(struct world *w)
{
    if (w->finding.found)
        return false;
    if (w->overrun)
        return true;
    oracle_audit(w);
    /* What an audit sees belongs to the operation before it. */
    if (w->finding.found && w->finding.step > 0)
        w->finding.step--;
    return !w->finding.found;
}

const char *oracle_name(uint32_t oracle)
{
    switch (oracle) {
    case ORACLE_OWN: return "OWN";
    case ORACLE_LIV: return "LIV";
    case ORACLE_ORD: return "ORD";
    case ORACLE_REF: return "REF";
    case ORACLE_NI: return "NI";
    case ORACLE_ATT: return "ATT";
    case ORACLE_SAN: return "SAN";
    default: return "none";
    }
}

const char *severity_name(enum severity s)
{
    switch (s) {
    case S0_CONFIDENTIALITY: return "S0 confidentiality";
    case S1_ISOLATION: return "S1 isolation";
    case S2_MEMORY_SAFETY: return "S2 memory safety";
    case S3_AVAILABILITY: return "S3 availability";
    case S4_ABI: return "S4 ABI";
    case S5_MODEL: return "S5 model disagreement";
    }
    return "none";
}
