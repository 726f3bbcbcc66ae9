/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A judge: a child process that runs inputs and says what came of them, so that an input may crash, hang or spoil the
 * process it runs in without taking the command with it.
 *
 * The child is this program anew: nothing that ran in the parent can make a difference. It runs one input after another, and
 * is replaced when it dies.
 * A verdict is the same whether it was given by a judge or by `touchstone run`.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_JUDGE_H
#define TOUCHSTONE_HARNESS_CLI_JUDGE_H

#include <string.h>

#include "harness/cli/cli.h"

#define JUDGE_HANG_SECONDS 10 /* of processor time for one input */
#define SITE_SIZE 96u
#define JUDGE_LOG_SIZE 16384u

struct verdict {
    struct finding finding;
    /*
     * The last part of its identity: the file of the monitor that a sanitizer blames; of REF, and of audits of harts that
     * overlap, what is said without its numbers; else who acted when it was no call. May be "".
     */
    char site[SITE_SIZE];
    bool died;                /* the input took its process down */
    size_t decisions;         /* of the scheduler that were taken, with a schedule */
    char log[JUDGE_LOG_SIZE]; /* standard error of the run, when it died */
};

struct judge;

/* Copy what a trace has, and not the room for what it could have. */
static inline void trace_copy(struct trace *to, const struct trace *from)
{
    memcpy(to, from, offsetof(struct trace, op));
    memcpy(to->op, from->op, from->count * sizeof(from->op[0]));
    to->overlap = from->overlap;
    to->decisions = from->decisions;
    to->schedule_seed = from->schedule_seed;
    memcpy(to->decision, from->decision, from->decisions);
}

/* First word of the child's command line, and what it does: never returns but to complain. */
#define JUDGE_WORD "--judge"
int judge_serve(const char *oracles);

/* NULL when memory is short. */
struct judge *judge_create(uint32_t oracles);
void judge_destroy(struct judge *j);

/*
 * Run one trace, in its order if it has a schedule; `settled`: when its decisions end every hart goes on as long as it can, whatever
 * the seed says. False after a complaint when no process or no machine can be had: then there is no verdict.
 */
bool judge_run(struct judge *j, const struct trace *t, bool settled, struct verdict *v);

/* The next input runs in a new process. */
void judge_renew(struct judge *j);

/* Inputs run so far. */
uint64_t judge_runs(const struct judge *j);

/* The first TRACE_MAX_DECISIONS decisions of the last input, when it had a schedule. They stay valid until the next one. */
const uint8_t *judge_decisions(const struct judge *j);

/* Do two verdicts have the same identity: oracle, property, call and site? */
bool same_verdict(const struct verdict *a, const struct verdict *b);

/*
 * What standard error of a process that died says: the kind of the error ("heap-buffer-overflow", "ub-bounds") and the
 * first file of the monitor that is named. False when no sanitizer spoke; both are "" then.
 */
bool sanitizer_says(const char *log, char *kind, size_t kind_size, char *site, size_t site_size);

#endif
