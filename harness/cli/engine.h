/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where traces run besides on the host library. The engines are programs of their own beside this one, because not every
 * build has what they need; the process becomes the program.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_ENGINE_H
#define TOUCHSTONE_HARNESS_CLI_ENGINE_H

#include "harness/cli/cli.h"

/*
 * Replace this process by firmware_replay with `subcommand` and words[0..count). Returns only on failure: CLI_TOOL when
 * this build has no firmware_replay.
 */
int engine_exec(const char *subcommand, int count, char **words);

#endif
