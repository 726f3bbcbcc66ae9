/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone explain: the story of a finding, or of any trace. Step by step: who did what, what the monitor answered, what the
 * model expected, what changed; and at the end which promise broke. As text, and as a page of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/cli/explain.h"
#include "harness/cli/bug.h"
#include "harness/oracles/oracle.h"
#include "harness/oracles/ref.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define INDENT "        "
#define SAID_LINES 16u /* of a sanitizer's report */

struct story {
    const struct trace *trace;
    struct world *world;
    struct picture before, after;
    FILE *page; /* or NULL */
    struct finding finding;
};

static void print_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

/* To the terminal, and to the page if there is one. */
static void say(const struct story *s, const char *text)
{
    fputs(text, stdout);
    if (s->page != NULL)
        print_escaped(s->page, text);
}

/* What was told stays told, whatever the next step does to this process. */
static void flush_story(const struct story *s)
{
    fflush(stdout);
    if (s->page != NULL)
        fflush(s->page);
}

static void print_answer(FILE *out, const struct ref_answer *a)
{
    const char *name = trace_error_name(a->error);

    switch (a->kind) {
    case ANSWER_UNKNOWN: fputs("nothing: it does not judge this", out); return;
    case ANSWER_RESULT:
        fprintf(out, "%s", name != NULL ? name : "an error of another name");
        if (!a->any_value && a->error == 0)
            fprintf(out, " 0x%" PRIx64, a->value);
        return;
    case ANSWER_ENTER: fputs("that the guest is entered", out); return;
    case ANSWER_RESUME: fputs("that the guest goes on", out); return;
    case ANSWER_EXIT: fprintf(out, "that the guest leaves with scause 0x%" PRIx64, a->scause); return;
    case ANSWER_PARK: fputs("that the hart is given back", out); return;
    case ANSWER_HALT: fputs("that the system is reset", out); return;
    }
}

/* A function of the monitor that the trace made fail, where no reader would look for it. */
static void say_failed(const struct story *s)
{
    char line[160];

    if (s->world->failed == NULL)
        return;
    snprintf(line, sizeof(line), INDENT "the trace made %s fail in it\n", s->world->failed);
    say(s, line);
}

/* What the model said about the hart's entry into the monitor, if it entered. */
static void say_expected(const struct story *s, uint32_t hart)
{
    const struct ref *r = ref_of(s->world);
    char *text = NULL;
    size_t size = 0;
    FILE *out = s->world->oracle_state->entry[hart].entered ? open_memstream(&text, &size) : NULL;

    if (out == NULL)
        return;
    fputs(INDENT "the model expects ", out);
    print_answer(out, &r->entry[hart].answer);
    fputc('\n', out);
    fclose(out);
    say(s, text);
    free(text);
}

static void say_changes(const struct story *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return;
    picture_differences(out, INDENT, &s->before, &s->after, s->world->machine->config.harts);
    fclose(out);
    say(s, size != 0 ? text : INDENT "nothing changed\n");
    free(text);
}

static void say_step(const struct story *s, uint32_t i, const struct step_result *seen)
{
    char line[1200], text[1024];
    struct trace_op expect = expect_of(seen);

    trace_print_op(text, sizeof(text), &s->trace->op[i], &expect);
    snprintf(line, sizeof(line), "%4u  %s\n", i, text);
    say(s, line);
}

static void say_finding(const struct story *s)
{
    char line[1024];
    const struct finding *f = &s->finding;

    if (!f->found) {
        say(s, "\nNo promise was broken.\n");
        return;
    }
    snprintf(line, sizeof(line), "\nBroken at step %u: %s, property %s, in %s (%s)\n  %s\n", f->step,
             oracle_name(f->oracle), f->property, finding_call(f), severity_name(f->severity), f->text);
    say(s, line);
}

static void page_begin(const struct story *s, const char *name)
{
    if (s->page == NULL)
        return;
    fputs("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>", s->page);
    print_escaped(s->page, name);
    fputs("</title>\n<style>body{font-family:sans-serif;margin:2em;max-width:70em}pre{background:#f6f6f6;padding:.5em;"
          "white-space:pre-wrap}</style>\n<h1>",
          s->page);
    print_escaped(s->page, name);
    fputs("</h1>\n", s->page);
}

/* Replays the trace; each step is told when it is over, so that a monitor that dies has told the steps before. */
static bool tell_story(struct story *s)
{
    const struct trace *t = s->trace;

    for (uint32_t i = next_step(t, 0); i < t->count; i = next_step(t, i + 1)) {
        struct step_result seen = {0};

        picture_take(&s->before, s->world);
        s->world->step = i;
        if (s->page != NULL)
            fputs("<pre>", s->page);
        bool good = world_step(s->world, &t->op[i], &seen);

        picture_take(&s->after, s->world);
        say_step(s, i, &seen);
        say_failed(s);
        say_expected(s, t->op[i].hart % s->world->machine->config.harts);
        say_changes(s);
        if (s->page != NULL) {
            fputs("</pre>\n", s->page);
            picture_draw(s->page, &s->before, &s->after);
        }
        flush_story(s);
        if (!good)
            break;
    }
    if (!s->world->finding.found)
        world_audit(s->world);
    s->finding = s->world->finding;
    if (s->page != NULL)
        fputs("<pre>", s->page);
    say_finding(s);
    if (s->page != NULL)
        fputs("</pre>\n", s->page);
    return !s->finding.found;
}

