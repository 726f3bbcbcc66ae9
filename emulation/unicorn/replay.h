/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays: single steps over the edges of the switch matrix, a random walk over all of them, and pairs of runs that
 * are compared (self-composition). A step randomises the world that runs, raises one trap, lets the firmware serve
 * it, and checks the world that the hart is handed to.
 */
#ifndef TOUCHSTONE_UNICORN_REPLAY_H
#define TOUCHSTONE_UNICORN_REPLAY_H

#include "emulation/unicorn/checks.h"
#include "emulation/unicorn/prng.h"

/* Where a replay starts from: hart_restore brings memory back, these are the views that belong to it. */
/* A load or store of the guest to its device, as the monitor has to complete it. */
struct mmio_access {
    unsigned width, reg, length; /* in bytes; register number; of the instruction, in bytes */
    bool sign;
};

struct replay_base {
    struct view host, guest;
    bool other_started;
};

struct replayer {
    struct scene scene;
    struct emulated_hart hart;
    struct checker checker;
    struct findings *findings;

    bool stop_early; /* the first violation ends walk and pairs */
    bool usable;     /* the TVM could be entered; without that there is nothing to replay */
    bool in_guest;
    bool waits_for_answer;           /* the guest left with a call that the host answers */
    uint64_t other_pc, other_opaque; /* what the second vCPU was last started with */
    struct store extra_store;        /* beside the exit record, where there are other harts; size 0: none */
    uint64_t wanted_cause;           /* plus one: the next exception that nobody serves has this cause; 0: any */
    uint64_t answer_limit;           /* and this is the largest value that it may give */
    bool changes_region;             /* and that call is about memory, which the host refuses here */
    bool misfits;                    /* and the host cannot agree, because a page is there */
    bool loads_value;                /* the guest left with a load whose value the host gives */
    bool other_started;              /* the second vCPU is runnable */
    struct mmio_access mmio;
    bool guest_dead;       /* took a fatal trap; only going back to the base helps */
    struct view host;      /* the host's state at its last run call */
    struct view guest;     /* the guest's state at its last exit, with the documented effects of that exit */
    uint64_t fresh_status; /* mstatus of a guest that was never run */
    uint8_t guest_page[PAGE_SIZE];
    struct replay_base base;
    uint64_t seed;

    /* When not NULL: receives a digest of the complete outcome of each step of the walk. */
    uint64_t *digests;
};

/*
 * Boot, build the TVM and enter it for the first time, with checks all along. False, with a reason, when the firmware
 * does not boot; a monitor that fails later is a violation, and leaves nothing to replay.
 */
bool replayer_open(struct replayer *r, const struct firmware_image *fw, bool slow, uint64_t seed,
                   struct findings *findings, char *why, size_t why_size);
/* The same on a hart that lacks something, or one that counts its instructions or shows its way (hart_watch_blocks); fast. */
enum lesser { WITH_ALL, WITHOUT_STATEEN, WITHOUT_TRIGGERS, COUNTING, WATCHED };
bool replayer_open_lesser(struct replayer *r, const struct firmware_image *fw, enum lesser lesser, uint64_t seed,
                          struct findings *findings, char *why, size_t why_size);
void replayer_close(struct replayer *r);

/* The state that a host starts with, on a hart that boots, is started, or resumes without its state. */
struct view replay_fresh_host(const struct view *after, uint64_t hart, uint64_t opaque, uint64_t entry);

/* Registers, CSRs and memory as after the first entry into the TVM. */
void replay_back_to_base(struct replayer *r);

/* Instructions of the monitor on its most used ways, with the registers and CSRs that they have to move. */
struct path_cost {
    const char *name;
    uint64_t instructions, elements;
};
#define PATH_COSTS 3u
bool replay_costs(const struct firmware_image *fw, struct path_cost costs[PATH_COSTS], struct findings *findings,
                  char *why, size_t why_size);

/* `steps` random steps, each over one edge. */
void replay_walk(struct replayer *r, uint64_t steps);

/* Every exception that comes to the monitor from a guest or the host and that no other edge raises, once. */
void replay_every_cause(struct replayer *r);

/*
 * `pairs` pairs, in groups whose runs are all compared with the first of them: in half of the groups they differ in the
 * guest's secrets and compare the host, in half the other way round. Pairs are numbered from `first` on, a multiple of
 * EPOCH_PAIRS; in pieces that are multiples of it they are the same pairs as in one call.
 */
#define GROUP_PAIRS 8u  /* pairs that share their reference; the last group of all may have less */
#define EPOCH_PAIRS 64u /* pairs that start from the same state */
void replay_pairs(struct replayer *r, uint64_t first, uint64_t pairs);

#endif
