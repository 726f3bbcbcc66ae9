/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench: how fast is the harness? Everything per second of processor time on one core.
 *
 *   seeds    the shipped corpus as it is
 *   mixed    traces mutated from it with a fixed seed: what a fuzzer really runs
 *
 * each with all oracles, with OWN alone and with none; what resetting a world costs; and how many pages per second the
 * longest call, promote_to_tvm, takes over.
 */
#include "harness/cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MIXED_TRACES 512u
#define MIXED_SEED 0x746f756368u
#define ROWS_MAX 64u

struct row {
    char name[64];
    double value;
    const char *unit;
};

struct bench {
    struct corpus seeds, mixed;
    struct row row[ROWS_MAX];
    size_t rows;
    double seconds; /* per measurement */
    struct trace *decoded;
};

static void add_row(struct bench *b, const char *name, double value, const char *unit)
{
    if (b->rows == ROWS_MAX)
        return;
    struct row *row = &b->row[b->rows++];

    snprintf(row->name, sizeof(row->name), "%s", name);
    row->value = value;
    row->unit = unit;
    if (value >= 1000)
        printf("  %-36s %14.0f  %s\n", name, value, unit);
    else
        printf("  %-36s %14.3f  %s\n", name, value, unit);
    fflush(stdout);
}

struct rate {
    double calls, traces; /* per second */
};

/*
 * Run `traces` over and over for the time of one measurement. Traces are decoded beforehand: decoding is not what is
 * measured. Worlds that stop at a finding count as far as they went.
 */
static bool measure(const struct bench *b, const struct trace *traces, size_t count, uint32_t oracles,
                    struct rate *rate)
{
    struct world_pool pool = {.oracles = oracles};
    uint64_t calls = 0;
    uint64_t done = 0;
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good = good && pool_world(&pool, &traces[i]) != NULL; /* boot outside the measurement */

    double start = cpu_seconds();
    double now = start;

    while (good && now - start < b->seconds) {
        for (size_t i = 0; i < count; i++) {
            struct world *w = pool_world(&pool, &traces[i]);

            if (w == NULL) {
                good = false;
                break;
            }
            uint64_t before = w->calls;

            world_run(w, &traces[i]);
            calls += w->calls - before;
        }
        done += count;
        now = cpu_seconds();
    }
    pool_free(&pool);
    rate->calls = (double)calls / (now - start);
    rate->traces = (double)done / (now - start);
    return good;
}

static bool measure_set(struct bench *b, const char *set, const struct corpus *corpus)
{
    static const struct {
        const char *name;
        uint32_t oracles;
    } variants[] = {{"none", 0},         {"own", ORACLE_OWN}, {"liv", ORACLE_LIV}, {"ord", ORACLE_ORD},
                    {"ref", ORACLE_REF}, {"ni", ORACLE_NI},   {"att", ORACLE_ATT}, {"all", ORACLE_ALL}};
    double bare = 0;
    char name[64];

    for (size_t i = 0; i < corpus->count; i++)
        trace_decode(&b->decoded[i], corpus->entry[i].bytes, corpus->entry[i].size);
    for (size_t v = 0; v < sizeof(variants) / sizeof(variants[0]); v++) {
        struct rate rate = {0};

        if (!measure(b, b->decoded, corpus->count, variants[v].oracles, &rate))
            return false;
        snprintf(name, sizeof(name), "%s-calls-oracles-%s", set, variants[v].name);
        add_row(b, name, rate.calls, "calls/CPU-s");
        snprintf(name, sizeof(name), "%s-traces-oracles-%s", set, variants[v].name);
        add_row(b, name, rate.traces, "traces/CPU-s");
        if (v == 0) {
            bare = rate.traces;
            continue;
        }
        snprintf(name, sizeof(name), "%s-cost-oracles-%s", set, variants[v].name);
        add_row(b, name, bare / rate.traces, "x");
    }
    return true;
}

