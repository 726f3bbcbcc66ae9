/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone run: replay traces, judge every step, and prove that replaying is deterministic.
 *
 * A trace runs three times: alone, with its expectations; then, after a reset of that world, in step with a second
 * world that lives beside it. The three agree in what every step returned and in the final state hash, or the
 * command says where they part. Output holds no time and no path but those given, so that two builds can be compared.
 */
#include "harness/cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

struct run_options {
    uint32_t oracles;
    bool verbose, any, json;
};

/* What became of one trace. */
struct run_report {
    int code;
    uint32_t steps;
    uint64_t hash;
    uint32_t bad_step; /* CLI_MISMATCH, CLI_NONDETERMINISTIC: index of the operation */
    struct step_result seen, other;
    struct finding finding;
    char why[256];
};

static struct step_result results[TRACE_MAX_OPS];

/* Check the expectations that follow operation `i`. */
static bool expectations_hold(const struct world *w, const struct trace *t, uint32_t i, struct run_report *report)
{
    for (uint32_t e = i + 1; e < t->count && t->op[e].op == OP_EXPECT; e++) {
        if (world_expect(w, &t->op[e], &results[i], report->why, sizeof(report->why)))
            continue;
        report->code = CLI_MISMATCH;
        report->bad_step = i;
        report->seen = results[i];
        return false;
    }
    return true;
}

/* First run: alone, with expectations. */
static void run_alone(struct world *w, const struct trace *t, const struct run_options *options,
                      struct run_report *report)
{
    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        memset(&results[i], 0, sizeof(results[i]));
        w->step = i; /* a finding names the operation, expectations counted */
        bool good = world_step(w, &t->op[i], &results[i]);

        report->steps++;
        if (options->verbose) {
            printf("  %s%3u%s ", cli_colour("dim"), i, cli_colour("off"));
            print_step(stdout, &t->op[i], &results[i]);
            putchar('\n');
        }
        if (!good) {
            report->code = CLI_FINDING;
            report->finding = w->finding;
            return;
        }
        if (!options->any && !expectations_hold(w, t, i, report))
            return;
    }
    if (!world_audit(w)) {
        report->code = CLI_FINDING;
        report->finding = w->finding;
    }
    report->hash = machine_state_hash(w->machine);
}

static void differ(struct run_report *report, uint32_t step, const struct step_result *seen, const char *who)
{
    report->code = CLI_NONDETERMINISTIC;
    report->bad_step = step;
    report->seen = results[step];
    report->other = *seen;
    snprintf(report->why, sizeof(report->why), "%s", who);
}

/* Second and third run: the same world after a reset, and another world, step by step in turn. */
static void run_side_by_side(struct world *one, struct world *two, const struct trace *t, struct run_report *report)
{
    struct world *side[2] = {one, two};
    static const char *const who[2] = {"after a reset", "in a second world"};

    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        for (int s = 0; s < 2; s++) {
            struct step_result seen = {0};

            side[s]->step = i;
            if (!world_step(side[s], &t->op[i], &seen) || !same_result(&results[i], &seen)) {
                differ(report, i, &seen, who[s]);
                return;
            }
        }
    }
    for (int s = 0; s < 2; s++) {
        if (machine_state_hash(side[s]->machine) != report->hash) {
            report->code = CLI_NONDETERMINISTIC;
            report->bad_step = t->count;
            snprintf(report->why, sizeof(report->why), "state hash %016" PRIx64 " first, %016" PRIx64 " %s",
                     report->hash, machine_state_hash(side[s]->machine), who[s]);
            return;
        }
    }
}

static void run_trace(struct world_pool *pools, const struct trace *t, const struct run_options *options,
                      struct run_report *report)
{
    struct world *one = pool_world(&pools[0], t);
    struct world *two = pool_world(&pools[1], t);

    *report = (struct run_report){.code = CLI_CLEAN};
    if (one == NULL || two == NULL) {
        report->code = CLI_ENVIRONMENT;
        return;
    }
    run_alone(one, t, options, report);
    if (report->code != CLI_CLEAN)
        return;
    world_reset(one);
    run_side_by_side(one, two, t, report);
}

/* Line of the operation in a text file: operations are on lines of their own, in order, after the header. 0 if binary. */
static unsigned line_of(const char *path, const struct trace *t, uint32_t step)
{
    FILE *in = fopen(path, "rb");
    char line[4096];
    unsigned number = 0;
    uint32_t steps_before = 0;
    bool header = false;

    for (uint32_t i = 0; i < step; i++)
        steps_before += t->op[i].op != OP_EXPECT;
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        const char *word = line + strspn(line, " \t\r");

        number++;
        if (*word == '#' || *word == '\n' || *word == '\0')
            continue;
        if (!header && strncmp(word, "touchstone", 10) != 0)
            break;
        if (!header)
            header = true;
        else if (strncmp(word, "expect", 6) != 0 && steps_before-- == 0) {
            fclose(in);
            return number;
        }
    }
    if (in != NULL)
        fclose(in);
    return 0;
}

static void tell_step(const char *path, const struct trace *t, const struct run_report *report)
{
    char text[1024];
    unsigned line = line_of(path, t, report->bad_step);

    trace_print_op(text, sizeof(text), &t->op[report->bad_step], NULL);
    if (line != 0)
        printf("  %s:%u: step %u: %s\n", path, line, report->bad_step, text);
    else
        printf("  %s: step %u: %s\n", path, report->bad_step, text);
}

