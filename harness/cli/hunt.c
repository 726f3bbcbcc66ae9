/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone hunt: a small fuzzer in one process, with all oracles on, that stops at the first finding.
 *
 * It needs no instrumented build, so it runs on any monitor that links: this is what judges planted bugs. Its feedback
 * is novelty.h. Everything random comes from one seed; without a time limit two runs are the same run.
 */
#include "harness/cli/bug.h"
#include "harness/cli/cli.h"
#include "harness/cli/lastwords.h"
#include "harness/cli/novelty.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS_MAX 6u   /* mutations stacked on one parent */
#define RECENT_ENTRIES 64u /* half of the parents come from the newest ones */
#define OTHER_MACHINE 32u  /* one in so many inputs may change the machine it runs on */
#define PROGRESS_SECONDS 5.0
#define RECENT_INPUTS 32u /* that are remembered, should one of them have spoiled the process for a later one */
#define MIN_EXECUTIONS 20000u

struct hunt {
    uint64_t seconds, execs_max; /* 0: no limit */
    uint64_t random;
    uint32_t oracles;
    const char *corpus_folder;
    const char *findings_folder;
    bool json;
    bool raw; /* findings are not shortened */
    const char *command;
    struct {
        uint8_t *bytes;
        size_t size;
    } recent[RECENT_INPUTS];

    struct corpus corpus;
    struct novelty *novelty;
    struct world_pool pool;
    struct machine_config machine[POOL_WORLDS]; /* that are in use */
    size_t machines;
    struct trace trace;
    uint8_t bytes[TRACE_MAX_BYTES], scratch[TRACE_MAX_BYTES];
    size_t size;
    uint64_t execs, calls, kept;
    struct finding finding;
    char reproducer[4096]; /* path of the finding in binary, or "" */
    char folder[4096];     /* of the finding */
    int code;
};

/* Remember the input that runs now in place of the oldest one. */
static void remember(struct hunt *h)
{
    size_t at = (size_t)(h->execs % RECENT_INPUTS);
    uint8_t *room = realloc(h->recent[at].bytes, h->size);

    if (room == NULL)
        return;
    memcpy(room, h->bytes, h->size);
    h->recent[at].bytes = room;
    h->recent[at].size = h->size;
}

/* Run h->trace. Sets h->finding; returns how much of what happened was new. */
static unsigned execute(struct hunt *h)
{
    unsigned fresh = 0;

    struct world *w = pool_world(&h->pool, &h->trace);

    if (w == NULL) {
        h->code = cli_error(CLI_ENVIRONMENT, "no memory for a machine");
        return 0;
    }
    uint64_t calls_before = w->calls;

    h->execs++;
    remember(h);
    novelty_begin(h->novelty);
    for (uint32_t i = next_step(&h->trace, 0); i < h->trace.count; i = next_step(&h->trace, i + 1)) {
        struct step_result seen = {0};

        w->step = i;
        if (!world_step(w, &h->trace.op[i], &seen))
            break;
        fresh += novelty_step(h->novelty, w, &h->trace.op[i], &seen);
    }
    if (!w->finding.found)
        world_audit(w);
    h->calls += w->calls - calls_before;
    h->finding = w->finding;
    return fresh;
}

/* Keep h->bytes for further mutation, on disk as well if there is a folder. */
static void keep(struct hunt *h)
{
    char path[4096];
    bool exists;

    if (!corpus_add(&h->corpus, &h->trace, h->bytes, h->size, NULL)) {
        h->code = cli_error(CLI_ENVIRONMENT, "out of memory");
        return;
    }
    h->kept++;
    if (h->corpus_folder == NULL)
        return;
    snprintf(path, sizeof(path), "%s/%016" PRIx64 ".tst", h->corpus_folder, bytes_hash(h->bytes, h->size));
    if (!file_write(path, h->bytes, h->size, false, &exists) && !exists)
        h->code = CLI_ENVIRONMENT;
}

