/* SPDX-License-Identifier: Apache-2.0 */
/* Steps and findings in words; see telling.h. */
#include "harness/agents/telling.h"

#include <string.h>

struct trace_op expect_of(const struct step_result *seen)
{
    struct trace_op expect = {.op = OP_EXPECT, .call = (uint16_t)seen->kind};

    switch (seen->kind) {
    case EXPECT_RESULT:
        expect.a[0] = (uint64_t)seen->error;
        expect.a[1] = seen->value;
        expect.a[7] = 0x3;
        break;
    case EXPECT_EXIT:
        expect.a[0] = (uint64_t)seen->error;
        expect.a[1] = seen->value;
        expect.a[2] = seen->scause;
        expect.a[3] = seen->stval;
        expect.a[4] = seen->htval;
        expect.a[5] = seen->htinst;
        expect.a[7] = 0x3f;
        break;
    case EXPECT_VALUE:
    case EXPECT_TRAP:
        expect.a[0] = seen->value;
        expect.a[7] = 0x1;
        break;
    case EXPECT_ENTER:
    case EXPECT_NONE:
    case EXPECT_KIND_COUNT: break;
    }
    return expect;
}

bool same_result(const struct step_result *a, const struct step_result *b)
{
    struct trace_op one = expect_of(a);
    struct trace_op two = expect_of(b);

    return one.call == two.call && memcmp(one.a, two.a, sizeof(one.a)) == 0;
}

void print_step(FILE *out, const struct trace_op *op, const struct step_result *seen)
{
    char text[1024];
    struct trace_op expect = expect_of(seen);

    trace_print_op(text, sizeof(text), op, &expect);
    fputs(text, out);
}

const char *finding_call(const struct finding *f)
{
    const struct abi_call *call = f->call ? abi_call_by_id(f->call) : NULL;

    return call ? call->name : "none";
}

void tell_finding(FILE *out, const char *name, const struct trace *t, const struct finding *f, const char *colour,
                  const char *plain)
{
    char text[1024];

    fprintf(out, "%sFINDING%s %s%s%s %s in %s (%s)\n", colour, plain, name, *name ? ": " : "", oracle_name(f->oracle),
            f->property, finding_call(f), severity_name(f->severity));
    if (f->step < t->count) {
        trace_print_op(text, sizeof(text), &t->op[f->step], NULL);
        fprintf(out, "  step %u: %s\n", f->step, text);
    }
    fprintf(out, "  %s\n", f->text);
}

bool same_finding(const struct finding *a, const struct finding *b)
{
    return a->found && b->found && a->oracle == b->oracle && a->call == b->call &&
           strcmp(a->property, b->property) == 0;
}
