/* SPDX-License-Identifier: Apache-2.0 */
/* `touchstone attacks`: payloads that attack the firmware in QEMU; emulation/qemu/attacks.py does the work. */
#include "harness/cli/script.h"

int cmd_attacks(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return script_exec("emulation/qemu/attacks.py", argc, argv);
}
