/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trace, two monitors: the one that is linked into the process and the firmware, each M-mode of a machine of its own,
 * step by step. After every operation the two agree in what the acting agent saw and in the whole state of machine and
 * monitor, or the step is named.
 */
#ifndef TOUCHSTONE_FIRMWARE_LOCKSTEP_H
#define TOUCHSTONE_FIRMWARE_LOCKSTEP_H

#include "emulation/unicorn/firmware_image.h"
#include "harness/agents/world.h"
#include "harness/machine/compare.h"

/* Windows that the firmware is linked for: 64 to 2048 pages, powers of two. */
#define LOCKSTEP_IMAGES 6u
#define LOCKSTEP_PAIRS 8u

struct lockstep_pair {
    struct world *host, *firmware;
    uint64_t used;
};

struct lockstep {
    const char *folder;     /* with fw_machine_<pages>.elf */
    const char *miscompile; /* a mistake to make in each image (miscompile.h), or NULL */
    struct firmware_image image[LOCKSTEP_IMAGES];
    bool loaded[LOCKSTEP_IMAGES];
    struct lockstep_pair pair[LOCKSTEP_PAIRS];
    uint64_t clock;
    uint64_t boots; /* machines made, two for each pair */
};

enum verdict { VERDICT_EQUAL, VERDICT_DIFFERS, VERDICT_SKIPPED, VERDICT_ERROR };

struct lockstep_result {
    enum verdict verdict;
    uint32_t steps;                 /* operations performed */
    uint32_t step;                  /* VERDICT_DIFFERS: index of the operation, the count of the trace for its start */
    bool start;                     /* VERDICT_DIFFERS: right after boot */
    struct step_result host, other; /* VERDICT_DIFFERS: what was seen */
    struct machine_difference difference;
    char why[200]; /* VERDICT_SKIPPED, VERDICT_ERROR: in one line */
};

void lockstep_open(struct lockstep *l, const char *folder, const char *miscompile);
void lockstep_close(struct lockstep *l);

/*
 * Run a trace on both. `each`, if not NULL, is called after every operation on which they agree, with the world of the
 * linked-in monitor.
 */
typedef void lockstep_step_fn(void *data, const struct world *host, const struct trace_op *op,
                              const struct step_result *seen);
void lockstep_run(struct lockstep *l, const struct trace *t, struct lockstep_result *r, lockstep_step_fn *each,
                  void *data);

#endif
