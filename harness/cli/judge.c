/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's half of a judge, and the child that runs inputs; see judge.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/cli/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/concurrency/interleave.h"
#include "harness/trace/ops.h"

/* What the child finds open. */
enum { DESK_FD = 3, ASK_FD = 4, ANSWER_FD = 5 };

/* What both processes see. */
struct desk {
    struct trace trace;
    bool settled;
    uint32_t step; /* operation that runs */
    struct finding finding;
    size_t taken; /* decisions */
    bool no_machine;
    uint8_t decisions[TRACE_MAX_DECISIONS];
};

/* The child's half. */
struct server {
    struct world_pool pool;
    struct interleave *interleave;
    struct machine_config interleave_config;
    struct desk *desk;
};

struct judge {
    uint32_t oracles;
    int desk_file;
    struct desk *desk;
    pid_t child; /* 0: none */
    int ask, answer;
    int log; /* its standard error */
    uint64_t runs;
};

struct judge *judge_create(uint32_t oracles)
{
    struct judge *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return NULL;
    j->oracles = oracles;
    j->log = memfd_create("judge", MFD_CLOEXEC);
    j->desk_file = memfd_create("desk", MFD_CLOEXEC);
    if (j->desk_file >= 0 && ftruncate(j->desk_file, sizeof(*j->desk)) == 0)
        j->desk = mmap(NULL, sizeof(*j->desk), PROT_READ | PROT_WRITE, MAP_SHARED, j->desk_file, 0);
    if (j->log >= 0 && j->desk != NULL && j->desk != MAP_FAILED)
        return j;
    if (j->log >= 0)
        close(j->log);
    if (j->desk_file >= 0)
        close(j->desk_file);
    free(j);
    return NULL;
}

void judge_renew(struct judge *j)
{
    int status;

    if (j->child == 0)
        return;
    close(j->ask); /* the child ends when nobody asks any more */
    close(j->answer);
    while (waitpid(j->child, &status, 0) < 0 && errno == EINTR)
        ;
    j->child = 0;
}

void judge_destroy(struct judge *j)
{
    if (j == NULL)
        return;
    judge_renew(j);
    munmap(j->desk, sizeof(*j->desk));
    close(j->desk_file);
    close(j->log);
    free(j);
}

uint64_t judge_runs(const struct judge *j)
{
    return j->runs;
}

const uint8_t *judge_decisions(const struct judge *j)
{
    return j->desk->decisions;
}

/* --- the child -------------------------------------------------------------------------------------------------- */

/* The machine for the input on the desk, booted unless there is one. */
static bool have_machine(struct server *j)
{
    struct machine_config config = world_config_for(&j->desk->trace);

    if (!j->desk->trace.overlap)
        return pool_take(&j->pool, &j->desk->trace) != NULL;
    if (j->interleave != NULL && same_machine(&j->interleave_config, &config))
        return true;
    interleave_destroy(j->interleave);
    j->interleave_config = config;
    j->interleave = interleave_create(&config);
    return j->interleave != NULL;
}

static void run_alone(struct server *j)
{
    struct desk *d = j->desk;
    struct world *w = pool_world(&j->pool, &d->trace);

    for (uint32_t i = 0; i < d->trace.count; i++) {
        d->step = i;
        w->step = i;
        if (!world_step(w, &d->trace.op[i], NULL))
            break;
    }
    world_audit(w);
    d->finding = w->finding;
}

static void run_interleaved(struct server *j)
{
    struct desk *d = j->desk;
    struct schedule_decisions decisions = interleave_decisions(&d->trace);

    decisions.settled = d->settled;
    decisions.log = d->decisions;
    decisions.log_size = sizeof(d->decisions);
    interleave_run(j->interleave, &d->trace, &decisions);
    d->taken = schedule_decided(interleave_schedule(j->interleave));
    d->finding = *interleave_finding(j->interleave);
}

/* Runs what is on the desk each time it is asked to, until nobody asks any more. */
static void serve(struct server *j, int ask, int answer)
{
    const struct itimerval limit = {.it_value = {.tv_sec = JUDGE_HANG_SECONDS}};
    char byte;

    while (read(ask, &byte, 1) == 1) {
        setitimer(ITIMER_VIRTUAL, &limit, NULL);
        j->desk->no_machine = !have_machine(j);
        if (j->desk->no_machine)
            j->desk->finding = (struct finding){.found = false};
        else if (j->desk->trace.overlap)
            run_interleaved(j);
        else
            run_alone(j);
        if (write(answer, &byte, 1) != 1)
            break;
    }
}

int judge_serve(const char *oracles)
{
    static struct server server;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the parent's business, who stops asking */
    server.pool.oracles = (uint32_t)strtoul(oracles, NULL, 10);
    server.desk = mmap(NULL, sizeof(*server.desk), PROT_READ | PROT_WRITE, MAP_SHARED, DESK_FD, 0);
    if (server.desk == MAP_FAILED)
        return CLI_ENVIRONMENT;
    serve(&server, ASK_FD, ANSWER_FD);
    _exit(0);
}

/*
 * The child is a new program, not a copy of this one: what the inputs that ran here have done to this process must not be
 * there. It keeps the handlers of a sanitizer for fatal signals, which say where.
 */
