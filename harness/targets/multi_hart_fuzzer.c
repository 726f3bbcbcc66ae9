/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: two to four harts that overlap inside the monitor. The input says what each hart does and in which order
 * they go on; the machine watches locks, waits and fences, and ownership is audited whenever no hart is inside
 * (harness/concurrency/interleave.h).
 *
 *   an input:  a trace, as many records as its header announces | 1 byte: seed | decisions of the scheduler
 *
 * What comes after the decisions is up to the seed. A trace alone is an input as well. A finding is printed with its
 * trace and its decisions, which `touchstone interleave --trace FILE --decisions FILE --seed N --rounds 1` takes.
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
#define COUNT_AT 24u /* place of the number of records in the header */
#define DEFAULT_SEED 1u
#define MORE_DECISIONS 32u /* bytes that a mutation may add at once */

static struct interleave *machines[MAX_HARTS + 1];
static struct trace trace, made;

/* --- inputs ------------------------------------------------------------------------------------------------- */

/* Where the trace ends: as announced, if the header announces something. */
static size_t trace_end(const uint8_t *data, size_t size)
{
    if (size < TRACE_HEADER_SIZE || memcmp(data, "TST1", 4) != 0)
        return size;
    uint32_t count = (uint32_t)data[COUNT_AT] | (uint32_t)data[COUNT_AT + 1] << 8 | (uint32_t)data[COUNT_AT + 2] << 16 |
                     (uint32_t)data[COUNT_AT + 3] << 24;
    size_t end = TRACE_HEADER_SIZE + (size_t)(count < TRACE_MAX_OPS ? count : TRACE_MAX_OPS) * TRACE_RECORD_SIZE;
    return end < size ? end : size;
}

static uint8_t some_harts(uint8_t harts)
{
    return (uint8_t)(harts < MIN_HARTS ? MIN_HARTS : harts > MAX_HARTS ? MAX_HARTS : harts);
}

static size_t read_trace(struct trace *t, const uint8_t *data, size_t size)
{
    size_t end = trace_end(data, size);

    trace_decode_any(t, data, end);
    t->harts = some_harts(t->harts);
    t->host_pages = t->window_pages = 0;
    t->seed = 0;
    for (uint32_t i = 0; i < t->count; i++)
        t->op[i].hart %= t->harts;
    return end;
}

static struct schedule_decisions read_decisions(const uint8_t *data, size_t size, size_t end)
{
    if (end == size)
        return (struct schedule_decisions){.seed = DEFAULT_SEED};
    return (struct schedule_decisions){.seed = data[end], .bytes = data + end + 1, .len = size - end - 1};
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
    size_t end = read_trace(&trace, data, size);
    struct schedule_decisions decisions = read_decisions(data, size, end);
    struct interleave *i = machines[trace.harts];

    state_feedback_begin();
    if (interleave_run(i, &trace, &decisions)) {
        interleave_reset(i);
        return 0;
    }
    acting_print(interleave_finding(i), &trace);
    fprintf(stderr, "\ndecisions: seed %u, bytes ", (unsigned)decisions.seed);
    for (size_t n = 0; n < decisions.len; n++)
        fprintf(stderr, "%02x", decisions.bytes[n]);
    fprintf(stderr, "\n");
    abort();
}

/* --- mutation ----------------------------------------------------------------------------------------------- */

static size_t join(const struct trace *t, const uint8_t *decisions, size_t len, uint8_t *out, size_t max)
{
    size_t size = trace_encode(t, out, max);

    if (len > max - size)
        len = max - size;
    memcpy(out + size, decisions, len);
    return size + len;
}

/* Programs of one or two traces on all harts, in one of the ways that `touchstone interleave` knows. */
static void spread(const struct trace *a, const struct trace *b, struct random *r)
{
    const struct trace *const from[2] = {a, b};

    interleave_compose(&made, from, 2, MIN_HARTS + (uint32_t)random_below(r, MAX_HARTS - MIN_HARTS + 1),
                       random_next(r));
}

static size_t mutate_decisions(uint8_t *bytes, size_t len, size_t max, struct random *r)
{
    if (len != 0 && LLVMFuzzerMutate != NULL && random_chance(r, 60))
        return LLVMFuzzerMutate(bytes, len, max);
    if (len == 0 || random_chance(r, 30)) {
        size_t more = 1 + random_below(r, MORE_DECISIONS);
        while (more-- > 0 && len < max)
            bytes[len++] = (uint8_t)random_next(r);
        return len;
    }
    bytes[random_below(r, len)] = (uint8_t)random_next(r);
    return len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t decisions[TRACE_MAX_BYTES], bytes[TRACE_MAX_BYTES];
    static struct trace parent;
    struct random r = random_from(seed);

    if (max_size < TRACE_HEADER_SIZE)
        return 0;
    size_t end = read_trace(&parent, data, size);
    size_t len = size - end < sizeof(decisions) / 2 ? size - end : sizeof(decisions) / 2;
    memcpy(decisions, data + end, len);
    made = parent;
    uint64_t kind = random_below(&r, 100);
    if (kind < 25) {
        spread(&parent, &parent, &r);
    } else if (kind < 65) {
        size_t encoded = trace_encode(&parent, bytes, sizeof(bytes));
        encoded = trace_mutate(bytes, encoded, sizeof(bytes), (uint32_t)random_next(&r), LLVMFuzzerMutate);
        read_trace(&made, bytes, encoded);
    }
    if (kind >= 55)
        len = mutate_decisions(decisions, len, sizeof(decisions) / 2, &r);
    return join(&made, decisions, len, data, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed)
{
    static struct trace first, second;
    struct random r = random_from(seed);

    if (max_out_size < TRACE_HEADER_SIZE)
        return 0;
    size_t end = read_trace(&first, data1, size1);
    read_trace(&second, data2, size2);
    spread(&first, &second, &r);
    return join(&made, data1 + end, size1 - end, out, max_out_size);
}
