/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target without a fuzzer: gives the target each file named on the command line, and each file in each
 * directory, in order of their names. Works with any compiler and under any debugger.
 *
 *   host_abi_fuzzer [-flag=value] [--] file-or-directory...
 *
 * Flags of fuzzing engines are accepted and ignored, so that one command line fits all builds. Exit code 0: all inputs
 * ran and nothing was found. 2: wrong usage or an input that cannot be read. A finding ends the process with abort();
 * the last line on stderr then names the input.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/targets/fuzzer.h"

#define EXIT_USAGE 2
#define MAX_INPUT_BYTES (1u << 20)

static unsigned long inputs;
static bool failed;
static char running[4096 + 64]; /* line that names the input while it runs; ends with a newline */

__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void name_input(void)
{
    ssize_t ignored = write(STDERR_FILENO, running, strlen(running));
    (void)ignored;
}

static void on_abort(int number)
{
    name_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void complain(const char *path, const char *what)
{
    fprintf(stderr, "error: %s: %s\n", path, what);
    failed = true;
}

static void run_file(const char *path)
{
    static uint8_t bytes[MAX_INPUT_BYTES + 1];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        complain(path, strerror(errno));
        return;
    }
    errno = 0;
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    bool readable = !ferror(file);
    fclose(file);
    if (!readable || size > MAX_INPUT_BYTES) {
        complain(path, readable ? "larger than 1 MiB" : strerror(errno));
        return;
    }

    /* A copy of the exact size, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (copy == NULL) {
        complain(path, "out of memory");
        return;
    }
    memcpy(copy, bytes, size);
    snprintf(running, sizeof(running), "input: %.4096s\n", path);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static void run_path(const char *path);

static void run_directory(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        complain(path, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char inner[4096];
        bool hidden = names[i]->d_name[0] == '.';
        int len = snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
        if (!hidden && len > 0 && (size_t)len < sizeof(inner))
            run_path(inner);
        free(names[i]);
    }
    free(names);
}

static void run_path(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        complain(path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        run_directory(path);
    else
        run_file(path);
}

static bool is_engine_flag(const char *argument)
{
    return argument[0] == '-' && (strcmp(argument, "--") == 0 || strchr(argument, '=') != NULL);
}

int main(int argc, char **argv)
{
    int paths = 0;

    LLVMFuzzerInitialize(&argc, &argv);
    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(name_input);
    for (int i = 1; i < argc; i++) {
        if (is_engine_flag(argv[i]))
            continue;
        if (argv[i][0] == '-') {
            fprintf(stderr, "error: unknown option %s\n", argv[i]);
            return EXIT_USAGE;
        }
        run_path(argv[i]);
        paths++;
    }
    if (paths == 0) {
        fprintf(stderr, "usage: %s [-flag=value] [--] file-or-directory...\n", argv[0]);
        return EXIT_USAGE;
    }
    printf("%lu inputs, nothing found\n", inputs);
    return failed ? EXIT_USAGE : EXIT_SUCCESS;
}
