/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many broken firmwares in one process: each mutant is the image with one instruction gone or two offsets exchanged, is
 * booted and replayed until something objects, and is put right again. Which mutants there are, and what is expected
 * of them, is the caller's business (mutants.py).
 */
#ifndef TOUCHSTONE_UNICORN_MUTANTS_H
#define TOUCHSTONE_UNICORN_MUTANTS_H

#include <stdio.h>

#include "emulation/unicorn/firmware_image.h"

/*
 * Read mutants from `in`, a line each, and write for each a line to `out`: the mutant, a tab, "detected" or "survived",
 * a tab, and what objected first.
 *
 *   nop ADDRESS          the instruction there does nothing
 *   swap ADDRESS ADDRESS two loads or two stores exchange their offsets
 *   clean                nothing is changed: has to survive
 *
 * False, with a reason that names the line, when a line is none of these or the emulator fails.
 */
bool mutants_run(struct firmware_image *fw, uint64_t seed, FILE *in, FILE *out, char *why, size_t why_size);

#endif
