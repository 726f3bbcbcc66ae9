/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of window frames: what changed, what was ever touched. A step changes a few frames of thousands; everything that an
 * oracle does per step or per reset goes over a set instead of over all of them.
 */
#ifndef TOUCHSTONE_HARNESS_FRAME_SET_H
#define TOUCHSTONE_HARNESS_FRAME_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct frame_set {
    uint64_t *word; /* a bit per frame */
    uint32_t words;
    bool any; /* false: empty for sure */
};

#define FRAME_SET_END UINT32_MAX

/* Empty set for frames 0 to frames - 1; false when memory is short. */
static inline bool frame_set_create(struct frame_set *s, uint32_t frames)
{
    s->words = (frames + 63) / 64;
    s->any = false;
    s->word = calloc(s->words, sizeof(*s->word));
    return s->word != NULL;
}

static inline void frame_set_destroy(struct frame_set *s)
{
    free(s->word);
}

static inline void frame_set_add(struct frame_set *s, uint32_t frame)
{
    s->word[frame / 64] |= UINT64_C(1) << frame % 64;
    s->any = true;
}

static inline void frame_set_remove(struct frame_set *s, uint32_t frame)
{
    s->word[frame / 64] &= ~(UINT64_C(1) << frame % 64);
}

static inline bool frame_set_has(const struct frame_set *s, uint32_t frame)
{
    return s->any && (s->word[frame / 64] >> frame % 64 & 1) != 0;
}

static inline void frame_set_clear(struct frame_set *s)
{
    if (s->any)
        memset(s->word, 0, s->words * sizeof(*s->word));
    s->any = false;
}

/* First frame of the set from `frame` on, in ascending order; FRAME_SET_END when there is none. */
static inline uint32_t frame_set_next(const struct frame_set *s, uint32_t frame)
{
    uint32_t at = frame / 64;

    if (!s->any || at >= s->words)
        return FRAME_SET_END;
    uint64_t rest = s->word[at] & UINT64_MAX << frame % 64;
    while (rest == 0) {
        if (++at == s->words)
            return FRAME_SET_END;
        rest = s->word[at];
    }
    return at * 64 + (uint32_t)__builtin_ctzll(rest);
}

/* for (each frame of a set) */
#define FRAME_SET_EACH(s, frame)                                                                                       \
    for (uint32_t frame = frame_set_next((s), 0); frame != FRAME_SET_END; frame = frame_set_next((s), frame + 1))

#endif
