/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form, read. One operation per line:
 *
 *   line     := hart name "(" [ arg { "," arg } ] ")" [ "->" expectation ] [ "#" comment ]
 *   hart     := "h" number
 *   arg      := name "=" value          all arguments, in the order of the table; calls may add sdid=
 *   value    := number | handle [ ("+" | "-") number ] | constant
 *   handle   := ("win" | "ram" | "tvm" | "mon" | "mmio") "[" number "]"
 *   number   := [ "-" ] decimal or 0x hexadecimal digits, "_" between them as you like
 *
 *   schedule := "schedule" "seed" "=" number       after all operations; then any number of lines
 *   bytes    := "decisions" hexadecimal digits, two for each byte
 *
 * The first line that is neither blank nor a comment is the header: touchstone 1 harts=2 [host_pages=] [window_pages=]
 * [seed=]. Nothing is guessed: a value that the binary form would have to change is an error here.
 */
#include <stdarg.h>
#include <string.h>

#include "harness/trace/ops.h"

struct parser {
    const char *at;
    const char *end; /* of the line */
    size_t line;
    struct trace *trace;
    struct trace_error *error;
};

struct word {
    const char *start;
    size_t len;
};

static bool fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct parser *p, const char *format, ...)
{
    va_list args;

    p->error->offset = p->line;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof(p->error->text), format, args);
    va_end(args);
    return false;
}

/* --- characters and words --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && is_blank(*p->at))
        p->at++;
}

/* End of what the line says: nothing, or a comment. */
static bool at_line_end(struct parser *p)
{
    skip_blanks(p);
    return p->at == p->end || *p->at == '#';
}

static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static struct word take_word(struct parser *p)
{
    skip_blanks(p);
    struct word w = {.start = p->at};
    while (p->at < p->end && is_word(*p->at))
        p->at++;
    w.len = (size_t)(p->at - w.start);
    return w;
}

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.start, text, w.len) == 0;
}

/* Words from a file go into messages; a long one is cut. */
static int shown(struct word w)
{
    return w.len > 40 ? 40 : (int)w.len;
}

/* --- numbers and values ----------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Digits of a word as a number; false when it is none or does not fit into 64 bits. */
static bool word_number(struct word w, uint64_t *value)
{
    unsigned base = w.len > 2 && w.start[0] == '0' && w.start[1] == 'x' ? 16 : 10;
    bool any = false;

    *value = 0;
    for (size_t i = base == 16 ? 2 : 0; i < w.len; i++) {
        if (w.start[i] == '_')
            continue;
        unsigned digit = (unsigned)digit_value(w.start[i]);
        if (digit >= base || *value > (UINT64_MAX - digit) / base)
            return false;
        *value = *value * base + digit;
        any = true;
    }
    return any;
}

static bool parse_number(struct parser *p, const char *what, uint64_t *value)
{
    bool negative = take(p, '-');
    struct word w = take_word(p);

    if (w.len == 0)
        return fail(p, "%s: expected a number", what);
    if (!word_number(w, value))
        return fail(p, "%s: '%.*s' is not a 64-bit number", what, shown(w), w.start);
    if (negative)
        *value = 0 - *value;
    return true;
}

/* Rest of a handle after its name: "[index]" and a signed byte offset. */
static bool parse_handle(struct parser *p, const char *what, uint64_t *value)
{
    uint64_t index, size = 0;

    if (!take(p, '['))
        return fail(p, "%s: expected '[' after the name of a handle", what);
    if (!parse_number(p, what, &index))
        return false;
    if (index > UINT32_MAX)
        return fail(p, "%s: the index of a handle has 32 bits", what);
    if (!take(p, ']'))
        return fail(p, "%s: expected ']'", what);
    bool plus = take(p, '+');
    bool minus = !plus && take(p, '-');
    if ((plus || minus) && !parse_number(p, what, &size))
        return false;
    if (size > (minus ? 0x80000000ull : 0x7fffffffull))
        return fail(p, "%s: the offset of a handle has 31 bits", what);
    *value = trace_handle((uint32_t)index, (int32_t)(minus ? -(int64_t)size : (int64_t)size));
    return true;
}