static void become_child(const struct judge *j, int ask, int answer)
{
    char oracles[16];
    char *const words[] = {(char *)"touchstone", (char *)JUDGE_WORD, oracles, NULL};
    /* Out of the way of the numbers that they get. */
    int high[] = {fcntl(j->desk_file, F_DUPFD, 10), fcntl(ask, F_DUPFD, 10), fcntl(answer, F_DUPFD, 10),
                  fcntl(j->log, F_DUPFD, 10)};
    static const int to[] = {DESK_FD, ASK_FD, ANSWER_FD, STDERR_FILENO};
    sigset_t none;

    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        if (high[i] < 0 || dup2(high[i], to[i]) < 0)
            _exit(127);
        close(high[i]);
    }
    snprintf(oracles, sizeof(oracles), "%u", j->oracles);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", words);
    _exit(127);
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

static bool start_child(struct judge *j)
{
    int ask[2], answer[2];

    if (pipe2(ask, O_CLOEXEC) != 0)
        return false;
    if (pipe2(answer, O_CLOEXEC) != 0) {
        close(ask[0]);
        close(ask[1]);
        return false;
    }
    fflush(NULL);
    j->child = fork();
    if (j->child == 0) {
        close(ask[1]);
        close(answer[0]);
        become_child(j, ask[0], answer[1]);
    }
    close(ask[0]);
    close(answer[1]);
    if (j->child < 0) {
        close(ask[1]);
        close(answer[0]);
        j->child = 0;
        return false;
    }
    j->ask = ask[1];
    j->answer = answer[0];
    return true;
}

static void forget_log(const struct judge *j)
{
    if (ftruncate(j->log, 0) == 0)
        lseek(j->log, 0, SEEK_SET);
}

static void read_log(const struct judge *j, struct verdict *v)
{
    ssize_t got = pread(j->log, v->log, sizeof(v->log) - 1, 0);

    v->log[got > 0 ? got : 0] = '\0';
}

static uint16_t call_at(const struct trace *t, uint32_t step)
{
    const struct trace_op *op = step < t->count ? &t->op[step] : NULL;

    return op != NULL && (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) ? op->call : 0;
}

/* The child is gone: a sanitizer's report, a signal, or a hang. */
static void verdict_of_death(struct judge *j, struct verdict *v)
{
    struct finding *f = &v->finding;
    int status = 0;

    close(j->ask);
    close(j->answer);
    while (waitpid(j->child, &status, 0) < 0 && errno == EINTR)
        ;
    j->child = 0;
    read_log(j, v);
    v->died = true;
    f->found = true;
    f->step = j->desk->step;
    f->call = j->desk->trace.overlap ? 0 : call_at(&j->desk->trace, f->step);
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (number == SIGVTALRM || number == SIGXCPU) {
        f->oracle = ORACLE_LIV;
        f->severity = S3_AVAILABILITY;
        snprintf(f->property, sizeof(f->property), "hang");
        snprintf(f->text, sizeof(f->text), "the monitor does not come back");
        return;
    }
    f->oracle = ORACLE_SAN;
    f->severity = S2_MEMORY_SAFETY;
    if (sanitizer_says(v->log, f->property, sizeof(f->property), v->site, sizeof(v->site))) {
        snprintf(f->text, sizeof(f->text), "a sanitizer reports %s%s%s", f->property, *v->site ? " in " : "", v->site);
    } else if (number != 0) {
        snprintf(f->property, sizeof(f->property), "signal-%d", number);
        snprintf(f->text, sizeof(f->text), "the process died of signal %d (%s)", number, strsignal(number));
    } else {
        snprintf(f->property, sizeof(f->property), "exit");
        snprintf(f->text, sizeof(f->text), "the process ended with code %d", WEXITSTATUS(status));
    }
}

/* Numbers differ from input to input of one bug, words do not. */
static void text_without_numbers(char *out, size_t max, const char *text)
{
    size_t len = 0;

    while (*text != '\0' && len + 1 < max) {
        bool number = (*text >= '0' && *text <= '9');

        if (number) {
            out[len++] = '#';
            text += strspn(text, "0123456789abcdefx");
        } else {
            out[len++] = *text++;
        }
    }
    out[len] = '\0';
}

static void name_site(const struct trace *t, struct verdict *v)
{
    const struct finding *f = &v->finding;

    if (!f->found || v->died)
        return;
    if (f->oracle == ORACLE_REF || (t->overlap && f->call == 0))
        text_without_numbers(v->site, sizeof(v->site), f->text);
    else if (f->call == 0 && f->step < t->count)
        snprintf(v->site, sizeof(v->site), "%s", trace_op_is_guest(t->op[f->step].op) ? "guest" : "host");
}

static void put_on_desk(struct judge *j, const struct trace *t, bool settled)
{
    struct desk *d = j->desk;

    trace_copy(&d->trace, t);
    d->settled = settled;
    d->step = 0;
    d->taken = 0;
    d->no_machine = false;
    d->finding = (struct finding){.found = false};
}

bool judge_run(struct judge *j, const struct trace *t, bool settled, struct verdict *v)
{
    char byte = 0;
    ssize_t got;

    memset(v, 0, sizeof(*v));
    put_on_desk(j, t, settled);
    forget_log(j);
    if (j->child == 0 && !start_child(j))
        return cli_error(0, "no process to run traces in: %s", strerror(errno)), false;
    j->runs++;
    if (write(j->ask, &byte, 1) != 1)
        return cli_error(0, "cannot talk to the process that runs the traces: %s", strerror(errno)), false;
    while ((got = read(j->answer, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (got != 1)
        verdict_of_death(j, v);
    else if (j->desk->no_machine)
        return cli_error(0, "no memory for a machine"), false;
    else
        v->finding = j->desk->finding;
    v->decisions = j->desk->taken;
    name_site(t, v);
    return true;
}

bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    return same_finding(&a->finding, &b->finding) && strcmp(a->site, b->site) == 0;
}
