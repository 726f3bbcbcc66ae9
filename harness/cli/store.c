/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping findings; what is in a folder is told in bug.h. A new folder is made beside the others under a name of this
 * process and renamed when it is complete; what is there already is changed under a lock.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/cli/bug.h"
#include "harness/cli/shorten.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANGS_MAX 12u /* trials of an input that does not come back: each takes JUDGE_HANG_SECONDS if it is the same */
#define OCCURRENCES_MAX (1u << 24)

static const char * or (const char *text, const char *otherwise)
{
    return text != NULL && *text != '\0' ? text : otherwise;
}

static bool put(const char *folder, const char *name, const void *data, size_t size)
{
    char path[4200];
    bool exists = false;

    snprintf(path, sizeof(path), "%.4000s/%s", folder, name);
    return file_write(path, data, size, false, &exists) || exists;
}

static bool put_text(const char *folder, const char *name, const char *text)
{
    char line[BUG_TEXT_SIZE + 4100];
    int len = snprintf(line, sizeof(line), "%s\n", text);

    return put(folder, name, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static bool put_trace(const char *folder, const char *name, const struct trace *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return false;
    trace_print(out, t);
    fclose(out);
    bool good = put(folder, name, text, size);

    free(text);
    return good;
}

int self_run(char *const argv[], const char *folder, const char *output)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        int out = chdir(folder) != 0 ? -1 : open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        if (out >= 0) {
            dup2(out, STDOUT_FILENO);
            dup2(out, STDERR_FILENO);
        }
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- does it happen again? -------------------------------------------------------------------------------------- */

struct proof {
    struct verdict verdict;
    unsigned times, runs; /* alone, in processes of their own */
    bool needs_earlier;
    bool needed[64]; /* of o->earlier */
};

static bool hangs(const struct verdict *v)
{
    return v->died && v->finding.oracle == ORACLE_LIV;
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Is there a folder for what this input shows? Then it was run five times already, with another input. */
static bool is_known(const struct occurrence *o, const struct verdict *v)
{
    char path[4200];
    struct bug b;

    bug_identify(&b, v);
    snprintf(path, sizeof(path), "%.3800s/%s", o->findings, b.id);
    return is_folder(path);
}

static bool again(struct judge *j, const struct occurrence *o, struct proof *p)
{
    static struct verdict v;

    for (p->runs = 0; p->runs < BUG_REPRODUCTIONS; p->runs++) {
        judge_renew(j);
        if (!judge_run(j, o->trace, false, &v))
            return false;
        if (!v.finding.found || (p->times != 0 && !same_verdict(&v, &p->verdict)))
            continue;
        p->verdict = v;
        p->times++;
        /* A hang costs as much as a hundred thousand others. */
        if (hangs(&v) || (p->runs == 0 && is_known(o, &v))) {
            p->runs++;
            break;
        }
    }
    return true;
}

/* In one new process: those of the earlier inputs that `needed` says, then the input. */
static bool in_succession(struct judge *j, const struct occurrence *o, const bool *needed, struct verdict *v)
{
    static struct trace before;

    judge_renew(j);
    for (uint32_t i = 0; i < o->earlier->count; i++) {
        if (!needed[i])
            continue;
        trace_decode(&before, o->earlier->bytes[i], o->earlier->size[i]);
        if (!judge_run(j, &before, false, v) || v->died)
            return false;
    }
    return judge_run(j, o->trace, false, v) && v->finding.found;
}

/* Which of the inputs before it does it take? As few as possible, and the last ones. */
static void look_back(struct judge *j, const struct occurrence *o, struct proof *p)
{
    bool trial[64] = {false};
    uint32_t count = o->earlier->count;

    for (uint32_t last = 1; last < 2 * count && !p->needs_earlier; last *= 2) {
        for (uint32_t i = 0; i < count; i++)
            trial[i] = i + last >= count;
        p->needs_earlier = in_succession(j, o, trial, &p->verdict);
        memcpy(p->needed, trial, sizeof(trial));
    }
    for (uint32_t i = 0; i < count && p->needs_earlier; i++) {
        static struct verdict v;

        memcpy(trial, p->needed, sizeof(trial));
        trial[i] = false;
        if (p->needed[i] && in_succession(j, o, trial, &v) && same_verdict(&v, &p->verdict))
            p->needed[i] = false;
    }
    judge_renew(j);
}

static void unknown_verdict(const struct occurrence *o, struct verdict *v)
{
    memset(v, 0, sizeof(*v));
    if (o->claimed != NULL) {
        v->finding = *o->claimed;
        snprintf(v->site, sizeof(v->site), "not reproduced");
        return;
    }
    v->finding.found = true;
    v->finding.severity = S5_MODEL;
    snprintf(v->finding.property, sizeof(v->finding.property), "not-reproduced");
    snprintf(v->finding.text, sizeof(v->finding.text), "%s kept an input that shows nothing when it runs alone",
             or (o->engine, "an engine"));
    snprintf(v->site, sizeof(v->site), "%016" PRIx64, bytes_hash(o->bytes, o->size));
}

static bool prove(struct judge *j, const struct occurrence *o, struct proof *p)
{
    *p = (struct proof){0};
    if (o->verdict != NULL) {
        p->verdict = *o->verdict;
        p->times = p->runs = 1;
        return true;
    }
    if (!again(j, o, p))
        return false;
    if (p->times == 0 && o->earlier != NULL)
        look_back(j, o, p);
    if (p->times == 0 && !p->needs_earlier)
        unknown_verdict(o, &p->verdict);
    return true;
}

/* --- a new folder ----------------------------------------------------------------------------------------------- */

static void describe(const struct occurrence *o, const struct proof *p, struct bug *b)
{
    *b = (struct bug){0};
    bug_identify(b, &p->verdict);
    snprintf(b->status, sizeof(b->status), "%s",
             p->needs_earlier                 ? "harness"
             : p->times < p->runs || !p->runs ? "flaky"
                                              : "open");
    if (p->needs_earlier) {
        /* Another bug, and not one of the monitor. */
        snprintf(b->title, sizeof(b->title),
                 "bug of the harness: an input changes what a later one shows (%s %s in %s)", b->oracle, b->property,
                 b->call);
        snprintf(b->id + strlen(b->id), sizeof(b->id) - strlen(b->id), "-leak");
    }
    bug_found_by(b, or (o->engine, ""), or (o->target, ""));
    b->count = 1;
    b->reproduced = p->times;
    b->runs = p->runs;
    b->step = p->verdict.finding.step;
    b->operations = b->shortest = o->trace != NULL ? o->trace->count : 0;
}

/* The short form, in all forms that there are. */
static bool put_short(struct judge *j, const struct occurrence *o, const struct proof *p, struct bug *b,
                      const char *folder)
{
    static struct shortener s;
    static uint8_t bytes[TRACE_MAX_BYTES];
    memset(&s, 0, sizeof(s));
    s.judge = j;
    s.wanted = p->verdict;
    s.trials_max = hangs(&p->verdict) ? HANGS_MAX : o->executions_max;
    trace_copy(&s.best, o->trace);
    s.seen = p->verdict;
    if (b->status[0] == 'o' && !o->raw)
        shorten(&s);
    b->shortest = s.best.count;
    b->step = b->status[0] == 'o' ? s.seen.finding.step : b->step;
    if (!put(folder, "min.tst", bytes, trace_encode(&s.best, bytes, sizeof(bytes))) ||
        !put_trace(folder, "min.trace", &s.best))
        return false;
    char *const run[] = {(char *)"touchstone", (char *)"run", (char *)"-v", (char *)"min.trace", NULL};
    self_run(run, folder, "run.log");
    char *const to_c[] = {(char *)"touchstone", (char *)"to-c",  (char *)"min.trace",
                          (char *)"-o",         (char *)"min.c", NULL};
    self_run(to_c, folder, "/dev/null");
    return true;
}

static bool put_prefix(const struct occurrence *o, const struct proof *p, const char *folder)
{
    char path[4200], name[32];
    unsigned number = 0;

    snprintf(path, sizeof(path), "%.4000s/prefix", folder);
    for (uint32_t i = 0; p->needs_earlier && i < o->earlier->count; i++) {
        if (!p->needed[i])
            continue;
        snprintf(name, sizeof(name), "%02u.tst", number++);
        if (!folder_make(path) || !put(path, name, o->earlier->bytes[i], o->earlier->size[i]))
            return false;
    }
    return true;
}

static bool add_line(const struct occurrence *o, const char *folder)
{
    char path[4200], line[4300];
    int len = snprintf(line, sizeof(line), "%016" PRIx64 " %s %.4000s\n", bytes_hash(o->bytes, o->size),
                       or (o->engine, "-"), or (o->name, "-"));

    snprintf(path, sizeof(path), "%.4000s/occurrences.txt", folder);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line, (size_t)len) != len) {
        cli_error(0, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    return close(fd) == 0;
}

static bool fill(struct judge *j, const struct occurrence *o, const struct proof *p, struct bug *b, const char *folder)
{
    char environment[BUG_TEXT_SIZE + 64];

    snprintf(environment, sizeof(environment), "touchstone built with %s", bug_build());
    return folder_make(folder) && put(folder, "input.tst", o->bytes, o->size) &&
           put_text(folder, "title.txt", b->title) &&
           put_text(folder, "command.txt", or (o->command, "touchstone triage")) &&
           put_text(folder, "environment.txt", environment) && put_prefix(o, p, folder) && add_line(o, folder) &&
           (p->verdict.log[0] == '\0' || put(folder, "death.log", p->verdict.log, strlen(p->verdict.log))) &&
           (o->trace == NULL || put_short(j, o, p, b, folder)) && bug_write(b, folder);
}

/* --- one that is there ------------------------------------------------------------------------------------------ */

/* Was this very input seen before? Counts the lines as well. */
static bool known_input(const struct occurrence *o, const char *folder, uint64_t *lines)
{
    char path[4200], hash[20];
    size_t size = 0;
    bool known = false;

    *lines = 0;
    snprintf(hash, sizeof(hash), "%016" PRIx64, bytes_hash(o->bytes, o->size));
    snprintf(path, sizeof(path), "%.4000s/occurrences.txt", folder);
    if (access(path, F_OK) != 0)
        return false;
    char *text = (char *)file_read(path, OCCURRENCES_MAX, &size);
    for (size_t at = 0; text != NULL && at < size;) {
        char *end = memchr(text + at, '\n', size - at);
        size_t len = end != NULL ? (size_t)(end - text) - at : size - at;

        known = known || (len >= 16 && memcmp(text + at, hash, 16) == 0);
        (*lines)++;
        at += len + 1;
    }
    free(text);
    return known;
}

/* A bug.json that cannot be read is moved aside, and what is known now takes its place. */
static bool read_or_repair(struct bug *b, const struct bug *now, const char *folder)
{
    char path[4200], aside[4300];

    if (bug_read(b, folder))
        return true;
    snprintf(path, sizeof(path), "%.4000s/bug.json", folder);
    for (unsigned n = 1; n < 1000; n++) {
        snprintf(aside, sizeof(aside), "%.4100s.damaged-%u", path, n);
        if (access(aside, F_OK) != 0)
            break;
    }
    if (access(path, F_OK) == 0 && rename(path, aside) != 0)
        return cli_error(0, "%s: %s", path, strerror(errno)), false;
    cli_error(0, "%s: replaced by what is known now; the damaged one is kept beside it", path);
    *b = *now;
    return bug_add_event(b, "repaired", "bug.json was damaged");
}

static bool add_to(const struct occurrence *o, const struct bug *now, struct stored *out)
{
    char path[4200], name[32];
    uint64_t lines;
    struct bug b;

    snprintf(path, sizeof(path), "%.4000s/occurrences.txt", out->path);
    if (access(path, F_OK) == 0 && !file_is_plain(path))
        return false;
    out->repeated = known_input(o, out->path, &lines);
    if (!read_or_repair(&b, now, out->path))
        return false;
    bool good = true;

    if (!out->repeated) {
        snprintf(path, sizeof(path), "%.4000s/inputs", out->path);
        snprintf(name, sizeof(name), "%016" PRIx64 ".tst", bytes_hash(o->bytes, o->size));
        if (lines <= BUG_INPUTS_MAX)
            good = folder_make(path) && put(path, name, o->bytes, o->size);
        good = good && add_line(o, out->path);
        b.count = lines + 1;
    }
    /* What was fixed and is here again is open again. */
    if (strcmp(b.status, "fixed") == 0 && strcmp(now->status, "open") == 0) {
        snprintf(b.status, sizeof(b.status), "open");
        good = bug_add_event(&b, "seen again", "still there") && good;
    }
    good = good && bug_write(&b, out->path);
    out->bug = b;
    bug_free(&b);
    out->bug.event = NULL;
    return good;
}

static int lock_folder(const char *folder)
{
    char path[4200];

    snprintf(path, sizeof(path), "%.4000s/.lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        cli_error(0, "%s: %s", path, strerror(errno));
    return fd;
}

static void remove_folder(const char *folder)
{
    char *const words[] = {(char *)"rm", (char *)"-rf", (char *)"--", (char *)(uintptr_t)folder, NULL};
    pid_t child = fork();

    if (child == 0) {
        execvp("rm", words);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

int store_add(struct judge *j, const struct occurrence *o, struct stored *out)
{
    static struct proof p;
    char fresh[4096];
    struct bug now;
    bool good = true;

    memset(out, 0, sizeof(*out));
    if (!folder_make(o->findings) || !prove(j, o, &p))
        return CLI_ENVIRONMENT;
    describe(o, &p, &now);
    snprintf(out->path, sizeof(out->path), "%.3800s/%s", o->findings, now.id);
    snprintf(fresh, sizeof(fresh), "%.3800s/.new-%ld-%s", o->findings, (long)getpid(), now.id);
    out->fresh = !is_folder(out->path);
    if (out->fresh && !fill(j, o, &p, &now, fresh))
        return CLI_ENVIRONMENT;
    int lock = lock_folder(o->findings);

    if (lock < 0)
        return CLI_ENVIRONMENT;
    /* Somebody else may have been faster. */
    if (out->fresh && rename(fresh, out->path) != 0) {
        out->fresh = false;
        remove_folder(fresh);
    }
    out->bug = now;
    if (!out->fresh)
        good = add_to(o, &now, out);
    close(lock);
    return good ? CLI_FINDING : CLI_ENVIRONMENT;
}
