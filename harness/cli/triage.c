/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone triage: many inputs that some engine kept become few findings.
 *
 * Each input is judged in a process of its own, the first one of a finding five times; inputs that show the same end up in one
 * folder of findings/, made short and with a count. Inputs of a fuzz target that is not about whole traces are given to that
 * target, and what it prints is taken: a trace, or what a sanitizer says.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/cli/bug.h"
#include "harness/trace/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_MAX (1u << 20)
#define TARGET_SECONDS 60
#define GROUPS_MAX 4096u

struct group {
    struct bug bug;
    char path[4096];
    uint64_t here; /* inputs of this run */
    bool fresh;
};

struct triage {
    const struct cli_command *command;
    const char *findings, *engine, *target, *program, *said;
    bool json, raw, last_words;
    uint64_t executions, last_executions;
    struct judge *judge;
    struct path_list inputs;
    struct group *group;
    size_t groups;
    uint64_t judged;
    int code;
};

/* --- inputs ----------------------------------------------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Any file may be an input, but for what engines and this command write beside them. */
static bool may_be_input(const char *name)
{
    static const char *const not [] = {"README.txt", "bug.json", "fuzzer_stats", "plot_data", "cmdline", "fuzz_bitmap"};

    for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
        if (strcmp(name, not [i]) == 0)
            return false;
    }
    return name[0] != '.';
}

static int add_input(struct triage *t, const char *path, int depth)
{
    struct dirent **names = NULL;
    struct stat info;
    int code = CLI_CLEAN;

    if (stat(path, &info) != 0)
        return cli_error(CLI_USAGE, "%s: %s", path, strerror(errno));
    if (S_ISREG(info.st_mode)) {
        if (t->inputs.count == t->inputs.room) {
            size_t room = t->inputs.room ? 2 * t->inputs.room : 64;
            char **grown = realloc(t->inputs.path, room * sizeof(*grown));

            if (grown == NULL)
                return cli_error(CLI_ENVIRONMENT, "out of memory");
            t->inputs.path = grown;
            t->inputs.room = room;
        }
        t->inputs.path[t->inputs.count] = strdup(path);
        return t->inputs.path[t->inputs.count++] != NULL ? CLI_CLEAN : cli_error(CLI_ENVIRONMENT, "out of memory");
    }
    if (!S_ISDIR(info.st_mode) || depth > 16)
        return cli_error(CLI_USAGE, "%s: neither a file nor a folder", path);
    int count = scandir(path, &names, NULL, by_name);

    if (count < 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char inner[4096];
        int len = snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);

        if (may_be_input(names[i]->d_name) && len > 0 && (size_t)len < sizeof(inner))
            code = cli_worse(code, add_input(t, inner, depth + 1));
        free(names[i]);
    }
    free(names);
    return code;
}

/* --- a target that makes its own traces ------------------------------------------------------------------------- */

/* Run the target on one input. Its standard error; *status as waitpid has it. NULL after a complaint. */
static char *ask_target(const struct triage *t, const char *path, int *status)
{
    int log = memfd_create("target", MFD_CLOEXEC);
    struct stat info;

    if (log < 0)
        return cli_error(0, "%s: %s", path, strerror(errno)), NULL;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(log, STDERR_FILENO);
        dup2(log, STDOUT_FILENO);
        alarm(TARGET_SECONDS);
        execl(t->program, t->program, path, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, status, 0) < 0 && errno == EINTR)
        ;
    char *text = child > 0 && fstat(log, &info) == 0 ? calloc(1, (size_t)info.st_size + 1) : NULL;

    if (text == NULL || pread(log, text, (size_t)info.st_size, 0) < 0)
        cli_error(0, "%s: cannot run %s", path, t->program);
    close(log);
    return text;
}

/* The trace that a target printed behind its finding. */
static bool printed_trace(const char *text, struct trace *out)
{
    struct trace_error error;
    const char *finding = strstr(text, "FINDING ");
    const char *start = finding != NULL ? strstr(finding, "\ntouchstone 1") : NULL;

    if (start == NULL)
        return false;
    start++;
    size_t len = 0;
    /* To the first line that is no line of a trace. */
    while (start[len] != '\0') {
        const char *line = start + len;
        bool mine = strncmp(line, "touchstone ", 11) == 0 || (line[0] == 'h' && line[1] >= '0' && line[1] <= '7') ||
                    strncmp(line, "schedule ", 9) == 0 || strncmp(line, "decisions ", 10) == 0 || line[0] == '#';
        if (!mine)
            break;
        len += strcspn(line, "\n");
        len += start[len] == '\n';
    }
    return trace_parse(out, start, len, &error);
}

