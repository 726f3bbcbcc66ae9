/* SPDX-License-Identifier: Apache-2.0 */
/* Running traces and reporting what was found; see acting.h. */
#include "harness/targets/acting.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/targets/state_feedback.h"

struct world *acting_world(const struct trace *t, uint32_t oracles)
{
    struct machine_config config = world_config_for(t);
    struct world *w = world_create(&config, oracles);

    if (w == NULL) {
        fprintf(stderr, "error: no memory for a world of %u harts\n", config.harts);
        exit(EXIT_FAILURE);
    }
    world_reset(w); /* what booting left is cleaned up as well */
    return w;
}

bool acting_run(struct world *w, const struct trace *t)
{
    struct step_result seen;

    world_reset(w);
    state_feedback_begin();
    for (uint32_t i = 0; i < t->count && !w->finding.found; i++) {
        w->step = i;
        state_feedback_before(w, &t->op[i], 0);
        world_step(w, &t->op[i], &seen);
        state_feedback_after(w, &t->op[i], &seen, 0);
    }
    return world_audit(w);
}

/* Name of what the finding blames: the call, or the operation when it was no call. */
static void print_culprit(const struct finding *finding, const struct trace *t)
{
    const struct abi_call *call = abi_call_by_id(finding->call);
    char line[640] = "end";

    if (call != NULL) {
        fprintf(stderr, "%s", call->name);
        return;
    }
    if (finding->step < t->count)
        trace_print_op(line, sizeof(line), &t->op[finding->step], NULL);
    const char *name = line; /* "h0 guest_load(...)": the word between blank and bracket */
    while (*name != 0 && *name != ' ')
        name++;
    name = *name == ' ' ? name + 1 : line;
    int len = 0;
    while (name[len] != 0 && name[len] != '(')
        len++;
    fprintf(stderr, "%.*s", len, name);
}

void acting_print(const struct finding *finding, const struct trace *t)
{
    fprintf(stderr, "FINDING %s %s ", oracle_name(finding->oracle), finding->property);
    print_culprit(finding, t);
    fprintf(stderr, "\n%s, operation %u: %s\n\n", severity_name(finding->severity), finding->step, finding->text);
    trace_print(stderr, t);
    fflush(NULL); /* also what the engine said before: after an abort it would be lost */
}

void acting_report(const struct finding *finding, const struct trace *t)
{
    acting_print(finding, t);
    abort();
}
