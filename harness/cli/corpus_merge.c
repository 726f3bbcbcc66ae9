/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone corpus merge: few traces that reach what many do. What a trace reaches are the features of its steps
 * (harness/agents/features.h); a greedy set cover takes the trace that adds most, the smaller one of equals, until
 * nothing is left to add. Files are copied as they are; the sources stay, and nothing is overwritten.
 */
#include "harness/agents/features.h"
#include "harness/cli/corpora.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1u << 20) /* as large as a trace file may be */

struct candidate {
    const char *path;
    size_t size;
    uint64_t *feature; /* sorted, each once */
    size_t features;
    size_t bound; /* at most so many of them are new */
    bool taken;
};

struct merge {
    struct candidate *candidate;
    size_t count;
    uint64_t *covered; /* sorted */
    size_t covers;
    size_t taken;
    uint64_t bytes_before, bytes_after;
};

static int by_value(const void *a, const void *b)
{
    const uint64_t *one = a, *two = b;

    return *one < *two ? -1 : *one > *two;
}

static size_t sort_once(uint64_t *value, size_t count)
{
    size_t kept = 0;

    qsort(value, count, sizeof(*value), by_value);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || value[kept - 1] != value[i])
            value[kept++] = value[i];
    }
    return kept;
}

/* --- what a trace reaches --------------------------------------------------------------------------------------- */

static int measure(struct world_pool *pool, const struct trace *t, struct candidate *c)
{
    struct world *w = pool_world(pool, t);
    struct features features;

    c->feature = malloc(((size_t)t->count * FEATURES_MAX + 1) * sizeof(*c->feature));
    if (w == NULL || c->feature == NULL)
        return cli_error(CLI_ENVIRONMENT, "%s: out of memory", c->path);
    features_begin(&features);
    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        struct step_result seen = {0};

        w->step = i;
        features_before(&features, w, &t->op[i]);
        if (!world_step(w, &t->op[i], &seen)) {
            print_finding(stdout, c->path, t, &w->finding);
            c->features = 0;
            return cli_error(CLI_FINDING, "%s: left out: it shows a finding", c->path);
        }
        c->features += features_after(&features, w, &t->op[i], &seen, c->feature + c->features);
    }
    c->features = sort_once(c->feature, c->features);
    c->bound = c->features;
    return CLI_CLEAN;
}

static int measure_all(struct merge *m, const struct path_list *list)
{
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    struct world_pool pool = {.oracles = ORACLE_SINGLE};
    int code = CLI_CLEAN;

    for (size_t i = 0; i < list->count && !interrupted(); i++) {
        struct candidate *c = &m->candidate[m->count];

        c->path = list->path[i];
        if (!trace_open(&trace, c->path, false)) {
            code = cli_worse(code, CLI_USAGE);
            continue;
        }
        c->size = trace_encode(&trace, bytes, sizeof(bytes));
        m->bytes_before += c->size;
        m->count++;
        trace_drop_schedule(&trace);
        code = cli_worse(code, measure(&pool, &trace, c));
    }
    pool_free(&pool);
    return interrupted() ? CLI_INTERRUPTED : code;
}

/* --- the cover -------------------------------------------------------------------------------------------------- */

static size_t fresh(const struct merge *m, const struct candidate *c)
{
    size_t count = 0;

    if (m->covers == 0) /* there is no array yet that could be searched */
        return c->features;
    for (size_t i = 0; i < c->features; i++)
        count += bsearch(&c->feature[i], m->covered, m->covers, sizeof(*m->covered), by_value) == NULL;
    return count;
}

static bool better(const struct candidate *a, const struct candidate *b)
{
    if (b == NULL || a->bound != b->bound)
        return b == NULL || a->bound > b->bound;
    if (a->size != b->size)
        return a->size < b->size;
    return strcmp(a->path, b->path) < 0;
}

