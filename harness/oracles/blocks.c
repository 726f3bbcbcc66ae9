/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing frames block by block. Nearly all of the time goes into reading, so processors that can read more at once do.
 */
#include "harness/oracles/blocks.h"

typedef uint64_t wide __attribute__((vector_size(32), may_alias));

static inline __attribute__((always_inline)) block_set differing(const uint8_t *one, const uint8_t *other)
{
    const wide *a = (const void *)one;
    const wide *b = (const void *)other;
    unsigned blocks = 0;

    for (unsigned i = 0; i < FRAME_BLOCKS; i++, a += 8, b += 8) {
        wide odd = ((a[0] ^ b[0]) | (a[1] ^ b[1])) | ((a[2] ^ b[2]) | (a[3] ^ b[3])) | ((a[4] ^ b[4]) | (a[5] ^ b[5])) |
                   ((a[6] ^ b[6]) | (a[7] ^ b[7]));
        blocks |= (unsigned)((odd[0] | odd[1] | odd[2] | odd[3]) != 0) << i;
    }
    return (block_set)blocks;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static block_set differing_avx2(const uint8_t *one, const uint8_t *other)
{
    return differing(one, other);
}
#endif

block_set blocks_differing(const uint8_t *one, const uint8_t *other)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return differing_avx2(one, other);
#endif
    return differing(one, other);
}
