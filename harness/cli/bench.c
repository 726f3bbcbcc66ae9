/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench: how fast is the harness? Everything per second of processor time on one core.
 *
 *   short    corpora/short: a few calls each, none of which hashes a page. In a window of 64 frames, of which they use 41: a
 *            step costs what there are records to compare
 *   wide     the same in the usual window of 1,024
 *   seeds    the shipped corpus as it is
 *   mixed    traces mutated from it with a fixed seed: what a fuzzer really runs
 *
 * each without oracles, with each of them alone and with all (short also with all but each; wide only with all); what
 * resetting a world costs; and how many pages per second the longest call, promote_to_tvm, takes over.
 */
#include "harness/cli/bench.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_WINDOW 64u
#define MIXED_TRACES 512u
#define MIXED_SEED 0x746f756368u
#define MEASUREMENTS 32.0 /* of rates: 14 + 1 + 8 + 8, and the resets */

void bench_row(struct bench *b, const char *name, double value, const char *unit)
{
    if (b->rows == BENCH_ROWS)
        return;
    struct bench_row *row = &b->row[b->rows++];

    snprintf(row->name, sizeof(row->name), "%s", name);
    row->value = value;
    row->unit = unit;
    if (value >= 1000)
        printf("  %-36s %14.0f  %s\n", name, value, unit);
    else
        printf("  %-36s %14.3f  %s\n", name, value, unit);
    fflush(stdout);
}

static bool make_mixed(struct corpus *mixed, const struct corpus *seeds)
{
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    uint64_t random = MIXED_SEED;

    for (unsigned i = 0; i < MIXED_TRACES; i++) {
        const struct corpus_entry *parent = &seeds->entry[random_next(&random) % seeds->count];
        size_t size = parent->size;
        unsigned rounds = 1 + (unsigned)(random_next(&random) % 8);

        memcpy(bytes, parent->bytes, size);
        for (unsigned round = 0; round < rounds; round++)
            size = trace_mutate(bytes, size, sizeof(bytes), (uint32_t)random_next(&random), NULL);
        trace_decode(&trace, bytes, size);
        /* The machine of the parent: booting another one is not what is measured. */
        trace.harts = parent->machine.harts;
        trace.host_pages = parent->machine.host_pages;
        trace.window_pages = parent->machine.window_pages;
        trace.seed = parent->machine.seed;
        trace.iopmp = parent->machine.iopmp;
        size = trace_encode(&trace, bytes, sizeof(bytes));
        if (!corpus_add(mixed, &trace, bytes, size, NULL))
            return false;
    }
    return true;
}

static int write_fragment(const struct bench *b, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    bool exists;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    fputs("{\"schema\":\"touchstone-fragment/1\",\"kind\":\"bench\",\"rows\":[", out);
    for (size_t i = 0; i < b->rows; i++) {
        fprintf(out, "%s\n{\"name\":", i ? "," : "");
        cli_json_string(out, b->row[i].name);
        fprintf(out, ",\"value\":%.3f,\"unit\":", b->row[i].value);
        cli_json_string(out, b->row[i].unit);
        fputc('}', out);
    }
    fputs("]}\n", out);
    fclose(out);
    bool good = file_write(path, text, size, true, &exists);

    free(text);
    return good ? CLI_CLEAN : CLI_ENVIRONMENT;
}

static bool decode(struct bench_set *set)
{
    const struct corpus *c = &set->corpus;

    set->decoded = calloc(c->count, sizeof(*set->decoded));
    for (size_t i = 0; set->decoded != NULL && i < c->count; i++)
        trace_decode(&set->decoded[i], c->entry[i].bytes, c->entry[i].size);
    return set->decoded != NULL;
}

static int load(struct bench_set *set, const char *path)
{
    int code = corpus_load(&set->corpus, path);

    if (code == CLI_CLEAN && set->corpus.count == 0)
        return cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", path);
    return code;
}