/* Inputs before the last one, oldest first. */
static void list_earlier(const struct hunt *h, struct earlier *e)
{
    e->count = 0;
    for (uint64_t ago = RECENT_INPUTS - 1; ago > 0; ago--) {
        size_t at = (size_t)((h->execs + RECENT_INPUTS - ago) % RECENT_INPUTS);

        if (h->recent[at].bytes == NULL || h->execs <= ago)
            continue;
        e->bytes[e->count] = h->recent[at].bytes;
        e->size[e->count++] = h->recent[at].size;
    }
}

/* The finding gets a folder; when it does not happen again, the inputs before it are asked. */
static void keep_finding(struct hunt *h)
{
    static struct stored stored;
    struct earlier earlier;
    struct judge *judge = judge_create(h->oracles);
    struct occurrence o = {.findings = h->findings_folder,
                           .engine = "hunt",
                           .command = h->command,
                           .name = "-",
                           .bytes = h->bytes,
                           .size = h->size,
                           .trace = &h->trace,
                           .claimed = &h->finding,
                           .earlier = &earlier,
                           .raw = h->raw,
                           .executions_max = MIN_EXECUTIONS};

    list_earlier(h, &earlier);
    if (judge == NULL || store_add(judge, &o, &stored) != CLI_FINDING) {
        h->code = CLI_ENVIRONMENT;
    } else {
        snprintf(h->folder, sizeof(h->folder), "%s", stored.path);
        snprintf(h->reproducer, sizeof(h->reproducer), "%.4000s/%s", stored.path, h->raw ? "input.tst" : "min.tst");
        if (!h->json && strcmp(stored.bug.status, "open") != 0)
            fprintf(stderr, "%s: %s\n", stored.path, stored.bug.title);
    }
    judge_destroy(judge);
}

/* Choose a parent, newer ones more often. */
static const struct corpus_entry *choose(struct hunt *h)
{
    uint64_t r = random_next(&h->random);
    size_t window = h->corpus.count;

    if ((r & 1u) && window > RECENT_ENTRIES)
        window = RECENT_ENTRIES;
    return &h->corpus.entry[h->corpus.count - 1 - (size_t)((r >> 8) % window)];
}

/* Is there room for the machine of h->trace? Remembers those that there was room for. */
static bool machine_welcome(struct hunt *h)
{
    struct machine_config wanted = world_config_for(&h->trace);

    for (size_t i = 0; i < h->machines; i++) {
        if (same_machine(&h->machine[i], &wanted))
            return true;
    }
    if (h->machines == POOL_WORLDS)
        return false;
    h->machine[h->machines++] = wanted;
    return true;
}

/* Booting costs as much as a hundred traces: few machines for the whole hunt, else that of the parent. */
static void settle_machine(struct hunt *h, const struct corpus_entry *parent, bool other)
{
    struct trace *t = &h->trace;
    const struct trace_machine *m = &parent->machine;

    trace_decode(t, h->bytes, h->size);
    bool same = t->harts == m->harts && t->host_pages == m->host_pages && t->window_pages == m->window_pages &&
                t->seed == m->seed && t->iopmp == m->iopmp;

    if (same || (other && machine_welcome(h)))
        return;
    t->harts = m->harts;
    t->host_pages = m->host_pages;
    t->window_pages = m->window_pages;
    t->seed = m->seed;
    t->iopmp = m->iopmp;
    trace_canonical(t); /* operations of harts that are gone move to others */
    h->size = trace_encode(t, h->bytes, sizeof(h->bytes));
}

