/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench, rates: how many calls and traces a second, and what each oracle costs. The cost of an oracle is shown
 * twice, for oracles share work: what it takes alone, against a world without any; and what would be saved without it,
 * against a world with all.
 *
 * Others on the machine make a measurement slower, nothing makes it faster: what counts is its fastest slice. They come and go
 * within tenths of a second, so slices are shorter than that, and hold whole rounds through the set.
 */
#include <string.h>

#include "harness/cli/bench.h"

#define SLICES 60.0

struct rate {
    double calls, traces; /* per second */
};

/* A slice is over: is it the fastest? */
static void keep_fastest(struct rate *best, uint64_t calls, uint64_t traces, double seconds)
{
    if ((double)traces / seconds <= best->traces)
        return;
    best->calls = (double)calls / seconds;
    best->traces = (double)traces / seconds;
}

static const struct {
    const char *name;
    uint32_t oracle;
} each[] = {{"own", ORACLE_OWN}, {"liv", ORACLE_LIV}, {"ord", ORACLE_ORD},
            {"ref", ORACLE_REF}, {"ni", ORACLE_NI},   {"att", ORACLE_ATT}};

/* Run the set over and over for the time of one measurement. Worlds that stop at a finding count as far as they went. */
static bool measure(const struct bench *b, const struct bench_set *set, uint32_t oracles, struct rate *rate)
{
    struct world_pool pool = {.oracles = oracles};
    const size_t count = set->corpus.count;
    uint64_t calls = 0;
    uint64_t traces = 0;
    uint64_t rounds = 0;
    bool good = true;

    *rate = (struct rate){0};
    for (size_t i = 0; i < count; i++)
        good = good && pool_world(&pool, &set->decoded[i]) != NULL; /* boot outside the measurement */

    double start = cpu_seconds();
    double now = start;
    double slice = start;

    while (good && (b->rounds != 0 ? rounds < b->rounds : now - start < b->seconds)) {
        for (size_t i = 0; i < count && good; i++) {
            struct world *w = pool_take(&pool, &set->decoded[i]);

            good = w != NULL;
            if (!good)
                break;
            uint64_t before = w->calls;

            world_run(w, &set->decoded[i]);
            calls += w->calls - before;
        }
        rounds++;
        traces += count;
        now = cpu_seconds();
        if (b->rounds == 0 && now - slice >= b->seconds / SLICES) {
            keep_fastest(rate, calls, traces, now - slice);
            calls = traces = 0;
            slice = now;
        }
    }
    pool_free(&pool);
    if (rate->traces == 0)
        keep_fastest(rate, calls, traces, now - slice);
    return good;
}

/* Rows of one choice of oracles; `cost` is a ratio of times. */
static void add_rate(struct bench *b, const char *set, const char *oracles, const struct rate *rate)
{
    char name[64];

    snprintf(name, sizeof(name), "%s-calls-oracles-%s", set, oracles);
    bench_row(b, name, rate->calls, "calls/CPU-s");
    snprintf(name, sizeof(name), "%s-traces-oracles-%s", set, oracles);
    bench_row(b, name, rate->traces, "traces/CPU-s");
}

static void add_cost(struct bench *b, const char *set, const char *what, const char *oracles, double cost)
{
    char name[64];

    snprintf(name, sizeof(name), "%s-%s-oracles-%s", set, what, oracles);
    bench_row(b, name, cost, "x");
}

bool bench_rate(struct bench *b, const struct bench_set *set, uint32_t oracles, const char *name)
{
    struct rate rate;
    bool good = measure(b, set, oracles, &rate);

    add_rate(b, set->name, name, &rate);
    return good;
}

bool bench_rates(struct bench *b, const struct bench_set *set, bool minus)
{
    struct rate none;
    struct rate all;
    struct rate rate;
    char name[24];

    if (!measure(b, set, 0, &none) || !measure(b, set, ORACLE_ALL, &all))
        return false;
    add_rate(b, set->name, "none", &none);
    add_rate(b, set->name, "all", &all);
    add_cost(b, set->name, "cost", "all", none.traces / all.traces);
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        if (!measure(b, set, each[i].oracle, &rate))
            return false;
        add_rate(b, set->name, each[i].name, &rate);
        add_cost(b, set->name, "cost", each[i].name, none.traces / rate.traces);
    }
    for (size_t i = 0; minus && i < sizeof(each) / sizeof(each[0]); i++) {
        if (!measure(b, set, ORACLE_ALL & ~each[i].oracle, &rate))
            return false;
        snprintf(name, sizeof(name), "all-but-%s", each[i].name);
        add_rate(b, set->name, name, &rate);
        add_cost(b, set->name, "saved", name, rate.traces / all.traces);
    }
    return true;
}
