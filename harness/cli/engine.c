/* SPDX-License-Identifier: Apache-2.0 */
/* firmware_replay in the place of this process, and `touchstone differential`, which is nothing else; see engine.h. */
#include "harness/cli/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int engine_exec(const char *subcommand, int count, char **words)
{
    static char path[4096];
    const char *folder = binary_folder();
    char **line = calloc((size_t)count + 3, sizeof(*line));

    if (line == NULL)
        return cli_error(CLI_ENVIRONMENT, "out of memory");
    snprintf(path, sizeof(path), "%.4000s/firmware_replay", folder != NULL ? folder : ".");
    line[0] = path;
    line[1] = (char *)subcommand;
    memcpy(line + 2, words, (size_t)count * sizeof(*line));
    fflush(stdout);
    execv(path, line);
    int reason = errno;
    free(line);
    if (reason == ENOENT)
        return cli_error(CLI_TOOL, "this build has no firmware_replay: install the Debian package libunicorn-dev and "
                                   "build with the host-release preset");
    return cli_error(CLI_ENVIRONMENT, "%s: %s", path, strerror(reason));
}

int cmd_differential(const struct cli_command *command, int argc, char **argv)
{
    (void)command;
    return engine_exec("differential", argc - 1, argv + 1);
}
