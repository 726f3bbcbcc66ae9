/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimiser's pass over what operations are made of: the hart that acts, arguments, numbers of frames, the machine.
 *
 * An argument has a cost: nothing, one, a handle with a small index, a small number, a round address, anything. Only
 * cheaper values are tried, cheapest first.
 */
#include <string.h>

#include "harness/cli/shorten.h"
#include "harness/trace/ops.h"

#define CANDIDATES_MAX 24u
#define PAGE 4096u
#define FRAMES_MAX 128u /* different frames that are renumbered */
#define GUEST_BASE 0x80000000u

struct value {
    uint8_t kind;
    uint64_t a;
};

static unsigned bits(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

enum { COST_ONE = 1, COST_HANDLE = 2, COST_SMALL = 100, COST_ROUND = 200, COST_OFFSET = 400, COST_ANY = 600 };

/* What it takes to understand a value. */
static unsigned cost(struct value v, bool names_tvm)
{
    if (v.kind != ARG_RAW) {
        unsigned handle = (trace_handle_offset(v.a) != 0 ? COST_OFFSET + bits(v.a >> 32) : COST_HANDLE) +
                          2 * bits(trace_handle_index(v.a));
        return v.kind == ARG_TVM && names_tvm ? handle - COST_HANDLE : handle;
    }
    /* "The first TVM" tells more than the number 1. */
    if (names_tvm)
        return COST_SMALL + bits(v.a);
    if (v.a <= 1)
        return (unsigned)v.a;
    if (v.a < PAGE)
        return COST_SMALL + 2 * bits(v.a) + (unsigned)__builtin_popcountll(v.a);
    if (v.a == GUEST_BASE)
        return COST_ROUND;
    if (v.a % PAGE == 0)
        return COST_ROUND + bits(v.a) + (unsigned)__builtin_popcountll(v.a);
    return COST_ANY + bits(v.a) + (unsigned)__builtin_popcountll(v.a);
}

struct candidates {
    struct value value[CANDIDATES_MAX];
    unsigned count;
};

static void propose(struct candidates *c, uint8_t kind, uint64_t a)
{
    if (c->count < CANDIDATES_MAX)
        c->value[c->count++] = (struct value){kind, a};
}

/* A number that lies in host memory or in the window reads better as a handle. */
static void propose_handle(struct candidates *c, uint64_t number)
{
    if (number >= MACHINE_WINDOW_BASE && number < MACHINE_WINDOW_BASE + UINT64_C(0x800000))
        propose(c, ARG_WIN, trace_handle((uint32_t)((number - MACHINE_WINDOW_BASE) / PAGE), (int32_t)(number % PAGE)));
    else if (number >= MACHINE_HOST_BASE && number < MACHINE_WINDOW_BASE)
        propose(c, ARG_RAM, trace_handle((uint32_t)((number - MACHINE_HOST_BASE) / PAGE), (int32_t)(number % PAGE)));
}

static void candidates_for(struct candidates *c, struct value v, bool names_tvm)
{
    c->count = 0;
    if (names_tvm)
        propose(c, ARG_TVM, 0);
    propose(c, ARG_RAW, 0);
    propose(c, ARG_RAW, 1);
    if (v.kind != ARG_RAW) {
        propose(c, v.kind, 0);
        propose(c, v.kind, trace_handle(trace_handle_index(v.a), 0));
        propose(c, v.kind, trace_handle(trace_handle_index(v.a) / 2, 0));
        propose(c, v.kind, trace_handle(trace_handle_index(v.a), trace_handle_offset(v.a) / 2));
        return;
    }
    for (uint64_t small = 2; small <= 64; small *= 2) {
        propose(c, ARG_RAW, small);
        propose(c, ARG_RAW, small + (small == 2));
    }
    propose(c, ARG_RAW, GUEST_BASE);
    propose(c, ARG_RAW, GUEST_BASE + PAGE);
    propose(c, ARG_RAW, v.a & ~(uint64_t)(PAGE - 1));
    propose(c, ARG_RAW, v.a & ~UINT64_C(0x1fffff));
    propose(c, ARG_RAW, v.a & UINT32_MAX);
    propose(c, ARG_RAW, v.a / 2);
    if (v.a != 0)
        propose(c, ARG_RAW, UINT64_C(1) << (bits(v.a) - 1));
    propose_handle(c, v.a);
}

static bool is_tvm_argument(const struct trace_op *op, unsigned a)
{
    const struct abi_call *call = op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL ? abi_call_by_id(op->call) : NULL;

    return call != NULL && a < call->args && call->arg[a].kind == ABI_KIND_TVM;
}

static bool simplify_argument(struct shortener *s, uint32_t i, unsigned a)
{
    bool changed = false;

    for (bool again = true; again;) {
        const struct trace_op *op = &s->best.op[i];
        struct value now = {op->kind[a], op->a[a]};
        bool names_tvm = is_tvm_argument(op, a);
        struct candidates c;
        unsigned limit = cost(now, names_tvm);

        candidates_for(&c, now, names_tvm);
        again = false;
        /* Cheapest first: the list is short, so the next one is looked for each time. */
        for (unsigned tried = 0, floor = 0; tried < c.count && !again && !shorten_over(s); tried++) {
            unsigned best = CANDIDATES_MAX;

            for (unsigned n = 0; n < c.count; n++) {
                unsigned price = cost(c.value[n], names_tvm);
                if (price < limit && price >= floor && c.value[n].kind != UINT8_MAX &&
                    (best == CANDIDATES_MAX || price < cost(c.value[best], names_tvm)))
                    best = n;
            }
            if (best == CANDIDATES_MAX)
                break;
            floor = cost(c.value[best], names_tvm);
            shorten_begin(s);
            s->trial.op[i].kind[a] = c.value[best].kind;
            s->trial.op[i].a[a] = c.value[best].a;
            c.value[best].kind = UINT8_MAX; /* tried */
            again = shorten_accept(s);
            changed |= again;
        }
        if (i >= s->best.count)
            break;
    }
    return changed;
}

/* --- harts and the machine -------------------------------------------------------------------------------------- */

/* What hart `from` does is done by hart `to`; with `named`, calls that name the one name the other. */
static bool move_to_hart(struct shortener *s, uint32_t from, uint32_t to, bool named)
{
    shorten_begin(s);
    for (uint32_t i = 0; i < s->trial.count; i++) {
        struct trace_op *op = &s->trial.op[i];
        const struct abi_call *call = op->op == OP_HOST_CALL ? abi_call_by_id(op->call) : NULL;

        if (op->hart == from)
            op->hart = (uint8_t)to;
        for (unsigned a = 0; named && call != NULL && a < call->args; a++) {
            if (call->arg[a].kind == ABI_KIND_HARTID && op->kind[a] == ARG_RAW && op->a[a] == from)
                op->a[a] = to;
        }
    }
    return shorten_accept(s);
}

static bool fewer_harts(struct shortener *s)
{
    bool changed = false;

    for (uint32_t from = s->best.harts; from-- > 1;) {
        for (uint32_t to = 0; to < from; to++) {
            if (move_to_hart(s, from, to, false) || move_to_hart(s, from, to, true)) {
                changed = true;
                break;
            }
        }
    }
    for (uint8_t harts = s->best.overlap ? 2 : 1; harts < s->best.harts; harts++) {
        shorten_begin(s);
        s->trial.harts = harts;
        if (shorten_accept(s))
            return true;
    }
    return changed;
}

static bool plain_machine(struct shortener *s)
{
    bool changed = false;

    if (s->best.seed != 0) {
        shorten_begin(s);
        s->trial.seed = 0;
        changed |= shorten_accept(s);
    }
    if (s->best.iopmp != IOPMP_PRESENT) {
        shorten_begin(s);
        s->trial.iopmp = IOPMP_PRESENT;
        changed |= shorten_accept(s);
    }
    if (s->best.window_pages != 0) {
        shorten_begin(s);
        s->trial.window_pages = 0;
        changed |= shorten_accept(s);
    }
    if (s->best.host_pages != 0) {
        shorten_begin(s);
        s->trial.host_pages = 0;
        changed |= shorten_accept(s);
    }
    return changed;
}

/* --- names that several operations share ------------------------------------------------------------------------ */

/* Put `to` for `from` wherever it stands. */
static bool rename_value(struct shortener *s, struct value from, struct value to)
{
    shorten_begin(s);
    for (uint32_t i = 0; i < s->trial.count; i++) {
        struct trace_op *op = &s->trial.op[i];

        for (unsigned a = 0; a < 8; a++) {
            if (op->kind[a] == from.kind && from.kind == ARG_RAW && op->a[a] == from.a)
                op->a[a] = to.a;
            else if (op->kind[a] == from.kind && from.kind != ARG_RAW &&
                     trace_handle_index(op->a[a]) == trace_handle_index(from.a))
                op->a[a] = trace_handle(trace_handle_index(to.a), trace_handle_offset(op->a[a]));
        }
    }
    return shorten_accept(s);
}

/* Different indices of this kind of handle, in ascending order. */
static unsigned indices_of(const struct trace *t, uint8_t kind, uint32_t *index)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        for (unsigned a = 0; a < 8; a++) {
            uint32_t n = trace_handle_index(t->op[i].a[a]);
            unsigned at = 0;

            if (t->op[i].kind[a] != kind)
                continue;
            while (at < count && index[at] < n)
                at++;
            if ((at < count && index[at] == n) || count == FRAMES_MAX)
                continue;
            memmove(&index[at + 1], &index[at], (count - at) * sizeof(index[0]));
            index[at] = n;
            count++;
        }
    }
    return count;
}

