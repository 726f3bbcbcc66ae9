/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that are the same everywhere for the same seed (the splitmix64 sequence). Not for secrets.
 */
#ifndef TOUCHSTONE_UNICORN_PRNG_H
#define TOUCHSTONE_UNICORN_PRNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct prng {
    uint64_t state;
    /* What is drawn first, eight bytes at a time, while there are so many: somebody else's choice (driven.h). */
    const uint8_t *bytes;
    size_t left;
};

static inline uint64_t prng_next(struct prng *r)
{
    if (r->left >= sizeof(uint64_t)) {
        uint64_t chosen;
        memcpy(&chosen, r->bytes, sizeof(chosen));
        r->bytes += sizeof(chosen);
        r->left -= sizeof(chosen);
        return chosen;
    }
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The next `count` numbers. */
static inline void prng_fill(struct prng *r, uint64_t *words, size_t count)
{
    size_t i = 0;
    while (i < count && r->left >= sizeof(uint64_t))
        words[i++] = prng_next(r);
    struct prng rest = {.state = r->state}; /* nobody's choice: the loop needs not ask again */
    for (; i < count; i++)
        words[i] = prng_next(&rest);
    r->state = rest.state;
}

/* A number below `n`, n > 0; the bias is of no concern for small n. */
static inline uint64_t prng_below(struct prng *r, uint64_t n)
{
    return prng_next(r) % n;
}

/* An independent sequence for the `index`-th use of a seed. */
static inline struct prng prng_fork(uint64_t seed, uint64_t index)
{
    struct prng r = {.state = seed ^ (index * UINT64_C(0xd1342543de82ef95))};
    r.state = prng_next(&r);
    return r;
}

#endif
