/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone min: shorten a finding as long as it stays the same finding (oracle, property and call).
 *
 * First runs of operations go, halving the length of the runs down to one; then arguments are replaced by simpler
 * ones; until a whole pass changes nothing. The number of trials is bounded by the size of the trace.
 */
#include "harness/cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 16u

struct minimiser {
    struct world_pool pool;
    struct finding wanted;
    struct trace best, trial;
    uint32_t trials;
};

static struct finding outcome_of(struct minimiser *m, const struct trace *t)
{
    struct finding nothing = {.found = false};
    struct world *w = pool_take(&m->pool, t);

    if (w == NULL)
        return nothing;
    m->trials++;
    world_run(w, t);
    return w->finding;
}

/* Take the trial if it still shows the finding. */
static bool accept(struct minimiser *m)
{
    struct finding f = outcome_of(m, &m->trial);

    if (!same_finding(&f, &m->wanted))
        return false;
    m->best = m->trial;
    return true;
}

static void remove_range(struct trace *t, uint32_t first, uint32_t count)
{
    memmove(&t->op[first], &t->op[first + count], (t->count - first - count) * sizeof(t->op[0]));
    t->count -= count;
}

static bool drop_operations(struct minimiser *m)
{
    bool changed = false;

    for (uint32_t length = m->best.count / 2 ? m->best.count / 2 : 1; length > 0; length /= 2) {
        /* From the end, so that what later operations build on goes last. */
        for (uint32_t end = m->best.count; end >= length && end > 0; end = end > length ? end - length : 0) {
            m->trial = m->best;
            remove_range(&m->trial, end - length, length);
            changed |= accept(m);
            if (end > m->best.count + length)
                end = m->best.count + length;
        }
    }
    return changed;
}

static bool simplify_argument(struct minimiser *m, uint32_t i, unsigned a)
{
    static const uint64_t simpler[] = {0, 1};
    const struct trace_op *op = &m->best.op[i];

    /* "The first TVM" tells more than the number 1. */
    if (op->kind[a] == ARG_TVM)
        return false;
    for (size_t s = 0; s < sizeof(simpler) / sizeof(simpler[0]); s++) {
        if (op->kind[a] == ARG_RAW && op->a[a] <= simpler[s])
            return false;
        m->trial = m->best;
        m->trial.op[i].kind[a] = ARG_RAW;
        m->trial.op[i].a[a] = simpler[s];
        if (accept(m))
            return true;
    }
    /* A handle without its byte offset reads better. */
    if (op->kind[a] != ARG_RAW && (op->a[a] >> 32) != 0) {
        m->trial = m->best;
        m->trial.op[i].a[a] &= UINT32_MAX;
        return accept(m);
    }
    return false;
}

static bool simplify(struct minimiser *m)
{
    bool changed = false;

    for (uint32_t i = 0; i < m->best.count; i++) {
        if (m->best.op[i].hart != 0) {
            m->trial = m->best;
            m->trial.op[i].hart = 0;
            changed |= accept(m);
        }
        for (unsigned a = 0; a < 8; a++)
            changed |= simplify_argument(m, i, a);
    }
    if (m->best.seed != 0) {
        m->trial = m->best;
        m->trial.seed = 0;
        changed |= accept(m);
    }
    return changed;
}

/* Expectations say what a correct monitor does; a reproducer of a bug has none. */
static void drop_expectations(struct trace *t)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT)
            t->op[kept++] = t->op[i];
    }
    t->count = kept;
}

static int write_result(const char *path, const struct trace *t, bool force)
{
    static uint8_t bytes[TRACE_MAX_BYTES];
    const char *dot = strrchr(path, '.');
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
        good = file_write(path, text, size, force, &exists);
        free(text);
    } else {
        good = file_write(path, bytes, trace_encode(t, bytes, sizeof(bytes)), force, &exists);
    }
    if (good)
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", path) : CLI_ENVIRONMENT;
}

static int minimise(struct minimiser *m, const char *input, const char *output, bool force)
{
    drop_expectations(&m->best);
    uint32_t before = m->best.count;

    m->wanted = outcome_of(m, &m->best);
    if (!m->wanted.found)
        return cli_error(CLI_USAGE, "%s: nothing to shorten: no oracle objects to it", input);
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        bool shorter = drop_operations(m);

        if (!simplify(m) && !shorter)
            break;
    }
    int code = write_result(output, &m->best, force);

    if (code == CLI_CLEAN)
        printf("%s: %s %s in %s, %u operations to %u in %u trials\n", output, oracle_name(m->wanted.oracle),
               m->wanted.property, finding_call(&m->wanted), before, m->best.count, m->trials);
    return code;
}

int cmd_min(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"force", no_argument, NULL, 'f'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"oracles", required_argument, NULL, 'O'},
                                            {"any", no_argument, NULL, 'a'},
                                            {0}};
    struct minimiser *m = calloc(1, sizeof(*m));
    const char *output = NULL;
    bool force = false;
    bool any = false;
    bool good = true;
    int code = CLI_USAGE;

    if (m == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    m->pool.oracles = ORACLE_ALL;
    for (int option; good && (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': force = true; break;
        case 'o': output = optarg; break;
        case 'a': any = true; break;
        case 'O': good = cli_oracles(command, optarg, &m->pool.oracles); break;
        default: good = false;
        }
    }
    if (good && optind + 1 != argc)
        cli_usage(command, "exactly one file is shortened");
    else if (good && output == NULL)
        cli_usage(command, "-o FILE is missing");
    else if (good && trace_open(&m->best, argv[optind], any))
        code = minimise(m, argv[optind], output, force);
    pool_free(&m->pool);
    free(m);
    return code;
}
