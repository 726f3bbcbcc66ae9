/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a mutator knows of its inputs: the full one, and weaker ones to measure it against.
 *
 *   raw       bytes: whatever the engine does to bytes, without knowing what they mean
 *   grammar   operations: calls and acts that exist, with arguments of the right shape and random values
 *   handles   the full mutator (trace_mutate): values that fit the state, and sequences from the life of a TVM
 *
 * TOUCHSTONE_GENERATOR in the environment chooses for host_abi_fuzzer under libFuzzer. What the full one is
 * worth is the difference: `touchstone scoreboard --set generators`.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_GENERATOR_H
#define TOUCHSTONE_HARNESS_TRACE_GENERATOR_H

#include "harness/trace/trace.h"

enum trace_generator { TRACE_GENERATOR_HANDLES = 0, TRACE_GENERATOR_GRAMMAR, TRACE_GENERATOR_RAW };

/* "handles", "grammar" or "raw"; false when `name` is none of them. */
bool trace_generator_by_name(const char *name, enum trace_generator *generator);

/* What the environment says, "handles" when it says nothing. Another name there ends the process with a complaint. */
enum trace_generator trace_generator_wanted(void);

/* As trace_mutate and trace_crossover, with what `generator` knows. Deterministic in (bytes, seed). */
size_t trace_mutate_as(enum trace_generator generator, uint8_t *bytes, size_t size, size_t max, uint32_t seed,
                       trace_bytes_mutator bytes_mutate);
size_t trace_crossover_as(enum trace_generator generator, const uint8_t *a, size_t a_size, const uint8_t *b,
                          size_t b_size, uint8_t *out, size_t max, uint32_t seed);

#endif
