/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of firmware_replay share. */
#ifndef TOUCHSTONE_FIRMWARE_TOOL_H
#define TOUCHSTONE_FIRMWARE_TOOL_H

#include "emulation/firmware/lockstep.h"
#include "harness/cli/cli.h"

int replay_run(const struct cli_command *command, int argc, char **argv);
int replay_differential(const struct cli_command *command, int argc, char **argv);

/* build/firmware of the source tree, unless the user named another folder. NULL after a complaint. */
const char *tool_firmware_folder(const char *given);

/* Tell a difference on standard output, in a few lines that begin with the name of the trace. */
void tool_tell_difference(const char *name, const struct trace *t, const struct lockstep_result *r);

/* Members of a JSON object, without braces: "step", "operation", "field", "host", "firmware", "note". */
void tool_json_difference(const struct trace *t, const struct lockstep_result *r);

#endif
