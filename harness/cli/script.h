/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a subcommand hands over to a Python program of the source tree.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_SCRIPT_H
#define TOUCHSTONE_HARNESS_CLI_SCRIPT_H

#include "harness/cli/cli.h"

/*
 * Replace this process by `script` (path below the source tree) with argv[1..]. The program finds the source tree in
 * $TOUCHSTONE_SOURCE and the folder of this binary in $TOUCHSTONE_BUILD. Returns only on failure: CLI_TOOL when there is
 * no python3, CLI_ENVIRONMENT when there is no script.
 */
int script_exec(const char *script, int argc, char **argv);

#endif
