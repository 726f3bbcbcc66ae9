/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware_replay: traces on the host library and on the firmware at once. `touchstone run --engine unicorn` and
 * `touchstone differential` hand over to it.
 */
#include "emulation/firmware/tool.h"

#include <string.h>

static const struct cli_command commands[] = {
    {"run", "[options] PATH...", "replay traces on the host library and on the firmware under Unicorn",
     "Runs each trace on two machines, one with the monitor that is linked into this program, one with the linked\n"
     "firmware executed by Unicorn, and compares after each operation what was seen and all state. Folders are\n"
     "searched for *.trace and *.tst. Expectations are ignored: touchstone run checks them.\n\n"
     "  -v, --verbose     print each trace that is equal, too\n"
     "  --firmware FOLDER where fw_machine_*.elf are (default build/firmware of the source tree)\n"
     "  --first           stop at the first trace that differs\n"
     "  --any             take binary files as the fuzz targets do: any bytes are a trace\n"
     "  --json            one JSON object on standard output\n"
     "  --miscompile WHAT make a mistake in the image first: shift, sign, truncate or skip, and where: "
     "sign@gstage_map_page#1\n",
     replay_run},
    {"differential", "[options]", "generated traces on the host library and on the firmware under Unicorn",
     "Runs seeds, and mutations of them, as run does. The same --seed gives the same traces everywhere. A trace that\n"
     "differs is written in binary and in text.\n\n"
     "  --traces N        traces to generate, beside the seeds (default 1000)\n"
     "  --seed S          of all choices (default 1)\n"
     "  --seeds PATH      traces to start from (default: corpora of the source tree)\n"
     "  --firmware FOLDER where fw_machine_*.elf are (default build/firmware of the source tree)\n"
     "  --findings FOLDER where traces that differ go (default findings)\n"
     "  --json            one JSON object on standard output\n"
     "  --miscompile WHAT make a mistake in the image first: shift, sign, truncate or skip, and where: "
     "sign@gstage_map_page#1\n",
     replay_differential},
};

int main(int argc, char **argv)
{
    const size_t count = sizeof(commands) / sizeof(commands[0]);

    for (size_t i = 0; argc > 1 && i < count; i++) {
        const struct cli_command *command = &commands[i];
        if (strcmp(argv[1], command->name) != 0)
            continue;
        if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
            return cli_help(command);
        return command->run(command, argc - 1, argv + 1);
    }
    fprintf(stderr, "usage: firmware_replay run|differential [--help] ...\n");
    return CLI_USAGE;
}
