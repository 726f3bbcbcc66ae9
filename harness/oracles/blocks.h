/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where two copies of a frame differ. A step changes a few words of a page; whoever keeps a copy of it finds out where, and
 * takes over that part instead of all of it. The bytes are compared, all of them: nobody is asked what was written.
 */
#ifndef TOUCHSTONE_HARNESS_BLOCKS_H
#define TOUCHSTONE_HARNESS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/core/types.h"

#define BLOCK_BYTES 256u
#define FRAME_BLOCKS (PAGE_SIZE / BLOCK_BYTES)

/* A bit for each block of a frame, lowest first. */
typedef uint16_t block_set;
#define ALL_BLOCKS UINT16_MAX
_Static_assert(FRAME_BLOCKS == 8 * sizeof(block_set), "a bit for each");

/* Which of the first `count` blocks differ in two frames; 0 when none does. Frames are aligned as vectors are. */
block_set blocks_differing(const uint8_t *one, const uint8_t *other, unsigned count);

/* Copy these blocks of a frame, aligned likewise. */
void blocks_copy(uint8_t *to, const uint8_t *from, block_set blocks);

/* Lines from `first` on, `count` of them, of a frame that hold anything but zero: a bit for each line of the frame. */
#define LINE_BYTES 64u
uint64_t lines_in(const uint8_t *frame, uint32_t first, uint32_t count);

/* Are `len` bytes, a multiple of 8 and so aligned, all zero? */
bool bytes_zero(const uint8_t *bytes, size_t len);

#endif
