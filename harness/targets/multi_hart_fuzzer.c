/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: two to four harts that overlap inside the monitor. The input says what each hart does and in which order
 * they go on; the machine watches locks, waits and fences, and ownership is audited whenever no hart is inside
 * (harness/concurrency/interleave.h).
 *
 * An input is a trace with a schedule, in either form; one without a schedule gets the order of a fixed seed. A finding is
 * printed as such a trace, which `touchstone run` replays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/concurrency/interleave.h"
#include "harness/targets/acting.h"
#include "harness/targets/fuzzer.h"
#include "harness/targets/state_feedback.h"
#include "harness/trace/random.h"

#define MIN_HARTS 2u
#define MAX_HARTS 4u
#define DEFAULT_SEED 1u

static struct interleave *machines[MAX_HARTS + 1];
static struct trace trace, made;

/* --- inputs ------------------------------------------------------------------------------------------------- */

static uint8_t some_harts(uint8_t harts)
{
    return (uint8_t)(harts < MIN_HARTS ? MIN_HARTS : harts > MAX_HARTS ? MAX_HARTS : harts);
}

static void read_trace(struct trace *t, const uint8_t *data, size_t size)
{
    trace_decode_any(t, data, size);
    t->harts = some_harts(t->harts);
    t->host_pages = t->window_pages = 0;
    t->seed = 0;
    t->iopmp = IOPMP_PRESENT;
    if (!t->overlap)
        t->schedule_seed = DEFAULT_SEED;
    t->overlap = true;
    for (uint32_t i = 0; i < t->count; i++)
        t->op[i].hart %= t->harts;
}

/* --- target ------------------------------------------------------------------------------------------------- */

static struct interleave *make_machine(uint8_t harts)
{
    trace = (struct trace){.harts = harts};
    struct machine_config config = world_config_for(&trace);
    struct interleave *i = interleave_create(&config);

    if (i == NULL) {
        fprintf(stderr, "error: no memory for a machine of %u harts\n", harts);
        exit(EXIT_FAILURE);
    }
    interleave_set_watch(i, &(struct interleave_watch){.before = state_feedback_before, .after = state_feedback_after});
    return i;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    state_feedback_prepare();
    for (uint8_t harts = MIN_HARTS; harts <= MAX_HARTS; harts++)
        machines[harts] = make_machine(harts);
    /* Once through each of them: what the first run prepares must not be a new path of the first input. */
    trace = (struct trace){.harts = MIN_HARTS};
    for (uint8_t harts = MIN_HARTS; harts <= MAX_HARTS; harts++) {
        interleave_run(machines[harts], &trace, &(struct schedule_decisions){.seed = DEFAULT_SEED});
        interleave_reset(machines[harts]);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    read_trace(&trace, data, size);
    struct schedule_decisions decisions = interleave_decisions(&trace);
    struct interleave *i = machines[trace.harts];

    state_feedback_begin();
    if (interleave_run(i, &trace, &decisions)) {
        interleave_reset(i);
        return 0;
    }
    acting_report(interleave_finding(i), &trace);
}

/* --- mutation ----------------------------------------------------------------------------------------------- */

/* Programs of one or two traces on all harts, in one of the ways that `touchstone interleave` knows. */
static void spread(const struct trace *a, const struct trace *b, struct random *r)
{
    const struct trace *const from[2] = {a, b};

    interleave_compose(&made, from, 2, MIN_HARTS + (uint32_t)random_below(r, MAX_HARTS - MIN_HARTS + 1),
                       random_next(r));
    made.overlap = true;
    made.schedule_seed = a->schedule_seed;
    made.decisions = a->decisions;
    memcpy(made.decision, a->decision, a->decisions);
}

/* What the engine makes of the decisions, if there is an engine and there are some. */
static void mutate_decisions(struct trace *t)
{
    if (LLVMFuzzerMutate != NULL && t->decisions != 0)
        t->decisions = (uint16_t)LLVMFuzzerMutate(t->decision, t->decisions, sizeof(t->decision));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t bytes[TRACE_MAX_BYTES];
    static struct trace parent;
    struct random r = random_from(seed);

    if (max_size < TRACE_HEADER_SIZE)
        return 0;
    read_trace(&parent, data, size);
    made = parent;
    uint64_t kind = random_below(&r, 100);
    if (kind < 25) {
        spread(&parent, &parent, &r);
    } else if (kind < 75) {
        /* Operations, and every other time the schedule too. */
        size_t encoded = trace_encode(&parent, bytes, sizeof(bytes));
        encoded = trace_mutate(bytes, encoded, sizeof(bytes), (uint32_t)random_next(&r), LLVMFuzzerMutate);
        read_trace(&made, bytes, encoded);
    }
    if (kind >= 65)
        mutate_decisions(&made);
    return trace_encode(&made, data, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed)
{
    static struct trace first, second;
    struct random r = random_from(seed);

    if (max_out_size < TRACE_HEADER_SIZE)
        return 0;
    read_trace(&first, data1, size1);
    read_trace(&second, data2, size2);
    spread(&first, &second, &r);
    return trace_encode(&made, out, max_out_size);
}
