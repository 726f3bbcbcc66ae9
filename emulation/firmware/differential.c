/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware_replay differential: seeds and their mutations on both monitors. Traces that reach a new combination of
 * call, outcome and abstract state are mutated further, so that the ones that are compared are not all alike.
 */
#include "emulation/firmware/tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/novelty.h"

#define MUTATIONS_MAX 6u
#define RECENT_ENTRIES 64u
#define OTHER_MACHINE 8u /* one in so many traces may have other harts, another window and another seed */
#define PROGRESS_SECONDS 5.0
#define DIFFERENCES_MAX 20u

struct differential {
    uint64_t traces, random;
    const char *findings_folder;
    bool json;

    struct lockstep lockstep;
    struct lockstep_result result;
    struct corpus corpus;
    struct novelty *novelty;
    unsigned fresh;
    struct trace trace;
    uint8_t bytes[TRACE_MAX_BYTES], scratch[TRACE_MAX_BYTES];
    size_t size;
    size_t seeds;
    uint64_t run, steps, verdict[VERDICT_ERROR + 1];
    int code;
};

static void see_step(void *data, const struct world *host, const struct trace_op *op, const struct step_result *seen)
{
    struct differential *d = data;

    d->fresh += novelty_step(d->novelty, host, op, seen);
}

/* Write the trace in both forms; the name is made of the content, and what is there already stays. */
static void keep_difference(struct differential *d)
{
    char path[4096], name[4096];
    char *text = NULL;
    size_t text_size = 0;
    bool exists;
    FILE *out = open_memstream(&text, &text_size);

    if (out == NULL || !folder_make(d->findings_folder)) {
        d->code = cli_worse(d->code, CLI_ENVIRONMENT);
        return;
    }
    trace_print(out, &d->trace);
    fclose(out);
    snprintf(name, sizeof(name), "%.3900s/differential-%016" PRIx64, d->findings_folder, bytes_hash(d->bytes, d->size));
    snprintf(path, sizeof(path), "%.4000s.tst", name);
    if (!file_write(path, d->bytes, d->size, false, &exists) && !exists)
        d->code = cli_worse(d->code, CLI_ENVIRONMENT);
    snprintf(path, sizeof(path), "%.4000s.trace", name);
    if (!file_write(path, text, text_size, false, &exists) && !exists)
        d->code = cli_worse(d->code, CLI_ENVIRONMENT);
    free(text);
    if (!d->json)
        tool_tell_difference(path, &d->trace, &d->result);
}

/* Run d->trace on both. */
static void compare(struct differential *d)
{
    d->fresh = 0;
    novelty_begin(d->novelty);
    lockstep_run(&d->lockstep, &d->trace, &d->result, see_step, d);
    d->run++;
    d->steps += d->result.steps;
    d->verdict[d->result.verdict]++;
    if (d->result.verdict == VERDICT_ERROR)
        d->code = cli_error(CLI_ENVIRONMENT, "%s", d->result.why);
    if (d->result.verdict == VERDICT_DIFFERS) {
        d->code = cli_worse(d->code, CLI_FINDING);
        keep_difference(d);
    }
}

static const struct corpus_entry *choose(struct differential *d)
{
    uint64_t r = random_next(&d->random);
    size_t among = d->corpus.count;

    if ((r & 1u) != 0 && among > RECENT_ENTRIES)
        among = RECENT_ENTRIES;
    return &d->corpus.entry[d->corpus.count - 1 - (size_t)((r >> 8) % among)];
}

static void settle_machine(struct differential *d, const struct trace_machine *parent, uint64_t r)
{
    struct trace *t = &d->trace;

    t->host_pages = parent->host_pages;
    if (r % OTHER_MACHINE == 0) { /* the harts are the mutation's choice */
        t->window_pages = 64u << (r >> 8) % LOCKSTEP_IMAGES;
        t->seed = (r >> 16) % 16u;
        return;
    }
    t->harts = parent->harts;
    t->window_pages = parent->window_pages;
    t->seed = parent->seed;
}

/* The next trace, mostly on the machine of its parent: booting one costs as much as many traces. */
static void mutate(struct differential *d)
{
    const struct corpus_entry *parent = choose(d);
    uint64_t r = random_next(&d->random);
    unsigned rounds = 1 + (unsigned)(r >> 8) % MUTATIONS_MAX;

    d->size = parent->size;
    memcpy(d->bytes, parent->bytes, parent->size);
    if ((r & 7u) == 0) {
        const struct corpus_entry *other = choose(d);
        d->size = trace_crossover(parent->bytes, parent->size, other->bytes, other->size, d->scratch,
                                  sizeof(d->scratch), (uint32_t)(r >> 32));
        memcpy(d->bytes, d->scratch, d->size);
    }
    for (unsigned i = 0; i < rounds; i++)
        d->size = trace_mutate(d->bytes, d->size, sizeof(d->bytes), (uint32_t)random_next(&d->random), NULL);
    trace_decode(&d->trace, d->bytes, d->size);
    trace_drop_schedule(&d->trace);
    trace_drop_ops(&d->trace, OP_FAIL); /* lockstep.c would skip it */
    settle_machine(d, &parent->machine, r >> 16);
    trace_canonical(&d->trace);
    d->size = trace_encode(&d->trace, d->bytes, sizeof(d->bytes));
}