/* What a reset costs, right after boot and after each seed; and how many window frames a seed dirties. */
static bool measure_reset(struct bench *b)
{
    struct world_pool pool = {.oracles = ORACLE_ALL};
    double spent = 0;
    uint64_t resets = 0;
    uint64_t frames = 0;
    bool good = true;

    for (size_t i = 0; i < b->seeds.count; i++)
        trace_decode(&b->decoded[i], b->seeds.entry[i].bytes, b->seeds.entry[i].size);
    for (double start = cpu_seconds(); good && cpu_seconds() - start < b->seconds;) {
        for (size_t i = 0; i < b->seeds.count && good; i++) {
            const uint32_t *changed;
            struct world *w = pool_world(&pool, &b->decoded[i]);

            if (w == NULL) {
                good = false;
                break;
            }
            world_run(w, &b->decoded[i]);
            frames += machine_changes(w->machine, &changed);
            double before = cpu_seconds();

            world_reset(w);
            spent += cpu_seconds() - before;
            resets++;
        }
    }
    if (good && resets != 0) {
        add_row(b, "reset-after-seed", spent / (double)resets * 1e9, "ns");
        add_row(b, "reset-window-frames", (double)frames / (double)resets, "frames");
    }
    struct world *w = good ? pool_world(&pool, &b->decoded[0]) : NULL;

    if (w != NULL) {
        const unsigned rounds = 1000;
        double before = cpu_seconds();

        for (unsigned i = 0; i < rounds; i++)
            world_reset(w);
        add_row(b, "reset-untouched", (cpu_seconds() - before) / rounds * 1e9, "ns");
    }
    pool_free(&pool);
    return good && w != NULL;
}

static bool make_mixed(struct bench *b)
{
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    uint64_t random = MIXED_SEED;

    for (unsigned i = 0; i < MIXED_TRACES; i++) {
        const struct corpus_entry *parent = &b->seeds.entry[random_next(&random) % b->seeds.count];
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
        size = trace_encode(&trace, bytes, sizeof(bytes));
        if (!corpus_add(&b->mixed, &trace, bytes, size, NULL))
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

static int bench(struct bench *b, const char *seeds, const char *json)
{
    char fallback[4096];
    int code;

    if (seeds == NULL) {
        const char *source = source_folder();

        if (source == NULL)
            return CLI_ENVIRONMENT;
        snprintf(fallback, sizeof(fallback), "%s/corpora", source);
        seeds = fallback;
    }
    code = corpus_load(&b->seeds, seeds);
    if (code != CLI_CLEAN)
        return code;
    if (b->seeds.count == 0)
        return cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", seeds);
    size_t largest = b->seeds.count > MIXED_TRACES ? b->seeds.count : MIXED_TRACES;

    b->decoded = calloc(largest, sizeof(*b->decoded));
    if (b->decoded == NULL || !make_mixed(b))
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    printf("%zu seeds, %zu mixed traces, one core\n", b->seeds.count, b->mixed.count);
    if (!measure_set(b, "seeds", &b->seeds) || !measure_set(b, "mixed", &b->mixed) || !measure_reset(b))
        return cli_error(CLI_ENVIRONMENT, "no memory for a machine");
    double pages;

    if (!bench_promote(b->seconds, &pages))
        return cli_error(CLI_ENVIRONMENT, "promote_to_tvm could not be measured");
    add_row(b, "promote-pages", pages, "pages/CPU-s");
    return json ? write_fragment(b, json) : CLI_CLEAN;
}

int cmd_bench(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 'i'},
                                            {"json", required_argument, NULL, 'j'},
                                            {0}};
    static struct bench b;
    const char *seeds = NULL;
    const char *json = NULL;
    uint64_t seconds = 10;
    int code;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            if (!cli_number(command, "--seconds", optarg, 3600, &seconds))
                return CLI_USAGE;
            break;
        case 'i': seeds = optarg; break;
        case 'j': json = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (optind != argc)
        return cli_usage(command, "unexpected argument '%s'", argv[optind]);
    /* Two sets by five variants, and the resets. */
    b.seconds = (double)(seconds ? seconds : 1) / 11;
    code = bench(&b, seeds, json);
    corpus_free(&b.seeds);
    corpus_free(&b.mixed);
    free(b.decoded);
    return code;
}
