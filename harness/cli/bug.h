/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding on disk: findings/<id>/ with everything that somebody needs who was not there.
 *
 *   bug.json         identity, severity, state, how often it was seen, how often it reproduces, what was done about it since
 *   title.txt        one line
 *   input.tst        the input as it was found        min.tst, min.trace   the same made short, for machines and for people
 *   min.c            the same as a C program          run.log              what a replay of it says
 *   command.txt      the command that found it        environment.txt      the build that it was found with
 *   occurrences.txt  a line for each input that showed it; inputs/ has the first few of them
 *   prefix/          inputs that have to run before it in the same process, when the harness leaks state
 *
 * A folder appears complete or not at all, an input that shows the same again adds to it, and nothing in it is ever
 * overwritten but bug.json, which is replaced as a whole. Any number of writers may work on one folder of findings.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_BUG_H
#define TOUCHSTONE_HARNESS_CLI_BUG_H

#include "harness/cli/judge.h"
#include "harness/cli/json.h"

#define BUG_ID_SIZE 128u
#define BUG_TEXT_SIZE 512u
#define BUG_EVENTS_MAX 256u
#define BUG_INPUTS_MAX 8u    /* kept besides the first one */
#define BUG_REPRODUCTIONS 5u /* runs in processes of their own, when it is new */

/* What happened to a finding after it was found. */
struct bug_event {
    char event[32];                 /* "verified" */
    char verdict[BUG_ID_SIZE + 32]; /* "fixed", "still there", "other: <id>" */
    char build[BUG_TEXT_SIZE];
};

struct bug {
    char id[BUG_ID_SIZE];
    char oracle[16], property[32], call[64], site[SITE_SIZE];
    char severity[4];
    char title[BUG_TEXT_SIZE];
    char status[16]; /* "open", "fixed", "flaky", "harness" */
    char engine[32], target[64];
    uint64_t count;
    uint64_t reproduced, runs; /* k of n */
    uint64_t step, operations, shortest;
    uint32_t events;
    struct bug_event *event;
};

/* Identity of a verdict: <oracle>-<property>-<call>-<hash of those and the site>. */
void bug_identify(struct bug *b, const struct verdict *v);

/* Who found it, for which fuzz target; "" when nobody said. */
void bug_found_by(struct bug *b, const char *engine, const char *target);

/* Read <folder>/bug.json. False after one line of complaint; *b is empty then. */
bool bug_read(struct bug *b, const char *folder);

/*
 * What bug_read does with the text of a bug.json, whatever its `size` bytes are. False when it is none, with the byte where that shows
 * (at most `size`) and why, in one printable line of at most `max` bytes; *b is empty then. What it accepts, bug_print writes
 * without a loss: texts that are too long, or that a terminal would obey, and members that nobody knows are refused.
 */
bool bug_parse(struct bug *b, const char *text, size_t size, size_t *offset, char *why, size_t max);
void bug_print(FILE *out, const struct bug *b);

/* Replace <folder>/bug.json. False after a complaint. */
bool bug_write(const struct bug *b, const char *folder);

/* Add to the history; the oldest ones go when there are BUG_EVENTS_MAX. False when memory is short. */
bool bug_add_event(struct bug *b, const char *event, const char *verdict);
void bug_free(struct bug *b);

/* In what the running binary was built, in one line: compiler, sanitizers, commit of the source tree. */
const char *bug_build(void);

/* --- store.c ---------------------------------------------------------------------------------------------------- */

/* Encoded inputs that the finding process ran before, oldest first. */
struct earlier {
    const uint8_t *bytes[64];
    size_t size[64];
    uint32_t count;
};

/* Something that showed a finding, and where it came from. Strings may be NULL. */
struct occurrence {
    const char *findings; /* folder */
    const char *engine, *target, *command, *name;
    const uint8_t *bytes; /* as it was found */
    size_t size;
    const struct trace *trace; /* what it decodes to; NULL: it is no trace */
    const struct finding
        *claimed; /* what the process said that found it; NULL: it said nothing that could be understood */
    const struct earlier *earlier; /* or NULL */
    const struct verdict *verdict; /* of a process that is no judge; NULL: ask the judge */
    bool raw;                      /* do not shorten */
    uint64_t executions_max;       /* of the minimiser; 0: no limit */
};

struct stored {
    struct bug bug;  /* without events */
    char path[4096]; /* folder of the finding */
    bool fresh;      /* it was not known before */
    bool repeated;   /* this very input was known */
};

/* Keep an occurrence. Returns CLI_FINDING; CLI_ENVIRONMENT after a complaint when it could not be kept. */
int store_add(struct judge *j, const struct occurrence *o, struct stored *out);

/* Folder of the finding that `name` means: its path, its id, or a part that only one id has. False after a complaint. */
bool store_find(char *path, size_t max, const char *findings, const char *name);

/* Run this command again with other arguments in a folder, output to a file there. Returns its exit code, -1 if it died. */
int self_run(char *const argv[], const char *folder, const char *output);

#endif
