/* SPDX-License-Identifier: Apache-2.0 */
/* The result of a replay, for people and for programs. */
#ifndef TOUCHSTONE_UNICORN_REPORT_H
#define TOUCHSTONE_UNICORN_REPORT_H

#include <stdio.h>

#include "emulation/unicorn/replay.h"

struct measurements {
    double replays_per_cpu_second; /* of the walk; 0 when there was none */
    /* Of the fastest slice, because others on the machine make one slower and nothing faster, and of all. */
    double pairs_per_cpu_second, pairs_per_cpu_second_mean;
    double pair_runs_per_cpu_second, pair_runs_per_cpu_second_mean; /* runs of exit and entry that pairs were made of */
    uint64_t seed;
    uint64_t slow_steps;  /* steps executed by both engines; 0 when --slow was not given */
    uint64_t slow_differ; /* of these, how many ended differently */
    struct path_cost costs[PATH_COSTS];
};

/* The matrix edge x element, and the violations, as text. */
void report_text(FILE *out, const struct findings *f, const struct measurements *m);

/* The fragment for results.json. False when writing failed. */
bool report_json(FILE *out, const struct findings *f, const struct measurements *m);

#endif
