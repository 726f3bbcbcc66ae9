/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world: one simulated machine with its monitor, the agents that act on it, and the oracles that watch.
 *
 * world_step performs one operation of a trace and reports what became visible to the agent that acted; after every
 * step the enabled oracles run, and the first violation becomes the finding of this run.
 */
#ifndef TOUCHSTONE_HARNESS_WORLD_H
#define TOUCHSTONE_HARNESS_WORLD_H

#include "harness/machine/machine.h"
#include "harness/trace/trace.h"

/* Oracles, as bits. */
#define ORACLE_OWN 0x01u /* ownership: records x tables x PMP x TLBs */
#define ORACLE_LIV 0x02u /* locks, budget, fatal stops: what the machine reports as violations */
#define ORACLE_ORD 0x04u /* order rules on events: fences after PMP and hgatp changes, scrub before release */
#define ORACLE_REF 0x08u /* answers, exits and abstract state equal those of a model of the ABI */
#define ORACLE_NI 0x10u  /* what the host sees does not depend on a guest's secrets: a second world says so */
#define ORACLE_ATT 0x20u /* measurements equal those that another implementation computes */
#define ORACLE_SAN 0x80u /* a sanitizer or a crash: said of a process that died, never chosen */
#define ORACLE_ALL 0x3fu
#define ORACLE_SINGLE (ORACLE_ALL & ~ORACLE_NI) /* for whoever reaches into the machine past the agents: no twin */

/* Severity: what is broken, most serious first. */
enum severity { S0_CONFIDENTIALITY, S1_ISOLATION, S2_MEMORY_SAFETY, S3_AVAILABILITY, S4_ABI, S5_MODEL };

struct finding {
    bool found;
    uint32_t oracle; /* one ORACLE_* bit */
    enum severity severity;
    char property[32]; /* short stable name: "scrub", "owner", "tlb", ... part of the identity of a finding */
    char text[200];    /* one sentence for people, deterministic, no pointers */
    uint32_t step;     /* index of the operation */
    uint16_t call;     /* ABI id of the operation, 0 if none */
};

/* What the acting agent saw. */
struct step_result {
    enum expect_kind kind;
    int64_t error;  /* EXPECT_RESULT, EXPECT_EXIT: a0 */
    uint64_t value; /* EXPECT_RESULT, EXPECT_EXIT: a1; EXPECT_VALUE: loaded value; EXPECT_TRAP: cause */
    uint64_t scause, stval, htval, htinst; /* EXPECT_EXIT */
    uint64_t a[8];                         /* EXPECT_EXIT: a0..a7 of the mailbox */
};

#define WORLD_MAX_TVM_HANDLES 128u

struct world {
    struct machine *machine;
    uint32_t oracles;
    uint64_t tvm_id[WORLD_MAX_TVM_HANDLES]; /* handles in order of creation */
    uint32_t tvm_count;
    uint32_t step;
    uint64_t calls; /* ecalls made since world_create, both agents */
    struct finding finding;
    struct oracle_state *oracle_state;
    struct world *twin;    /* NI: the world with other secrets; NULL without it */
    bool is_twin;          /* this is it */
    bool twin_runs;        /* it has caught up, and steps along: ni.h */
    bool twin_copied;      /* it is what this world was before `past` */
    bool twin_stale;       /* it has been something else since its last reset */
    bool stored_secret;    /* of the twin: a guest has stored what may be something else in the other world */
    struct trace_op *past; /* what it has to catch up with */
    uint32_t past_count, past_room;
    const char *failed;  /* function of the monitor that a trace made fail in this step, or NULL */
    bool device_reached; /* in this step a device got at memory that is closed to devices */
    bool overrun;        /* a device wrote there: nothing after it can be judged, and the world stands still */
    struct ni_state *ni; /* what NI remembers: ni.h; NULL without it */
};

/* NULL when memory is short or the configuration is impossible. */
struct world *world_create(const struct machine_config *config, uint32_t oracles);
void world_destroy(struct world *w);

/* A world without oracles around a machine that was made elsewhere, and that it owns from now on, whatever comes. */
struct world *world_create_around(struct machine *m);

/* Machine, handles, oracles and finding back to the beginning. */
void world_reset(struct world *w);

/* Configuration that a trace asks for. */
struct machine_config world_config_for(const struct trace *t);

/* Perform one operation (OP_EXPECT does nothing here). False once there is a finding. */
bool world_step(struct world *w, const struct trace_op *op, struct step_result *result);

/* Does what was seen agree with an OP_EXPECT? On disagreement writes one line to why. */
bool world_expect(const struct world *w, const struct trace_op *expect, const struct step_result *seen, char *why,
                  size_t max);

/* Run a whole trace from a fresh (reset) world; expectations are ignored. True when there is no finding. */
bool world_run(struct world *w, const struct trace *t);

/* Number that an argument stands for in this world. */
uint64_t world_resolve(const struct world *w, const struct trace_op *op, unsigned index);

/* Full audit at the end of a run or on demand. False and w->finding set when something is wrong. */
bool world_audit(struct world *w);

/* Name of an oracle bit and of a severity. */
const char *oracle_name(uint32_t oracle);
const char *severity_name(enum severity s);

#endif