static bool parse_value(struct parser *p, const char *what, enum abi_arg_kind meaning, uint8_t *kind, uint64_t *value)
{
    skip_blanks(p);
    struct parser start = *p;
    struct word w = take_word(p);

    *kind = ARG_RAW;
    for (uint8_t k = ARG_RAW + 1; k < ARG_KIND_COUNT; k++) {
        if (word_is(w, trace_kind_name(k))) {
            *kind = k;
            return parse_handle(p, what, value);
        }
    }
    if (meaning == ABI_KIND_PAGE_TYPE && trace_page_type_by_name(w.start, w.len, value))
        return true;
    if (meaning == ABI_KIND_EID && trace_eid_by_name(w.start, w.len, value))
        return true;
    p->at = start.at;
    return parse_number(p, what, value);
}

/* --- operations ------------------------------------------------------------------------------------------- */

static bool parse_arg(struct parser *p, const char *name, enum abi_arg_kind meaning, struct trace_op *op, unsigned i)
{
    struct word w = take_word(p);

    if (!word_is(w, name))
        return fail(p, "expected argument '%s'", name);
    if (!take(p, '='))
        return fail(p, "expected '=' after '%s'", name);
    return parse_value(p, name, meaning, &op->kind[i], &op->a[i]);
}

static bool parse_sdid(struct parser *p, struct trace_op *op)
{
    uint8_t kind;

    if (!word_is(take_word(p), "sdid") || !take(p, '='))
        return fail(p, "expected ')' or 'sdid='");
    if (!parse_value(p, "sdid", ABI_KIND_VALUE, &kind, &op->a[6]))
        return false;
    if (kind != ARG_RAW || op->a[6] > 63)
        return fail(p, "sdid: a number up to 63 is possible");
    return true;
}

static bool parse_call_args(struct parser *p, const struct abi_call *call, struct trace_op *op)
{
    for (unsigned i = 0; i < call->args; i++) {
        if (i != 0 && !take(p, ','))
            return fail(p, "expected ',' and argument '%s'", call->arg[i].name);
        if (!parse_arg(p, call->arg[i].name, call->arg[i].kind, op, i))
            return false;
    }
    skip_blanks(p);
    bool more = call->args == 0 ? p->at < p->end && *p->at != ')' : take(p, ',');
    return !more || parse_sdid(p, op);
}

static bool parse_plain_args(struct parser *p, const struct op_shape *shape, struct trace_op *op)
{
    bool ecall = op->op == OP_HOST_ECALL || op->op == OP_GUEST_ECALL;

    for (unsigned i = 0; i < shape->args; i++) {
        if (i != 0 && !take(p, ','))
            return fail(p, "expected ',' and argument '%s'", shape->arg[i].name);
        if (!parse_arg(p, shape->arg[i].name, ecall && i == 7 ? ABI_KIND_EID : ABI_KIND_VALUE, op, i))
            return false;
    }
    return true;
}

/* Nothing written in a text may be changed silently by the canonical form. */
static bool check_legal(struct parser *p, const struct trace_op *op)
{
    struct trace_op canonical = *op;

    trace_op_canonical(&canonical, p->trace->harts);
    for (unsigned i = 0; i < 8; i++) {
        if (canonical.a[i] != op->a[i] || canonical.kind[i] != op->kind[i])
            return fail(p, "%s: value is out of range", trace_op_shape(op->op)->arg[i].name);
    }
    return true;
}

