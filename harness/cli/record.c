/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone record: the log that the QEMU payload writes, to a trace that replays on the host library.
 * The format of the log belongs to emulation/qemu, and so does the program that reads it.
 */
#include "harness/cli/script.h"

int cmd_record(const struct cli_command *command, int argc, char **argv)
{
    if (argc < 2)
        return cli_usage(command, "no log given");
    return script_exec("emulation/qemu/record.py", argc, argv);
}
