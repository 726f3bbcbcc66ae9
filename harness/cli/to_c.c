/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone to-c: a trace as a program in C that links the monitor and the harness and fails as the trace does.
 *
 * The program names each operation that it uses once, as a macro over repro_op (harness/repro/repro.h), and is then a list
 * of calls. What it has to be linked with stands in a file named like this command, with .link behind it, in the form
 * that compilers take after @.
 */
#include "harness/cli/cli.h"
#include "harness/trace/ops.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TOUCHSTONE_CC
#define TOUCHSTONE_CC "cc"
#endif

#define BYTES_PER_LINE 16u

extern char **environ;

static const char *op_name(const struct trace_op *op)
{
    const struct abi_call *call = op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL ? abi_call_by_id(op->call) : NULL;

    return call != NULL ? call->name : trace_op_shape(op->op)->name;
}

static const char *arg_name(const struct trace_op *op, unsigned i)
{
    const struct abi_call *call = op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL ? abi_call_by_id(op->call) : NULL;

    return call != NULL ? call->arg[i].name : trace_op_shape(op->op)->arg[i].name;
}

/* What a number means where it has a name: an extension, a page type. NULL: nothing. */
static const char *meaning_of(const struct trace_op *op, unsigned i)
{
    const struct abi_call *call = op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL ? abi_call_by_id(op->call) : NULL;

    if (op->kind[i] != ARG_RAW)
        return NULL;
    if (call == NULL)
        return trace_op_shape(op->op)->args == 8 && i == 7 ? trace_eid_name(op->a[i]) : NULL;
    if (call->arg[i].kind == ABI_KIND_EID)
        return trace_eid_name(op->a[i]);
    return call->arg[i].kind == ABI_KIND_PAGE_TYPE ? trace_page_type_name(op->a[i]) : NULL;
}

/* --- the program ------------------------------------------------------------------------------------------------ */

/* Text in a comment must not end it. */
static void write_in_comment(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fputc(*text < ' ' || *text > '~' || (text[0] == '*' && text[1] == '/') ? '?' : *text, out);
}

static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\' || *c == '?')
            fprintf(out, "\\%c", *c);
        else if (*c < ' ' || *c > '~')
            fprintf(out, "\\%03o", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

/* Path of the link file as a reader at the top of the source tree would write it. */
static void link_file(char *path, size_t room, const char *source)
{
    const char *binary = binary_path();
    size_t skip = strlen(source);

    binary = binary != NULL ? binary : "touchstone";
    bool inside = strncmp(binary, source, skip) == 0 && binary[skip] == '/';
    snprintf(path, room, "%s.link", inside ? binary + skip + 1 : binary);
}

static void write_head(FILE *out, const char *input, const char *source, const struct trace *t)
{
    char link[4200];

    link_file(link, sizeof(link), source);
    fputs("/*\n * Reproducer made by touchstone to-c from the trace ", out);
    write_in_comment(out, input);
    fprintf(
        out,
        ".\n *\n"
        " * It acts on the monitor as a library, step by step, and ends as touchstone run does: exit code 5 and a "
        "FINDING\n"
        " * when a promise of the monitor is broken, 7 when a step does something else than it should, 0 otherwise.\n"
        " * With -v it prints each step. Compile it at the top of the source tree, where the monitor has been built:\n"
        " *\n"
        " *   %s -std=c17 -Wall -Werror -g -I . THIS-FILE.c @",
        TOUCHSTONE_CC);
    write_in_comment(out, link);
    fputs(" -o repro && ./repro\n"
          " *\n"
          " * win(n) is frame n of the confidential window, ram(n) of host memory, mon(n) of the monitor's image, "
          "mmio(n) of\n"
          " * its devices, tvm(n) the id of the n-th TVM that is created; h0 is hart 0.\n",
          out);
    if (t->overlap)
        fputs(" * Harts overlap inside the monitor: nothing happens before repro_end.\n", out);
    fputs(" */\n#include \"harness/repro/repro.h\"\n\n", out);
}

static bool named_before(const struct trace *t, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++) {
        if (t->op[k].op == t->op[i].op && t->op[k].call == t->op[i].call)
            return true;
    }
    return false;
}