/* The sets, or only what set `only` needs when it is one of them. */
static int load_sets(struct bench *b, const char *seeds, unsigned only)
{
    const char *source = source_folder();
    char path[4096];
    int code;

    if (source == NULL)
        return CLI_ENVIRONMENT;
    for (unsigned set = BENCH_SHORT; set <= BENCH_WIDE; set++) {
        if (only != BENCH_SETS && only != set)
            continue;
        snprintf(path, sizeof(path), "%s/corpora/short", source);
        code = load(&b->set[set], path);
        if (code != CLI_CLEAN)
            return code;
    }
    if (only == BENCH_SETS || only == BENCH_SEEDS || only == BENCH_MIXED) {
        snprintf(path, sizeof(path), "%s/corpora", source);
        code = load(&b->set[BENCH_SEEDS], seeds ? seeds : path);
        if (code != CLI_CLEAN)
            return code;
    }
    if (only == BENCH_SETS || only == BENCH_MIXED)
        if (!make_mixed(&b->set[BENCH_MIXED].corpus, &b->set[BENCH_SEEDS].corpus))
            return cli_error(CLI_ENVIRONMENT, "out of memory");
    for (unsigned i = 0; i < BENCH_SETS; i++)
        if (b->set[i].corpus.count != 0 && !decode(&b->set[i]))
            return cli_error(CLI_ENVIRONMENT, "out of memory");
    for (size_t i = 0; i < b->set[BENCH_SHORT].corpus.count; i++)
        b->set[BENCH_SHORT].decoded[i].window_pages = SHORT_WINDOW;
    return CLI_CLEAN;
}

static int bench_all(struct bench *b)
{
    double pages;

    printf("%zu short traces, %zu seeds, %zu mixed traces, one core\n", b->set[BENCH_SHORT].corpus.count,
           b->set[BENCH_SEEDS].corpus.count, b->set[BENCH_MIXED].corpus.count);
    for (unsigned i = 0; i < BENCH_SETS; i++)
        if (i == BENCH_WIDE ? !bench_rate(b, &b->set[i], ORACLE_ALL, "all")
                            : !bench_rates(b, &b->set[i], i == BENCH_SHORT))
            return cli_error(CLI_ENVIRONMENT, "no memory for a machine");
    if (!bench_reset(b, &b->set[BENCH_SEEDS]))
        return cli_error(CLI_ENVIRONMENT, "no memory for a machine");
    if (!bench_promote(b->seconds, &pages))
        return cli_error(CLI_ENVIRONMENT, "promote_to_tvm could not be measured");
    bench_row(b, "promote-pages", pages, "pages/CPU-s");
    return CLI_CLEAN;
}

static int bench_one(struct bench *b, const struct bench_set *set, uint32_t oracles)
{
    return bench_rate(b, set, oracles, "chosen") ? CLI_CLEAN : cli_error(CLI_ENVIRONMENT, "no memory for a machine");
}

int cmd_bench(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 'i'},
                                            {"set", required_argument, NULL, 't'},
                                            {"oracles", required_argument, NULL, 'o'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"json", required_argument, NULL, 'j'},
                                            {0}};
    static struct bench b = {.set = {{.name = "short"}, {.name = "wide"}, {.name = "seeds"}, {.name = "mixed"}}};
    const char *seeds = NULL;
    const char *json = NULL;
    unsigned set = BENCH_SETS; /* all of them */
    uint32_t oracles = ORACLE_ALL;
    uint64_t seconds = 10;
    int code;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            if (!cli_number(command, "--seconds", optarg, 3600, &seconds))
                return CLI_USAGE;
            break;
        case 'r':
            if (!cli_number(command, "--rounds", optarg, 1000000, &b.rounds))
                return CLI_USAGE;
            break;
        case 'o':
            if (!cli_oracles(command, optarg, &oracles))
                return CLI_USAGE;
            break;
        case 'i': seeds = optarg; break;
        case 't':
            for (set = 0; set < BENCH_SETS && strcmp(b.set[set].name, optarg) != 0; set++)
                continue;
            if (set == BENCH_SETS)
                return cli_usage(command, "--set takes short, wide, seeds or mixed, not '%s'", optarg);
            break;
        case 'j': json = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (optind != argc)
        return cli_usage(command, "unexpected argument '%s'", argv[optind]);
    if (set == BENCH_SETS && (b.rounds != 0 || oracles != ORACLE_ALL))
        return cli_usage(command, "--rounds and --oracles go with --set");
    b.seconds = (double)(seconds ? seconds : 1) / (set == BENCH_SETS ? MEASUREMENTS : 1);
    code = load_sets(&b, seeds, set);
    if (code == CLI_CLEAN)
        code = set == BENCH_SETS ? bench_all(&b) : bench_one(&b, &b.set[set], oracles);
    if (code == CLI_CLEAN && json != NULL)
        code = write_fragment(&b, json);
    for (unsigned i = 0; i < BENCH_SETS; i++) {
        corpus_free(&b.set[i].corpus);
        free(b.set[i].decoded);
    }
    return code;
}