static bool goes_on(const struct differential *d)
{
    return !interrupted() && (d->code == CLI_CLEAN || d->code == CLI_FINDING) &&
           d->verdict[VERDICT_DIFFERS] < DIFFERENCES_MAX;
}

static void progress(const struct differential *d, double *next)
{
    double now;

    if (d->json || (d->run & 15u) != 0 || (now = cpu_seconds()) < *next)
        return;
    *next = now + PROGRESS_SECONDS;
    fprintf(stderr, "  %5.0f s  %" PRIu64 " traces, %" PRIu64 " steps, %zu features, %" PRIu64 " differ\n", now, d->run,
            d->steps, d->novelty->count, d->verdict[VERDICT_DIFFERS]);
}

static void compare_all(struct differential *d)
{
    double next = PROGRESS_SECONDS;

    d->seeds = d->corpus.count;
    for (size_t i = 0; i < d->seeds && goes_on(d); i++) {
        d->size = d->corpus.entry[i].size;
        memcpy(d->bytes, d->corpus.entry[i].bytes, d->size);
        trace_decode(&d->trace, d->bytes, d->size);
        trace_drop_ops(&d->trace, OP_FAIL);
        compare(d);
        progress(d, &next);
    }
    for (uint64_t i = 0; i < d->traces && goes_on(d); i++) {
        mutate(d);
        compare(d);
        if (d->fresh != 0 && !corpus_add(&d->corpus, &d->trace, d->bytes, d->size, NULL))
            d->code = cli_error(CLI_ENVIRONMENT, "out of memory");
        progress(d, &next);
    }
}

static void report(const struct differential *d, uint64_t seed)
{
    const uint64_t *v = d->verdict;

    if (d->json)
        printf("{\"schema\":\"touchstone-differential/1\",\"seed\":%" PRIu64 ",\"seeds\":%zu,\"generated\":%" PRIu64
               ",\"equal\":%" PRIu64 ",\"differ\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"steps\":%" PRIu64
               ",\"features\":%zu,\"cpu_seconds\":%.1f}\n",
               seed, d->seeds, d->run - (d->run < d->seeds ? d->run : d->seeds), v[VERDICT_EQUAL], v[VERDICT_DIFFERS],
               v[VERDICT_SKIPPED], d->steps, d->novelty->count, cpu_seconds());
    else
        printf("%" PRIu64 " traces on host library and firmware (%zu seeds, the rest generated): %" PRIu64
               " equal, %" PRIu64 " differ, %" PRIu64 " skipped, %" PRIu64 " steps, %zu features\n",
               d->run, d->seeds, v[VERDICT_EQUAL], v[VERDICT_DIFFERS], v[VERDICT_SKIPPED], d->steps, d->novelty->count);
}

static int load(struct differential *d, const char *seeds)
{
    char path[4096];

    if (seeds != NULL)
        return corpus_load(&d->corpus, seeds);
    const char *source = source_folder();
    if (source == NULL)
        return CLI_ENVIRONMENT;
    snprintf(path, sizeof(path), "%s/corpora", source);
    return corpus_load(&d->corpus, path);
}

int replay_differential(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"traces", required_argument, NULL, 'n'},     {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'S'},      {"firmware", required_argument, NULL, 'f'},
        {"findings", required_argument, NULL, 'F'},   {"json", no_argument, NULL, 'j'},
        {"miscompile", required_argument, NULL, 'm'}, {0}};
    static struct differential d = {.traces = 1000, .findings_folder = "findings"};
    const char *seeds = NULL, *firmware = NULL, *mistake = NULL;
    uint64_t seed = 1;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool good = true;
        switch (option) {
        case 'n': good = cli_number(command, "--traces", optarg, UINT32_MAX, &d.traces); break;
        case 's': good = cli_number(command, "--seed", optarg, UINT64_MAX, &seed); break;
        case 'S': seeds = optarg; break;
        case 'm': mistake = optarg; break;
        case 'f': firmware = optarg; break;
        case 'F': d.findings_folder = optarg; break;
        case 'j': d.json = true; break;
        default: return CLI_USAGE;
        }
        if (!good)
            return CLI_USAGE;
    }
    if (optind != argc)
        return cli_usage(command, "unexpected argument %s", argv[optind]);
    const char *folder = tool_firmware_folder(firmware);
    d.novelty = calloc(1, sizeof(*d.novelty));
    if (folder == NULL || d.novelty == NULL)
        return CLI_ENVIRONMENT;
    d.code = load(&d, seeds);
    if (d.corpus.count == 0)
        return d.code != CLI_CLEAN ? d.code : cli_error(CLI_USAGE, "no seeds");
    d.random = seed;
    interrupts_catch();
    lockstep_open(&d.lockstep, folder, mistake);
    compare_all(&d);
    report(&d, seed);
    lockstep_close(&d.lockstep);
    corpus_free(&d.corpus);
    free(d.novelty);
    return d.code == CLI_CLEAN && interrupted() ? CLI_INTERRUPTED : d.code;
}
