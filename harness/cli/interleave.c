/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone interleave: harts that overlap inside the monitor, in orders that a seed decides.
 *
 * Round by round a trace is made of the corpora (or taken from a file) and run under the scheduler. A finding is written
 * as a trace with its schedule, which `touchstone run` replays. With --threads harts are threads instead, in whatever order
 * the system gives them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/cli/bug.h"
#include "harness/cli/cli.h"
#include "harness/cli/lastwords.h"
#include "harness/concurrency/interleave.h"
#include "harness/concurrency/threads.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MIN_EXECUTIONS 60000u

struct job {
    const char *file; /* NULL: traces are composed */
    const char *seeds_path;
    const char *findings_folder;
    uint64_t harts, steps, seed;
    uint64_t skip, rounds; /* number of the first round; how many, 0 for as many as it takes */
    bool json;
    bool threads;
    bool raw; /* findings are not shortened */
    const char *command;
    bool seed_given;
    uint8_t *decision; /* from a file; NULL: those of the trace, if it has some */
    size_t decisions;

    struct corpus corpus;
    struct trace *decoded; /* of the corpus */
    const struct trace **list;
    struct trace trace; /* of this round */
    struct interleave *interleave;
    struct world *world; /* with --threads */

    uint8_t bytes[TRACE_MAX_BYTES]; /* the trace again, for what takes the process down */
    size_t size;

    uint64_t round; /* number of the round that runs */
    uint64_t digest;
    char reproducer[4096];
};

static bool load_seeds(struct job *j, int *code)
{
    char fallback[4096];
    const char *path = j->seeds_path;

    if (path == NULL) {
        const char *source = source_folder();

        if (source == NULL)
            return *code = CLI_ENVIRONMENT, false;
        snprintf(fallback, sizeof(fallback), "%.4000s/corpora", source);
        path = fallback;
    }
    *code = corpus_load(&j->corpus, path);
    if (*code != CLI_CLEAN)
        return false;
    if (j->corpus.count == 0)
        return *code = cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", path), false;
    j->decoded = calloc(j->corpus.count, sizeof(*j->decoded));
    j->list = calloc(j->corpus.count, sizeof(*j->list));
    if (j->decoded == NULL || j->list == NULL)
        return *code = cli_error(CLI_ENVIRONMENT, "out of memory"), false;
    for (size_t n = 0; n < j->corpus.count; n++) {
        trace_decode(&j->decoded[n], j->corpus.entry[n].bytes, j->corpus.entry[n].size);
        j->list[n] = &j->decoded[n];
    }
    return true;
}

/* Seed of the scheduler in this round: with one trace the one that was asked for comes first, so that it can be named. */
static uint64_t round_seed(const struct job *j)
{
    uint64_t state = j->seed + j->round * 0x10001u;

    return j->file != NULL ? j->seed + j->round : random_next(&state);
}

static void prepare_round(struct job *j)
{
    uint64_t state = ~j->seed + j->round * 0x20003u;

    if (j->file == NULL)
        interleave_compose(&j->trace, j->list, j->corpus.count, (uint32_t)j->harts, random_next(&state));
    j->trace.overlap = true;
    j->trace.schedule_seed = round_seed(j);
    if (j->decision != NULL) {
        memcpy(j->trace.decision, j->decision, j->decisions);
        j->trace.decisions = (uint16_t)j->decisions;
    }
    j->size = trace_encode(&j->trace, j->bytes, sizeof(j->bytes));
    if (j->round % 256 == 0)
        lastwords_alive();
}

/* The trace of this round with its schedule gets a folder. */
static void keep_finding(struct job *j, const struct finding *f)
{
    static struct stored stored;
    struct judge *judge = judge_create(0);
    struct occurrence o = {.findings = j->findings_folder,
                           .engine = "interleave",
                           .command = j->command,
                           .name = "-",
                           .bytes = j->bytes,
                           .size = j->size,
                           .trace = &j->trace,
                           .claimed = f,
                           .raw = j->raw,
                           .executions_max = MIN_EXECUTIONS};

    if (judge != NULL && store_add(judge, &o, &stored) == CLI_FINDING)
        snprintf(j->reproducer, sizeof(j->reproducer), "%.4000s/min.trace", stored.path);
    judge_destroy(judge);
}

/* Where every hart was: the operation that the finding is about is only half of it. */
static void print_harts(const struct job *j)
{
    char text[1024];
    uint32_t step;

    for (uint32_t h = 0; h < j->trace.harts; h++) {
        if (!interleave_at(j->interleave, h, &step) || step >= j->trace.count)
            continue;
        trace_print_op(text, sizeof(text), &j->trace.op[step], NULL);
        printf("  hart %u is inside step %u: %s\n", h, step, text);
    }
}

static void report(const struct job *j, const struct finding *f)
{
    const struct schedule *s = interleave_schedule(j->interleave);

    if (j->json) {
        printf("{\"schema\":\"touchstone-interleave/1\",\"harts\":%u,\"seed\":%" PRIu64 ",\"rounds\":%" PRIu64
               ",\"steps\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\"",
               j->trace.harts, j->seed, j->round - j->skip, schedule_steps(s), schedule_switches(s), schedule_turns(s),
               j->digest);
        if (f->found) {
            printf(",\"finding\":{");
            json_finding(stdout, f);
            printf(",\"schedule_seed\":%" PRIu64 ",\"file\":", j->trace.schedule_seed);
            cli_json_string(stdout, j->reproducer);
            putchar('}');
        }
        printf("}\n");
        return;
    }
    if (f->found) {
        print_finding(stdout, j->reproducer, &j->trace, f);
        print_harts(j);
        printf("  again: %s run %s\n", program_invocation_short_name, j->reproducer);
    }
    printf("%u harts, %" PRIu64 " rounds, %" PRIu64 " turns, %" PRIu64 " scheduler steps, %" PRIu64
           " changes of hart, digest %016" PRIx64 "%s\n",
           j->trace.harts, j->round - j->skip, schedule_turns(s), schedule_steps(s), schedule_switches(s), j->digest,
           f->found ? "" : ": no deadlock, no lost wake-up, all locks free");
}

