/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone --help, touchstone man and touchstone completion: what the table of commands says, for a reader, for man(1)
 * and for a shell. The exit codes are explained here and nowhere else.
 */
#include "harness/cli/cli.h"

#include <string.h>

static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {CLI_CLEAN, "clean: everything is as it should be"},
    {1, "matrix: a cell is missing; model: a rule goes unnoticed"},
    {CLI_USAGE, "usage, or bad input; one line on standard error names the file and the place"},
    {CLI_TOOL, "a tool is missing; the message names the Debian package"},
    {CLI_ENVIRONMENT, "the environment is in the way: memory, permission, a full disk"},
    {CLI_FINDING, "a finding: a promise of the monitor is broken"},
    {CLI_MISMATCH, "a step did something else than the trace expects"},
    {CLI_NONDETERMINISTIC, "two runs of the same differ"},
    {77, "skipped: what is needed cannot be had here"},
    {CLI_INTERRUPTED, "interrupted before anything was found"},
};

#define EXIT_CODES (sizeof(exit_codes) / sizeof(exit_codes[0]))

/* What belongs together. What is in none of the groups comes last. */
static const struct {
    const char *title;
    const char *members; /* names with a blank on either side */
} groups[] = {
    {"traces", " run print asm check to-c upgrade record min "},
    {"looking for bugs", " hunt interleave differential attacks switch symbolic "},
    {"findings", " triage explain verify-fix bisect "},
    {"corpora and fuzzers", " seeds corpus dict "},
    {"how good the harness is", " matrix model plants scoreboard bench "},
    {"firmware", " image linux "},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool member(const char *members, const char *name)
{
    char word[64];

    snprintf(word, sizeof(word), " %s ", name);
    return strstr(members, word) != NULL;
}

static size_t group_of(const char *name)
{
    size_t g = 0;

    while (g < GROUPS && !member(groups[g].members, name))
        g++;
    return g;
}

void cli_overview(FILE *out)
{
    size_t count;
    const struct cli_command *command = cli_commands(&count);

    fputs("usage: touchstone COMMAND [arguments]\n", out);
    for (size_t g = 0; g <= GROUPS; g++) {
        fprintf(out, "\n%s:\n", g < GROUPS ? groups[g].title : "others");
        for (size_t i = 0; i < count; i++) {
            if (group_of(command[i].name) == g)
                fprintf(out, "  %-12s  %s\n", command[i].name, command[i].summary);
        }
    }
    fputs("\ntouchstone COMMAND --help tells more; touchstone man is all of it as a manual page.\n\nexit codes:\n",
          out);
    for (size_t i = 0; i < EXIT_CODES; i++)
        fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

/* --- manual page ------------------------------------------------------------------------------------------------ */

/* Text as roff takes it: no line begins with a control character, hyphens can be copied. */
static void roff(const char *text)
{
    bool start = true;

    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
        start = *text == '\n';
    }
}

static void manual_command(const struct cli_command *command)
{
    fputs(".SS touchstone ", stdout);
    roff(command->name);
    putchar(' ');
    roff(command->synopsis);
    putchar('\n');
    roff(command->summary);
    fputs("\n", stdout);
    if (*command->help == '\0')
        return;
    fputs(".PP\n.nf\n", stdout);
    roff(command->help);
    fputs(".fi\n", stdout);
}

static const char manual_begin[] =
    ".TH TOUCHSTONE 1 \"\" touchstone \"User commands\"\n"
    ".SH NAME\ntouchstone \\- a security monitor for confidential VMs, and the adversary it has to survive\n"
    ".SH SYNOPSIS\n.B touchstone\n.I command\n.RI [ arguments ]\n"
    ".SH DESCRIPTION\n"
    "Works with traces: lists of operations by a host, its guests and the hardware, that act on the monitor as a "
    "library. After\n"
    "each operation oracles judge whether a promise was broken. A trace is a text that people read and write, or its "
    "binary\n"
    "form, which fuzzers mutate; every command takes both. Results go to standard output, complaints to standard "
    "error, one\n"
    "line each, with the name of the file and the line or offset. No file is overwritten unless\n.B \\-\\-force\nsays "
    "so.\n"
    ".SH COMMANDS\n";

static const char manual_end[] =
    ".SH ENVIRONMENT\n"
    ".TP\n.B TOUCHSTONE_SOURCE\ntop of the source tree; default: the one that the command was built from\n"
    ".TP\n.B NO_COLOR\nset and not empty: no colour. There is none anyway where standard output is no terminal, or\n"
    ".B TERM\nis dumb.\n"
    ".TP\n.B CC\ncompiler for\n.B to\\-c \\-\\-build\n"
    ".SH FILES\n"
    ".TP\n.I *.trace\ntraces as text\n.TP\n.I *.tst\ntraces in binary form\n"
    ".TP\n.I corpora/\nseeds and regressions\n.TP\n.I findings/\nwhere findings go\n"
    ".SH EXAMPLES\n.nf\ntouchstone run \\-v corpora/seeds/two_tvms.trace\n"
    "touchstone hunt \\-\\-seconds 60\ntouchstone to\\-c \\-\\-build findings/x.trace \\-o repro.c && ./repro\n.fi\n";

int cmd_man(const struct cli_command *command, int argc, char **argv)
{
    size_t count;
    const struct cli_command *all = cli_commands(&count);

    if (argc > 1)
        return cli_usage(command, "unexpected argument '%s'", argv[1]);
    fputs(manual_begin, stdout);
    for (size_t i = 0; i < count; i++)
        manual_command(&all[i]);
    fputs(".SH EXIT STATUS\n", stdout);
    for (size_t i = 0; i < EXIT_CODES; i++)
        printf(".TP\n.B %d\n%s\n", exit_codes[i].code, exit_codes[i].meaning);
    fputs(manual_end, stdout);
    return CLI_CLEAN;
}

/* --- completion ------------------------------------------------------------------------------------------------- */

/* Options of a command: the words with a dash at the start of the lines of its help. */
static void print_options(const char *help)
{
    for (const char *line = help; line != NULL && *line != '\0';) {
        const char *at = line + strspn(line, " ");
        const char *gap = strstr(at, "  ");
        const char *end = strchr(line, '\n');

        while (at > line && *at == '-') {
            size_t len = strcspn(at, " ,\n");
            printf(" %.*s", (int)len, at);
            at += len + strspn(at + len, ", ");
            if (gap != NULL && at > gap)
                break;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    fputs(" --help", stdout);
}

static void bash_completion(const struct cli_command *command, size_t count)
{
    fputs("# bash completion for touchstone: source it, or put it where bash-completion looks.\n"
          "_touchstone() {\n    local word=${COMP_WORDS[COMP_CWORD]} options=\n    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        options='--help",
          stdout);
    for (size_t i = 0; i < count; i++)
        printf(" %s", command[i].name);
    fputs("'\n    else\n        case ${COMP_WORDS[1]} in\n", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("            %s) options='", command[i].name);
        print_options(command[i].help);
        fputs("' ;;\n", stdout);
    }
    fputs("        esac\n        [ \"${word:0:1}\" = - ] || return\n    fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n}\n"
          "complete -o default -F _touchstone touchstone touchstone-fine\n",
          stdout);
}

static void print_summary(const char *text)
{
    for (; *text != '\0'; text++)
        fputs(*text == '\'' ? "'\\''" : (char[]){*text, '\0'}, stdout);
}

static void zsh_completion(const struct cli_command *command, size_t count)
{
    fputs("#compdef touchstone touchstone-fine\n# zsh completion for touchstone: save it as _touchstone in $fpath.\n"
          "_touchstone() {\n    local -a commands options\n    commands=(\n",
          stdout);
    for (size_t i = 0; i < count; i++) {
        printf("        '%s:", command[i].name);
        print_summary(command[i].summary);
        fputs("'\n", stdout);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
          "    case $words[2] in\n",
          stdout);
    for (size_t i = 0; i < count; i++) {
        printf("        %s) options=(", command[i].name);
        print_options(command[i].help);
        fputs(") ;;\n", stdout);
    }
    fputs("    esac\n    if [[ $PREFIX == -* ]]; then compadd -- $options; else _files; fi\n}\n_touchstone \"$@\"\n",
          stdout);
}

int cmd_completion(const struct cli_command *command, int argc, char **argv)
{
    size_t count;
    const struct cli_command *all = cli_commands(&count);

    if (argc == 2 && strcmp(argv[1], "bash") == 0)
        bash_completion(all, count);
    else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
        zsh_completion(all, count);
    else
        return cli_usage(command, "for which shell: bash or zsh?");
    return CLI_CLEAN;
}
