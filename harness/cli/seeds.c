/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone seeds: every trace below some folders to one flat folder of binary seeds.
 *
 * A seed that is already there with the same content counts as done; one with other content is never overwritten
 * unless asked for.
 */
#include "harness/cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 4096u

/* host/boot.trace below `top` becomes <folder>/host-boot.tst. */
static bool seed_name(char *name, size_t room, const char *folder, const char *top, const char *path)
{
    size_t skip = strlen(top);
    const char *inner = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

    while (skip > 1 && top[skip - 1] == '/')
        skip--;
    if (strncmp(path, top, skip) == 0 && path[skip] == '/')
        inner = path + skip + 1;

    const char *dot = strrchr(inner, '.');
    int stem = dot != NULL ? (int)(dot - inner) : (int)strlen(inner);
    int start = snprintf(name, room, "%s/", folder);
    int length = snprintf(name, room, "%s/%.*s.tst", folder, stem, inner);

    if (length < 0 || (size_t)length >= room)
        return false;
    for (char *slash = name + start; *slash != '\0'; slash++) {
        if (*slash == '/')
            *slash = '-';
    }
    return true;
}

static bool has_content(const char *path, const uint8_t *bytes, size_t size)
{
    size_t have;
    uint8_t *old = file_read(path, TRACE_MAX_BYTES, &have);
    bool same = old != NULL && have == size && memcmp(old, bytes, size) == 0;

    free(old);
    return same;
}

static int write_seed(const char *name, const char *path, bool force)
{
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    bool exists;

    if (!trace_open(&trace, path, false))
        return CLI_USAGE;
    size_t size = trace_encode(&trace, bytes, sizeof(bytes));

    if (file_write(name, bytes, size, force, &exists))
        return CLI_CLEAN;
    if (!exists)
        return CLI_ENVIRONMENT;
    if (has_content(name, bytes, size))
        return CLI_CLEAN;
    return cli_error(CLI_USAGE, "%s: exists with other content; --force overwrites", name);
}

static int assemble_below(const char *top, const char *folder, bool force, size_t *written)
{
    struct path_list list = {0};
    char name[NAME_ROOM];
    int code = paths_add(&list, top);

    for (size_t i = 0; i < list.count; i++) {
        int one = seed_name(name, sizeof(name), folder, top, list.path[i])
                      ? write_seed(name, list.path[i], force)
                      : cli_error(CLI_ENVIRONMENT, "%s: name too long", list.path[i]);

        *written += one == CLI_CLEAN;
        code = cli_worse(code, one);
    }
    paths_free(&list);
    return code;
}

int cmd_seeds(const struct cli_command *command, int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'}, {0}};
    const char *folder = NULL;
    bool force = false;
    size_t written = 0;
    int code = CLI_CLEAN;

    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': force = true; break;
        case 'o': folder = optarg; break;
        default: return CLI_USAGE;
        }
    }
    if (folder == NULL)
        return cli_usage(command, "-o FOLDER is missing");
    if (optind == argc)
        return cli_usage(command, "no file or folder given");
    if (!folder_make(folder))
        return CLI_ENVIRONMENT;
    for (int i = optind; i < argc; i++)
        code = cli_worse(code, assemble_below(argv[i], folder, force, &written));
    printf("%zu seeds in %s\n", written, folder);
    return code;
}
