/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: finding traces, reading with a limit, writing without ever leaving half a file or destroying one.
 */
#include "harness/cli/cli.h"
#include "harness/trace/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096u
#define FOLDER_DEPTH 32 /* deeper nesting is a loop or a mistake */

static int add_one(struct path_list *list, const char *path)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        char **grown = realloc(list->path, room * sizeof(*grown));

        if (grown == NULL)
            return cli_error(CLI_ENVIRONMENT, "%s: out of memory", path);
        list->path = grown;
        list->room = room;
    }
    list->path[list->count] = strdup(path);
    if (list->path[list->count] == NULL)
        return cli_error(CLI_ENVIRONMENT, "%s: out of memory", path);
    list->count++;
    return CLI_CLEAN;
}

static bool is_trace_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return *name != '.' && dot != NULL && (strcmp(dot, ".trace") == 0 || strcmp(dot, ".tst") == 0);
}

/* Byte order, whatever the locale is: results must not depend on it. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct path_list *list, const char *folder, int depth)
{
    struct dirent **names = NULL;
    int code = CLI_CLEAN;
    int count = scandir(folder, &names, NULL, by_name);

    if (count < 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        char path[PATH_ROOM];
        struct stat info;
        int length = snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);

        if (length > 0 && (size_t)length < sizeof(path) && names[i]->d_name[0] != '.' && stat(path, &info) == 0) {
            if (S_ISDIR(info.st_mode) && depth < FOLDER_DEPTH)
                code = cli_worse(code, add_folder(list, path, depth + 1));
            else if (S_ISREG(info.st_mode) && is_trace_name(names[i]->d_name))
                code = cli_worse(code, add_one(list, path));
        }
        free(names[i]);
    }
    free(names);
    return code;
}

int paths_add(struct path_list *list, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return cli_error(CLI_USAGE, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return add_one(list, path);

    char folder[PATH_ROOM];
    int length = snprintf(folder, sizeof(folder), "%s", path);

    if (length < 0 || (size_t)length >= sizeof(folder))
        return cli_error(CLI_USAGE, "%s: %s", path, strerror(ENAMETOOLONG));
    while (length > 1 && folder[length - 1] == '/')
        folder[--length] = '\0';
    return add_folder(list, folder, 0);
}

void paths_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct path_list){0};
}

bool file_is_plain(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return cli_error(0, "%s: %s", path, strerror(errno)), false;
    if (S_ISREG(info.st_mode))
        return true;
    return cli_error(0, "%s: is no file", path), false;
}

uint8_t *file_read(const char *path, size_t max, size_t *size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *bytes = NULL;

    if (in == NULL) {
        cli_error(CLI_USAGE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    bytes = malloc(max + 1);
    if (bytes == NULL) {
        cli_error(CLI_ENVIRONMENT, "%s: out of memory", path);
    } else {
        *size = fread(bytes, 1, max + 1, in);
        if (ferror(in))
            cli_error(CLI_USAGE, "%s: %s", path, strerror(errno));
        else if (*size > max)
            cli_error(CLI_USAGE, "%s: offset %zu: larger than %zu bytes, the most that is possible", path, max, max);
        if (ferror(in) || *size > max) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(in);
    return bytes;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        size -= (size_t)done;
    }
    return true;
}

bool file_write(const char *path, const void *data, size_t size, bool force, bool *exists)
{
    char part[PATH_ROOM];
    int length = snprintf(part, sizeof(part), "%s.part-%ld", path, (long)getpid());

    *exists = false;
    if (length < 0 || (size_t)length >= sizeof(part)) {
        cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(ENAMETOOLONG));
        return false;
    }
    if (!force && access(path, F_OK) == 0) {
        *exists = true;
        return false;
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0) {
        cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
        return false;
    }
    bool good = write_all(fd, data, size);

    if (close(fd) != 0)
        good = false;
    /* link refuses an existing name, so two processes cannot overwrite each other; rename would. */
    if (good && force)
        good = rename(part, path) == 0;
    else if (good && link(part, path) != 0) {
        *exists = errno == EEXIST;
        good = false;
    }
    int reason = errno;

    unlink(part);
    if (!good && !*exists)
        cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(reason));
    return good;
}

