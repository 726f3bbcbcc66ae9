/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone corpus check: is a collection of traces in order? Every file is well formed, has a good name and begins with
 * a comment that says what it is about; it is the same trace after a way through text and binary; its expectations hold,
 * and there are some; no two files do the same; and all together stay within what the repository has room for.
 */
#include "harness/cli/corpora.h"
#include "harness/trace/ops.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct check {
    struct corpora_machines machines;
    uint64_t *identity; /* of each file that could be read, by its place in the list */
    uint64_t bytes;
    size_t files, bad;
    int code;
    bool json;
};

static void complain(struct check *c, const char *path, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void complain(struct check *c, const char *path, int code, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (c->json) {
        printf("%s\n{\"file\":", c->bad != 0 ? "," : "");
        cli_json_string(stdout, path);
        fputs(",\"text\":", stdout);
        cli_json_string(stdout, text);
        putchar('}');
    } else {
        cli_error(code, "%s: %s", path, text);
    }
    c->bad++;
    c->code = cli_worse(c->code, code);
}

static bool begins_with_comment(const char *path)
{
    FILE *in = fopen(path, "rb");
    int first = in != NULL ? getc(in) : EOF;

    if (in != NULL)
        fclose(in);
    return first == '#';
}

/* Through text and back, and through binary and back. */
static bool survives(const struct trace *t)
{
    static struct trace parsed;
    static uint8_t once[TRACE_MAX_BYTES], twice[TRACE_MAX_BYTES];
    struct trace_error error;
    size_t text_size = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &text_size);

    if (out == NULL)
        return false;
    trace_print(out, t);
    fclose(out);
    size_t size = trace_encode(t, once, sizeof(once));
    bool good = trace_check(once, size, &error) && trace_parse(&parsed, text, text_size, &error) &&
                trace_encode(&parsed, twice, sizeof(twice)) == size && memcmp(once, twice, size) == 0;
    free(text);
    return good;
}

static void check_expectations(struct check *c, const char *path, const struct trace *t)
{
    static struct replay replay;
    char text[640];
    uint32_t expectations = 0;

    for (uint32_t i = 0; i < t->count; i++)
        expectations += t->op[i].op == OP_EXPECT;
    if (expectations == 0)
        complain(c, path, CLI_MISMATCH, "it expects nothing: it proves nothing");
    replay = (struct replay){.expectations = true};
    if (!corpora_replay(&c->machines, &replay, t)) {
        complain(c, path, CLI_ENVIRONMENT, "no memory for the machine that it asks for");
    } else if (replay.end == REPLAY_FINDING) {
        complain(c, path, CLI_FINDING, "finding %s %s in %s: %s", oracle_name(replay.finding.oracle),
                 replay.finding.property, finding_call(&replay.finding), replay.finding.text);
    } else if (replay.end == REPLAY_MISMATCH) {
        trace_print_op(text, sizeof(text), &t->op[replay.bad_step], NULL);
        complain(c, path, CLI_MISMATCH, "step %u: %s: %s", replay.bad_step, text, replay.why);
    }
}

static void check_file(struct check *c, const struct path_list *list, size_t i)
{
    static struct trace trace;
    struct trace_error error;
    const char *path = list->path[i];
    struct stat info;

    if (stat(path, &info) == 0)
        c->bytes += (uint64_t)info.st_size;
    if (!corpora_good_name(corpora_base(path)))
        complain(c, path, CLI_USAGE, "a name has small letters, digits and \"_\", and ends in .trace");
    if (!trace_load(&trace, path, &error)) {
        complain(c, path, CLI_USAGE, "line or offset %zu: %s", error.offset, error.text);
        return;
    }
    if (!begins_with_comment(path))
        complain(c, path, CLI_USAGE, "line 1: expected a comment that says what it is about");
    if (!survives(&trace))
        complain(c, path, CLI_MISMATCH, "it is another trace after a way through text and binary");
    c->identity[i] = corpora_identity(&trace);
    for (size_t k = 0; k < i; k++) {
        if (c->identity[k] == c->identity[i])
            complain(c, path, CLI_USAGE, "does the same as %s", list->path[k]);
    }
    check_expectations(c, path, &trace);
}

static void check_all(struct check *c, const struct path_list *list, const char *top)
{
    for (size_t i = 0; i < list->count; i++)
        check_file(c, list, i);
    c->files = list->count;
    if (c->files > CORPORA_MAX_FILES)
        complain(c, top, CLI_USAGE, "%zu files, but %u are the limit: touchstone corpus merge", c->files,
                 CORPORA_MAX_FILES);
    if (c->bytes > CORPORA_MAX_BYTES)
        complain(c, top, CLI_USAGE, "%llu bytes, but %u are the limit: touchstone corpus merge",
                 (unsigned long long)c->bytes, CORPORA_MAX_BYTES);
}

int corpus_check_command(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    static struct check c;
    struct path_list list = {0};
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return CLI_USAGE;
        c.json = true;
    }
    if (optind + 1 < argc)
        return cli_usage(command, "check takes one folder");
    const char *top = optind < argc ? argv[optind] : corpora_folder();
    if (top == NULL)
        return CLI_ENVIRONMENT;
    code = paths_add(&list, top);
    c.identity = calloc(list.count + 1, sizeof(*c.identity));
    c.machines.pool.oracles = ORACLE_ALL;
    if (code == CLI_CLEAN && c.identity == NULL)
        code = cli_error(CLI_ENVIRONMENT, "out of memory");
    if (code == CLI_CLEAN && list.count == 0)
        code = cli_error(CLI_USAGE, "%s: no *.trace and no *.tst", top);
    if (code == CLI_CLEAN) {
        if (c.json)
            fputs("{\"schema\":\"touchstone-corpus-check/1\",\"problems\":[", stdout);
        check_all(&c, &list, top);
        printf(c.json ? "],\n\"files\":%zu,\"bytes\":%llu,\"bad\":%zu}\n" : "%zu files, %llu bytes, %zu problems\n",
               c.files, (unsigned long long)c.bytes, c.bad);
        code = c.code;
    }
    corpora_machines_free(&c.machines);
    free(c.identity);
    paths_free(&list);
    return code;
}