static void write_name(FILE *out, const struct trace_op *op)
{
    unsigned args = trace_op_args(op);

    fprintf(out, "#define %s(hart", op_name(op));
    for (unsigned i = 0; i < args; i++)
        fprintf(out, ", %s", arg_name(op, i));
    fprintf(out, ") \\\n    repro_op(hart, \"%s\", %u, ", op_name(op), args);
    if (args == 0)
        fputs("NULL", out);
    for (unsigned i = 0; i < args; i++)
        fprintf(out, "%sREPRO_VALUE(%s)", i == 0 ? "(const struct repro_value[]){" : ", ", arg_name(op, i));
    fputs(args == 0 ? ")\n" : "})\n", out);
}

static void write_number(FILE *out, uint64_t value)
{
    if (value < 4096)
        fprintf(out, "%" PRIu64, value);
    else
        fprintf(out, "0x%" PRIx64 "u", value);
}

static void write_value(FILE *out, const struct trace_op *op, unsigned i)
{
    int32_t offset = trace_handle_offset(op->a[i]);
    const char *meaning = meaning_of(op, i);

    if (op->kind[i] == ARG_RAW) {
        write_number(out, op->a[i]);
        if (meaning != NULL)
            fprintf(out, " /* %s */", meaning);
        return;
    }
    fprintf(out, "%s%s(%" PRIu32 ")", offset != 0 ? "plus(" : "", trace_kind_name(op->kind[i]),
            trace_handle_index(op->a[i]));
    if (offset == INT32_MIN)
        fputs(", -0x7fffffff - 1)", out);
    else if (offset != 0)
        fprintf(out, ", %s0x%x)", offset < 0 ? "-" : "", (unsigned)(offset < 0 ? -offset : offset));
}

static void write_step(FILE *out, const struct trace *t, uint32_t i)
{
    const struct trace_op *op = &t->op[i];
    bool call = op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL;
    unsigned args = trace_op_args(op);

    if (call && op->a[6] != 0)
        fprintf(out, "    sdid(%" PRIu64 ");\n", op->a[6]);
    fprintf(out, "    %s(h%u", op_name(op), op->hart);
    for (unsigned k = 0; k < args; k++) {
        fprintf(out, ", /* %s */ ", arg_name(op, k));
        write_value(out, op, k);
    }
    fprintf(out, "); /* step %u */\n", i);
    if (i + 1 < t->count && t->op[i + 1].op == OP_EXPECT) {
        char text[640];

        trace_print_op(text, sizeof(text), &t->op[i + 1], NULL);
        fputs("    expect(", out);
        write_string(out, text + strlen("-> "));
        fputs(");\n", out);
    }
}

static void write_schedule(FILE *out, const struct trace *t)
{
    if (!t->overlap)
        return;
    if (t->decisions != 0)
        fputs("    static const uint8_t decisions[] = {", out);
    for (unsigned i = 0; i < t->decisions; i++)
        fprintf(out, "%s0x%02x,", i % BYTES_PER_LINE == 0 ? "\n        " : " ", t->decision[i]);
    if (t->decisions != 0)
        fputs("\n    };\n", out);
    fprintf(out, "    repro_schedule(0x%" PRIx64 "u, %s);\n", t->schedule_seed,
            t->decisions != 0 ? "decisions, sizeof(decisions)" : "NULL, 0");
}

static void write_program(FILE *out, const char *input, const char *source, const struct trace *t)
{
    write_head(out, input, source, t);
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT && !named_before(t, i))
            write_name(out, &t->op[i]);
    }
    fputs("\nint main(int argc, char **argv)\n{\n    repro_begin(argc, argv, ", out);
    write_string(out, input);
    fprintf(out, ", &(struct repro_machine){.harts = %u", t->harts);
    if (t->host_pages != 0)
        fprintf(out, ", .host_pages = %" PRIu32, t->host_pages);
    if (t->window_pages != 0)
        fprintf(out, ", .window_pages = %" PRIu32, t->window_pages);
    if (t->seed != 0)
        fprintf(out, ", .seed = 0x%" PRIx64 "u", t->seed);
    if (t->iopmp != IOPMP_PRESENT)
        fprintf(out, ", .iopmp = \"%s\"", trace_iopmp_name(t->iopmp));
    fputs("});\n", out);
    write_schedule(out, t);
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT)
            write_step(out, t, i);
    }
    fputs("    return repro_end();\n}\n", out);
}