/* Make the next input in h->bytes. */
static void mutate(struct hunt *h)
{
    const struct corpus_entry *parent = choose(h);
    uint64_t r = random_next(&h->random);
    unsigned rounds = 1 + (unsigned)(r >> 8) % MUTATIONS_MAX;

    h->size = parent->size;
    memcpy(h->bytes, parent->bytes, parent->size);
    if ((r & 7u) == 0) {
        const struct corpus_entry *other = choose(h);

        h->size = trace_crossover(parent->bytes, parent->size, other->bytes, other->size, h->scratch,
                                  sizeof(h->scratch), (uint32_t)(r >> 32));
        memcpy(h->bytes, h->scratch, h->size);
    }
    for (unsigned i = 0; i < rounds; i++)
        h->size = trace_mutate(h->bytes, h->size, sizeof(h->bytes), (uint32_t)random_next(&h->random), NULL);
    settle_machine(h, parent, (r >> 16) % OTHER_MACHINE == 0);
}

static bool out_of_budget(const struct hunt *h)
{
    if (h->execs_max != 0 && h->execs >= h->execs_max)
        return true;
    if ((h->execs & 63u) == 0)
        lastwords_alive();
    /* Asking for the time is a system call on some machines: not for each trace. */
    return h->seconds != 0 && (h->execs & 15u) == 0 && cpu_seconds() >= (double)h->seconds;
}

static void progress(const struct hunt *h, double *next)
{
    double now;

    if (h->json || (h->execs & 255u) != 0 || (now = cpu_seconds()) < *next)
        return;
    *next = now + PROGRESS_SECONDS;
    fprintf(stderr, "  %5.0f s  %" PRIu64 " traces, %" PRIu64 " calls, %zu features, %zu in corpus\n", now, h->execs,
            h->calls, h->novelty->count, h->corpus.count);
}

static void hunt(struct hunt *h)
{
    size_t seeds = h->corpus.count;
    double next = PROGRESS_SECONDS;

    for (size_t i = 0; i < seeds && h->code == CLI_CLEAN && !interrupted(); i++) {
        h->size = h->corpus.entry[i].size;
        memcpy(h->bytes, h->corpus.entry[i].bytes, h->size);
        trace_decode(&h->trace, h->bytes, h->size);
        machine_welcome(h);
        execute(h);
        if (h->finding.found)
            return;
        if (out_of_budget(h))
            return;
    }
    while (h->code == CLI_CLEAN && !interrupted() && !out_of_budget(h)) {
        mutate(h);
        unsigned fresh = execute(h);

        if (h->finding.found)
            return;
        if (fresh != 0)
            keep(h);
        progress(h, &next);
    }
}

static void report(const struct hunt *h)
{
    double seconds = cpu_seconds();

    if (!h->json) {
        if (h->finding.found) {
            print_finding(stdout, "", &h->trace, &h->finding);
            printf("  reproduce: touchstone run %s\n  folder:    %s\n", h->reproducer, h->folder);
        }
        printf("%" PRIu64 " traces, %" PRIu64 " calls, %zu features, %" PRIu64 " kept, %s\n", h->execs, h->calls,
               h->novelty->count, h->kept, h->finding.found ? "1 finding" : "nothing found");
        return;
    }
    printf("{\"schema\":\"touchstone-hunt/1\",\"executions\":%" PRIu64 ",\"calls\":%" PRIu64
           ",\"features\":%zu,\"kept\":%" PRIu64 ",\"cpu_seconds\":%.3f,\"found\":%s",
           h->execs, h->calls, h->novelty->count, h->kept, seconds, h->finding.found ? "true" : "false");
    if (h->finding.found) {
        putchar(',');
        json_finding(stdout, &h->finding);
        fputs(",\"reproducer\":", stdout);
        cli_json_string(stdout, h->reproducer);
    }
    fputs("}\n", stdout);
}

