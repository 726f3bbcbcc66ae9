/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench, resets: what taking a world back to its beginning costs, with all oracles, right after boot and after
 * each trace of a set.
 */
#include "harness/cli/bench.h"

bool bench_reset(struct bench *b, const struct bench_set *set)
{
    struct world_pool pool = {.oracles = ORACLE_ALL};
    double spent = 0;
    uint64_t resets = 0;
    uint64_t frames = 0;
    bool good = true;

    for (double start = cpu_seconds(); good && cpu_seconds() - start < b->seconds;) {
        for (size_t i = 0; i < set->corpus.count && good; i++) {
            struct world *w = pool_world(&pool, &set->decoded[i]);

            if (w == NULL) {
                good = false;
                break;
            }
            world_run(w, &set->decoded[i]);
            frames += machine_dirty_frames(w->machine);
            double before = cpu_seconds();

            world_reset(w);
            spent += cpu_seconds() - before;
            resets++;
        }
    }
    if (good && resets != 0) {
        bench_row(b, "reset-after-seed", spent / (double)resets * 1e9, "ns");
        bench_row(b, "reset-frames", (double)frames / (double)resets, "frames");
    }
    struct world *w = good ? pool_world(&pool, &set->decoded[0]) : NULL;

    if (w != NULL) {
        const unsigned rounds = 1000;
        double before = cpu_seconds();

        for (unsigned i = 0; i < rounds; i++)
            world_reset(w);
        bench_row(b, "reset-untouched", (cpu_seconds() - before) / rounds * 1e9, "ns");
    }
    pool_free(&pool);
    return good && w != NULL;
}
