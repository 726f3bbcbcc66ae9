/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone asm: a readable trace to the binary form that fuzzers mutate.
 */
#include "harness/cli/cli.h"

#include <getopt.h>

int cmd_asm(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'}, {0}};
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    const char *output = NULL;
    bool force = false;
    bool exists;

    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': force = true; break;
        case 'o': output = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (optind + 1 != argc)
        return cli_usage(command, "exactly one file is assembled");
    if (output == NULL)
        return cli_usage(command, "-o FILE is missing");
    if (!trace_open(&trace, argv[optind], false))
        return CLI_USAGE;
    if (file_write(output, bytes, trace_encode(&trace, bytes, sizeof(bytes)), force, &exists))
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", output) : CLI_ENVIRONMENT;
}
