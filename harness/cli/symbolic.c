/* SPDX-License-Identifier: Apache-2.0 */
/* `touchstone symbolic`: the world switch for all values; emulation/symbolic/prove.py does the work. */
#include "harness/cli/script.h"

int cmd_symbolic(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("emulation/symbolic/prove.py", argc, argv);
}