/* What a target says that made no trace: a sanitizer, a signal, or an abort with a line of its own. */
static bool verdict_of_text(const char *text, int status, struct verdict *v)
{
    struct finding *f = &v->finding;

    memset(v, 0, sizeof(*v));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    f->found = true;
    v->died = true;
    f->oracle = ORACLE_SAN;
    f->severity = S2_MEMORY_SAFETY;
    snprintf(v->log, sizeof(v->log), "%s", text);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGVTALRM)) {
        f->oracle = ORACLE_LIV;
        f->severity = S3_AVAILABILITY;
        snprintf(f->property, sizeof(f->property), "hang");
        snprintf(f->text, sizeof(f->text), "the target does not come back");
    } else if (sanitizer_says(text, f->property, sizeof(f->property), v->site, sizeof(v->site))) {
        snprintf(f->text, sizeof(f->text), "a sanitizer reports %s%s%s", f->property, *v->site ? " in " : "", v->site);
    } else {
        snprintf(f->property, sizeof(f->property), "abort");
        snprintf(f->text, sizeof(f->text), "%.*s", (int)strcspn(text, "\n"), text);
        snprintf(v->site, sizeof(v->site), "%.*s", (int)strcspn(text, ":0123456789\n"), text);
    }
    return true;
}

/* --- groups ----------------------------------------------------------------------------------------------------- */

static void add_to_group(struct triage *t, const struct stored *s)
{
    size_t at = 0;

    while (at < t->groups && strcmp(t->group[at].bug.id, s->bug.id) != 0)
        at++;
    if (at == GROUPS_MAX)
        return;
    if (at == t->groups)
        t->group[t->groups++] = (struct group){.fresh = s->fresh};
    t->group[at].bug = s->bug;
    snprintf(t->group[at].path, sizeof(t->group[at].path), "%s", s->path);
    t->group[at].here++;
}

static int most_serious_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = strcmp(x->bug.severity, y->bug.severity);

    return order != 0 ? order : strcmp(x->bug.id, y->bug.id);
}

static void judge_input_file(struct triage *t, const char *path)
{
    static struct trace trace;
    static struct verdict verdict;
    struct occurrence o = {.findings = t->findings,
                           .engine = t->engine,
                           .target = t->target,
                           .command = t->said,
                           .name = path,
                           .raw = t->raw,
                           .executions_max = t->executions};
    struct stored stored;
    size_t size;
    uint8_t *bytes = file_read(path, INPUT_MAX, &size);
    char *text = NULL;
    int status = 0;

    if (bytes == NULL) {
        t->code = cli_worse(t->code, CLI_USAGE);
        return;
    }
    o.bytes = bytes;
    o.size = size;
    if (t->program == NULL) {
        trace_decode_any(&trace, bytes, size);
        o.trace = &trace;
    } else if ((text = ask_target(t, path, &status)) != NULL) {
        if (printed_trace(text, &trace))
            o.trace = &trace;
        else if (verdict_of_text(text, status, &verdict))
            o.verdict = &verdict;
        else
            trace = (struct trace){.harts = 1}, o.trace = &trace; /* shows nothing: kept, and said so */
    }
    int code = t->program != NULL && text == NULL ? CLI_ENVIRONMENT : store_add(t->judge, &o, &stored);

    t->judged++;
    if (code == CLI_FINDING)
        add_to_group(t, &stored);
    else
        cli_error(0, "%s: could not be kept", path);
    t->code = cli_worse(t->code, code);
    free(bytes);
    free(text);
}

/* --- what came of it -------------------------------------------------------------------------------------------- */

static void tell(const struct triage *t)
{
    size_t fresh = 0;

    for (size_t i = 0; i < t->groups; i++) {
        const struct group *g = &t->group[i];

        fresh += g->fresh;
        printf("%s%-2s%s %5" PRIu64 "  %-7s %s\n     %s\n", cli_colour("red"), g->bug.severity, cli_colour("off"),
               g->here, g->fresh ? "new" : g->bug.status, g->path, g->bug.title);
    }
    printf("%" PRIu64 " inputs, %zu findings, %zu of them new\n", t->judged, t->groups, fresh);
}