static bool parse_args(struct parser *p, struct word name, struct trace_op *op)
{
    const struct abi_call *call = abi_call_by_name(name.start, name.len);
    int plain = trace_op_by_name(name.start, name.len);

    if (call != NULL) {
        op->op = call->guest ? OP_GUEST_CALL : OP_HOST_CALL;
        op->call = call->id;
        return parse_call_args(p, call, op);
    }
    if (plain < 0)
        return fail(p, "unknown operation '%.*s'", shown(name), name.start);
    op->op = (uint8_t)plain;
    return parse_plain_args(p, trace_op_shape(op->op), op) && check_legal(p, op);
}

/* --- expectations ----------------------------------------------------------------------------------------- */

/* Fields of an expectation, before they have their places. */
struct fields {
    uint64_t mask;
    uint8_t kind[TRACE_EXPECT_FIELDS];
    uint64_t value[TRACE_EXPECT_FIELDS];
};

/* One value of an expectation; errors and extensions may be named. */
static bool parse_expect_value(struct parser *p, const char *what, uint16_t expect, struct fields *f, unsigned i)
{
    skip_blanks(p);
    const char *start = p->at;
    struct word w = take_word(p);

    f->mask |= 1ull << i;
    f->kind[i] = ARG_RAW;
    if (i == 0 && expect <= EXPECT_EXIT && trace_error_by_name(w.start, w.len, &f->value[0]))
        return true;
    p->at = start;
    bool eid = i + 1 == TRACE_EXPECT_FIELDS;
    return parse_value(p, what, eid ? ABI_KIND_EID : ABI_KIND_VALUE, &f->kind[i], &f->value[i]);
}

static bool place_fields(struct parser *p, const struct fields *f, struct trace_op *op)
{
    op->a[7] = f->mask;
    for (unsigned i = 0; i < TRACE_EXPECT_FIELDS; i++) {
        int slot = trace_expect_slot(f->mask, i);
        if (slot < 0 && (f->mask >> i & 1) != 0)
            return fail(p, "%s: one expectation compares at most 7 fields", trace_expect_name(i));
        if (slot < 0)
            continue;
        op->kind[slot] = f->kind[i];
        op->a[slot] = f->value[i];
    }
    return true;
}

/* "name=value" pairs up to the end of the line. */
static bool parse_expect_fields(struct parser *p, const struct trace_op *op, struct fields *f)
{
    unsigned count = trace_expect_fields(op->call);

    while (!at_line_end(p)) {
        struct word w = take_word(p);
        unsigned i = 0;
        while (i < count && !word_is(w, trace_expect_name(i)))
            i++;
        if (i == count || !take(p, '='))
            return fail(p, "expected error=, value=%s or the end of the line",
                        op->call == EXPECT_EXIT ? ", scause=, stval=, htval=, htinst=, a0= to a7=" : "");
        if (!parse_expect_value(p, trace_expect_name(i), op->call, f, i))
            return false;
    }
    return true;
}

static bool parse_expect_kind(struct parser *p, struct trace_op *op, struct fields *f)
{
    struct word w = take_word(p);

    if (trace_error_by_name(w.start, w.len, &f->value[0])) {
        op->call = EXPECT_RESULT;
        f->mask = 1;
        return at_line_end(p) || parse_expect_value(p, "value", op->call, f, 1);
    }
    if (word_is(w, "RESULT") || word_is(w, "EXIT")) {
        op->call = word_is(w, "EXIT") ? EXPECT_EXIT : EXPECT_RESULT;
        return parse_expect_fields(p, op, f);
    }
    if (word_is(w, "VALUE") || word_is(w, "TRAP")) {
        op->call = word_is(w, "VALUE") ? EXPECT_VALUE : EXPECT_TRAP;
        return at_line_end(p) || parse_expect_value(p, op->call == EXPECT_VALUE ? "VALUE" : "TRAP", op->call, f, 0);
    }
    if (word_is(w, "ENTER") || word_is(w, "NONE")) {
        op->call = word_is(w, "ENTER") ? EXPECT_ENTER : EXPECT_NONE;
        return true;
    }
    return fail(p, "expected ENTER, EXIT, VALUE, TRAP, NONE, RESULT or the name of an SBI error after '->'");
}

