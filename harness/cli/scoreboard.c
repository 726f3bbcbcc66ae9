/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone scoreboard: which engine finds which planted bug. It builds, starts and times other programs, so it is a
 * script; see harness/plants/README.md.
 */
#include "harness/cli/script.h"

int cmd_scoreboard(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("harness/plants/scoreboard.py", argc, argv);
}
