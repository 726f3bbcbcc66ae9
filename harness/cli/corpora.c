/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone corpus: care for collections of traces. What its subcommands share stands here, each of them in a file of
 * its own.
 */
#include "harness/cli/corpora.h"

#include <string.h>

bool corpora_replay(struct corpora_machines *m, struct replay *r, const struct trace *t)
{
    struct machine_config config = world_config_for(t);

    if (!t->overlap) {
        struct world *w = pool_world(&m->pool, t);

        if (w != NULL)
            replay_in_order(r, w, t);
        return w != NULL;
    }
    if (m->overlap == NULL || !same_machine(&interleave_world(m->overlap)->machine->config, &config)) {
        interleave_destroy(m->overlap);
        m->overlap = interleave_create(&config);
    }
    if (m->overlap != NULL)
        replay_overlapping(r, m->overlap, t);
    return m->overlap != NULL;
}

void corpora_machines_free(struct corpora_machines *m)
{
    pool_free(&m->pool);
    interleave_destroy(m->overlap);
    m->overlap = NULL;
}

void corpora_drop_expectations(struct trace *t)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT)
            t->op[kept++] = t->op[i];
    }
    t->count = kept;
}

uint64_t corpora_identity(const struct trace *t)
{
    static struct trace bare;
    static uint8_t bytes[TRACE_MAX_BYTES];

    bare = *t;
    corpora_drop_expectations(&bare);
    return bytes_hash(bytes, trace_encode(&bare, bytes, sizeof(bytes)));
}

const char *corpora_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

bool corpora_good_name(const char *base)
{
    size_t stem = strspn(base, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return stem != 0 && strcmp(base + stem, ".trace") == 0;
}

const char *corpora_folder(void)
{
    static char folder[4200];
    const char *source = source_folder();

    if (source == NULL)
        return NULL;
    snprintf(folder, sizeof(folder), "%.4000s/corpora", source);
    return folder;
}

int cmd_corpus(const struct cli_command *command, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli_command *command, int argc, char **argv);
    } parts[] = {{"add", corpus_add_command},
                 {"merge", corpus_merge_command},
                 {"stats", corpus_stats_command},
                 {"check", corpus_check_command}};

    for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(command, argc - 1, argv + 1);
    }
    return cli_usage(command, "%s%s%s: add, merge, stats or check", argc > 1 ? "no part '" : "what is to be done",
                     argc > 1 ? argv[1] : "", argc > 1 ? "'" : "");
}
