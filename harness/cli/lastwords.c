/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Last words; see lastwords.h. Everything from the handler down is async-signal-safe: no allocation, no stdio.
 */
#include "harness/cli/lastwords.h"

#include "harness/cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define HANDLER_STACK 65536u

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGVTALRM};
#define FATAL_SIGNALS (sizeof(fatal_signals) / sizeof(fatal_signals[0]))

static const struct lastwords *said;
static char handler_stack[HANDLER_STACK];

struct line {
    char text[1024];
    size_t len;
};

static void add_text(struct line *l, const char *text)
{
    for (; *text != '\0' && l->len < sizeof(l->text) - 1; text++)
        l->text[l->len++] = *text;
    l->text[l->len] = '\0';
}

static void add_number(struct line *l, uint64_t value, unsigned base, unsigned least_digits)
{
    char digits[24];
    unsigned count = 0;

    while (value != 0 || count < least_digits || count == 0) {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    }
    while (count > 0) {
        char one[2] = {digits[--count], '\0'};

        add_text(l, one);
    }
}

/* Nothing sensible can be done about a failed write here. */
static void write_out(int fd, const void *data, size_t size)
{
    ssize_t done = write(fd, data, size);

    (void)done;
}

static void keep_input(struct line *path, bool hang)
{
    mkdir(said->folder, 0777);
    add_text(path, said->folder);
    add_text(path, hang ? "/hang-" : "/crash-");
    add_number(path, bytes_hash(said->bytes, *said->size), 16, 16);
    add_text(path, ".tst");
    int fd = open(path->text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd >= 0) {
        write_out(fd, said->bytes, *said->size);
        close(fd);
    }
}

/*
 * The process becomes `touchstone triage`, which judges the input in a process of its own, keeps it as a finding, and says the line
 * in our name. Comes back only when that is not possible: then the input stays where it is.
 */
static void hand_over(const struct line *path)
{
    static struct line count;
    const struct itimerval never = {0};
    sigset_t none;

    add_number(&count, *said->executions, 10, 1);
    char *const words[] = {(char *)"touchstone",
                           (char *)"triage",
                           (char *)"--last-words",
                           count.text,
                           (char *)"--engine",
                           (char *)(uintptr_t)said->engine,
                           (char *)"--command",
                           (char *)(uintptr_t)said->command,
                           (char *)"--findings",
                           (char *)(uintptr_t)said->folder,
                           said->raw ? (char *)"--no-min" : (char *)"--execs=20000",
                           (char *)(uintptr_t)path->text,
                           said->json ? (char *)"--json" : NULL,
                           NULL};

    if (path->len == 0)
        return;
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", words);
}

static void on_fatal(int number)
{
    static struct line path, line;
    bool hang = number == SIGVTALRM;

    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        signal(fatal_signals[i], SIG_DFL);
    keep_input(&path, hang);
    hand_over(&path);
    if (said->json) {
        add_text(&line, "{\"schema\":\"touchstone-hunt/1\",\"executions\":");
        add_number(&line, *said->executions, 10, 1);
        add_text(&line, ",\"found\":true,\"oracle\":\"");
        add_text(&line, hang ? "LIV\",\"property\":\"hang\"" : "SAN\",\"property\":\"crash\"");
        add_text(&line, ",\"text\":\"signal ");
        add_number(&line, (uint64_t)number, 10, 1);
        add_text(&line, "\",\"reproducer\":\"");
        add_text(&line, path.text);
        add_text(&line, "\"}\n");
    } else {
        add_text(&line, hang ? "FINDING the monitor does not come back\n" : "FINDING the monitor died of signal ");
        if (!hang) {
            add_number(&line, (uint64_t)number, 10, 1);
            add_text(&line, "\n");
        }
        add_text(&line, "  reproduce: touchstone run ");
        add_text(&line, path.text);
        add_text(&line, "\n");
    }
    write_out(STDOUT_FILENO, line.text, line.len);
    _exit(CLI_FINDING);
}

void lastwords_alive(void)
{
    const struct itimerval limit = {.it_value = {.tv_sec = LASTWORDS_HANG_SECONDS}};

    setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

void lastwords_arm(const struct lastwords *words)
{
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};

    said = words;
    sigaltstack(&stack, NULL);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        sigaction(fatal_signals[i], &action, NULL);
    lastwords_alive();
}

void lastwords_disarm(void)
{
    const struct itimerval never = {0};

    setitimer(ITIMER_VIRTUAL, &never, NULL);
    for (size_t i = 0; i < FATAL_SIGNALS; i++)
        signal(fatal_signals[i], SIG_DFL);
}
