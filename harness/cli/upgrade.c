/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone upgrade: a trace of any version that was ever written, in the canonical form of the version of today.
 *
 * There is one version so far. What is upgraded to it are binary files that the strict reader refuses: not canonical, cut
 * short, or from before the tail, when the inputs of multi_hart_fuzzer had a byte of seed and the decisions of the
 * scheduler behind the last record. What was wrong is told; a version that is not known is refused.
 */
#include "harness/cli/cli.h"
#include "harness/trace/ops.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_AT 24u /* place of the number of records in the header */
#define TAIL_AT 28u  /* place of the size of the tail */

/* Decisions behind the records, from before there was a tail. Returns where the records end. */
static size_t take_decisions(struct trace *t, const uint8_t *bytes, size_t size)
{
    uint64_t count = trace_get(bytes + COUNT_AT, 4);
    size_t end = TRACE_HEADER_SIZE + (size_t)(count < TRACE_MAX_OPS ? count : TRACE_MAX_OPS) * TRACE_RECORD_SIZE;

    if (trace_get(bytes + TAIL_AT, 4) != 0 || count > TRACE_MAX_OPS || size <= end)
        return size;
    size_t decisions = size - end - 1;
    trace_decode(t, bytes, end);
    t->overlap = true;
    t->schedule_seed = bytes[end];
    t->decisions = (uint16_t)(decisions < TRACE_MAX_DECISIONS ? decisions : TRACE_MAX_DECISIONS);
    memcpy(t->decision, bytes + end + 1, t->decisions);
    return end;
}

/* A binary file of version 1 that is not canonical. */
static int repair(struct trace *t, const char *path, const uint8_t *bytes, size_t size, const struct trace_error *wrong)
{
    if (size < TRACE_HEADER_SIZE || trace_get(bytes, 4) != TRACE_MAGIC || trace_get(bytes + 4, 2) != TRACE_VERSION)
        return cli_error(CLI_USAGE, "%s: offset %zu: %s", path, wrong->offset, wrong->text);
    if (take_decisions(t, bytes, size) != size) {
        printf("%s: %u decisions behind the records became a schedule\n", path, t->decisions);
        return CLI_CLEAN;
    }
    trace_decode(t, bytes, size);
    printf("%s: offset %zu: %s; brought into canonical form, %u operations and expectations\n", path, wrong->offset,
           wrong->text, t->count);
    return CLI_CLEAN;
}

static int read_any_version(struct trace *t, const char *path)
{
    struct trace_error error = {0};
    size_t size = 0;
    uint8_t *bytes = file_read(path, 1u << 20, &size);
    int code = CLI_CLEAN;

    if (bytes == NULL)
        return CLI_USAGE;
    if (trace_looks_like_text(bytes, size)) {
        if (!trace_parse(t, (const char *)bytes, size, &error))
            code = cli_error(CLI_USAGE, "%s: line %zu: %s", path, error.offset, error.text);
    } else if (trace_check(bytes, size, &error)) {
        trace_decode(t, bytes, size);
        printf("%s: version %u, canonical\n", path, TRACE_VERSION);
    } else {
        code = repair(t, path, bytes, size, &error);
    }
    free(bytes);
    return code;
}

static int write_today(const struct trace *t, const char *path, bool force)
{
    static uint8_t bytes[TRACE_MAX_BYTES];
    const char *dot = strrchr(path, '.');
    size_t size = 0;
    char *text = NULL;
    bool exists, good;

    if (dot != NULL && strcmp(dot, ".trace") == 0) {
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
            return cli_error(CLI_ENVIRONMENT, "out of memory");
        trace_print(out, t);
        fclose(out);
        good = file_write(path, text, size, force, &exists);
        free(text);
    } else {
        good = file_write(path, bytes, trace_encode(t, bytes, sizeof(bytes)), force, &exists);
    }
    if (good)
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", path) : CLI_ENVIRONMENT;
}

int cmd_upgrade(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'}, {0}};
    static struct trace trace;
    const char *output = NULL;
    bool force = false;

    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': force = true; break;
        case 'o': output = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (optind + 1 != argc || output == NULL)
        return cli_usage(command, output == NULL ? "-o FILE is missing" : "exactly one file is upgraded");
    int code = read_any_version(&trace, argv[optind]);

    return code == CLI_CLEAN ? write_today(&trace, output, force) : code;
}
