/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone print: traces of either form to readable text, or to JSON for programs that would otherwise have to parse it.
 *
 * In JSON, values of arguments and expectations are texts as the text form has them ("win[3]", "0x80000000"): numbers of 64 bits
 * are no numbers of JSON, and handles are none at all.
 */
#include "harness/cli/cli.h"
#include "harness/trace/ops.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

/* {"name":"value",...} of what stands between the parentheses: "name=value, name=value". Cuts `text`. */
static void json_arguments(char *text)
{
    putchar('{');
    for (char *at = text, *next; *at != '\0'; at = next) {
        char *end = strstr(at, ", "), *equals = strchr(at, '=');

        next = end != NULL ? end + 2 : at + strlen(at);
        if (end != NULL)
            *end = '\0';
        if (equals == NULL)
            continue;
        *equals = '\0';
        if (at != text)
            putchar(',');
        cli_json_string(stdout, at);
        putchar(':');
        cli_json_string(stdout, equals + 1);
    }
    putchar('}');
}

/* One operation: "h0 name(arguments)" in its parts. */
static void json_operation(const struct trace_op *op, const struct trace_op *expect)
{
    char line[640], wanted[640];

    trace_print_op(line, sizeof(line), op, NULL);
    char *name = strchr(line, ' '), *open = strchr(line, '('), *close = strrchr(line, ')');

    if (name == NULL || open == NULL || close == NULL) { /* an expectation of nothing: kept as it is printed */
        fputs("{\"text\":", stdout);
        cli_json_string(stdout, line);
        putchar('}');
        return;
    }
    *open = *close = '\0';
    printf("{\"hart\":%u,\"operation\":", op->hart);
    cli_json_string(stdout, name + 1);
    fputs(",\"arguments\":", stdout);
    json_arguments(open + 1);
    if (expect != NULL) {
        trace_print_op(wanted, sizeof(wanted), expect, NULL);
        fputs(",\"expect\":", stdout);
        cli_json_string(stdout, wanted + strlen("-> "));
    }
    putchar('}');
}

static void json_schedule(const struct trace *t)
{
    printf(",\"schedule\":{\"seed\":\"%" PRIu64 "\",\"decisions\":\"", t->schedule_seed);
    for (unsigned i = 0; i < t->decisions; i++)
        printf("%02x", t->decision[i]);
    fputs("\"}", stdout);
}

static void json_trace(const char *path, const struct trace *t)
{
    fputs("{\"file\":", stdout);
    cli_json_string(stdout, path);
    printf(",\"ok\":true,\"harts\":%u,\"host_pages\":%" PRIu32 ",\"window_pages\":%" PRIu32 ",\"seed\":\"%" PRIu64
           "\",\"iopmp\":\"%s\",\"operations\":[",
           t->harts, t->host_pages, t->window_pages, t->seed, trace_iopmp_name(t->iopmp));
    for (uint32_t i = 0; i < t->count; i++) {
        bool expected = i + 1 < t->count && t->op[i + 1].op == OP_EXPECT && t->op[i].op != OP_EXPECT;

        fputs(i != 0 ? ",\n" : "\n", stdout);
        json_operation(&t->op[i], expected ? &t->op[i + 1] : NULL);
        i += expected;
    }
    putchar(']');
    if (t->overlap)
        json_schedule(t);
    putchar('}');
}

/* The complaint about a bad file is on standard error as ever. */
static void json_refused(const char *path)
{
    fputs("{\"file\":", stdout);
    cli_json_string(stdout, path);
    fputs(",\"ok\":false}", stdout);
}

int cmd_print(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"any", no_argument, NULL, 'a'}, {"json", no_argument, NULL, 'j'}, {0}};
    static struct trace trace;
    bool any = false, json = false;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'a': any = true; break;
        case 'j': json = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage(command, "no file given");
    if (json)
        fputs("{\"schema\":\"touchstone-print/1\",\"files\":[", stdout);
    for (int i = optind; i < argc; i++) {
        bool good = trace_open(&trace, argv[i], any);

        code = good ? code : CLI_USAGE;
        if (json) {
            fputs(i > optind ? ",\n" : "\n", stdout);
            good ? json_trace(argv[i], &trace) : json_refused(argv[i]);
        } else if (good) {
            if (argc - optind > 1)
                printf("%s# %s\n", i > optind ? "\n" : "", argv[i]);
            trace_print(stdout, &trace);
        }
    }
    if (json)
        puts("]}");
    return code;
}
