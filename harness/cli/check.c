/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone check: is a file a well-formed trace? Runs nothing.
 */
#include "harness/cli/cli.h"

#include <getopt.h>

/* One member of the object. The complaint about a bad file is on standard error as ever. */
static void print_json(const char *path, const struct trace *t, bool good, bool first)
{
    printf("%s\n{\"file\":", first ? "" : ",");
    cli_json_string(stdout, path);
    printf(",\"ok\":%s", good ? "true" : "false");
    if (good)
        printf(",\"harts\":%u,\"operations\":%u,\"schedule\":%s", t->harts, t->count, t->overlap ? "true" : "false");
    putchar('}');
}

int cmd_check(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    static struct trace trace;
    bool json = false;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return CLI_USAGE;
        json = true;
    }
    if (optind == argc)
        return cli_usage(command, "no file given");
    if (json)
        fputs("{\"schema\":\"touchstone-check/1\",\"files\":[", stdout);
    for (int i = optind; i < argc; i++) {
        bool good = trace_open(&trace, argv[i], false);

        if (json)
            print_json(argv[i], &trace, good, i == optind);
        else if (good)
            printf("ok %s ops=%u\n", argv[i], trace.count);
        code = good ? code : CLI_USAGE;
    }
    if (json)
        puts("]}");
    return code;
}
