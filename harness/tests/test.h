/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test program needs: checks that count, say where they failed and go on, and one line at the end.
 *
 * Each test is a program of its own: main() makes its checks and returns test_finish(). A failed check is a bug in
 * the code under test; test_error() is for a test that could not be carried out, which is never a pass. At the 20th
 * failed check the program stops: what follows from there is noise.
 */
#ifndef TOUCHSTONE_HARNESS_TEST_H
#define TOUCHSTONE_HARNESS_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SKIPPED 77 /* exit code: this machine lacks what the test needs */
#define TEST_MAX_FAILURES 20u

static uint64_t test_passed;
static uint64_t test_failed;

/* Print the summary line; the exit code of the program: 0 when at least one check was made and none failed. */
static inline int test_finish(void)
{
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", test_passed, test_failed);
    fflush(stdout);
    return test_failed == 0 && test_passed != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline bool test_count(bool ok)
{
    if (ok)
        test_passed++;
    else
        test_failed++;
    return ok;
}

static inline void test_stop_after_many(void)
{
    if (test_failed < TEST_MAX_FAILURES)
        return;
    fprintf(stderr, "too many failures, stopping\n");
    exit(test_finish());
}

static inline bool test_check(bool ok, const char *file, int line, const char *text)
{
    if (test_count(ok))
        return true;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
    test_stop_after_many();
    return false;
}

static inline bool test_check_eq(uint64_t a, uint64_t b, const char *file, int line, const char *at, const char *bt)
{
    if (test_count(a == b))
        return true;
    fprintf(stderr,
            "%s:%d: failed: %s == %s\n    left:  0x%" PRIx64 " (%" PRId64 ")\n    right: 0x%" PRIx64 " (%" PRId64 ")\n",
            file, line, at, bt, a, (int64_t)a, b, (int64_t)b);
    test_stop_after_many();
    return false;
}

static inline bool test_check_str(const char *a, const char *b, const char *file, int line)
{
    if (test_count(a != NULL && b != NULL && strcmp(a, b) == 0))
        return true;
    fprintf(stderr, "%s:%d: failed: texts differ\n    left:  %s\n    right: %s\n", file, line, a ? a : "(null)",
            b ? b : "(null)");
    test_stop_after_many();
    return false;
}

/* The test itself is broken, or its surroundings are: end at once, as a failure. */
_Noreturn static inline void test_error(const char *what)
{
    fprintf(stderr, "test error: %s\n", what);
    exit(EXIT_FAILURE);
}

/* Each is true when the check held, so that a test can leave out what depends on it. */
#define CHECK(cond) test_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ(a, b) test_check_eq((uint64_t)(a), (uint64_t)(b), __FILE__, __LINE__, #a, #b)
#define CHECK_STR(a, b) test_check_str((a), (b), __FILE__, __LINE__)

#endif