/* The part after "->" of a printed step. */
static void outcome_text(char *out, size_t max, const struct trace_op *op, const struct trace_op *expect)
{
    char text[1024];

    trace_print_op(text, sizeof(text), op, expect);
    const char *arrow = strstr(text, "-> ");

    snprintf(out, max, "%s", arrow ? arrow + 3 : "(nothing)");
}

static void tell(const char *path, const struct trace *t, const struct run_report *report)
{
    char text[1024];
    struct trace_op seen = expect_of(&report->seen);
    struct trace_op other = expect_of(&report->other);
    const struct trace_op *op = &t->op[report->bad_step < t->count ? report->bad_step : 0];

    switch (report->code) {
    case CLI_CLEAN:
        printf("%sok%s %s steps=%u hash=%016" PRIx64 "\n", cli_colour("green"), cli_colour("off"), path, report->steps,
               report->hash);
        return;
    case CLI_FINDING: print_finding(stdout, path, t, &report->finding); return;
    case CLI_MISMATCH:
        printf("%sMISMATCH%s %s\n", cli_colour("red"), cli_colour("off"), path);
        tell_step(path, t, report);
        outcome_text(text, sizeof(text), op, &t->op[report->bad_step + 1]);
        printf("    expected %s\n", text);
        outcome_text(text, sizeof(text), op, &seen);
        printf("    seen     %s\n    %s\n", text, report->why);
        return;
    case CLI_NONDETERMINISTIC:
        printf("%sNONDETERMINISTIC%s %s: %s\n", cli_colour("red"), cli_colour("off"), path, report->why);
        if (report->bad_step >= t->count)
            return;
        tell_step(path, t, report);
        outcome_text(text, sizeof(text), op, &seen);
        printf("    first    %s\n", text);
        outcome_text(text, sizeof(text), op, &other);
        printf("    then     %s\n", text);
        return;
    default: cli_error(report->code, "%s: no memory for the machine this trace asks for", path);
    }
}

static void tell_json(const char *path, const struct run_report *report, bool first)
{
    static const char *const names[] = {
        [CLI_CLEAN] = "ok",        [CLI_USAGE] = "bad-input",   [CLI_ENVIRONMENT] = "environment",
        [CLI_FINDING] = "finding", [CLI_MISMATCH] = "mismatch", [CLI_NONDETERMINISTIC] = "nondeterministic"};

    printf("%s\n{\"file\":", first ? "" : ",");
    cli_json_string(stdout, path);
    printf(",\"status\":\"%s\",\"steps\":%u,\"hash\":\"%016" PRIx64 "\"", names[report->code], report->steps,
           report->hash);
    if (report->code == CLI_FINDING) {
        putchar(',');
        json_finding(stdout, &report->finding);
    }
    if (report->code == CLI_MISMATCH || report->code == CLI_NONDETERMINISTIC) {
        printf(",\"step\":%u,\"text\":", report->bad_step);
        cli_json_string(stdout, report->why);
    }
    putchar('}');
}

static int run_all(const struct path_list *list, const struct run_options *options)
{
    static struct trace trace;
    static struct run_report report;
    struct world_pool pools[2] = {{.oracles = options->oracles}, {.oracles = options->oracles}};
    size_t good = 0;
    uint64_t steps = 0;
    int code = CLI_CLEAN;

    if (options->json)
        fputs("{\"schema\":\"touchstone-run/1\",\"files\":[", stdout);
    for (size_t i = 0; i < list->count; i++) {
        if (options->verbose && !options->json)
            printf("%s\n", list->path[i]);
        if (trace_open(&trace, list->path[i], options->any))
            run_trace(pools, &trace, options, &report);
        else
            report = (struct run_report){.code = CLI_USAGE};
        code = cli_worse(code, report.code);
        good += report.code == CLI_CLEAN;
        steps += report.steps;
        if (options->json)
            tell_json(list->path[i], &report, i == 0);
        else if (report.code != CLI_USAGE)
            tell(list->path[i], &trace, &report);
    }
    pool_free(&pools[0]);
    pool_free(&pools[1]);
    if (options->json)
        printf("],\n\"traces\":%zu,\"ok\":%zu,\"steps\":%" PRIu64 "}\n", list->count, good, steps);
    else
        printf("%zu traces, %zu ok, %zu not ok, %" PRIu64 " steps\n", list->count, good, list->count - good, steps);
    return code;
}

int cmd_run(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"verbose", no_argument, NULL, 'v'},
                                            {"oracles", required_argument, NULL, 'O'},
                                            {"any", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    struct run_options chosen = {.oracles = ORACLE_ALL};
    struct path_list list = {0};
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
        switch (option) {
        case 'v': chosen.verbose = true; break;
        case 'a': chosen.any = true; break;
        case 'j': chosen.json = true; break;
        case 'O':
            if (!cli_oracles(command, optarg, &chosen.oracles))
                return CLI_USAGE;
            break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage(command, "no file or folder given");
    chosen.verbose = chosen.verbose && !chosen.json;
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, paths_add(&list, argv[i]));
    if (list.count == 0 && code == CLI_CLEAN)
        code = cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", argv[optind]);
    code = cli_worse(code, run_all(&list, &chosen));
    paths_free(&list);
    return code;
}