static int run_rounds(struct job *j)
{
    const struct lastwords words = {j->bytes, &j->size, &j->round,    j->findings_folder,
                                    j->json,  j->raw,   "interleave", j->command};
    bool clean = true;

    j->round = j->skip;
    lastwords_arm(&words);
    while (clean && !interrupted() && (j->rounds == 0 || j->round - j->skip < j->rounds) &&
           (j->rounds != 0 || schedule_steps(interleave_schedule(j->interleave)) < j->steps)) {
        prepare_round(j);
        struct schedule_decisions decisions = interleave_decisions(&j->trace);

        clean = interleave_run(j->interleave, &j->trace, &decisions);
        j->digest = (j->digest ^ schedule_digest(interleave_schedule(j->interleave))) * 0x100000001b3u;
        j->digest ^= machine_state_hash(interleave_world(j->interleave)->machine);
        j->round++;
    }
    lastwords_disarm();
    const struct finding *f = interleave_finding(j->interleave);

    if (f->found)
        keep_finding(j, f);
    report(j, f);
    return f->found ? CLI_FINDING : interrupted() ? CLI_INTERRUPTED : CLI_CLEAN;
}

/* The same rounds with threads. ThreadSanitizer ends the process itself when it sees something. */
static int run_threads(struct job *j)
{
    bool clean = true;

    for (j->round = j->skip; clean && !interrupted() && j->round - j->skip < j->rounds; j->round++) {
        prepare_round(j);
        clean = threads_run(j->world, &j->trace);
    }
    if (!clean)
        print_finding(stdout, j->file != NULL ? j->file : "", &j->trace, &j->world->finding);
    printf("%u harts as threads, %" PRIu64 " rounds, seed %" PRIu64 "\n", j->trace.harts, j->round - j->skip, j->seed);
    return clean ? (interrupted() ? CLI_INTERRUPTED : CLI_CLEAN) : CLI_FINDING;
}

static int interleave(struct job *j)
{
    struct machine_config config = machine_default_config();
    int code = CLI_CLEAN;

    if (j->file != NULL) {
        if (!trace_open(&j->trace, j->file, false))
            return CLI_USAGE;
        if (j->trace.overlap && !j->seed_given)
            j->seed = j->trace.schedule_seed;
        config = world_config_for(&j->trace);
    } else {
        if (!load_seeds(j, &code))
            return code;
        config.harts = (uint32_t)j->harts;
    }
    if (j->threads)
        j->world = world_create(&config, 0);
    else
        j->interleave = interleave_create(&config);
    if (j->interleave == NULL && j->world == NULL)
        return cli_error(CLI_ENVIRONMENT, "no memory for a machine");
    interrupts_catch();
    return j->threads ? run_threads(j) : run_rounds(j);
}

static bool read_option(const struct cli_command *command, struct job *j, int option)
{
    switch (option) {
    case 'h':
        if (!cli_number(command, "--harts", optarg, MONITOR_MAX_HARTS, &j->harts))
            return false;
        if (j->harts < 2)
            cli_usage(command, "--harts: it takes two to overlap");
        return j->harts >= 2;
    case 'n': return cli_number(command, "--steps", optarg, UINT64_MAX, &j->steps);
    case 's': j->seed_given = true; return cli_number(command, "--seed", optarg, UINT64_MAX, &j->seed);
    case 'r': return cli_number(command, "--rounds", optarg, UINT64_MAX, &j->rounds);
    case 'k': return cli_number(command, "--skip", optarg, UINT64_MAX, &j->skip);
    case 't': j->file = optarg; return true;
    case 'i': j->seeds_path = optarg; return true;
    case 'f': j->findings_folder = optarg; return true;
    case 'j': j->json = true; return true;
    case 'T': j->threads = true; return true;
    case 'm': j->raw = true; return true;
    case 'd':
        free(j->decision);
        j->decision = file_read(optarg, TRACE_MAX_DECISIONS, &j->decisions);
        return j->decision != NULL;
    default: return false;
    }
}

int cmd_interleave(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"harts", required_argument, NULL, 'h'},
                                            {"steps", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"skip", required_argument, NULL, 'k'},
                                            {"trace", required_argument, NULL, 't'},
                                            {"seeds", required_argument, NULL, 'i'},
                                            {"decisions", required_argument, NULL, 'd'},
                                            {"findings", required_argument, NULL, 'f'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"threads", no_argument, NULL, 'T'},
                                            {"no-min", no_argument, NULL, 'm'},
                                            {0}};
    static struct job j = {.findings_folder = "findings", .harts = 4, .steps = 1000000, .seed = 1};
    bool good = true;
    int code = CLI_USAGE;

    j.command = cli_line(argc, argv);
    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        good = read_option(command, &j, option);
    if (good && optind != argc)
        cli_usage(command, "unexpected argument '%s'", argv[optind]);
    else if (good && j.threads && (j.rounds == 0 || j.json || j.decision != NULL))
        cli_usage(command, "--threads needs --rounds, and has neither decisions nor an object to show");
    else if (good)
        code = interleave(&j);
    interleave_destroy(j.interleave);
    world_destroy(j.world);
    corpus_free(&j.corpus);
    free(j.decoded);
    free(j.list);
    free(j.decision);
    return code;
}
