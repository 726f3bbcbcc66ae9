/* SPDX-License-Identifier: Apache-2.0 */
/* State feedback; see state_feedback.h. */
#include "harness/targets/state_feedback.h"

#include <stdlib.h>
#include <string.h>

/* More places and every run would pay for reading them; a few that coincide cost little. */
#define PLACE_BITS 14u
#define PLACES (1u << PLACE_BITS)

#ifdef __AFL_COMPILER
/* AFL++ gives each guard of this section a place in its map, ours as well as the compiler's. */
static uint32_t guard[PLACES] __attribute__((section("__sancov_guards"), used));
static uint8_t marked[PLACES]; /* by this input: how often does not matter */

void __sanitizer_cov_trace_pc_guard(uint32_t *guard);

static void mark(uint32_t place)
{
    if (marked[place] == 0)
        __sanitizer_cov_trace_pc_guard(&guard[place]);
    marked[place] = 1;
}

static void forget(void)
{
    memset(marked, 0, sizeof(marked));
}
#else
/* libFuzzer reads and clears this section around each input. */
static uint8_t counter[PLACES] __attribute__((section("__libfuzzer_extra_counters"), used));

static void mark(uint32_t place)
{
    counter[place] = 1;
}

static void forget(void) {}
#endif

static struct features features[MONITOR_MAX_HARTS]; /* by lane */
static bool wanted;

void state_feedback_prepare(void)
{
    const char *value = getenv("TOUCHSTONE_STATE_FEEDBACK");

    wanted = value == NULL || strcmp(value, "0") != 0;
}

void state_feedback_begin(void)
{
    for (unsigned lane = 0; lane < MONITOR_MAX_HARTS; lane++)
        features_begin(&features[lane]);
    forget();
}

void state_feedback_before(const struct world *w, const struct trace_op *op, uint32_t lane)
{
    if (wanted)
        features_before(&features[lane], w, op);
}

void state_feedback_after(const struct world *w, const struct trace_op *op, const struct step_result *seen,
                          uint32_t lane)
{
    uint64_t feature[FEATURES_MAX];

    if (!wanted)
        return;
    unsigned count = features_beside_coverage(&features[lane], w, op, seen, feature);
    for (unsigned i = 0; i < count; i++)
        mark((uint32_t)(feature[i] >> (64 - PLACE_BITS)));
}
