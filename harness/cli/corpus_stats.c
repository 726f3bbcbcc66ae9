/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone corpus stats: how large a collection is, and how often which call and operation occurs in it, in how many
 * traces.
 */
#include "harness/cli/corpora.h"
#include "harness/trace/ops.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define CALL_IDS 0x400u

struct uses {
    uint32_t times, traces;
    size_t last; /* number of the trace that was counted last, from 1 */
};

struct stats {
    size_t traces, overlapping;
    uint64_t bytes, operations, expectations, decisions;
    size_t harts[TRACE_MAX_HARTS + 1];
    struct uses call[CALL_IDS];
    struct uses plain[OP_COUNT];
};

static void use(struct uses *u, size_t trace)
{
    u->times++;
    u->traces += u->last != trace;
    u->last = trace;
}

static void count_trace(struct stats *s, const struct trace *t)
{
    s->traces++;
    s->overlapping += t->overlap;
    s->decisions += t->decisions;
    s->harts[t->harts]++;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct trace_op *op = &t->op[i];

        if (op->op == OP_EXPECT) {
            s->expectations++;
            continue;
        }
        s->operations++;
        if ((op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) && op->call < CALL_IDS)
            use(&s->call[op->call], s->traces);
        else
            use(&s->plain[op->op], s->traces);
    }
}

static void print_use(const struct uses *u, const char *name, bool json, bool first)
{
    if (json)
        printf("%s\n\"%s\":{\"times\":%" PRIu32 ",\"traces\":%" PRIu32 "}", first ? "" : ",", name, u->times,
               u->traces);
    else
        printf("  %6" PRIu32 " times in %4" PRIu32 " traces  %s\n", u->times, u->traces, name);
}

static void print_uses(const struct stats *s, bool json)
{
    size_t calls;
    const struct abi_call *call = abi_calls(&calls);
    bool first = true;

    for (size_t i = 0; i < calls; i++) {
        print_use(&s->call[call[i].id], call[i].name, json, first);
        first = false;
    }
    for (uint8_t op = 0; op < OP_COUNT; op++) {
        if (trace_op_shape(op)->name != NULL)
            print_use(&s->plain[op], trace_op_shape(op)->name, json, false);
    }
}

static void print_stats(const struct stats *s, bool json)
{
    static const char *const plain = "%zu traces, %" PRIu64 " bytes, %" PRIu64 " operations, %" PRIu64
                                     " expectations; %zu with a schedule, of %" PRIu64 " decisions\nharts:";
    static const char *const object =
        "{\"schema\":\"touchstone-corpus-stats/1\",\"traces\":%zu,\"bytes\":%" PRIu64 ",\"operations\":%" PRIu64
        ",\"expectations\":%" PRIu64 ",\"overlapping\":%zu,\"decisions\":%" PRIu64 ",\n\"harts\":[";

    /* The same numbers either way. */
    if (json)
        printf(object, s->traces, s->bytes, s->operations, s->expectations, s->overlapping, s->decisions);
    else
        printf(plain, s->traces, s->bytes, s->operations, s->expectations, s->overlapping, s->decisions);
    for (unsigned h = 1; h <= TRACE_MAX_HARTS; h++) {
        if (json)
            printf("%s%zu", h == 1 ? "" : ",", s->harts[h]);
        else if (s->harts[h] != 0)
            printf(" %u in %zu", h, s->harts[h]);
    }
    fputs(json ? "],\n\"uses\":{" : "\n", stdout);
    print_uses(s, json);
    if (json)
        fputs("}}\n", stdout);
}

int corpus_stats_command(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    static struct stats stats;
    static struct trace trace;
    struct path_list list = {0};
    bool json = false;
    int code = CLI_CLEAN;

    (void)command;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return CLI_USAGE;
        json = true;
    }
    if (optind == argc) {
        const char *folder = corpora_folder();

        if (folder == NULL)
            return CLI_ENVIRONMENT;
        code = paths_add(&list, folder);
    }
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, paths_add(&list, argv[i]));
    for (size_t i = 0; i < list.count; i++) {
        struct stat info;

        if (!trace_open(&trace, list.path[i], false)) {
            code = cli_worse(code, CLI_USAGE);
            continue;
        }
        if (stat(list.path[i], &info) == 0)
            stats.bytes += (uint64_t)info.st_size;
        count_trace(&stats, &trace);
    }
    if (list.count != 0 || code == CLI_CLEAN)
        print_stats(&stats, json);
    paths_free(&list);
    return code;
}