static bool parse_expect(struct parser *p, struct trace_op *op)
{
    struct fields f = {0};

    op->op = OP_EXPECT;
    return parse_expect_kind(p, op, &f) && place_fields(p, &f, op);
}

/* --- lines ------------------------------------------------------------------------------------------------ */

static struct trace_op *append(struct parser *p)
{
    if (p->trace->count == TRACE_MAX_OPS) {
        fail(p, "too long: a trace has at most %u operations and expectations", TRACE_MAX_OPS);
        return NULL;
    }
    struct trace_op *op = &p->trace->op[p->trace->count++];
    memset(op, 0, sizeof(*op));
    return op;
}

static bool parse_hart(struct parser *p, uint8_t *hart)
{
    struct word w = take_word(p);
    uint64_t value;

    if (w.len < 2 || w.start[0] != 'h' || !word_number((struct word){w.start + 1, w.len - 1}, &value))
        return fail(p, "expected a hart, as in h0, at the start of the line");
    if (value >= p->trace->harts)
        return fail(p, "hart %.*s: the machine has %u", shown(w), w.start, p->trace->harts);
    *hart = (uint8_t)value;
    return true;
}

static bool parse_op_line(struct parser *p)
{
    struct trace_op *op = append(p);

    if (op == NULL || !parse_hart(p, &op->hart))
        return false;
    struct word name = take_word(p);
    if (name.len == 0)
        return fail(p, "expected the name of an operation");
    if (!take(p, '('))
        return fail(p, "expected '(' after '%.*s'", shown(name), name.start);
    if (!parse_args(p, name, op))
        return false;
    if (!take(p, ')'))
        return fail(p, "expected ')' after the last argument");
    if (at_line_end(p))
        return true;
    if (!take(p, '-') || p->at == p->end || *p->at++ != '>')
        return fail(p, "expected '->', a comment or the end of the line after ')'");

    struct trace_op *expect = append(p);
    if (expect == NULL)
        return false;
    expect->hart = op->hart;
    if (!parse_expect(p, expect))
        return false;
    return at_line_end(p) || fail(p, "expected the end of the line after the expectation");
}

static bool parse_schedule(struct parser *p)
{
    if (!word_is(take_word(p), "seed") || !take(p, '='))
        return fail(p, "expected seed= after 'schedule'");
    if (!parse_number(p, "seed", &p->trace->schedule_seed))
        return false;
    p->trace->overlap = true;
    return at_line_end(p) || fail(p, "expected the end of the line after the seed of the schedule");
}

static bool parse_decisions(struct parser *p)
{
    struct trace *t = p->trace;
    struct word w = take_word(p);

    if (w.len == 0 || w.len % 2 != 0)
        return fail(p, "decisions: expected two hexadecimal digits for each byte");
    for (size_t i = 0; i < w.len; i += 2) {
        unsigned high = (unsigned)digit_value(w.start[i]);
        unsigned low = (unsigned)digit_value(w.start[i + 1]);
        if (high > 15 || low > 15)
            return fail(p, "decisions: '%.2s' is no byte in hexadecimal digits", w.start + i);
        if (t->decisions == TRACE_MAX_DECISIONS)
            return fail(p, "too long: a schedule has at most %u decisions", TRACE_MAX_DECISIONS);
        t->decision[t->decisions++] = (uint8_t)(high << 4 | low);
    }
    return at_line_end(p) || fail(p, "expected the end of the line after the decisions");
}

/* A line behind the header. The schedule, if there is one, is the end. */
static bool parse_body_line(struct parser *p)
{
    struct parser start = *p;
    struct word w = take_word(p);

    if (p->trace->overlap)
        return word_is(w, "decisions") ? parse_decisions(p) : fail(p, "only decisions follow a schedule");
    if (word_is(w, "schedule"))
        return parse_schedule(p);
    if (word_is(w, "decisions"))
        return fail(p, "decisions without a schedule before them");
    p->at = start.at;
    return parse_op_line(p);
}

