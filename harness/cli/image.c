/* SPDX-License-Identifier: Apache-2.0 */
/* `touchstone image`: the firmware in its image formats; monitor/riscv/image.py does the work. */
#include "harness/cli/script.h"

int cmd_image(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("monitor/riscv/image.py", argc, argv);
}
