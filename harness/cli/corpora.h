/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of `touchstone corpus` share.
 */
#ifndef TOUCHSTONE_HARNESS_CORPORA_H
#define TOUCHSTONE_HARNESS_CORPORA_H

#include "harness/cli/cli.h"
#include "harness/concurrency/replay.h"

/* What the repository has room for. */
#define CORPORA_MAX_FILES 400u
#define CORPORA_MAX_BYTES (2u << 20)

/* Worlds and schedulers for replays. */
struct corpora_machines {
    struct world_pool pool;
    struct interleave *overlap; /* of the last trace with a schedule */
};

/* Replay a trace as it stands. False when there is no memory for its machine. */
bool corpora_replay(struct corpora_machines *m, struct replay *r, const struct trace *t);
void corpora_machines_free(struct corpora_machines *m);

/* Hash of what a trace does: its canonical bytes without expectations. */
uint64_t corpora_identity(const struct trace *t);

/* Without its expectations. */
void corpora_drop_expectations(struct trace *t);

/* Name of a file without folders. */
const char *corpora_base(const char *path);

/* Are names like this right: small letters, digits and "_", then ".trace"? */
bool corpora_good_name(const char *base);

/* Folder `corpora` of the source tree. NULL after a complaint. */
const char *corpora_folder(void);

/* The subcommands; the first word of argv is their name. */
int corpus_add_command(const struct cli_command *command, int argc, char **argv);
int corpus_merge_command(const struct cli_command *command, int argc, char **argv);
int corpus_stats_command(const struct cli_command *command, int argc, char **argv);
int corpus_check_command(const struct cli_command *command, int argc, char **argv);

#endif
