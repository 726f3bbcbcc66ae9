/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone check: is a file a well-formed trace? Runs nothing.
 */
#include "harness/cli/cli.h"

#include <getopt.h>

int cmd_check(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    static struct trace trace;
    int code = CLI_CLEAN;

    if (getopt_long(argc, argv, "", options, NULL) != -1)
        return CLI_USAGE;
    if (optind == argc)
        return cli_usage(command, "no file given");
    for (int i = optind; i < argc; i++) {
        if (trace_open(&trace, argv[i], false))
            printf("ok %s ops=%u\n", argv[i], trace.count);
        else
            code = CLI_USAGE;
    }
    return code;
}