static bool small_indices(struct shortener *s, uint8_t kind)
{
    uint32_t index[FRAMES_MAX + 1];
    unsigned count = indices_of(&s->best, kind, index);
    uint32_t next = 0; /* smallest number that no frame has yet */
    bool changed = false;

    for (unsigned i = 0; i < count && !shorten_over(s); i++) {
        bool moved = false;

        /* Roots of page tables are runs of four: the first free number, or one that is a multiple of four. */
        for (uint32_t to = next; to < index[i] && to < next + 5 && !moved; to++)
            moved = rename_value(s, (struct value){kind, index[i]}, (struct value){kind, to}) && (next = to + 1, true);
        changed |= moved;
        if (!moved)
            next = index[i] + 1;
    }
    return changed;
}

/* Guest addresses that several operations share. */
static bool plain_addresses(struct shortener *s)
{
    bool changed = false;

    for (uint32_t i = 0; i < s->best.count; i++) {
        for (unsigned a = 0; a < 8; a++) {
            static const uint64_t plain[] = {0, 1, GUEST_BASE, GUEST_BASE + PAGE};
            struct value now = {s->best.op[i].kind[a], s->best.op[i].a[a]};

            if (now.kind != ARG_RAW || now.a < PAGE)
                continue;
            for (size_t n = 0; n < sizeof(plain) / sizeof(plain[0]); n++) {
                struct value to = {ARG_RAW, plain[n]};

                if (cost(to, false) < cost(now, false) && rename_value(s, now, to)) {
                    changed = true;
                    break;
                }
            }
            if (i >= s->best.count)
                return changed;
        }
    }
    return changed;
}

bool shorten_values(struct shortener *s)
{
    bool changed = fewer_harts(s);

    changed |= plain_machine(s);
    changed |= small_indices(s, ARG_WIN);
    changed |= small_indices(s, ARG_RAM);
    changed |= plain_addresses(s);
    for (uint32_t i = 0; i < s->best.count && !shorten_over(s); i++) {
        unsigned args = trace_op_args(&s->best.op[i]);

        if (s->best.op[i].hart != 0 && !s->best.overlap) {
            shorten_begin(s);
            s->trial.op[i].hart = 0;
            changed |= shorten_accept(s);
        }
        /* a[6] of a call is its sdid. */
        for (unsigned a = 0; a < 8 && i < s->best.count; a++) {
            if (a < args || a == 6)
                changed |= simplify_argument(s, i, a);
        }
    }
    return changed;
}
