/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone corpus add: a trace becomes a seed. It is replayed first: what it does goes into the file as expectations,
 * where it has none, and a trace that shows a finding or does something else than it expects stays outside. A trace that
 * does the same as one that is there is not added, and nothing is ever overwritten.
 */
#include "harness/cli/corpora.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct adding {
    const char *folder, *name, *about;
    struct corpora_machines machines;
    struct path_list there;
    size_t added;
};

/* Write what each step did behind it, where nothing is said. False when there is no room. */
static bool write_expectations(struct trace *t, const struct step_result *results)
{
    static struct trace full;

    full = *t;
    full.count = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        bool said = i + 1 < t->count && t->op[i + 1].op == OP_EXPECT;

        if (full.count + 2 > TRACE_MAX_OPS)
            return false;
        full.op[full.count++] = t->op[i];
        if (t->op[i].op == OP_EXPECT || said)
            continue;
        struct trace_op expect = expect_of(&results[i]);
        expect.hart = t->op[i].hart;
        full.op[full.count++] = expect;
    }
    *t = full;
    return true;
}

/* The trace that does the same, or NULL. */
static const char *known(const struct adding *a, const struct trace *t)
{
    static struct trace other;
    struct trace_error error;
    uint64_t identity = corpora_identity(t);

    for (size_t i = 0; i < a->there.count; i++) {
        if (trace_load(&other, a->there.path[i], &error) && corpora_identity(&other) == identity)
            return a->there.path[i];
    }
    return NULL;
}

/* <folder>/<name>.trace; the name is that of the file, with what names do not have as "_". */
static bool target_of(const struct adding *a, const char *path, char *target, size_t room)
{
    const char *base = a->name != NULL ? a->name : corpora_base(path);
    size_t stem = a->name != NULL || strrchr(base, '.') == NULL ? strlen(base) : (size_t)(strrchr(base, '.') - base);
    int start = snprintf(target, room, "%s/", a->folder);
    int length = snprintf(target, room, "%s/%.*s.trace", a->folder, (int)stem, base);

    if (length < 0 || (size_t)length >= room)
        return false;
    for (size_t i = 0; i < stem; i++) {
        char *c = &target[(size_t)start + i];
        *c = (char)(isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : '_');
    }
    return corpora_good_name(corpora_base(target));
}

static int write_seed(const char *target, const char *path, const char *about, const struct trace *t)
{
    size_t size = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);
    bool exists = false;

    if (out == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    fprintf(out, "# %s\n", about);
    trace_print(out, t);
    fclose(out);
    bool good = file_write(target, text, size, false, &exists);
    free(text);
    if (good)
        return CLI_CLEAN;
    return exists
               ? cli_error(CLI_USAGE, "%s: not added: %s is there and does something else; --name gives another name",
                           path, target)
               : CLI_ENVIRONMENT;
}

static int add_one(struct adding *a, const char *path)
{
    static struct trace trace;
    static struct step_result results[TRACE_MAX_OPS];
    static struct replay replay;
    char target[4096];

    if (!trace_open(&trace, path, false))
        return CLI_USAGE;
    const char *same = known(a, &trace);
    if (same != NULL) {
        printf("%s: not added, does the same as %s\n", path, same);
        return CLI_CLEAN;
    }
    if (!target_of(a, path, target, sizeof(target)))
        return cli_error(CLI_USAGE, "%s: no name for a seed can be made of it; --name gives one", path);
    replay = (struct replay){.expectations = true, .results = results};
    memset(results, 0, sizeof(results));
    if (!corpora_replay(&a->machines, &replay, &trace))
        return cli_error(CLI_ENVIRONMENT, "%s: no memory for the machine that it asks for", path);
    replay_tell(stdout, &replay, &trace, path, 0, cli_colour("red"), cli_colour("off"));
    if (replay.end == REPLAY_FINDING)
        return cli_error(CLI_FINDING, "%s: not added: it shows a finding, which is to be fixed first", path);
    if (replay.end == REPLAY_MISMATCH)
        return cli_error(CLI_MISMATCH, "%s: not added: it does something else than it expects", path);
    if (!write_expectations(&trace, results))
        return cli_error(CLI_USAGE, "%s: not added: with expectations it would be too long", path);
    int code = write_seed(target, path, a->about, &trace);
    if (code != CLI_CLEAN)
        return code;
    a->added++;
    printf("%s: added as %s\n", path, target);
    return paths_add(&a->there, target);
}

int corpus_add_command(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"to", required_argument, NULL, 't'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"about", required_argument, NULL, 'a'},
                                            {0}};
    struct adding a = {.machines.pool.oracles = ORACLE_ALL};
    char fallback[4300];
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 't': a.folder = optarg; break;
        case 'n': a.name = optarg; break;
        case 'a': a.about = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc || (a.name != NULL && optind + 1 != argc))
        return cli_usage(command, optind == argc ? "add what?" : "one name is for one file");
    if (a.about == NULL || *a.about == '\0' || strpbrk(a.about, "\r\n") != NULL)
        return cli_usage(command, "--about TEXT is missing: one line that says what the trace shows");
    const char *corpora = corpora_folder();
    if (a.folder == NULL) {
        if (corpora == NULL)
            return CLI_ENVIRONMENT;
        snprintf(fallback, sizeof(fallback), "%s/seeds", corpora);
        a.folder = fallback;
    }
    if (!folder_make(a.folder))
        return CLI_ENVIRONMENT;
    code = paths_add(&a.there, a.folder);
    if (a.folder == fallback)
        code = cli_worse(code, paths_add(&a.there, corpora));
    for (int i = optind; i < argc && code == CLI_CLEAN; i++)
        code = add_one(&a, argv[i]);
    printf("%zu added to %s\n", a.added, a.folder);
    corpora_machines_free(&a.machines);
    paths_free(&a.there);
    return code;
}
