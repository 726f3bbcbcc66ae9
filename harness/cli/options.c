/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines and output shared by all subcommands: help, complaints, numbers, oracle sets, colour, JSON strings.
 */
#include "harness/cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_worse(int a, int b)
{
    static const int order[] = {
        CLI_FINDING, CLI_NONDETERMINISTIC, CLI_MISMATCH, CLI_INTERRUPTED, CLI_ENVIRONMENT, CLI_TOOL, CLI_USAGE,
        CLI_CLEAN};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return a;
}

int cli_help(const struct cli_command *command)
{
    printf("usage: touchstone %s%s%s\n\n%s\n", command->name, *command->synopsis ? " " : "", command->synopsis,
           command->summary);
    if (*command->help)
        printf("\n%s", command->help);
    return CLI_CLEAN;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "touchstone %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see touchstone %s --help\n", command->name);
    return CLI_USAGE;
}

int cli_error(int code, const char *format, ...)
{
    va_list arguments;

    fputs("touchstone: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

bool cli_number(const struct cli_command *command, const char *option, const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);

    /* strtoull takes blanks and a minus sign; we do not. */
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || number > max) {
        cli_usage(command, "%s takes a number from 0 to %llu, not '%s'", option, (unsigned long long)max, text);
        return false;
    }
    *value = number;
    return true;
}

static uint32_t oracle_bit(const char *name, size_t length)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } known[] = {
        {"own", ORACLE_OWN}, {"liv", ORACLE_LIV}, {"ord", ORACLE_ORD}, {"ref", ORACLE_REF},
        {"ni", ORACLE_NI},   {"att", ORACLE_ATT}, {"all", ORACLE_ALL},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == length && strncmp(known[i].name, name, length) == 0)
            return known[i].bits;
    }
    return 0;
}

bool cli_oracles(const struct cli_command *command, const char *text, uint32_t *oracles)
{
    uint32_t bits = 0;

    *oracles = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (const char *name = text;; name++) {
        size_t length = strcspn(name, ",");
        uint32_t bit = oracle_bit(name, length);

        if (bit == 0) {
            cli_usage(command, "no oracle '%.*s': own, liv, ord, ref, ni, att, all or none", (int)length, name);
            return false;
        }
        bits |= bit;
        name += length;
        if (*name == '\0')
            break;
    }
    *oracles = bits;
    return true;
}

const char *cli_line(int argc, char **argv)
{
    static char line[512];
    size_t len = (size_t)snprintf(line, sizeof(line), "touchstone");

    for (int i = 0; i < argc && len < sizeof(line) - 1; i++) {
        bool plain = argv[i][0] != '\0' && strpbrk(argv[i], " '\"\\$`*?&|;<>()") == NULL;

        len += (size_t)snprintf(line + len, sizeof(line) - len, plain ? " %s" : " '%s'", argv[i]);
    }
    return line;
}

const char *cli_colour(const char *name)
{
    static int terminal = -1;

    if (terminal < 0) {
        const char *term = getenv("TERM");
        const char *plain = getenv("NO_COLOR");

        terminal = isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0 && (plain == NULL || *plain == 0);
    }
    if (!terminal)
        return "";
    switch (*name) {
    case 'r': return "\033[31m";
    case 'g': return "\033[32m";
    case 'd': return "\033[2m";
    case 'b': return "\033[1m";
    default: return "\033[0m";
    }
}

void cli_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *byte = (const unsigned char *)text; *byte != 0; byte++) {
        if (*byte == '"' || *byte == '\\')
            fprintf(out, "\\%c", *byte);
        else if (*byte < 0x20 || *byte >= 0x7f)
            fprintf(out, "\\u%04x", *byte);
        else
            fputc(*byte, out);
    }
    fputc('"', out);
}
