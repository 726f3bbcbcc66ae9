/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in between: host memory that changes after the monitor's first look at it, hardware and functions of the
 * monitor that fail, devices.
 * Disturbances are aimed at the operation that follows: at the memory that its arguments name.
 */
#include "harness/trace/generate.h"

#include "harness/trace/call_ids.h"

#define MAILBOX_A0 0x50
#define MAILBOX_WORDS 8u

static int32_t some_word(struct random *r)
{
    return (int32_t)(8 * (random_chance(r, 80) ? random_below(r, 2) : random_below(r, 64)));
}

/* The address of an argument that is host memory; false when the call has none. */
static bool aim_at_argument(const struct aim *aim, const struct trace_op *victim, struct trace_op *op)
{
    const struct abi_call *call = victim->op == OP_HOST_CALL ? abi_call_by_id(victim->call) : NULL;
    unsigned first = (unsigned)random_below(aim->r, 6);

    for (unsigned i = 0; call != NULL && i < call->args; i++) {
        unsigned arg = (first + i) % call->args;
        if (call->arg[arg].kind != ABI_KIND_HOST_BUF && call->arg[arg].kind != ABI_KIND_HOST_PAGE)
            continue;
        op->kind[0] = victim->kind[arg];
        op->a[0] = victim->a[arg];
        int32_t word = some_word(aim->r);
        if (op->kind[0] == ARG_RAW)
            op->a[0] += (uint64_t)word;
        else
            value_handle(op, 0, op->kind[0], trace_handle_index(op->a[0]), trace_handle_offset(op->a[0]) + word);
        return true;
    }
    return false;
}

/* A word of the mailbox: answers of the host, and what promote_to_tvm takes from there. */
static void aim_at_mailbox(const struct aim *aim, struct trace_op *op)
{
    value_handle(op, 0, ARG_RAM, 32 + 4 * op->hart,
                 MAILBOX_A0 + 8 * (int32_t)random_below(aim->r, random_chance(aim->r, 70) ? 2 : MAILBOX_WORDS));
}

static void race_value(const struct aim *aim, struct trace_op *op)
{
    if (random_chance(aim->r, 40))
        value_good(aim, random_chance(aim->r, 70) ? ABI_KIND_CONF_PAGES : ABI_KIND_HOST_PAGE, op, 1);
    else
        value_raw(op, 1, random_chance(aim->r, 50) ? value_edge(aim->r, 64) : random_next(aim->r));
}

static void race_by_number(const struct aim *aim, struct trace_op *op)
{
    op->op = OP_HOST_RACE_READ;
    value_raw(op, 0, random_chance(aim->r, 70) ? random_below(aim->r, 4) : random_below(aim->r, 40));
    value_raw(op, 1, random_chance(aim->r, 70) ? 0 : random_below(aim->r, 256));
    value_raw(op, 2, random_chance(aim->r, 50) ? UINT64_C(1) << random_below(aim->r, 64) : random_next(aim->r));
}

/* One in so many disturbances that are no fault of hardware. */
#define FAILURES 4u

/* Calls use few functions that can fail, but promote_to_tvm, which takes frame after frame. */
static void failure(struct random *r, struct trace_op *op)
{
    *op = (struct trace_op){.op = OP_FAIL, .hart = op->hart};
    value_raw(op, 0, random_below(r, 3));
    value_raw(op, 1, random_chance(r, 85) ? random_below(r, 6) : random_below(r, 64));
}

/* Draws numbers of its own, so that what else is generated does not depend on it. */
static void sometimes_fail_instead(struct random r, struct trace_op *op)
{
    if (random_below(&r, FAILURES) == 0)
        failure(&r, op);
}

void generate_disturbance(const struct aim *aim, const struct trace_op *victim, struct trace_op *op)
{
    struct random before = *aim->r;

    *op = (struct trace_op){.hart = victim->hart};
    if (victim->op == OP_HOST_CALL && (victim->call == CALL_hsm_hart_start || victim->call == CALL_hsm_hart_suspend)) {
        op->op = OP_FAULT;
        op->hart = (uint8_t)(victim->call == CALL_hsm_hart_start ? victim->a[0] % aim->s->harts : victim->hart);
        value_raw(op, 1, random_below(aim->r, 8));
    } else if (random_chance(aim->r, 45)) {
        race_by_number(aim, op);
        sometimes_fail_instead(before, op);
    } else {
        op->op = OP_HOST_RACE;
        if (!aim_at_argument(aim, victim, op))
            aim_at_mailbox(aim, op);
        race_value(aim, op);
        sometimes_fail_instead(before, op);
    }
    trace_op_canonical(op, aim->s->harts);
}

/* A device under the host's control, mostly where it should get nothing. */
void generate_device(const struct aim *aim, struct trace_op *op)
{
    op->op = random_chance(aim->r, 50) ? OP_DEVICE_READ : OP_DEVICE_WRITE;
    value_host_address(aim, op, 0);
    if (random_chance(aim->r, 15)) {
        int32_t offset = (int32_t)(8 * random_below(aim->r, 512));
        uint32_t frame = (uint32_t)random_below(aim->r, 16);

        value_handle(op, 0, random_chance(aim->r, 50) ? ARG_MON : ARG_MMIO, frame, offset);
    }
    value_raw(op, 1, random_chance(aim->r, 80) ? 8 : 1u << random_below(aim->r, 3));
    if (op->op == OP_DEVICE_WRITE)
        value_raw(op, 2, random_next(aim->r));
}