bool folder_make(const char *path)
{
    char prefix[PATH_ROOM];
    int length = snprintf(prefix, sizeof(prefix), "%s", path);
    struct stat info;

    if (length <= 0 || (size_t)length >= sizeof(prefix)) {
        cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(ENAMETOOLONG));
        return false;
    }
    for (char *slash = prefix + 1;; slash++) {
        char kept = *slash;

        if (kept != '/' && kept != '\0')
            continue;
        *slash = '\0';
        if (mkdir(prefix, 0777) != 0 && (errno != EEXIST || stat(prefix, &info) != 0 || !S_ISDIR(info.st_mode))) {
            cli_error(CLI_ENVIRONMENT, "%s: %s", prefix, strerror(errno == EEXIST ? ENOTDIR : errno));
            return false;
        }
        *slash = kept;
        if (kept == '\0')
            return true;
    }
}

const char *binary_path(void)
{
    static char path[PATH_ROOM];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length <= 0)
        return NULL;
    path[length] = '\0';
    return path;
}

const char *binary_folder(void)
{
    static char folder[PATH_ROOM];
    const char *path = binary_path();

    if (path == NULL)
        return NULL;
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');

    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return folder;
}

static bool is_source_tree(const char *folder)
{
    char probe[PATH_ROOM + 32];

    snprintf(probe, sizeof(probe), "%s/monitor/abi/calls.def", folder);
    return access(probe, R_OK) == 0;
}

const char *source_folder(void)
{
    const char *chosen = getenv("TOUCHSTONE_SOURCE");

    if (chosen != NULL && *chosen != '\0') {
        if (is_source_tree(chosen))
            return chosen;
        cli_error(CLI_ENVIRONMENT, "%s: TOUCHSTONE_SOURCE is not a source tree of touchstone", chosen);
        return NULL;
    }
#ifdef TOUCHSTONE_SOURCE_DIR
    if (is_source_tree(TOUCHSTONE_SOURCE_DIR))
        return TOUCHSTONE_SOURCE_DIR;
#endif
    /* Builds live below the tree they were made from, unless somebody chose otherwise. */
    static char above[PATH_ROOM];
    const char *start = binary_folder();

    snprintf(above, sizeof(above), "%s", start ? start : "");
    for (char *slash = strrchr(above, '/'); slash != NULL; slash = strrchr(above, '/')) {
        if (is_source_tree(above))
            return above;
        *slash = '\0';
    }
    cli_error(CLI_ENVIRONMENT, "source tree not found: set TOUCHSTONE_SOURCE");
    return NULL;
}

/* Decode as the fuzz targets do, unless the file is text. */
static bool decode_any(struct trace *t, const char *path, bool *done)
{
    size_t size;
    uint8_t *bytes = file_read(path, TRACE_MAX_BYTES, &size);

    if (bytes == NULL)
        return false;
    *done = !trace_looks_like_text(bytes, size);
    if (*done)
        trace_decode(t, bytes, size);
    free(bytes);
    return true;
}

/* Mistakes in a text have a line, those in a binary file an offset. */
static const char *unit_of(const char *path)
{
    uint8_t start[4096];
    FILE *in = fopen(path, "rb");
    size_t size = in != NULL ? fread(start, 1, sizeof(start), in) : 0;

    if (in != NULL)
        fclose(in);
    return trace_looks_like_text(start, size) ? "line" : "offset";
}

bool trace_open(struct trace *t, const char *path, bool any)
{
    struct trace_error error = {0};
    struct stat info;
    bool done = false;

    if (stat(path, &info) != 0) {
        cli_error(CLI_USAGE, "%s: %s", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(info.st_mode)) {
        cli_error(CLI_USAGE, "%s: is a folder, not a trace", path);
        return false;
    }
    if (any && (size_t)info.st_size <= TRACE_MAX_BYTES && !decode_any(t, path, &done))
        return false;
    if (done || trace_load(t, path, &error))
        return true;
    cli_error(CLI_USAGE, "%s: %s %zu: %s", path, unit_of(path), error.offset, error.text);
    return false;
}
