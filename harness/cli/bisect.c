/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bisect: which commit brought a finding in. It is about git and builds, so it is a script: bisect.py.
 */
#include "harness/cli/script.h"

int cmd_bisect(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("harness/cli/bisect.py", argc, argv);
}
