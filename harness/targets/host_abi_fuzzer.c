/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the whole monitor through its SBI interface. One input is one trace; a hostile host, guests and the
 * environment act it out on the simulated machine while all oracles watch.
 *
 * A finding is printed to stderr, first line `FINDING <oracle> <property> <call>`, then what happened in words and the
 * trace as text, which `touchstone run` takes back. Then the process aborts, so that every engine keeps the input.
 *
 * Worlds of one to three harts are made once and reset after each input; an input that asks for more harts, other
 * memory sizes or another seed gets a world of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/agents/world.h"
#include "harness/targets/fuzzer.h"

#define PREPARED_HARTS 3u

static struct world *usual_world[PREPARED_HARTS + 1];
static struct trace trace;

static struct world *make_world(const struct trace *t)
{
    struct machine_config config = world_config_for(t);
    struct world *w = world_create(&config, ORACLE_ALL);

    if (w == NULL) {
        fprintf(stderr, "error: no memory for a world of %u harts\n", config.harts);
        exit(EXIT_FAILURE);
    }
    return w;
}

static bool is_usual(const struct trace *t)
{
    return t->harts <= PREPARED_HARTS && t->host_pages == 0 && t->window_pages == 0 && t->seed == 0;
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

static void report(const struct finding *finding, const struct trace *t)
{
    fprintf(stderr, "FINDING %s %s ", oracle_name(finding->oracle), finding->property);
    print_culprit(finding, t);
    fprintf(stderr, "\n%s, operation %u: %s\n\n", severity_name(finding->severity), finding->step, finding->text);
    trace_print(stderr, t);
    fflush(stderr);
}

/*
 * The machines that nearly all inputs ask for are made before the first input: an input then takes the same way
 * through the program each time it runs, which is what engines call stability.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (uint8_t harts = 1; harts <= PREPARED_HARTS; harts++) {
        trace = (struct trace){.harts = harts};
        usual_world[harts] = make_world(&trace);
        world_reset(usual_world[harts]); /* what booting left is cleaned up as well */
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trace_decode_any(&trace, data, size);
    bool usual = is_usual(&trace);
    struct world *w = usual ? usual_world[trace.harts] : make_world(&trace);

    if (!world_run(w, &trace)) {
        report(&w->finding, &trace);
        abort();
    }
    /* Clean up now: what an input costs and covers must not depend on the one before it. */
    if (usual)
        world_reset(w);
    else
        world_destroy(w);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return trace_mutate(data, size, max_size, seed, LLVMFuzzerMutate);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed)
{
    return trace_crossover(data1, size1, data2, size2, out, max_out_size, seed);
}
