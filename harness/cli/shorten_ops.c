/* SPDX-License-Identifier: Apache-2.0 */
/* The minimiser's pass over operations: agents, harts and TVMs as wholes, then runs, single ones, and pairs. */
#include <stdlib.h>
#include <string.h>

#include "harness/cli/shorten.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/ops.h"

#define PAIRS_MAX_OPS 40u /* pairs are tried in traces that are no longer than this */

static void remove_range(struct trace *t, uint32_t first, uint32_t count)
{
    memmove(&t->op[first], &t->op[first + count], (t->count - first - count) * sizeof(t->op[0]));
    t->count -= count;
}

/* --- wholes ----------------------------------------------------------------------------------------------------- */

static bool of_guest(const struct trace_op *op, uint64_t unused)
{
    (void)unused;
    return trace_op_is_guest(op->op);
}

static bool of_environment(const struct trace_op *op, uint64_t unused)
{
    (void)unused;
    return op->op == OP_IRQ || op->op == OP_TIME || op->op == OP_CONSOLE_INPUT;
}

static bool of_hart(const struct trace_op *op, uint64_t hart)
{
    return op->hart == hart;
}

static bool is_call(const struct trace_op *op, uint64_t call)
{
    return (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) && op->call == call;
}

static bool has_code(const struct trace_op *op, uint64_t code)
{
    return op->op == code;
}

static bool drop_all(struct shortener *s, bool (*drops)(const struct trace_op *op, uint64_t what), uint64_t what)
{
    uint32_t kept = 0;

    shorten_begin(s);
    for (uint32_t i = 0; i < s->trial.count; i++) {
        if (!drops(&s->trial.op[i], what))
            s->trial.op[kept++] = s->trial.op[i];
    }
    if (kept == s->trial.count)
        return false;
    s->trial.count = kept;
    return shorten_accept(s);
}

static bool drop_wholes(struct shortener *s)
{
    bool changed = drop_all(s, of_guest, 0);
    size_t calls;
    const struct abi_call *call = abi_calls(&calls);

    changed |= drop_all(s, of_environment, 0);
    for (uint32_t hart = s->best.harts; hart-- > 0;)
        changed |= drop_all(s, of_hart, hart);
    for (uint64_t code = 0; code < OP_COUNT; code++) {
        if (code != OP_HOST_CALL && code != OP_GUEST_CALL)
            changed |= drop_all(s, has_code, code);
    }
    for (size_t i = 0; i < calls; i++)
        changed |= drop_all(s, is_call, call[i].id);
    return changed;
}

/* --- TVMs ------------------------------------------------------------------------------------------------------- */

static bool creates_tvm(const struct trace_op *op)
{
    return op->op == OP_HOST_CALL && (op->call == CALL_covh_create_tvm || op->call == CALL_covh_promote_to_tvm);
}

static bool names_tvm(const struct trace_op *op, uint32_t number)
{
    for (unsigned a = 0; a < 8; a++) {
        if (op->kind[a] == ARG_TVM && trace_handle_index(op->a[a]) == number)
            return true;
    }
    return false;
}

/* Handles of TVMs that come after number `gone` move up by one. */
static void close_handles(struct trace *t, uint32_t gone)
{
    for (uint32_t i = 0; i < t->count; i++) {
        for (unsigned a = 0; a < 8; a++) {
            uint64_t *value = &t->op[i].a[a];
            uint32_t index = trace_handle_index(*value);

            if (t->op[i].kind[a] == ARG_TVM && index > gone)
                *value = trace_handle(index - 1, trace_handle_offset(*value));
        }
    }
}

/* Without the call that makes a TVM; with `uses`, without everything that names it as well. */
static bool drop_tvm(struct shortener *s, uint32_t at, uint32_t number, bool uses)
{
    uint32_t kept = 0;

    shorten_begin(s);
    for (uint32_t i = 0; i < s->trial.count; i++) {
        if (i != at && !(uses && names_tvm(&s->trial.op[i], number)))
            s->trial.op[kept++] = s->trial.op[i];
    }
    s->trial.count = kept;
    close_handles(&s->trial, number);
    return shorten_accept(s);
}

static bool drop_tvms(struct shortener *s)
{
    bool changed = false;
    uint32_t number = 0;

    for (uint32_t i = 0; i < s->best.count; i++) {
        if (!creates_tvm(&s->best.op[i]))
            continue;
        if (drop_tvm(s, i, number, true) || drop_tvm(s, i, number, false)) {
            changed = true;
            i--; /* what was behind it is here now, or before: one of them is looked at again */
            continue;
        }
        number++;
    }
    return changed;
}

/* --- runs, single operations, pairs ----------------------------------------------------------------------------- */

static bool drop_runs(struct shortener *s)
{
    bool changed = false;

    for (uint32_t length = s->best.count > 1 ? s->best.count / 2 : 1; length > 0; length /= 2) {
        /* From the end, so that what later operations build on goes last. */
        for (uint32_t end = s->best.count; end >= length && end > 0;) {
            shorten_begin(s);
            remove_range(&s->trial, end - length, length);
            changed |= shorten_accept(s);
            end = end > length ? end - length : 0;
            if (end > s->best.count)
                end = s->best.count;
        }
    }
    return changed;
}

/* Two operations that are of use only together: donate a page and take it back, start a hart and stop it. */
static bool drop_pairs(struct shortener *s)
{
    bool changed = false;

    if (s->best.count > PAIRS_MAX_OPS)
        return false;
    for (uint32_t j = s->best.count; j-- > 1;) {
        for (uint32_t i = j; i-- > 0;) {
            if (j >= s->best.count)
                break;
            shorten_begin(s);
            remove_range(&s->trial, j, 1);
            remove_range(&s->trial, i, 1);
            if (shorten_accept(s)) {
                changed = true;
                break;
            }
        }
    }
    return changed;
}

/* --- conversions ------------------------------------------------------------------------------------------------ */

static uint32_t last_window_frame(const struct trace *t)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        for (unsigned a = 0; a < 8; a++) {
            if (t->op[i].kind[a] == ARG_WIN && trace_handle_index(t->op[i].a[a]) > last)
                last = trace_handle_index(t->op[i].a[a]);
        }
    }
    return last;
}

/* Many conversions become one of everything, fenced at once, where the first of them was. */
static bool join_conversions(struct shortener *s, uint32_t pages)
{
    uint32_t kept = 0, conversions = 0, fences = 0;

    shorten_begin(s);
    struct trace *t = &s->trial;
    for (uint32_t i = 0; i < t->count; i++) {
        struct trace_op op = t->op[i];

        if (is_call(&op, CALL_covh_convert_pages)) {
            if (conversions++ != 0)
                continue;
            op.kind[0] = ARG_WIN;
            op.a[0] = 0;
            op.kind[1] = ARG_RAW;
            op.a[1] = pages;
        } else if (is_call(&op, CALL_covh_global_fence)) {
            if (fences++ != 0)
                continue;
        }
        t->op[kept++] = op;
    }
    t->count = kept;
    return conversions > 1 && shorten_accept(s);
}

bool shorten_ops(struct shortener *s)
{
    bool changed = drop_wholes(s);

    changed |= drop_tvms(s);
    changed |= drop_runs(s);
    changed |= join_conversions(s, last_window_frame(&s->best) + 1);
    changed |= join_conversions(s, 16);
    changed |= join_conversions(s, 64);
    if (!changed)
        changed |= drop_pairs(s);
    return changed;
}
