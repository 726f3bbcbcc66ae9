/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone print: traces of either form to readable text.
 */
#include "harness/cli/cli.h"

#include <getopt.h>

int cmd_print(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"any", no_argument, NULL, 'a'}, {0}};
    static struct trace trace;
    bool any = false;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'a')
            return CLI_USAGE;
        any = true;
    }
    if (optind == argc)
        return cli_usage(command, "no file given");
    for (int i = optind; i < argc; i++) {
        if (!trace_open(&trace, argv[i], any)) {
            code = CLI_USAGE;
            continue;
        }
        if (argc - optind > 1)
            printf("%s# %s\n", i > optind ? "\n" : "", argv[i]);
        trace_print(stdout, &trace);
    }
    return code;
}
