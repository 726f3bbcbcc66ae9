/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form, written. What is printed here, parse.c reads back to the same operations: symbolic names are used
 * only where they say exactly what the number says.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "harness/trace/ops.h"

/* Bounded text; `len` counts on past the end, as snprintf does. */
struct text {
    char *out;
    size_t max;
    size_t len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    size_t room = t->len < t->max ? t->max - t->len : 0;

    va_start(args, format);
    int n = vsnprintf(room != 0 ? t->out + t->len : NULL, room, format, args);
    va_end(args);
    t->len += n > 0 ? (size_t)n : 0;
}

/* Counts and small constants read better in decimal, addresses and bit patterns in hexadecimal. */
static void add_number(struct text *t, uint64_t value)
{
    if (value < 4096)
        add(t, "%" PRIu64, value);
    else
        add(t, "0x%" PRIx64, value);
}

static void add_handle(struct text *t, uint8_t kind, uint64_t value)
{
    int64_t offset = trace_handle_offset(value);

    add(t, "%s[%" PRIu32 "]", trace_kind_name(kind), trace_handle_index(value));
    if (offset == 0)
        return;
    uint64_t size = (uint64_t)(offset < 0 ? -offset : offset);
    add(t, size < 10 ? "%c%" PRIu64 : "%c0x%" PRIx64, offset < 0 ? '-' : '+', size);
}

static void add_value(struct text *t, uint8_t kind, uint64_t value)
{
    if (kind == ARG_RAW)
        add_number(t, value);
    else
        add_handle(t, kind, value);
}

/* Argument of a known call: constants by name where the kind has names. */
static void add_call_value(struct text *t, enum abi_arg_kind meaning, uint8_t kind, uint64_t value)
{
    const char *name = NULL;

    if (kind == ARG_RAW && meaning == ABI_KIND_PAGE_TYPE)
        name = trace_page_type_name(value);
    if (kind == ARG_RAW && meaning == ABI_KIND_EID)
        name = trace_eid_name(value);
    if (name != NULL)
        add(t, "%s", name);
    else
        add_value(t, kind, value);
}

static void add_call(struct text *t, const struct trace_op *op)
{
    const struct abi_call *call = abi_call_by_id(op->call);

    add(t, "%s(", call->name);
    for (unsigned i = 0; i < call->args; i++) {
        add(t, "%s%s=", i != 0 ? ", " : "", call->arg[i].name);
        add_call_value(t, call->arg[i].kind, op->kind[i], op->a[i]);
    }
    if (op->a[6] != 0)
        add(t, "%ssdid=%" PRIu64, call->args != 0 ? ", " : "", op->a[6]);
    add(t, ")");
}

static void add_plain(struct text *t, const struct trace_op *op)
{
    const struct op_shape *shape = trace_op_shape(op->op);

    add(t, "%s(", shape->name);
    for (unsigned i = 0; i < shape->args; i++) {
        add(t, "%s%s=", i != 0 ? ", " : "", shape->arg[i].name);
        bool eid = (op->op == OP_HOST_ECALL || op->op == OP_GUEST_ECALL) && i == 7;
        if (shape->arg[i].rule == RULE_CSR)
            add(t, "0x%" PRIx64, op->a[i]);
        else
            add_call_value(t, eid ? ABI_KIND_EID : ABI_KIND_VALUE, op->kind[i], op->a[i]);
    }
    add(t, ")");
}

/* --- expectations ----------------------------------------------------------------------------------------- */

static bool has(const struct trace_op *expect, unsigned word)
{
    return (expect->a[7] >> word & 1) != 0;
}

static void add_named(struct text *t, const struct trace_op *expect, unsigned word, const char *name)
{
    if (!has(expect, word))
        return;
    const char *error = word == 0 && expect->kind[0] == ARG_RAW ? trace_error_name((int64_t)expect->a[0]) : NULL;
    add(t, " %s=", name);
    if (error != NULL)
        add(t, "%s", error);
    else
        add_value(t, expect->kind[word], expect->a[word]);
}

/* "-> SUCCESS 8", "-> DENIED"; "-> RESULT error=.. value=.." for what has no name. */
static void add_result(struct text *t, const struct trace_op *expect)
{
    const char *error = has(expect, 0) && expect->kind[0] == ARG_RAW ? trace_error_name((int64_t)expect->a[0]) : NULL;

    if (error == NULL) {
        add(t, "RESULT");
        add_named(t, expect, 0, "error");
        add_named(t, expect, 1, "value");
        return;
    }
    add(t, "%s", error);
    if (has(expect, 1)) {
        add(t, " ");
        add_value(t, expect->kind[1], expect->a[1]);
    }
}

