/* SPDX-License-Identifier: Apache-2.0 */
/* touchstone switch: the world switch of the linked firmware on Unicorn; see emulation/unicorn/README.md. */
#include "harness/cli/script.h"

int cmd_switch(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("emulation/unicorn/switch.py", argc, argv);
}
