/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone run: replay traces, judge every step, and prove that replaying is deterministic.
 *
 * A trace runs three times: alone, with its expectations; then, after a reset of that world, in step with a second
 * world that lives beside it. The three agree in what every step returned and in the final state hash, or the
 * command says where they part. A trace with a schedule runs three times in the order that it decides. Output holds no time and no path but those given, so that two builds can be compared.
 */
#include "harness/cli/cli.h"
#include "harness/cli/engine.h"
#include "harness/cli/script.h"
#include "harness/concurrency/replay.h"

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
    struct replay replay; /* the first run */
    uint32_t parted; /* CLI_NONDETERMINISTIC: index of the operation, or the number of them: the state at the end */
    struct step_result other; /* what it did there */
    char why[256];
};

/* Machines for traces with a schedule. */
struct overlap_pair {
    struct interleave *side[2];
};

static struct step_result results[TRACE_MAX_OPS], again[TRACE_MAX_OPS];

static void tell_step_now(void *data, uint32_t step, const struct trace_op *op, const struct step_result *seen)
{
    (void)data;
    printf("  %s%3u%s ", cli_colour("dim"), step, cli_colour("off"));
    print_step(stdout, op, seen);
    putchar('\n');
}

static int code_of(enum replay_end end)
{
    switch (end) {
    case REPLAY_FINDING: return CLI_FINDING;
    case REPLAY_MISMATCH: return CLI_MISMATCH;
    default: return CLI_CLEAN;
    }
}

static void differ(struct run_report *report, uint32_t step, const struct step_result *seen, const char *who)
{
    report->code = CLI_NONDETERMINISTIC;
    report->parted = step;
    report->other = *seen;
    snprintf(report->why, sizeof(report->why), "%s", who);
}

static void differ_in_state(struct run_report *report, const struct trace *t, uint64_t hash, const char *who)
{
    report->code = CLI_NONDETERMINISTIC;
    report->parted = t->count;
    snprintf(report->why, sizeof(report->why), "state hash %016" PRIx64 " first, %016" PRIx64 " %s",
             report->replay.hash, hash, who);
}

static const char *const sides[2] = {"after a reset", "in a second world"};

/* Second and third run: the same world after a reset, and another world, step by step in turn. */
static void run_side_by_side(struct world *one, struct world *two, const struct trace *t, struct run_report *report)
{
    struct world *side[2] = {one, two};

    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        for (int s = 0; s < 2; s++) {
            struct step_result seen = {0};

            side[s]->step = i;
            if (!world_step(side[s], &t->op[i], &seen) || !same_result(&results[i], &seen)) {
                differ(report, i, &seen, sides[s]);
                return;
            }
        }
    }
    for (int s = 0; s < 2 && report->code == CLI_CLEAN; s++) {
        if (machine_state_hash(side[s]->machine) != report->replay.hash)
            differ_in_state(report, t, machine_state_hash(side[s]->machine), sides[s]);
    }
}

static void run_in_order(struct world_pool *pools, const struct trace *t, struct run_report *report)
{
    struct world *one = pool_world(&pools[0], t);
    struct world *two = pool_world(&pools[1], t);

    if (one == NULL || two == NULL) {
        report->code = CLI_ENVIRONMENT;
        return;
    }
    replay_in_order(&report->replay, one, t);
    report->code = code_of(report->replay.end);
    if (report->code != CLI_CLEAN)
        return;
    world_reset(one);
    run_side_by_side(one, two, t, report);
}

/* Machines of the last trace with a schedule stay, in case the next one asks for the same. */
static bool overlap_machines(struct overlap_pair *pair, const struct trace *t)
{
    struct machine_config config = world_config_for(t);

    for (int s = 0; s < 2; s++) {
        if (pair->side[s] != NULL && same_machine(&interleave_world(pair->side[s])->machine->config, &config))
            continue;
        interleave_destroy(pair->side[s]);
        pair->side[s] = interleave_create(&config);
    }
    return pair->side[0] != NULL && pair->side[1] != NULL;
}

/* With a schedule: three runs one after the other, the last one on another machine. All end in the same way. */
static void run_overlapping(struct overlap_pair *pair, const struct trace *t, struct run_report *report)
{
    if (!overlap_machines(pair, t)) {
        report->code = CLI_ENVIRONMENT;
        return;
    }
    memset(results, 0, sizeof(results));
    replay_overlapping(&report->replay, pair->side[0], t);
    report->code = code_of(report->replay.end);
    for (int s = 0; s < 2; s++) {
        struct replay second = {.results = again};

        memset(again, 0, sizeof(again));
        replay_overlapping(&second, pair->side[s], t);
        for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
            if (!same_result(&results[i], &again[i])) {
                differ(report, i, &again[i], sides[s]);
                return;
            }
        }
        if (second.hash != report->replay.hash || second.digest != report->replay.digest) {
            differ_in_state(report, t, second.hash, sides[s]);
            return;
        }
    }
}

