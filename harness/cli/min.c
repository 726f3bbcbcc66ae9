/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone min: shorten a finding as long as it stays the same finding. What is done to it is told in shorten.h; this is
 * the command around it.
 */
#include "harness/cli/cli.h"
#include "harness/cli/shorten.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct min_job {
    const char *input, *output;
    uint32_t oracles;
    bool force, any;
    struct shortener s;
};

static int write_result(const struct min_job *job)
{
    static uint8_t bytes[TRACE_MAX_BYTES];
    const struct trace *t = &job->s.best;
    const char *dot = strrchr(job->output, '.');
    bool exists;
    bool good;

    if (dot != NULL && strcmp(dot, ".trace") == 0) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
            return cli_error(CLI_ENVIRONMENT, "out of memory");
        trace_print(out, t);
        fclose(out);
        good = file_write(job->output, text, size, job->force, &exists);
        free(text);
    } else {
        good = file_write(job->output, bytes, trace_encode(t, bytes, sizeof(bytes)), job->force, &exists);
    }
    if (good)
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", job->output) : CLI_ENVIRONMENT;
}

static int minimise(struct min_job *job)
{
    struct shortener *s = &job->s;
    const struct finding *f = &s->wanted.finding;

    shorten_drop_expectations(&s->best);
    uint32_t before = s->best.count;

    if (!judge_run(s->judge, &s->best, false, &s->wanted))
        return CLI_ENVIRONMENT;
    if (!f->found)
        return cli_error(CLI_USAGE, "%s: nothing to shorten: no oracle objects to it", job->input);
    interrupts_catch();
    bool whole = shorten(s);
    int code = write_result(job);

    if (code == CLI_CLEAN)
        printf("%s: %s %s in %s, %u operations to %u in %" PRIu64 " executions\n", job->output, oracle_name(f->oracle),
               f->property, finding_call(f), before, s->best.count, s->trials);
    if (code == CLI_CLEAN && !whole)
        return CLI_ENVIRONMENT;
    return code == CLI_CLEAN && interrupted() ? CLI_INTERRUPTED : code;
}

int cmd_min(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'},         {"output", required_argument, NULL, 'o'},
        {"oracles", required_argument, NULL, 'O'}, {"any", no_argument, NULL, 'a'},
        {"execs", required_argument, NULL, 'n'},   {0}};
    struct min_job *job = calloc(1, sizeof(*job));
    bool good = true;
    int code = CLI_USAGE;

    if (job == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    job->oracles = ORACLE_ALL;
    for (int option; good && (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': job->force = true; break;
        case 'o': job->output = optarg; break;
        case 'a': job->any = true; break;
        case 'O': good = cli_oracles(command, optarg, &job->oracles); break;
        case 'n': good = cli_number(command, "--execs", optarg, UINT64_MAX, &job->s.trials_max); break;
        default: good = false;
        }
    }
    if (good && optind + 1 != argc)
        cli_usage(command, "exactly one file is shortened");
    else if (good && job->output == NULL)
        cli_usage(command, "-o FILE is missing");
    else if (good) {
        job->input = argv[optind];
        job->s.judge = judge_create(job->oracles);
        if (job->s.judge == NULL)
            code = cli_error(CLI_ENVIRONMENT, "out of memory");
        else if (trace_open(&job->s.best, job->input, job->any))
            code = minimise(job);
    }
    judge_destroy(job->s.judge);
    free(job);
    return code;
}
