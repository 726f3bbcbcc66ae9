/* SPDX-License-Identifier: Apache-2.0 */
/* firmware_replay run: traces from files, one verdict each. */
#include "emulation/firmware/tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

struct run_options {
    const char *firmware, *miscompile;
    bool verbose, any, json, first;
};

struct tally {
    size_t traces, verdict[VERDICT_ERROR + 1];
    uint64_t steps;
};

static const char *const verdict_names[] = {
    [VERDICT_EQUAL] = "equal", [VERDICT_DIFFERS] = "differs", [VERDICT_SKIPPED] = "skipped", [VERDICT_ERROR] = "error"};

static void tell(const char *path, const struct trace *t, const struct lockstep_result *r, bool verbose)
{
    switch (r->verdict) {
    case VERDICT_EQUAL:
        if (verbose)
            printf("%sequal%s %s steps=%u\n", cli_colour("green"), cli_colour("off"), path, r->steps);
        return;
    case VERDICT_DIFFERS: tool_tell_difference(path, t, r); return;
    case VERDICT_SKIPPED: printf("skipped %s: %s\n", path, r->why); return;
    case VERDICT_ERROR: cli_error(CLI_ENVIRONMENT, "%s: %s", path, r->why); return;
    }
}

static void tell_json(const char *path, const struct trace *t, const struct lockstep_result *r, bool first)
{
    printf("%s\n{\"file\":", first ? "" : ",");
    cli_json_string(stdout, path);
    printf(",\"verdict\":\"%s\",\"steps\":%u", verdict_names[r->verdict], r->steps);
    if (r->verdict == VERDICT_DIFFERS) {
        putchar(',');
        tool_json_difference(t, r);
    }
    if (r->verdict == VERDICT_SKIPPED || r->verdict == VERDICT_ERROR) {
        fputs(",\"reason\":", stdout);
        cli_json_string(stdout, r->why);
    }
    putchar('}');
}

static int code_of(enum verdict verdict)
{
    return verdict == VERDICT_DIFFERS ? CLI_FINDING : verdict == VERDICT_ERROR ? CLI_ENVIRONMENT : CLI_CLEAN;
}

static int run_all(struct lockstep *l, const struct path_list *list, const struct run_options *options)
{
    static struct trace trace;
    static struct lockstep_result r;
    struct tally tally = {0};
    int code = CLI_CLEAN;

    if (options->json)
        fputs("{\"schema\":\"touchstone-engines/1\",\"files\":[", stdout);
    for (size_t i = 0; i < list->count; i++) {
        if (!trace_open(&trace, list->path[i], options->any)) {
            code = cli_worse(code, CLI_USAGE);
            continue;
        }
        lockstep_run(l, &trace, &r, NULL, NULL);
        if (options->json)
            tell_json(list->path[i], &trace, &r, tally.traces == 0);
        else
            tell(list->path[i], &trace, &r, options->verbose);
        code = cli_worse(code, code_of(r.verdict));
        tally.traces++;
        tally.verdict[r.verdict]++;
        tally.steps += r.steps;
        if (r.verdict == VERDICT_ERROR || (options->first && r.verdict == VERDICT_DIFFERS))
            break; /* what is missing for one is missing for all */
    }
    if (options->json)
        printf("],\n\"traces\":%zu,\"equal\":%zu,\"differ\":%zu,\"skipped\":%zu,\"steps\":%" PRIu64 "}\n", tally.traces,
               tally.verdict[VERDICT_EQUAL], tally.verdict[VERDICT_DIFFERS], tally.verdict[VERDICT_SKIPPED],
               tally.steps);
    else
        printf("%zu traces on host library and firmware: %zu equal, %zu differ, %zu skipped, %" PRIu64 " steps\n",
               tally.traces, tally.verdict[VERDICT_EQUAL], tally.verdict[VERDICT_DIFFERS],
               tally.verdict[VERDICT_SKIPPED], tally.steps);
    return code;
}

int replay_run(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"verbose", no_argument, NULL, 'v'},
                                            {"firmware", required_argument, NULL, 'f'},
                                            {"miscompile", required_argument, NULL, 'm'},
                                            {"first", no_argument, NULL, '1'},
                                            {"any", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    static struct lockstep l;
    struct run_options chosen = {0};
    struct path_list list = {0};
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
        switch (option) {
        case 'v': chosen.verbose = true; break;
        case 'f': chosen.firmware = optarg; break;
        case 'm': chosen.miscompile = optarg; break;
        case '1': chosen.first = true; break;
        case 'a': chosen.any = true; break;
        case 'j': chosen.json = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage(command, "no file or folder given");
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, paths_add(&list, argv[i]));
    if (list.count == 0 && code == CLI_CLEAN)
        code = cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", argv[optind]);
    const char *folder = tool_firmware_folder(chosen.firmware);
    if (folder == NULL)
        return CLI_ENVIRONMENT;
    lockstep_open(&l, folder, chosen.miscompile);
    code = cli_worse(code, run_all(&l, &list, &chosen));
    lockstep_close(&l);
    paths_free(&list);
    return code;
}
