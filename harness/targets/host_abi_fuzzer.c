/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the whole monitor through its SBI interface. One input is one trace; a hostile host, guests and the
 * environment act it out on the simulated machine while all oracles watch.
 *
 * A finding is printed with its trace and ends the process (acting.h).
 *
 * Worlds of each number of harts, and of two harts for each state that the IOPMP can be in, are made once and reset after each
 * input. An input with another IOPMP than a working one is acted out by two harts, whatever number it asks for; one that asks
 * for other memory sizes or another seed gets a world of its own.
 */
#include "harness/targets/acting.h"
#include "harness/targets/fuzzer.h"
#include "harness/targets/state_feedback.h"
#include "harness/trace/generator.h"

#define HARTS_WITHOUT_IOPMP 2u

static struct world *made[IOPMP_COUNT][MONITOR_MAX_HARTS + 1];
static struct trace trace;
static enum trace_generator generator;

/* The world that was made for traces like this one, or NULL. */
static struct world *prepared(const struct trace *t)
{
    bool usual = t->host_pages == 0 && t->window_pages == 0 && t->seed == 0;

    return usual ? made[t->iopmp][t->harts] : NULL;
}

static void make(uint8_t iopmp, uint8_t harts)
{
    trace = (struct trace){.harts = harts, .iopmp = iopmp};
    made[iopmp][harts] = acting_world(&trace, ORACLE_ALL);
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
    for (uint8_t harts = 1; harts <= MONITOR_MAX_HARTS; harts++)
        make(IOPMP_PRESENT, harts);
    for (uint8_t iopmp = IOPMP_PRESENT + 1; iopmp < IOPMP_COUNT; iopmp++)
        make(iopmp, HARTS_WITHOUT_IOPMP);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    trace_decode_any(&trace, data, size);
    trace_drop_schedule(&trace);
    if (trace.iopmp != IOPMP_PRESENT && trace.harts != HARTS_WITHOUT_IOPMP) {
        trace.harts = HARTS_WITHOUT_IOPMP;
        trace_canonical(&trace);
    }
    struct world *usual = prepared(&trace);
    struct world *w = usual != NULL ? usual : acting_world(&trace, ORACLE_ALL);

    if (!acting_run(w, &trace))
        acting_report(&w->finding, &trace);
    /* Clean up now: what an input costs and covers must not depend on the one before it. */
    if (usual != NULL)
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
