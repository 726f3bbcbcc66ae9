/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands of `touchstone` share: exit codes, the command table, options, files, worlds and the way a
 * step is told to a person.
 *
 * One file per subcommand, named after it. Results go to standard output, complaints to standard error; a complaint
 * is one line that begins with the name of the file it is about.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_H
#define TOUCHSTONE_HARNESS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/agents/telling.h"
#include "harness/agents/world.h"
#include "harness/trace/trace.h"

/* Exit codes of every subcommand. When several apply, cli_worse picks the one that counts most. */
enum cli_exit {
    CLI_CLEAN = 0,
    CLI_USAGE = 2,            /* wrong options, or bad input */
    CLI_TOOL = 3,             /* a tool is missing; the message names the Debian package */
    CLI_ENVIRONMENT = 4,      /* no memory, no permission, no such folder to write to */
    CLI_FINDING = 5,          /* an oracle saw a promise broken */
    CLI_MISMATCH = 7,         /* a step did not do what the trace expects */
    CLI_NONDETERMINISTIC = 8, /* two runs of one trace differ */
    CLI_INTERRUPTED = 130     /* Ctrl-C before anything was found */
};

/* The more serious of two exit codes: finding, nondeterminism, mismatch, environment, tool, usage, clean. */
int cli_worse(int a, int b);

/* --- commands ----------------------------------------------------------------------------------------------- */

