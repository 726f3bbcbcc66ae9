/* SPDX-License-Identifier: Apache-2.0 */
/* Traces for several harts made of others; see interleave.h. */
#include "harness/concurrency/interleave.h"
#include "harness/trace/random.h"

#include "monitor/abi/sbi.h"

#define CALL_HART_START 0x0028u

static void add(struct trace *out, const struct trace_op *op)
{
    if (out->count < TRACE_MAX_OPS && op->op != OP_EXPECT && op->op != OP_NOP)
        out->op[out->count++] = *op;
}

/* The boot hart starts the others where host RAM begins. */
static void start_harts(struct trace *out)
{
    for (uint8_t h = 1; h < out->harts; h++) {
        struct trace_op op = {.op = OP_HOST_CALL, .call = CALL_HART_START};

        op.a[0] = h;
        op.kind[1] = ARG_RAM;
        add(out, &op);
    }
}

/* Give each hart frames of its own: handles move by a number of frames that keeps every alignment up to 2 MiB / harts. */
static void move_frames(struct trace_op *op, uint32_t frames)
{
    for (unsigned n = 0; n < 8; n++) {
        if (op->kind[n] == ARG_WIN || op->kind[n] == ARG_RAM)
            op->a[n] = (op->a[n] & ~(uint64_t)UINT32_MAX) | (uint32_t)((uint32_t)op->a[n] + frames);
    }
}

/* A trace of several harts, which starts them itself. */
static void add_whole(struct trace *out, const struct trace *from)
{
    for (uint32_t n = 0; n < from->count; n++)
        add(out, &from->op[n]);
}

/* The operations of `from` for its first hart, or for all of its harts, become the program of hart `h`. */
static void add_program(struct trace *out, const struct trace *from, uint8_t h, uint32_t frames, uint32_t room)
{
    for (uint32_t n = 0; n < from->count && room != 0; n++, room--) {
        struct trace_op op = from->op[n];

        op.hart = h;
        move_frames(&op, frames);
        add(out, &op);
    }
}

/*
 * The boot hart does the first part of a trace alone, and starts the others when it has. They all do what comes then: each
 * operation on any hart, some on two of them, so that harts work on the same things.
 */
static void add_scattered(struct trace *out, const struct trace *from, struct random *random)
{
    uint32_t alone = (uint32_t)random_below(random, from->count);

    for (uint32_t n = 0; n < from->count; n++) {
        struct trace_op op = from->op[n];

        if (n == alone)
            start_harts(out);
        op.hart = n < alone ? 0 : (uint8_t)random_below(random, out->harts);
        add(out, &op);
        if (n < alone || !random_chance(random, 40))
            continue;
        op.hart = (uint8_t)random_below(random, out->harts);
        add(out, &op);
    }
}

/* Services that make harts wait for each other, or tell each other something. */
static bool between_harts(const struct abi_call *call)
{
    return call->served && (call->eid == SBI_EID_RFENCE || call->eid == SBI_EID_IPI || call->eid == SBI_EID_HSM);
}

static uint64_t storm_argument(enum abi_arg_kind kind, uint32_t harts, struct random *random)
{
    switch (kind) {
    case ABI_KIND_HARTID:
    case ABI_KIND_VCPU: return random_below(random, harts);
    case ABI_KIND_HART_MASK: return random_below(random, UINT64_C(1) << harts);
    case ABI_KIND_HART_BASE: return random_chance(random, 20) ? UINT64_MAX : 0;
    default: return random_chance(random, 80) ? 0 : random_next(random);
    }
}

/* Calls between harts, of hosts and of guests, at random: which of the two a hart runs is seen when it gets there. */
static void add_storm(struct trace *out, uint32_t ops, struct random *random)
{
    size_t count;
    const struct abi_call *calls = abi_calls(&count);

    while (ops != 0) {
        const struct abi_call *call = &calls[random_below(random, count)];
        if (!between_harts(call))
            continue;
        struct trace_op op = {.op = call->guest ? OP_GUEST_CALL : OP_HOST_CALL, .call = call->id};
        op.hart = (uint8_t)random_below(random, out->harts);
        for (unsigned n = 0; n < call->args; n++) {
            op.a[n] = storm_argument(call->arg[n].kind, out->harts, random);
            op.kind[n] = call->arg[n].kind == ABI_KIND_PC ? ARG_RAM : ARG_RAW;
        }
        if (op.kind[1] == ARG_RAM)
            op.a[1] = 0;
        add(out, &op);
        ops--;
    }
}

/* Bytes of the trace that is mutated: one thread composes at a time. */
static _Thread_local uint8_t bytes[TRACE_MAX_BYTES];

static void mutate(struct trace *t, unsigned rounds, struct random *random)
{
    uint8_t harts = t->harts;
    size_t size = trace_encode(t, bytes, sizeof(bytes));

    while (rounds-- != 0)
        size = trace_mutate(bytes, size, sizeof(bytes), (uint32_t)random_next(random), NULL);
    trace_decode(t, bytes, size);
    /* The machine stays: each another one would have to be booted. */
    t->harts = harts;
    t->host_pages = t->window_pages = 0;
    t->seed = 0;
    t->iopmp = IOPMP_PRESENT;
}

void interleave_compose(struct trace *out, const struct trace *const *from, size_t count, uint32_t harts, uint64_t seed)
{
    struct random random = random_from(seed);
    uint64_t kind = random_below(&random, 12);
    const struct trace *one = from[random_below(&random, count)];
    uint32_t window = MACHINE_DEFAULT_WINDOW_PAGES;

    out->harts = (uint8_t)harts;
    out->host_pages = out->window_pages = 0;
    out->seed = 0;
    out->iopmp = IOPMP_PRESENT;
    out->count = 0;
    trace_drop_schedule(out);
    if (kind < 4 && one->count != 0) {
        add_scattered(out, one, &random);
    } else if (kind >= 8) {
        /* In a machine where nothing has happened, or after the life of some TVM up to a point. */
        if (kind < 10 && one->count != 0)
            add_scattered(out, one, &random);
        else
            start_harts(out);
        add_storm(out, 24 * harts, &random);
        return;
    } else if (kind == 4 && one->harts > 1) {
        add_whole(out, one);
    } else {
        /* Different programs, or the same one on every hart; in frames of their own, or all in the same. */
        uint32_t room = TRACE_MAX_OPS / harts - 1;
        bool same = kind == 5;
        bool apart = random_chance(&random, 60);

        start_harts(out);
        for (uint32_t h = 0; h < harts; h++) {
            add_program(out, one, (uint8_t)h, apart ? h * (window / harts) : 0, room);
            if (!same)
                one = from[random_below(&random, count)];
        }
    }
    if (random_chance(&random, 60))
        mutate(out, 1 + (unsigned)random_below(&random, 8), &random);
}
