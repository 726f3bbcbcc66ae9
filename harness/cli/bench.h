/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench, inside: what its parts share. bench.c is the command and its rows, bench_rates.c measures calls and
 * traces per second and what each oracle costs, bench_reset.c the reset of a world, bench_promote.c the longest call.
 */
#ifndef TOUCHSTONE_HARNESS_BENCH_H
#define TOUCHSTONE_HARNESS_BENCH_H

#include "harness/cli/cli.h"

#define BENCH_ROWS 192u

struct bench_row {
    char name[64];
    double value;
    const char *unit;
};

/* A set of traces, decoded beforehand: decoding is not what is measured. */
struct bench_set {
    const char *name;
    struct corpus corpus;
    struct trace *decoded;
};

enum bench_set_id {
    BENCH_SHORT, /* corpora/short: a few calls each, none of which hashes a page, in a small window */
    BENCH_WIDE,  /* the same in the usual window */
    BENCH_SEEDS, /* the shipped corpus as it is */
    BENCH_MIXED, /* mutated from it with a fixed seed: what a fuzzer really runs */
    BENCH_SETS
};

struct bench {
    struct bench_set set[BENCH_SETS];
    struct bench_row row[BENCH_ROWS];
    size_t rows;
    double seconds;  /* per measurement */
    uint64_t rounds; /* instead of a time when not 0: this often through each set, for whoever counts instructions */
};

/* Keep a result and show it. */
void bench_row(struct bench *b, const char *name, double value, const char *unit);

/*
 * Calls and traces of one set per second without an oracle, with each alone, with all, and with `minus` also with all but
 * each; and the cost of each as a ratio of times. False when memory is short.
 */
bool bench_rates(struct bench *b, const struct bench_set *set, bool minus);

/* The same for one choice of oracles only, which `name` says. */
bool bench_rate(struct bench *b, const struct bench_set *set, uint32_t oracles, const char *name);

/* What resetting a world costs, untouched and after each trace of `set`; how many frames a trace of it dirties. */
bool bench_reset(struct bench *b, const struct bench_set *set);

/* Pages that promote_to_tvm takes over per second. */
bool bench_promote(double seconds, double *pages_per_second);

#endif
