/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone dict: the dictionary for byte-level fuzzers, made from the ABI table.
 */
#include "harness/cli/cli.h"

int cmd_dict(const struct cli_command *command, int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return cli_usage(command, "takes no arguments");
    trace_write_dictionary(stdout);
    return CLI_CLEAN;
}