/* --- the command ------------------------------------------------------------------------------------------------ */

/* Compile `program` to the same name without .c. */
static int compile(const char *program, const char *source)
{
    char link[4200], output[4096], include[4096];
    const char *chosen = getenv("CC");
    const char *compiler = chosen != NULL && *chosen != '\0' ? chosen : TOUCHSTONE_CC;
    const char *binary = binary_path();
    int length = (int)strlen(program) - 2;
    pid_t child;
    int status;

    if (length <= 0 || (size_t)length >= sizeof(output) || strcmp(program + length, ".c") != 0)
        return cli_error(CLI_USAGE, "%s: --build wants a name that ends in .c", program);
    snprintf(output, sizeof(output), "%.*s", length, program);
    snprintf(include, sizeof(include), "-I%s", source);
    snprintf(link, sizeof(link), "@%s.link", binary != NULL ? binary : "touchstone");
    if (access(link + 1, R_OK) != 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s: it is written when touchstone is built", link + 1, strerror(errno));
    char *words[] = {(char *)(uintptr_t)compiler,
                     (char *)(uintptr_t) "-std=c17",
                     (char *)(uintptr_t) "-Wall",
                     (char *)(uintptr_t) "-Werror",
                     (char *)(uintptr_t) "-g",
                     include,
                     (char *)(uintptr_t)program,
                     link,
                     (char *)(uintptr_t) "-o",
                     output,
                     NULL};
    int error = posix_spawnp(&child, compiler, NULL, NULL, words, environ);
    if (error == ENOENT)
        return cli_error(CLI_TOOL, "%s not found: install the Debian package gcc, or name a compiler in CC", compiler);
    if (error != 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s", compiler, strerror(error));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return cli_error(CLI_ENVIRONMENT, "%s: %s", compiler, strerror(errno));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s could not compile it", program, compiler);
    printf("%s\n", output);
    return CLI_CLEAN;
}

static int keep(const char *path, const char *text, size_t size, bool force)
{
    bool exists;

    if (path == NULL)
        return fwrite(text, 1, size, stdout) == size ? CLI_CLEAN : CLI_ENVIRONMENT;
    if (file_write(path, text, size, force, &exists))
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", path) : CLI_ENVIRONMENT;
}

static void drop_expectations(struct trace *t)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op != OP_EXPECT)
            t->op[kept++] = t->op[i];
    }
    t->count = kept;
}

static int to_c(const char *input, const char *output, bool any, bool force, bool build)
{
    static struct trace trace;
    const char *source = source_folder();
    char *text = NULL;
    size_t size = 0;

    if (source == NULL)
        return CLI_ENVIRONMENT;
    if (!trace_open(&trace, input, any))
        return CLI_USAGE;
    if (any)
        drop_expectations(&trace); /* as touchstone run --any ignores them */
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    write_program(out, input, source, &trace);
    int code = fclose(out) == 0 ? keep(output, text, size, force) : cli_error(CLI_ENVIRONMENT, "out of memory");
    free(text);
    return code == CLI_CLEAN && build ? compile(output, source) : code;
}

int cmd_to_c(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"force", no_argument, NULL, 'f'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"any", no_argument, NULL, 'a'},
                                            {"build", no_argument, NULL, 'b'},
                                            {0}};
    const char *output = NULL;
    bool force = false, any = false, build = false;

    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': force = true; break;
        case 'o': output = optarg; break;
        case 'a': any = true; break;
        case 'b': build = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind + 1 != argc)
        return cli_usage(command, "exactly one trace becomes a program");
    if (build && output == NULL)
        return cli_usage(command, "--build needs -o FILE.c");
    return to_c(argv[optind], output, any, force, build);
}
