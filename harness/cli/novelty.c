/* SPDX-License-Identifier: Apache-2.0 */
/* What of the features of a step has been seen; see novelty.h. */
#include "harness/cli/novelty.h"

static unsigned mark(struct novelty *n, uint64_t feature)
{
    uint32_t index = (uint32_t)(feature >> (64 - NOVELTY_BITS));
    uint8_t bit = (uint8_t)(1u << (index & 7u));

    if (n->seen[index >> 3] & bit)
        return 0;
    n->seen[index >> 3] |= bit;
    n->count++;
    return 1;
}

void novelty_begin(struct novelty *n)
{
    features_begin(&n->features);
}

unsigned novelty_step(struct novelty *n, const struct world *w, const struct trace_op *op,
                      const struct step_result *seen)
{
    uint64_t feature[FEATURES_MAX];
    unsigned count = features_after(&n->features, w, op, seen, feature);
    unsigned fresh = 0;

    for (unsigned i = 0; i < count; i++)
        fresh += mark(n, feature[i]);
    return fresh;
}
