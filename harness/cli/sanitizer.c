/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sanitizer said about a process that died, in words that are the same for gcc and both clangs: the kind of the error
 * and the file of the monitor that it happened in. Function names and lines are left alone: inlining moves them.
 */
#include "harness/cli/judge.h"

#include <string.h>

/* Phrases of UndefinedBehaviorSanitizer, most telling first. */
static const struct {
    const char *phrase, *kind;
} undefined[] = {
    {"out of bounds", "ub-bounds"},      {"shift exponent", "ub-shift"},      {"left shift", "ub-shift"},
    {"integer overflow", "ub-overflow"}, {"misaligned", "ub-alignment"},      {"null pointer", "ub-null"},
    {"division by zero", "ub-division"}, {"insufficient space", "ub-object"}, {"not a valid value", "ub-value"},
    {"outside the range", "ub-range"},   {"unreachable", "ub-unreachable"},   {"pointer index", "ub-pointer"},
    {"applying", "ub-pointer"},
};

static void copy_word(char *out, size_t max, const char *text, const char *end_of_word)
{
    size_t len = strcspn(text, end_of_word);

    snprintf(out, max, "%.*s", (int)(len < max ? len : max - 1), text);
}

static bool starts_path(const char *log, const char *at)
{
    return at == log || strchr("/ (\n\t", at[-1]) != NULL;
}

/* First "monitor/....c" or ".h" after `from`. */
static void first_file(const char *log, const char *from, char *site, size_t max)
{
    for (const char *at = from; (at = strstr(at, "monitor/")) != NULL; at++) {
        size_t len = strcspn(at, " :)\n");

        if (len > 2 && at[len - 2] == '.' && starts_path(log, at)) {
            copy_word(site, max, at, " :)\n");
            return;
        }
    }
}

/* The line that `at` is in, for messages that name the place before the error. */
static const char *line_start(const char *log, const char *at)
{
    while (at > log && at[-1] != '\n')
        at--;
    return at;
}

bool sanitizer_says(const char *log, char *kind, size_t kind_size, char *site, size_t site_size)
{
    static const char runtime[] = "runtime error: ";
    static const char sanitizer[] = "Sanitizer: ";
    const char *said = strstr(log, runtime);

    *kind = *site = '\0';
    if (said != NULL) {
        const char *text = said + sizeof(runtime) - 1;
        const char *end = text + strcspn(text, "\n");

        snprintf(kind, kind_size, "ub");
        for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
            const char *phrase = strstr(text, undefined[i].phrase);
            if (phrase != NULL && phrase < end) {
                snprintf(kind, kind_size, "%s", undefined[i].kind);
                break;
            }
        }
        first_file(log, line_start(log, said), site, site_size);
        return true;
    }
    for (said = log; (said = strstr(said, sanitizer)) != NULL; said++) {
        const char *line = line_start(log, said);

        if (strstr(line, "ERROR: ") == NULL && strstr(line, "WARNING: ") == NULL)
            continue;
        /* "SEGV on unknown address", "heap-buffer-overflow on address", "use-of-uninitialized-value" */
        copy_word(kind, kind_size, said + sizeof(sanitizer) - 1, " :\n(");
        first_file(log, said, site, site_size);
        return true;
    }
    return false;
}