static void add_exit(struct text *t, const struct trace_op *expect)
{
    add(t, "EXIT");
    for (unsigned i = 0; i < 6; i++)
        add_named(t, expect, i, trace_expect_name(i));
    for (unsigned i = 6; i < TRACE_EXPECT_FIELDS; i++) {
        int slot = trace_expect_slot(expect->a[7], i);
        if (slot < 0)
            continue;
        add(t, " %s=", trace_expect_name(i));
        bool eid = i + 1 == TRACE_EXPECT_FIELDS;
        add_call_value(t, eid ? ABI_KIND_EID : ABI_KIND_VALUE, expect->kind[slot], expect->a[slot]);
    }
}

static void add_one(struct text *t, const struct trace_op *expect, const char *name)
{
    add(t, "%s", name);
    if (has(expect, 0)) {
        add(t, " ");
        add_value(t, expect->kind[0], expect->a[0]);
    }
}

static void add_expect(struct text *t, const struct trace_op *expect)
{
    switch (expect->call) {
    case EXPECT_RESULT: add_result(t, expect); break;
    case EXPECT_ENTER: add(t, "ENTER"); break;
    case EXPECT_EXIT: add_exit(t, expect); break;
    case EXPECT_VALUE: add_one(t, expect, "VALUE"); break;
    case EXPECT_TRAP: add_one(t, expect, "TRAP"); break;
    case EXPECT_NONE: add(t, "NONE"); break;
    default: add(t, "RESULT"); break;
    }
}

/* --- whole operations and traces -------------------------------------------------------------------------- */

int trace_print_op(char *out, size_t max, const struct trace_op *op, const struct trace_op *expect)
{
    struct text t = {.out = out, .max = max};
    struct trace_op canonical = *op;

    /* An operation from anywhere can be printed; one from a decoder does not change here. */
    trace_op_canonical(&canonical, TRACE_MAX_HARTS);
    if (canonical.op == OP_EXPECT) {
        add(&t, "-> ");
        add_expect(&t, &canonical);
        return (int)t.len;
    }
    add(&t, "h%u ", op->hart);
    if (canonical.op == OP_HOST_CALL || canonical.op == OP_GUEST_CALL)
        add_call(&t, &canonical);
    else
        add_plain(&t, &canonical);
    if (expect != NULL) {
        struct trace_op wanted = *expect;
        wanted.op = OP_EXPECT;
        trace_op_canonical(&wanted, TRACE_MAX_HARTS);
        add(&t, " -> ");
        add_expect(&t, &wanted);
    }
    return (int)t.len;
}

static void print_header(FILE *out, const struct trace *t)
{
    fprintf(out, "touchstone %u harts=%u", TRACE_VERSION, t->harts);
    if (t->host_pages != 0)
        fprintf(out, " host_pages=%" PRIu32, t->host_pages);
    if (t->window_pages != 0)
        fprintf(out, " window_pages=%" PRIu32, t->window_pages);
    if (t->seed != 0)
        fprintf(out, " seed=0x%" PRIx64, t->seed);
    if (t->iopmp != IOPMP_PRESENT)
        fprintf(out, " iopmp=%s", trace_iopmp_name(t->iopmp));
    fputc('\n', out);
}

#define DECISIONS_PER_LINE 32u

/* The tail: which hart goes on when. */
static void print_schedule(FILE *out, const struct trace *t)
{
    if (!t->overlap)
        return;
    fprintf(out, t->schedule_seed < 4096 ? "schedule seed=%" PRIu64 : "schedule seed=0x%" PRIx64, t->schedule_seed);
    for (unsigned i = 0; i < t->decisions; i++)
        fprintf(out, "%s%02x", i % DECISIONS_PER_LINE == 0 ? "\ndecisions " : "", t->decision[i]);
    fputc('\n', out);
}

void trace_print(FILE *out, const struct trace *t)
{
    char line[640];

    print_header(out, t);
    for (uint32_t i = 0; i < t->count; i++) {
        bool expected = i + 1 < t->count && t->op[i + 1].op == OP_EXPECT && t->op[i].op != OP_EXPECT;
        trace_print_op(line, sizeof(line), &t->op[i], expected ? &t->op[i + 1] : NULL);
        fprintf(out, "%s\n", line);
        i += expected;
    }
    print_schedule(out, t);
}