static void tell_json(const struct triage *t)
{
    printf("{\"schema\":\"touchstone-triage/1\",\"inputs\":%" PRIu64 ",\"findings\":[", t->judged);
    for (size_t i = 0; i < t->groups; i++) {
        const struct group *g = &t->group[i];

        printf("%s\n{\"id\":", i != 0 ? "," : "");
        cli_json_string(stdout, g->bug.id);
        printf(",\"path\":");
        cli_json_string(stdout, g->path);
        printf(",\"oracle\":\"%s\",\"property\":", g->bug.oracle);
        cli_json_string(stdout, g->bug.property);
        printf(",\"call\":\"%s\",\"site\":", g->bug.call);
        cli_json_string(stdout, g->bug.site);
        printf(",\"severity\":\"%s\",\"status\":\"%s\",\"new\":%s,\"inputs\":%" PRIu64 ",\"count\":%" PRIu64
               ",\"operations\":%" PRIu64 ",\"reproduced\":[%" PRIu64 ",%" PRIu64 "],\"title\":",
               g->bug.severity, g->bug.status, g->fresh ? "true" : "false", g->here, g->bug.count, g->bug.shortest,
               g->bug.reproduced, g->bug.runs);
        cli_json_string(stdout, g->bug.title);
        putchar('}');
    }
    printf("]}\n");
}

/* In the name of a hunt whose process died: its line, as it would have said it. */
static void tell_last_words(const struct triage *t)
{
    const struct group *g = &t->group[0];

    if (t->groups == 0)
        return;
    if (!t->json) {
        printf("FINDING %s\n  reproduce: touchstone run %s/min.tst\n", g->bug.title, g->path);
        return;
    }
    printf("{\"schema\":\"touchstone-hunt/1\",\"executions\":%" PRIu64
           ",\"found\":true,\"oracle\":\"%s\",\"property\":",
           t->last_executions, g->bug.oracle);
    cli_json_string(stdout, g->bug.property);
    printf(",\"call\":\"%s\",\"text\":", g->bug.call);
    cli_json_string(stdout, g->bug.title);
    printf(",\"reproducer\":");
    char path[4200];
    snprintf(path, sizeof(path), "%.4096s/min.tst", g->path);
    cli_json_string(stdout, path);
    puts("}");
}

static int triage(struct triage *t)
{
    t->judge = judge_create(ORACLE_ALL);
    t->group = calloc(GROUPS_MAX, sizeof(*t->group));
    if (t->judge == NULL || t->group == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    interrupts_catch();
    for (size_t i = 0; i < t->inputs.count && !interrupted(); i++) {
        if (!t->json && !t->last_words && i % 16 == 0 && t->inputs.count > 16)
            fprintf(stderr, "  %zu of %zu inputs, %zu findings\n", i, t->inputs.count, t->groups);
        judge_input_file(t, t->inputs.path[i]);
    }
    qsort(t->group, t->groups, sizeof(*t->group), most_serious_first);
    if (t->last_words) {
        tell_last_words(t);
        for (size_t i = 0; t->code == CLI_FINDING && i < t->inputs.count; i++)
            unlink(t->inputs.path[i]); /* it is in the finding now */
    } else if (t->json)
        tell_json(t);
    else
        tell(t);
    return interrupted() && t->code == CLI_CLEAN ? CLI_INTERRUPTED : t->code;
}

int cmd_triage(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"findings", required_argument, NULL, 'f'},   {"engine", required_argument, NULL, 'e'},
        {"target", required_argument, NULL, 't'},     {"program", required_argument, NULL, 'p'},
        {"command", required_argument, NULL, 'c'},    {"execs", required_argument, NULL, 'n'},
        {"no-min", no_argument, NULL, 'r'},           {"json", no_argument, NULL, 'j'},
        {"last-words", required_argument, NULL, 'l'}, {0}};
    static struct triage t = {.findings = "findings"};
    bool good = true;
    int code = CLI_USAGE;

    t.command = command;
    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f': t.findings = optarg; break;
        case 'e': t.engine = optarg; break;
        case 't': t.target = optarg; break;
        case 'p': t.program = optarg; break;
        case 'c': t.said = optarg; break;
        case 'r': t.raw = true; break;
        case 'j': t.json = true; break;
        case 'n': good = cli_number(command, "--execs", optarg, UINT64_MAX, &t.executions); break;
        case 'l':
            t.last_words = true;
            good = cli_number(command, "--last-words", optarg, UINT64_MAX, &t.last_executions);
            break;
        default: good = false;
        }
    }
    if (good && optind == argc)
        return cli_usage(command, "no file or folder given");
    for (int i = optind; good && i < argc; i++)
        t.code = cli_worse(t.code, add_input(&t, argv[i], 0));
    if (good)
        code = triage(&t);
    judge_destroy(t.judge);
    paths_free(&t.inputs);
    free(t.group);
    return code;
}
