/* SPDX-License-Identifier: Apache-2.0 */
/* `touchstone linux`: Debian's kernel on the firmware, in QEMU; emulation/linux/boot.py does the work. */
#include "harness/cli/script.h"

int cmd_linux(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("emulation/linux/boot.py", argc, argv);
}
