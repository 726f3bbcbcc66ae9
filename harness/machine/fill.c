/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the window holds at power-on: nothing but non-zero words, so that whoever forgets to scrub shows them. It is worked out
 * anew each time that a frame goes back to it: a copy would be larger than the caches of a core, and be read from outside.
 */
#include "harness/machine/internal.h"

#define WORD_STEP UINT64_C(0x9e3779b97f4a7c15)

typedef uint64_t wide __attribute__((vector_size(32), may_alias));
#define WIDE_WORDS (sizeof(wide) / sizeof(uint64_t))

static inline __attribute__((always_inline)) void fill(uint8_t *to, uint64_t first, uint64_t bits)
{
    wide word = {first, first + WORD_STEP, first + 2 * WORD_STEP, first + 3 * WORD_STEP};
    wide *out = (void *)to;

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(wide); i++, word += WIDE_WORDS * WORD_STEP)
        out[i] = (word | 1) ^ bits;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void fill_avx2(uint8_t *to, uint64_t first, uint64_t bits)
{
    fill(to, first, bits);
}
#endif

void fill_frame(uint8_t *to, uint64_t seed, uint32_t window_frame, uint64_t bits)
{
    uint64_t first = junk(seed, UINT64_C(0x77696e) << 32 | window_frame);

#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        fill_avx2(to, first, bits);
        return;
    }
#endif
    fill(to, first, bits);
}