/* Read the seeds and what is in the corpus folder. An empty trace is the seed of last resort. */
static int load(struct hunt *h, const char *seeds)
{
    static const uint8_t nothing[1];
    char fallback[4096];
    int code;

    if (seeds == NULL) {
        const char *source = source_folder();

        if (source == NULL)
            return CLI_ENVIRONMENT;
        snprintf(fallback, sizeof(fallback), "%s/corpora", source);
        seeds = fallback;
    }
    code = corpus_load(&h->corpus, seeds);
    if (h->corpus_folder != NULL) {
        if (!folder_make(h->corpus_folder))
            return CLI_ENVIRONMENT;
        code = cli_worse(code, corpus_load(&h->corpus, h->corpus_folder));
    }
    if (code == CLI_CLEAN && h->corpus.count == 0) {
        h->size = trace_mutate(memcpy(h->bytes, nothing, sizeof(nothing)), 0, sizeof(h->bytes), 1, NULL);
        trace_decode(&h->trace, h->bytes, h->size);
        if (!corpus_add(&h->corpus, &h->trace, h->bytes, h->size, NULL))
            return cli_error(CLI_ENVIRONMENT, "out of memory");
    }
    return code;
}

static bool parse(const struct cli_command *command, int argc, char **argv, struct hunt *h, const char **seeds)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"execs", required_argument, NULL, 'e'},
        {"seed", required_argument, NULL, 'r'},    {"seeds", required_argument, NULL, 'i'},
        {"corpus", required_argument, NULL, 'c'},  {"findings", required_argument, NULL, 'f'},
        {"oracles", required_argument, NULL, 'O'}, {"json", no_argument, NULL, 'j'},
        {"no-min", no_argument, NULL, 'm'},        {0}};
    bool timed = false;
    bool good = true;

    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            timed = true;
            good = cli_number(command, "--seconds", optarg, 31536000, &h->seconds);
            break;
        case 'e': good = cli_number(command, "--execs", optarg, UINT64_MAX, &h->execs_max); break;
        case 'r': good = cli_number(command, "--seed", optarg, UINT64_MAX, &h->random); break;
        case 'i': *seeds = optarg; break;
        case 'c': h->corpus_folder = optarg; break;
        case 'f': h->findings_folder = optarg; break;
        case 'O': good = cli_oracles(command, optarg, &h->oracles); break;
        case 'j': h->json = true; break;
        case 'm': h->raw = true; break;
        default: good = false;
        }
    }
    if (!timed && h->execs_max == 0)
        h->seconds = 60;
    if (good && optind != argc) {
        cli_usage(command, "unexpected argument '%s'", argv[optind]);
        return false;
    }
    return good;
}

int cmd_hunt(const struct cli_command *command, int argc, char **argv)
{
    struct hunt *h = calloc(1, sizeof(*h));
    const char *seeds = NULL;
    int code;

    if (h == NULL || (h->novelty = calloc(1, sizeof(*h->novelty))) == NULL) {
        free(h);
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    }
    h->random = 1;
    h->oracles = ORACLE_ALL;
    h->findings_folder = "findings";
    h->command = cli_line(argc, argv);
    if (!parse(command, argc, argv, h, &seeds)) {
        code = CLI_USAGE;
    } else {
        h->pool.oracles = h->oracles;
        const struct lastwords words = {h->bytes, &h->size, &h->execs, h->findings_folder,
                                        h->json,  h->raw,   "hunt",    h->command};

        interrupts_catch();
        int loaded = load(h, seeds);

        /* A bad seed is left out and told at the end; without any trace there is nothing to hunt with. */
        h->code = h->corpus.count != 0 ? CLI_CLEAN : cli_worse(loaded, CLI_USAGE);
        lastwords_arm(&words);
        hunt(h);
        lastwords_disarm();
        if (h->finding.found)
            keep_finding(h);
        report(h);
        code = h->finding.found ? CLI_FINDING : interrupted() ? CLI_INTERRUPTED : CLI_CLEAN;
        code = cli_worse(code, cli_worse(h->code, loaded));
    }
    pool_free(&h->pool);
    corpus_free(&h->corpus);
    for (size_t i = 0; i < RECENT_INPUTS; i++)
        free(h->recent[i].bytes);
    free(h->novelty);
    free(h);
    return code;
}
