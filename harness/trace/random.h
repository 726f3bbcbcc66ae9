/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic random numbers for mutation and tests: the same seed gives the same sequence everywhere.
 * xorshift64* after a mixing step, so that neighbouring seeds give unrelated sequences. Not for secrets.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_RANDOM_H
#define TOUCHSTONE_HARNESS_TRACE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state; /* never 0 */
};

static inline struct random random_from(uint64_t seed)
{
    uint64_t mixed = (seed + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;

    mixed ^= mixed >> 31;
    return (struct random){.state = mixed != 0 ? mixed : 1};
}

static inline uint64_t random_next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1du;
}

/* A number below `bound`; 0 when bound is 0. */
static inline uint64_t random_below(struct random *r, uint64_t bound)
{
    return bound != 0 ? (random_next(r) >> 16) % bound : 0;
}

/* True in `percent` of 100 cases. */
static inline bool random_chance(struct random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

#endif
