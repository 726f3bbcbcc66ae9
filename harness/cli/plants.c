/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone plants: the scoreboard of planted bugs. It is mostly about patching, compiling and starting programs, so
 * it is a script; see harness/plants/README.md.
 */
#include "harness/cli/script.h"

int cmd_plants(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("harness/plants/plants.py", argc, argv);
}
