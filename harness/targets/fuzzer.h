/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between a fuzz target and whatever feeds it: libFuzzer, the AFL++ driver, or standalone_runner.c.
 * Names and meanings are libFuzzer's, which the others share.
 */
#ifndef TOUCHSTONE_HARNESS_FUZZER_H
#define TOUCHSTONE_HARNESS_FUZZER_H

#include <stddef.h>
#include <stdint.h>

#include "harness/machine/sanitize.h"

/* What a target provides. Returns 0; ends the process with abort() when it found something. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The first thing a target does with its input. libFuzzer says by itself that an input is written; the AFL++ driver, which no
 * sanitizer watches, does not, and MemorySanitizer would blame the first look at it.
 */
static inline void fuzzer_takes(const uint8_t *data, size_t size)
{
    sanitize_written(data, size);
}

/* Called once before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Structure-aware mutation for engines that ask for it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned seed);

/* What an engine may provide: its own byte mutator. NULL where there is none. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