static void run_trace(struct world_pool *pools, struct overlap_pair *pair, const struct trace *t,
                      const struct run_options *options, struct run_report *report)
{
    *report = (struct run_report){.code = CLI_CLEAN};
    report->replay.expectations = !options->any;
    report->replay.each = options->verbose ? tell_step_now : NULL;
    report->replay.results = results;
    if (t->overlap)
        run_overlapping(pair, t, report);
    else
        run_in_order(pools, t, report);
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

static void tell_parting(const char *path, const struct trace *t, const struct run_report *report)
{
    struct trace_op seen[2] = {expect_of(&results[report->parted]), expect_of(&report->other)};
    static const char *const label[2] = {"first   ", "then    "};
    char text[1024];
    unsigned line = line_of(path, t, report->parted);

    trace_print_op(text, sizeof(text), &t->op[report->parted], NULL);
    if (line != 0)
        printf("  %s:%u: step %u: %s\n", path, line, report->parted, text);
    else
        printf("  %s: step %u: %s\n", path, report->parted, text);
    for (int i = 0; i < 2; i++) {
        trace_print_op(text, sizeof(text), &seen[i], NULL);
        printf("    %s %s\n", label[i], text + strlen("-> "));
    }
}

static void tell(const char *path, const struct trace *t, const struct run_report *report)
{
    switch (report->code) {
    case CLI_CLEAN:
        printf("%sok%s %s steps=%u hash=%016" PRIx64, cli_colour("green"), cli_colour("off"), path,
               report->replay.steps, report->replay.hash);
        if (t->overlap)
            printf(" order=%016" PRIx64, report->replay.digest);
        putchar('\n');
        return;
    case CLI_FINDING:
    case CLI_MISMATCH:
        replay_tell(stdout, &report->replay, t, path,
                    report->code == CLI_MISMATCH ? line_of(path, t, report->replay.bad_step) : 0, cli_colour("red"),
                    cli_colour("off"));
        return;
    case CLI_NONDETERMINISTIC:
        printf("%sNONDETERMINISTIC%s %s: %s\n", cli_colour("red"), cli_colour("off"), path, report->why);
        if (report->parted < t->count)
            tell_parting(path, t, report);
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
    printf(",\"status\":\"%s\",\"steps\":%u,\"hash\":\"%016" PRIx64 "\"", names[report->code], report->replay.steps,
           report->replay.hash);
    if (report->replay.digest != 0)
        printf(",\"order\":\"%016" PRIx64 "\"", report->replay.digest);
    if (report->code == CLI_FINDING) {
        putchar(',');
        json_finding(stdout, &report->replay.finding);
    }
    if (report->code == CLI_MISMATCH || report->code == CLI_NONDETERMINISTIC) {
        bool mismatch = report->code == CLI_MISMATCH;

        printf(",\"step\":%u,\"text\":", mismatch ? report->replay.bad_step : report->parted);
        cli_json_string(stdout, mismatch ? report->replay.why : report->why);
    }
    putchar('}');
}

static int run_all(const struct path_list *list, const struct run_options *options)
{
    static struct trace trace;
    static struct run_report report;
    struct world_pool pools[2] = {{.oracles = options->oracles}, {.oracles = options->oracles}};
    struct overlap_pair pair = {{NULL, NULL}};
    size_t good = 0;
    uint64_t steps = 0;
    int code = CLI_CLEAN;

    if (options->json)
        fputs("{\"schema\":\"touchstone-run/1\",\"files\":[", stdout);
    for (size_t i = 0; i < list->count; i++) {
        if (options->verbose && !options->json)
            printf("%s\n", list->path[i]);
        if (trace_open(&trace, list->path[i], options->any))
            run_trace(pools, &pair, &trace, options, &report);
        else
            report = (struct run_report){.code = CLI_USAGE};
        code = cli_worse(code, report.code);
        good += report.code == CLI_CLEAN;
        steps += report.replay.steps;
        if (options->json)
            tell_json(list->path[i], &report, i == 0);
        else if (report.code != CLI_USAGE)
            tell(list->path[i], &trace, &report);
    }
    pool_free(&pools[0]);
    pool_free(&pools[1]);
    interleave_destroy(pair.side[0]);
    interleave_destroy(pair.side[1]);
    if (options->json)
        printf("],\n\"traces\":%zu,\"ok\":%zu,\"steps\":%" PRIu64 "}\n", list->count, good, steps);
    else
        printf("%zu traces, %zu ok, %zu not ok, %" PRIu64 " steps\n", list->count, good, list->count - good, steps);
    return code;
}

/*
 * The name behind --engine, taken out of argv together with its option; NULL when there is none. Words behind "--" are
 * paths.
 */
static const char *take_engine(int *argc, char **argv)
{
    static const char option[] = "--engine";
    const size_t length = sizeof(option) - 1;

    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        bool alone = strcmp(argv[i], option) == 0 && i + 1 < *argc;
        bool joined = strncmp(argv[i], option, length) == 0 && argv[i][length] == '=';
        if (!alone && !joined)
            continue;
        const char *name = alone ? argv[i + 1] : argv[i] + length + 1;
        int words = alone ? 2 : 1;
        *argc -= words;
        memmove(argv + i, argv + i + words, (size_t)(*argc - i + 1) * sizeof(*argv));
        return name;
    }
    return NULL;
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
    const char *engine = take_engine(&argc, argv);

    if (engine != NULL && strcmp(engine, "unicorn") == 0)
        return engine_exec("run", argc - 1, argv + 1);
    if (engine != NULL && strcmp(engine, "qemu") == 0)
        return script_exec("emulation/qemu/play.py", argc, argv);
    if (engine != NULL && strcmp(engine, "host") != 0)
        return cli_usage(command, "--engine %s: host, unicorn and qemu are possible", engine);
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
