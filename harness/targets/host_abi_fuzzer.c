/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the whole monitor through its SBI interface. One input is one trace; a hostile host, guests and the
 * environment act it out on the simulated machine while all oracles watch.
 *
 * A finding is printed with its trace and ends the process (acting.h).
 *
 * Worlds of one to three harts are made once and reset after each input; an input that asks for more harts, other
 * memory sizes or another seed gets a world of its own.
 */
#include "harness/targets/acting.h"
#include "harness/targets/fuzzer.h"
#include "harness/targets/state_feedback.h"
#include "harness/trace/generator.h"

#define PREPARED_HARTS 3u

static struct world *usual_world[PREPARED_HARTS + 1];
static struct trace trace;
static enum trace_generator generator;

static bool is_usual(const struct trace *t)
{
    return t->harts <= PREPARED_HARTS && t->host_pages == 0 && t->window_pages == 0 && t->seed == 0;
}

/*
 * The machines that nearly all inputs ask for are made before the first input: an input then takes the same way
 * through the program each time it runs, which is what engines call stability.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    state_feedback_prepare();
    generator = trace_generator_wanted();
    for (uint8_t harts = 1; harts <= PREPARED_HARTS; harts++) {
        trace = (struct trace){.harts = harts};
        usual_world[harts] = acting_world(&trace, ORACLE_ALL);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    trace_decode_any(&trace, data, size);
    trace_drop_schedule(&trace);
    bool usual = is_usual(&trace);
    struct world *w = usual ? usual_world[trace.harts] : acting_world(&trace, ORACLE_ALL);

    if (!acting_run(w, &trace))
        acting_report(&w->finding, &trace);
    /* Clean up now: what an input costs and covers must not depend on the one before it. */
    if (usual)
        world_reset(w);
    else
        world_destroy(w);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return trace_mutate_as(generator, data, size, max_size, seed, LLVMFuzzerMutate);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed)
{
    return trace_crossover_as(generator, data1, size1, data2, size2, out, max_out_size, seed);
}
