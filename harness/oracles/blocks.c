/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing and copying frames block by block. Nearly all of the time goes into memory, so processors that can take more of it
 * at once do.
 */
#include "harness/oracles/blocks.h"

#include <string.h>

typedef uint64_t wide __attribute__((vector_size(32), may_alias));

static inline __attribute__((always_inline)) block_set differing(const uint8_t *one, const uint8_t *other,
                                                                 unsigned count)
{
    const wide *a = (const void *)one;
    const wide *b = (const void *)other;
    unsigned blocks = 0;

    for (unsigned i = 0; i < count; i++, a += 8, b += 8) {
        wide odd = ((a[0] ^ b[0]) | (a[1] ^ b[1])) | ((a[2] ^ b[2]) | (a[3] ^ b[3])) | ((a[4] ^ b[4]) | (a[5] ^ b[5])) |
                   ((a[6] ^ b[6]) | (a[7] ^ b[7]));
        blocks |= (unsigned)((odd[0] | odd[1] | odd[2] | odd[3]) != 0) << i;
    }
    return (block_set)blocks;
}

static inline __attribute__((always_inline)) void copy(uint8_t *to, const uint8_t *from, block_set blocks)
{
    for (unsigned rest = blocks; rest != 0; rest &= rest - 1) {
        size_t at = (size_t)__builtin_ctz(rest) * BLOCK_BYTES;
        const wide *a = (const void *)(from + at);
        wide *b = (void *)(to + at);
        for (unsigned i = 0; i < BLOCK_BYTES / sizeof(wide); i++)
            b[i] = a[i];
    }
}

/* The same without alignment beyond that of a word. */
typedef uint64_t loose __attribute__((vector_size(32), aligned(8), may_alias));

static inline __attribute__((always_inline)) bool zero(const uint8_t *bytes, size_t len)
{
    const loose *at = (const void *)bytes;
    uint64_t rest = 0;

    for (; len >= BLOCK_BYTES; len -= BLOCK_BYTES, at += 8) {
        loose any = ((at[0] | at[1]) | (at[2] | at[3])) | ((at[4] | at[5]) | (at[6] | at[7]));
        if ((any[0] | any[1] | any[2] | any[3]) != 0)
            return false;
    }
    for (const uint8_t *word = (const void *)at; len != 0; len -= sizeof(rest), word += sizeof(rest)) {
        memcpy(&rest, word, sizeof(rest));
        if (rest != 0)
            return false;
    }
    return true;
}

static inline __attribute__((always_inline)) uint64_t lines(const uint8_t *frame, uint32_t first, uint32_t count)
{
    const wide *at = (const void *)(frame + (size_t)first * LINE_BYTES);
    uint64_t holding = 0;

    for (uint32_t i = first; i < first + count; i++, at += 2) {
        wide any = at[0] | at[1];
        holding |= (uint64_t)((any[0] | any[1] | any[2] | any[3]) != 0) << i;
    }
    return holding;
}

#ifdef __x86_64__
#define WIDER __attribute__((target("avx2"))) static
WIDER block_set differing_avx2(const uint8_t *one, const uint8_t *other, unsigned count)
{
    return differing(one, other, count);
}

WIDER void copy_avx2(uint8_t *to, const uint8_t *from, block_set blocks)
{
    copy(to, from, blocks);
}

WIDER uint64_t lines_avx2(const uint8_t *frame, uint32_t first, uint32_t count)
{
    return lines(frame, first, count);
}

WIDER bool zero_avx2(const uint8_t *bytes, size_t len)
{
    return zero(bytes, len);
}
#endif

block_set blocks_differing(const uint8_t *one, const uint8_t *other, unsigned count)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return differing_avx2(one, other, count);
#endif
    return differing(one, other, count);
}

void blocks_copy(uint8_t *to, const uint8_t *from, block_set blocks)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        copy_avx2(to, from, blocks);
        return;
    }
#endif
    copy(to, from, blocks);
}

uint64_t lines_in(const uint8_t *frame, uint32_t first, uint32_t count)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return lines_avx2(frame, first, count);
#endif
    return lines(frame, first, count);
}

bool bytes_zero(const uint8_t *bytes, size_t len)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return zero_avx2(bytes, len);
#endif
    return zero(bytes, len);
}