static bool parse_iopmp(struct parser *p)
{
    struct word w = take_word(p);

    for (uint8_t i = 0; i < IOPMP_COUNT; i++) {
        if (word_is(w, trace_iopmp_name(i))) {
            p->trace->iopmp = i;
            return true;
        }
    }
    return fail(p, "iopmp: present, absent, refused or stuck is possible");
}

static bool parse_setting(struct parser *p)
{
    struct trace *t = p->trace;
    struct word w = take_word(p);
    uint64_t value;

    if (w.len == 0 || !take(p, '='))
        return fail(p, "expected harts=, host_pages=, window_pages=, seed= or iopmp= in the header");
    if (word_is(w, "iopmp"))
        return parse_iopmp(p);
    if (!parse_number(p, "header", &value))
        return false;
    if (word_is(w, "harts")) {
        if (value < 1 || value > TRACE_MAX_HARTS)
            return fail(p, "harts: 1 to %u are possible", TRACE_MAX_HARTS);
        t->harts = (uint8_t)value;
    } else if (word_is(w, "host_pages")) {
        if (value > TRACE_MAX_HOST_PAGES || value != trace_legal_host_pages((uint32_t)value))
            return fail(p, "host_pages: 0 or %u to %u are possible", TRACE_MIN_PAGES, TRACE_MAX_HOST_PAGES);
        t->host_pages = (uint32_t)value;
    } else if (word_is(w, "window_pages")) {
        if (value > TRACE_MAX_WINDOW_PAGES || value != trace_legal_window_pages((uint32_t)value))
            return fail(p, "window_pages: 0 or a power of two from %u to %u is possible", TRACE_MIN_PAGES,
                        TRACE_MAX_WINDOW_PAGES);
        t->window_pages = (uint32_t)value;
    } else if (word_is(w, "seed")) {
        t->seed = value;
    } else {
        return fail(p, "unknown setting '%.*s' in the header", shown(w), w.start);
    }
    return true;
}

static bool parse_header(struct parser *p)
{
    uint64_t version;

    if (!word_is(take_word(p), "touchstone"))
        return fail(p, "expected the header: touchstone %u harts=%u", TRACE_VERSION, TRACE_DEFAULT_HARTS);
    if (!parse_number(p, "version", &version))
        return false;
    if (version != TRACE_VERSION)
        return fail(p, "version %llu, but only version %u is known", (unsigned long long)version, TRACE_VERSION);
    while (!at_line_end(p)) {
        if (!parse_setting(p))
            return false;
    }
    return true;
}

bool trace_parse(struct trace *t, const char *text, size_t len, struct trace_error *error)
{
    struct parser p = {.trace = t, .error = error, .line = 1};
    const char *end = text + len;
    bool header = false;

    *t = (struct trace){.harts = TRACE_DEFAULT_HARTS};
    for (const char *line = text; line < end; p.line++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        p.at = line;
        p.end = newline != NULL ? newline : end;
        line = newline != NULL ? newline + 1 : end;
        if (at_line_end(&p))
            continue;
        if (!(header ? parse_body_line(&p) : parse_header(&p)))
            return false;
        header = true;
    }
    if (len > 0 && end[-1] != '\n')
        p.line--; /* behind the last line there is none */
    return header ||
           fail(&p, "no header: a trace begins with touchstone %u harts=%u", TRACE_VERSION, TRACE_DEFAULT_HARTS);
}

bool trace_looks_like_text(const uint8_t *bytes, size_t len)
{
    static const char header[] = "touchstone";
    size_t at = 0;

    while (at < len) {
        if (bytes[at] == '\n' || is_blank((char)bytes[at])) {
            at++;
        } else if (bytes[at] == '#') {
            while (at < len && bytes[at] != '\n')
                at++;
        } else {
            return len - at >= sizeof(header) - 1 && memcmp(bytes + at, header, sizeof(header) - 1) == 0;
        }
    }
    return false;
}
