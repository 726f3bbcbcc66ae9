/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands that are Python programs of the source tree. The process becomes the program.
 */
#include "harness/cli/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 256

int script_exec(const char *script, int argc, char **argv)
{
    static char path[4096];
    static char *words[ARGUMENTS_MAX + 3];
    const char *source = source_folder();
    const char *binary = binary_folder();
    int count = 0;

    if (source == NULL)
        return CLI_ENVIRONMENT;
    if (argc > ARGUMENTS_MAX)
        return cli_error(CLI_USAGE, "more than %d arguments", ARGUMENTS_MAX);
    snprintf(path, sizeof(path), "%s/%s", source, script);
    if (access(path, R_OK) != 0)
        return cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    if (setenv("TOUCHSTONE_SOURCE", source, 1) != 0 || (binary != NULL && setenv("TOUCHSTONE_BUILD", binary, 1) != 0))
        return cli_error(CLI_ENVIRONMENT, "out of memory");

    words[count++] = (char *)"python3";
    words[count++] = path;
    for (int i = 1; i < argc; i++)
        words[count++] = argv[i];
    words[count] = NULL;
    fflush(stdout);
    execvp("python3", words);
    if (errno == ENOENT)
        return cli_error(CLI_TOOL, "python3 not found: install the Debian package python3");
    return cli_error(CLI_ENVIRONMENT, "python3: %s", strerror(errno));
}