/* The one that adds most. Bounds only fall, so one that still holds is the best. NULL: nothing is left to add. */
static struct candidate *best(struct merge *m)
{
    for (;;) {
        struct candidate *first = NULL;

        for (size_t i = 0; i < m->count; i++) {
            if (!m->candidate[i].taken && better(&m->candidate[i], first))
                first = &m->candidate[i];
        }
        if (first == NULL || first->bound == 0)
            return NULL;
        size_t now = fresh(m, first);
        if (now == first->bound)
            return first;
        first->bound = now;
    }
}

static bool take(struct merge *m, struct candidate *c)
{
    uint64_t *grown = realloc(m->covered, (m->covers + c->features + 1) * sizeof(*grown));

    if (grown == NULL)
        return false;
    m->covered = grown;
    memcpy(m->covered + m->covers, c->feature, c->features * sizeof(*grown));
    m->covers = sort_once(m->covered, m->covers + c->features);
    c->taken = true;
    m->taken++;
    m->bytes_after += c->size;
    return true;
}

/* Write it unless it is there. False, and *exists, when something else is. */
static bool keep(const char *target, const uint8_t *bytes, size_t size, bool *exists)
{
    size_t have;

    if (file_write(target, bytes, size, false, exists))
        return true;
    uint8_t *old = *exists ? file_read(target, MAX_FILE, &have) : NULL;
    bool same = old != NULL && have == size && memcmp(old, bytes, size) == 0;
    free(old);
    return same;
}

/* Copy a file to the folder under its own name, or, where another one has that, with its hash behind it. */
static int copy(const char *path, const char *folder)
{
    char target[4096];
    size_t size;
    bool exists = false;
    const char *base = corpora_base(path);
    const char *dot = strrchr(base, '.') != NULL ? strrchr(base, '.') : base + strlen(base);
    uint8_t *bytes = file_read(path, MAX_FILE, &size);

    if (bytes == NULL)
        return CLI_USAGE;
    snprintf(target, sizeof(target), "%.3800s/%.200s", folder, base);
    bool good = keep(target, bytes, size, &exists);
    if (!good && exists) {
        snprintf(target, sizeof(target), "%.3800s/%.*s-%016" PRIx64 "%.10s", folder, (int)(dot - base), base,
                 bytes_hash(bytes, size), dot);
        good = keep(target, bytes, size, &exists);
    }
    free(bytes);
    if (good)
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists with other content than %s", target, path) : CLI_ENVIRONMENT;
}

static int merge(struct merge *m, const struct path_list *list, const char *folder)
{
    m->candidate = calloc(list->count + 1, sizeof(*m->candidate));
    if (m->candidate == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    interrupts_catch();
    int code = measure_all(m, list);
    if (code == CLI_INTERRUPTED || code == CLI_ENVIRONMENT)
        return code;
    for (struct candidate *c = best(m); c != NULL; c = best(m)) {
        if (!take(m, c))
            return cli_error(CLI_ENVIRONMENT, "out of memory");
        code = cli_worse(code, copy(c->path, folder));
    }
    printf("%zu traces of %llu bytes reach %zu features; %zu of them, %llu bytes, reach the same\n", m->count,
           (unsigned long long)m->bytes_before, m->covers, m->taken, (unsigned long long)m->bytes_after);
    return code;
}

int corpus_merge_command(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};
    struct path_list list = {0};
    struct merge m = {0};
    const char *folder = NULL;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        if (option != 'o')
            return CLI_USAGE;
        folder = optarg;
    }
    if (folder == NULL || optind == argc)
        return cli_usage(command, folder == NULL ? "-o FOLDER is missing" : "merge what?");
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, paths_add(&list, argv[i]));
    if (code == CLI_CLEAN && folder_make(folder))
        code = merge(&m, &list, folder);
    else
        code = cli_worse(code, CLI_ENVIRONMENT);
    for (size_t i = 0; m.candidate != NULL && i <= list.count; i++)
        free(m.candidate[i].feature);
    free(m.candidate);
    free(m.covered);
    paths_free(&list);
    return code;
}