struct cli_command {
    const char *name;
    const char *synopsis; /* arguments, as in a usage line */
    const char *summary;  /* one line */
    const char *help;     /* what --help adds: options, one per line */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

int cmd_asm(const struct cli_command *command, int argc, char **argv);
int cmd_attacks(const struct cli_command *command, int argc, char **argv);
int cmd_bisect(const struct cli_command *command, int argc, char **argv);
int cmd_bench(const struct cli_command *command, int argc, char **argv);
int cmd_check(const struct cli_command *command, int argc, char **argv);
int cmd_completion(const struct cli_command *command, int argc, char **argv);
int cmd_differential(const struct cli_command *command, int argc, char **argv);
int cmd_corpus(const struct cli_command *command, int argc, char **argv);
int cmd_dict(const struct cli_command *command, int argc, char **argv);
int cmd_explain(const struct cli_command *command, int argc, char **argv);
int cmd_hunt(const struct cli_command *command, int argc, char **argv);
int cmd_matrix(const struct cli_command *command, int argc, char **argv);
int cmd_model(const struct cli_command *command, int argc, char **argv);
int cmd_interleave(const struct cli_command *command, int argc, char **argv);
int cmd_man(const struct cli_command *command, int argc, char **argv);
int cmd_min(const struct cli_command *command, int argc, char **argv);
int cmd_image(const struct cli_command *command, int argc, char **argv);
int cmd_symbolic(const struct cli_command *command, int argc, char **argv);
int cmd_linux(const struct cli_command *command, int argc, char **argv);
int cmd_switch(const struct cli_command *command, int argc, char **argv);
int cmd_plants(const struct cli_command *command, int argc, char **argv);
int cmd_print(const struct cli_command *command, int argc, char **argv);
int cmd_record(const struct cli_command *command, int argc, char **argv);
int cmd_run(const struct cli_command *command, int argc, char **argv);
int cmd_scoreboard(const struct cli_command *command, int argc, char **argv);
int cmd_triage(const struct cli_command *command, int argc, char **argv);
int cmd_verify_fix(const struct cli_command *command, int argc, char **argv);
int cmd_seeds(const struct cli_command *command, int argc, char **argv);
int cmd_to_c(const struct cli_command *command, int argc, char **argv);
int cmd_upgrade(const struct cli_command *command, int argc, char **argv);

/* All commands, in the order of the table in main.c. */
const struct cli_command *cli_commands(size_t *count);

/* What touchstone --help says: all commands by groups, and the exit codes. */
void cli_overview(FILE *out);

/* --- options.c ---------------------------------------------------------------------------------------------- */

/* Print the help of one command on standard output. Returns CLI_CLEAN. */
int cli_help(const struct cli_command *command);

/* Complain about the command line, point to --help. Returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line on standard error, prefixed with the command's name. Returns `code`. */
int cli_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Decimal or 0x number of at most `max`; false and a complaint when `text` is none. */
bool cli_number(const struct cli_command *command, const char *option, const char *text, uint64_t max, uint64_t *value);

/* "own,liv,ord", "all" or "none" to oracle bits; false and a complaint otherwise. */
bool cli_oracles(const struct cli_command *command, const char *text, uint32_t *oracles);

/* The command line in one line, for people. */
const char *cli_line(int argc, char **argv);

/* Escape sequences for a terminal, empty strings elsewhere. `name`: "red", "green", "dim", "bold", "off". */
const char *cli_colour(const char *name);

/* Write a JSON string with quotes. */
void cli_json_string(FILE *out, const char *text);

/* --- files.c ------------------------------------------------------------------------------------------------ */

struct path_list {
    char **path;
    size_t count, room;
};

/*
 * Add `path`, or, when it is a folder, every *.trace and *.tst below it in byte order of their paths. Returns CLI_CLEAN,
 * or complains and returns CLI_USAGE (no such path) or CLI_ENVIRONMENT (unreadable, no memory).
 */
int paths_add(struct path_list *list, const char *path);
void paths_free(struct path_list *list);

/* Is it a file, and nothing that one can wait for (a pipe, a device) or not read (a folder)? Complains if not. For folders of others. */
bool file_is_plain(const char *path);

/* Read a whole file of at most `max` bytes. NULL after a one-line complaint. Caller frees. */
uint8_t *file_read(const char *path, size_t max, size_t *size);

/*
 * Write a file so that it appears complete or not at all. Without `force` an existing file is never touched: false and
 * *exists set. False with *exists clear after a complaint about anything else.
 */
bool file_write(const char *path, const void *data, size_t size, bool force, bool *exists);

/* Create a folder and the folders above it. False after a complaint. */
bool folder_make(const char *path);

/* Top of the source tree: $TOUCHSTONE_SOURCE, else where this binary was built from. NULL after a complaint. */
const char *source_folder(void);

/* The running binary, and the folder that holds it. NULL when the system does not tell. */
const char *binary_path(void);
const char *binary_folder(void);

/*
 * Load a trace for a person: complains in one line with file and offset (binary) or line (text). With `any`, a file
 * that is not text is decoded as the fuzz targets do, whatever its bytes are.
 */
bool trace_open(struct trace *t, const char *path, bool any);

/* --- session.c ---------------------------------------------------------------------------------------------- */

/*
 * Worlds by configuration. Booting a machine costs more than running a trace on it, so the last few stay.
 */
#define POOL_WORLDS 16u /* more than the shipped seeds ask for: an older one would always be in the way */

struct world_pool {
    struct world *world[POOL_WORLDS];
    uint64_t used[POOL_WORLDS];
    uint64_t clock;
    uint32_t oracles;
};

bool same_machine(const struct machine_config *a, const struct machine_config *b);

/* A world for the configuration `t` asks for, reset. NULL when it cannot be made. Owned by the pool. */
struct world *pool_world(struct world_pool *pool, const struct trace *t);

/* The same as its last run left it, for world_run, which resets it. */
struct world *pool_take(struct world_pool *pool, const struct trace *t);
void pool_free(struct world_pool *pool);

/* Index of the next operation at or after `i` that is not an OP_EXPECT; t->count at the end. */
uint32_t next_step(const struct trace *t, uint32_t i);

/* Tell a finding: what was done last, which promise broke. `name` is the file or "". */
void print_finding(FILE *out, const char *name, const struct trace *t, const struct finding *f);

/* Members of a JSON object, without braces: "oracle", "severity", "property", "call", "step", "text". */
void json_finding(FILE *out, const struct finding *f);

/* Processor time of this process in seconds. */
double cpu_seconds(void);

/* 64-bit hash of bytes, for names of files. */
uint64_t bytes_hash(const uint8_t *bytes, size_t size);

/* A small deterministic generator. */
uint64_t random_next(uint64_t *state);

/* Remember Ctrl-C instead of dying of it; interrupted() tells. */
void interrupts_catch(void);
bool interrupted(void);

/* --- corpus.c ----------------------------------------------------------------------------------------------- */

/* The machine that a trace asks for, as its header says it. */
struct trace_machine {
    uint8_t harts;
    uint32_t host_pages, window_pages;
    uint64_t seed;
    uint8_t iopmp;
};

struct corpus_entry {
    uint8_t *bytes;
    size_t size;
    struct trace_machine machine;
    char *name; /* file it came from, NULL when made here */
};

/* Encoded traces in memory. */
struct corpus {
    struct corpus_entry *entry;
    size_t count, room;
};

/* Add a copy of an encoded trace; `t` is what it decodes to. False when memory is short. */
bool corpus_add(struct corpus *c, const struct trace *t, const uint8_t *bytes, size_t size, const char *name);

/*
 * Load files and folders, without schedules: one operation ends before the next begins. A bad file is complained about and
 * left out. Returns CLI_CLEAN or the worst complaint.
 */
int corpus_load(struct corpus *c, const char *path);
void corpus_free(struct corpus *c);

#endif
