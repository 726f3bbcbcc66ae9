/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step changed, for people: who owns which frame, entries of page tables, TVMs, PMP, translation caches, registers.
 *
 *   explain.c        the command: replays, and tells the steps
 *   explain_diff.c   two pictures of a machine, and the differences in words
 *   explain_page.c   the same as a page with a picture of the owners of frames before and after
 */
#ifndef TOUCHSTONE_HARNESS_CLI_EXPLAIN_H
#define TOUCHSTONE_HARNESS_CLI_EXPLAIN_H

#include "harness/cli/cli.h"
#include "monitor/core/monitor.h"

/* A machine at one moment, as far as it is told. */
struct picture {
    uint32_t pages;
    struct page_record *record;
    uint8_t *window; /* contents of all frames */
    struct tvm_slot slot[MONITOR_MAX_TVMS];
    struct machine_hart hart[MONITOR_MAX_HARTS];
    uint32_t hsm[MONITOR_MAX_HARTS];
};

/* False when memory is short. */
bool picture_make(struct picture *p, const struct world *w);
void picture_take(struct picture *p, const struct world *w);
void picture_free(struct picture *p);

/* One line for each difference, each begun with `indent`. Writes nothing when there is none. */
void picture_differences(FILE *out, const char *indent, const struct picture *before, const struct picture *after,
                         uint32_t harts);

/* An SVG picture: one square per frame, by use, of both; as many frames as matter. */
void picture_draw(FILE *out, const struct picture *before, const struct picture *after);

#endif