/* The process that tells: the monitor may take it down, and what was told until then is there. */
static int tell_in_child(struct story *s)
{
    const struct itimerval limit = {.it_value = {.tv_sec = JUDGE_HANG_SECONDS}};
    struct machine_config config = world_config_for(s->trace);

    s->world = world_create(&config, ORACLE_ALL);
    if (s->world == NULL || !picture_make(&s->before, s->world) || !picture_make(&s->after, s->world))
        return cli_error(CLI_ENVIRONMENT, "no memory for the machine this trace asks for");
    /* A sanitizer's report is told once, by the parent. */
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    return tell_story(s) ? CLI_CLEAN : CLI_FINDING;
}

/* The lines of a sanitizer that matter, of all that it wrote. */
static void say_report(const struct story *s, const char *log)
{
    const char *at = strstr(log, "ERROR: ");
    char line[400];

    at = at != NULL ? at : strstr(log, "WARNING: ");
    at = at != NULL ? at : strstr(log, "runtime error: ");
    while (at != NULL && at > log && at[-1] != '\n')
        at--;
    for (unsigned told = 0; at != NULL && *at != '\0' && *at != '\n' && told < SAID_LINES; told++) {
        size_t len = strcspn(at, "\n");

        snprintf(line, sizeof(line), INDENT "%.*s\n", (int)(len < 380 ? len : 380), at);
        say(s, line);
        at += len + (at[len] == '\n');
    }
}

/* The end of a story whose process died: the step that it died in, and what a judge says of it. */
static int say_death(struct story *s)
{
    static struct verdict v;
    struct judge *judge = judge_create(ORACLE_ALL);
    char text[1024], line[1100];

    if (judge == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    bool judged = judge_run(judge, s->trace, false, &v);

    judge_destroy(judge);
    if (!judged)
        return CLI_ENVIRONMENT;
    s->finding = v.finding;
    if (s->page != NULL)
        fputs("<pre>", s->page);
    if (v.died && !s->trace->overlap && v.finding.step < s->trace->count) {
        trace_print_op(text, sizeof(text), &s->trace->op[v.finding.step], NULL);
        snprintf(line, sizeof(line), "%4u  %s\n" INDENT "the monitor does not answer any more\n", v.finding.step, text);
        say(s, line);
        say_report(s, v.log);
    }
    if (v.finding.found)
        say_finding(s);
    else
        say(s, "\nThe process that told this died, and does not die when the trace runs again: memory was damaged "
               "before.\n");
    if (s->page != NULL)
        fputs("</pre>\n", s->page);
    return CLI_FINDING;
}

/* Tell it in a process of its own. Returns an exit code. */
static int tell_apart(struct story *s)
{
    int status = 0;

    flush_story(s);
    pid_t child = fork();
    if (child == 0) {
        int code = tell_in_child(s);

        flush_story(s);
        _exit(code);
    }
    if (child < 0)
        return cli_error(CLI_ENVIRONMENT, "no process to tell it in: %s", strerror(errno));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (s->page != NULL)
        fseek(s->page, 0, SEEK_END);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    return code == CLI_CLEAN || code == CLI_FINDING || code == CLI_ENVIRONMENT ? code : say_death(s);
}

/* Write what is in the file of the page to `path`. */
static int keep_page(FILE *page, const char *path, bool force)
{
    bool exists = false;
    long size = ftell(page);
    void *text = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fileno(page), 0) : MAP_FAILED;

    if (text == MAP_FAILED)
        return cli_error(CLI_ENVIRONMENT, "%s: no memory for the page", path);
    bool good = file_write(path, text, (size_t)size, force, &exists);

    munmap(text, (size_t)size);
    if (good)
        return CLI_CLEAN;
    return exists ? cli_error(CLI_USAGE, "%s: exists; --force overwrites", path) : CLI_ENVIRONMENT;
}

static int explain(const char *name, const struct trace *t, const char *html, bool force)
{
    struct story s = {.trace = t};
    int file = html != NULL ? memfd_create("page", MFD_CLOEXEC) : -1;

    s.page = file >= 0 ? fdopen(file, "w+") : NULL;
    if (html != NULL && s.page == NULL)
        return cli_error(CLI_ENVIRONMENT, "%s: no memory for the page", html);
    if (t->overlap)
        say(&s, "Harts overlap in this trace; it is told here in the order of its lines, which may not show the "
                "finding.\n\n");
    page_begin(&s, name);
    int code = tell_apart(&s);

    if (s.page != NULL) {
        fflush(s.page);
        int kept = keep_page(s.page, html, force);
        code = kept != CLI_CLEAN ? kept : code;
        fclose(s.page);
    }
    return code;
}

/* A trace file, or the short form of a finding. */
static bool open_named(struct trace *t, const char *findings, const char *name)
{
    char path[4200], folder[4096];
    const char *dot = strrchr(name, '.');

    if (dot != NULL && (strcmp(dot, ".trace") == 0 || strcmp(dot, ".tst") == 0))
        return trace_open(t, name, true);
    if (!store_find(folder, sizeof(folder), findings, name))
        return false;
    snprintf(path, sizeof(path), "%.4000s/min.trace", folder);
    return file_is_plain(path) && trace_open(t, path, false);
}

int cmd_explain(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {{"findings", required_argument, NULL, 'f'},
                                            {"html", required_argument, NULL, 'h'},
                                            {"force", no_argument, NULL, 'F'},
                                            {0}};
    static struct trace trace;
    const char *findings = "findings", *html = NULL;
    bool force = false;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f': findings = optarg; break;
        case 'h': html = optarg; break;
        case 'F': force = true; break;
        default: return CLI_USAGE;
        }
    }
    if (optind + 1 != argc)
        return cli_usage(command, "one finding, or one trace");
    if (!open_named(&trace, findings, argv[optind]))
        return CLI_USAGE;
    return explain(argv[optind], &trace, html, force);
}
