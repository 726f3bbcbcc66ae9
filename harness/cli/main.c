/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `touchstone`: one command for people and scripts that work with traces, oracles and planted bugs.
 *
 * The table below is all there is; each subcommand lives in the file of its name.
 */
#include "harness/cli/cli.h"
#include "harness/cli/judge.h"

#include <string.h>

static const struct cli_command commands[] = {
    {"run", "[-v] [--oracles LIST] [--engine NAME] [--any] [--json] PATH...", "replay traces, check every step, twice",
     "Replays each trace with the expectations written in it, then again in the same world after a reset, side by "
     "side\n"
     "with a second world. All runs must agree step by step and end in the same state. Folders are searched for "
     "*.trace\n"
     "and *.tst.\n\n"
     "  -v, --verbose     print each step and what came of it\n"
     "  --oracles LIST    own,liv,ord,ref,ni,att or all (default) or none\n"
     "  --engine NAME     host (default), or unicorn: on the host library and on the firmware at once, step by step;\n"
     "                    or qemu: on the firmware booted in QEMU, compared with what the trace says\n"
     "                    (its options: --engine qemu --help), and with --all-engines on all three\n"
     "  --any             take binary files as the fuzz targets do: any bytes are a trace, expectations are ignored\n"
     "  --json            one JSON object on standard output\n",
     cmd_run},
    {"differential", "[options]", "generated traces on the host library and on the firmware, step by step",
     "Runs seeds, and mutations of them, on the monitor that is linked in and on the firmware under Unicorn. Both\n"
     "agree after each operation in what was seen and in the whole state. The same --seed gives the same traces\n"
     "everywhere. Needs the firmware images: cmake --build --preset firmware --target fw_machines\n\n"
     "  --traces N        traces to generate, beside the seeds (default 1000)\n"
     "  --seed S          of all choices (default 1)\n"
     "  --seeds PATH      traces to start from (default: corpora of the source tree)\n"
     "  --firmware FOLDER where fw_machine_*.elf are (default build/firmware of the source tree)\n"
     "  --findings FOLDER where traces that differ go (default findings)\n"
     "  --json            one JSON object on standard output\n",
     cmd_differential},
    {"print", "[--any] [--json] FILE...", "binary or text trace to readable text",
     "  --any             take binary files as the fuzz targets do: any bytes are a trace\n"
     "  --json            one JSON object on standard output: machine, operations with arguments, expectations, "
     "schedule\n",
     cmd_print},
    {"asm", "[--force] FILE -o FILE", "readable text to binary trace",
     "  -o FILE           where to write; an existing file is not overwritten\n"
     "  --force           overwrite\n",
     cmd_asm},
    {"to-c", "[--build] [--force] [--any] FILE [-o FILE.c]", "trace to a program in C that fails in the same way",
     "The program links the monitor and the harness as libraries; its header says how to compile it. Without -o it "
     "goes to\n"
     "standard output.\n\n"
     "  -o FILE.c         where to write; an existing file is not overwritten\n"
     "  --force           overwrite\n"
     "  --build           compile it too, with $CC if that is set, to the same name without .c\n"
     "  --any             take a binary file as the fuzz targets do: any bytes are a trace, expectations are left "
     "out\n",
     cmd_to_c},
    {"check", "[--json] FILE...", "is it a well-formed trace? says what is wrong and where",
     "  --json            one JSON object on standard output\n", cmd_check},
    {"upgrade", "[--force] FILE -o FILE", "trace of any known version to the canonical form of today",
     "Also takes binary files that check refuses, if magic and version are right, and says what was wrong with them.\n"
     "Decisions of the scheduler behind the records, from before the format had a place for them, become a schedule.\n"
     "Writes text when the name ends in .trace, binary otherwise.\n\n"
     "  -o FILE           where to write; an existing file is not overwritten\n"
     "  --force           overwrite\n",
     cmd_upgrade},
    {"seeds", "[--force] PATH... -o FOLDER", "assemble all traces below a folder into binary seeds",
     "Names of subfolders become part of the name: host/boot.trace becomes host-boot.tst.\n\n"
     "  -o FOLDER         where to write; existing files with other content are not overwritten\n"
     "  --force           overwrite\n",
     cmd_seeds},
    {"corpus", "add|merge|stats|check [options] [PATH...]", "care for collections of traces",
     "  add --about TEXT [--to FOLDER] [--name NAME] FILE...\n"
     "                    make seeds of traces: each is replayed, and what it does becomes what it expects. A trace "
     "that\n"
     "                    shows a finding, or does the same as one that is there, is not added\n"
     "  merge PATH... -o FOLDER\n"
     "                    copy as few of the traces as reach what all of them do\n"
     "  stats [--json] [PATH...]\n"
     "                    how many, how large, and how often which call and operation occurs\n"
     "  check [--json] [FOLDER]\n"
     "                    names, comments, way through text and binary, expectations, duplicates, and the limits of "
     "the\n"
     "                    repository: 400 files, 2 MiB\n\n"
     "  --to FOLDER       where seeds go (default: corpora/seeds of the source tree)\n"
     "  --name NAME       of the seed (default: the name of the file)\n"
     "  --about TEXT      the comment that the seed begins with: what it shows\n"
     "  -o FOLDER         where copies go; nothing is overwritten\n"
     "  --json            one JSON object on standard output\n"
     "PATH and FOLDER are corpora of the source tree when they are left out.\n",
     cmd_corpus},
    {"dict", "", "dictionary for fuzzers, from the ABI table", "", cmd_dict},
    {"record", "[--force] LOG -o FILE", "log of the QEMU payload to a trace",
     "  -o FILE           where to write; an existing file is not overwritten\n"
     "  --force           overwrite\n",
     cmd_record},
    {"hunt", "[options]", "look for a broken promise by mutation, in this process",
     "Mutates seeds, keeps what reaches a new combination of call, outcome and abstract state, and stops at the first\n"
     "finding, which is shortened and gets a folder in findings/. The same --seed and --execs give the same run "
     "everywhere.\n\n"
     "  --seconds N       stop after N seconds of processor time (default 60, or none with --execs)\n"
     "  --execs N         stop after N traces\n"
     "  --seed S          of the random choices (default 1)\n"
     "  --seeds PATH      traces to start from (default: corpora of the source tree)\n"
     "  --corpus FOLDER   read more traces from there, and write each new interesting one there at once\n"
     "  --findings FOLDER where findings go (default findings); nothing is overwritten\n"
     "  --no-min          do not shorten the finding\n"
     "  --oracles LIST    own,liv,ord,ref,ni,att or all (default)\n"
     "  --json            one JSON object on standard output\n",
     cmd_hunt},
    {"interleave", "[options]", "harts that overlap inside the monitor, in orders that a seed decides",
     "Makes traces for several harts out of the seeds, gives each hart its operations as a program of its own and "
     "runs\n"
     "them under a scheduler that may change harts at every primitive of the monitor. The same --seed gives the same\n"
     "run everywhere. Expectations are ignored. Stops at the first finding, which is written as a\n"
     "trace with its schedule: touchstone run replays it.\n\n"
     "  --harts N         2 to 8 (default 4)\n"
     "  --steps N         decisions of the scheduler after which no new round begins (default 1000000)\n"
     "  --seed S          of all choices (default 1; with --trace that of its schedule, if it has one)\n"
     "  --rounds N        this many rounds, whatever they take\n"
     "  --skip N          begin with round N: what ends the process names it as its execution\n"
     "  --trace FILE      run this trace instead; round n of it has the decisions of seed S + n\n"
     "  --decisions FILE  decisions of every round from bytes first: below 128 the hart goes on, else any\n"
     "  --seeds PATH      traces to compose from (default: corpora of the source tree)\n"
     "  --findings FOLDER where findings go (default findings)\n"
     "  --no-min          do not shorten the finding\n"
     "  --threads         harts are threads, for ThreadSanitizer (preset host-tsan): in no order, --rounds of them\n"
     "  --json            one JSON object on standard output\n",
     cmd_interleave},
    {"min", "[--force] [--oracles LIST] FILE -o FILE", "shorten a finding as long as it stays the same finding",
     "Drops agents, harts, TVMs and operations, and makes arguments plain, while oracle, property, call and site of "
     "the\n"
     "finding stay. Each trial runs in a process that may die, so crashes and hangs are shortened as well. Writes text "
     "when\n"
     "the name ends in .trace, binary otherwise. Of harts that overlap the schedule is shortened as well. After Ctrl-C "
     "what was\n"
     "reached until then is written.\n\n"
     "  -o FILE           where to write; an existing file is not overwritten\n"
     "  --force           overwrite\n"
     "  --oracles LIST    own,liv,ord,ref,ni,att or all (default)\n"
     "  --any             take binary files as the fuzz targets do: any bytes are a trace\n"
     "  --execs N         stop after N executions\n",
     cmd_min},
    {"triage", "[options] PATH...", "many inputs that fuzzers kept, sorted into few findings",
     "Judges each input in a process of its own, and makes or updates a folder of findings for each different one: "
     "oracle,\n"
     "property, call and site are its identity. Folders are searched for files of any name. An input that was seen "
     "before\n"
     "changes nothing; another one that shows the same adds to the count.\n\n"
     "  --findings FOLDER where findings are kept (default findings)\n"
     "  --engine NAME     who found the inputs\n"
     "  --target NAME     fuzz target that they are for\n"
     "  --program FILE    that target, when its inputs are not whole traces: what it prints is taken\n"
     "  --command TEXT    command line that found them\n"
     "  --execs N         of the minimiser, per finding\n"
     "  --no-min          do not shorten\n"
     "  --json            one JSON object on standard output\n"
     "  --last-words N    for a hunt that died at its N-th execution: speak in its name\n",
     cmd_triage},
    {"bisect", "[options] --good COMMIT ID", "which commit brought a finding in",
     "Drives git bisect in a work tree of its own: builds each commit there and runs the short form of the finding on "
     "it. A\n"
     "commit is bad when it shows the same oracle, property and call; one that cannot be built is skipped.\n\n"
     "  --good COMMIT     one that does not show it\n"
     "  --bad COMMIT      one that does (default HEAD)\n"
     "  --findings FOLDER where findings are kept (default findings)\n"
     "exit code 0: the commit is named; 7: it cannot be told.\n",
     cmd_bisect},
    {"explain", "[--html FILE] FINDING|TRACE", "the story of a finding: who did what, and which promise broke",
     "Step by step: what was done, what the monitor answered, what the model of the interface expected, and what "
     "changed:\n"
     "owners of frames, entries of page tables, TVMs, PMP, translation caches, registers. A name with .trace or .tst "
     "is a\n"
     "file, any other the id of a finding or a part of it.\n\n"
     "  --html FILE       write a page too, with pictures of the owners of frames before and after each step\n"
     "  --force           overwrite it\n"
     "  --findings FOLDER where findings are kept (default findings)\n",
     cmd_explain},
    {"verify-fix", "[--findings FOLDER] [--json] ID...", "does a finding still show on this build?",
     "Runs all kept inputs of a finding again and says: fixed, still there, or another finding. The history in its "
     "bug.json\n"
     "grows by that. ID is the name of its folder, or a part of it.\n\n"
     "  --findings FOLDER where findings are kept (default findings)\n"
     "  --json            a JSON object per finding on standard output\n"
     "exit code 0: all are fixed; 5: one is not.\n",
     cmd_verify_fix},
    {"matrix", "[--missing] [--json] PATH...", "which outcomes, exits and changes of state the traces reach",
     "Replays each trace once and marks off the cells of harness/cli/matrix_cells.def. Exit code 1 when a wanted cell "
     "was\n"
     "not reached by enough files, when one that is marked unreachable was reached, or when something was seen that "
     "the\n"
     "table does not list.\n\n"
     "  --missing         print only what is wrong\n"
     "  --json            one JSON object on standard output: the fragment for the report\n",
     cmd_matrix},
    {"model", "[--json] PATH...", "which rules of the interface the traces would miss if they were others",
     "Turns each rule of the reference model around, one at a time, and replays the traces until the model disagrees "
     "with\n"
     "the monitor. Exit code 1 when a rule goes unnoticed.\n\n"
     "  --json            one JSON object on standard output: the fragment for the report\n",
     cmd_model},
    {"bench", "[options]", "calls and traces per processor second, and what each oracle costs",
     "  --seconds N       about how long to measure altogether (default 10)\n"
     "  --seeds PATH      traces to measure with (default: corpora of the source tree)\n"
     "  --set NAME        only this set: short, wide, seeds or mixed\n"
     "  --oracles LIST    with --set: these oracles (default all)\n"
     "  --rounds N        with --set: this often through the set instead of for a time\n"
     "  --json FILE       also write the numbers to FILE\n",
     cmd_bench},
    {"plants", "[options]", "plant bugs in the monitor and see whether the harness catches them",
     "Builds the monitor with each patch of harness/plants beside the real one and lets the harness loose on it.\n\n"
     "  --list            what there is\n"
     "  --only ID         only this plant (may be repeated)\n"
     "  --patch FILE      a patch from anywhere, with or without a canary (may be repeated)\n"
     "  --seconds N       budget of processor time per plant (default 60)\n"
     "  --jobs N          plants at a time (default 2)\n"
     "  --binary          judge the built firmware alone, by the replay of the switch; without --only: all register "
     "plants\n"
     "  --blind           ignore what seeds expect: they are inputs, only oracles judge\n"
     "  --control         replay the witness of every plant on the clean monitor: all must be silent\n"
     "  --witness FOLDER  write a shortened witness of each detected plant there\n"
     "  --reproduce       what is found of each plant, made short, compared with its witness, and shown again 20 times "
     "as\n"
     "                    text, binary and C\n"
     "  --record FILE     with --reproduce: a line per plant; what FILE has of this commit is not measured again\n"
     "  --build           only build, and print where the planted `touchstone` is\n"
     "  --variant NAME    of the build: plain (default), san, fine or init (may be repeated)\n"
     "  --json            one JSON object on standard output\n"
     "  --output FILE     write that JSON object to FILE as well; with --binary, a table for the report\n",
     cmd_plants},
    {"scoreboard", "[options]", "which engine finds which planted bug; what each oracle and generator is worth",
     "Runs libFuzzer, AFL++, the hunt and the interleaver on each planted build, from the same seeds, and keeps the "
     "figures "
     "run by\n"
     "run; a second start does what is missing. At the end README.md and scoreboard.json are made from all figures.\n\n"
     "  --set NAME        only engines, oracles or generators (may be repeated)\n"
     "  --only ID         only this plant (may be repeated)\n"
     "  --patch FILE      a patch from anywhere (may be repeated)\n"
     "  --engine NAME     only libfuzzer, afl, hunt, interleave, faults or switch (may be repeated)\n"
     "  --setting NAME    only this line of a table: without-own, san+liv, handles+state ... (may be repeated)\n"
     "  --seeds N         runs of each plant and engine (default 3)\n"
     "  --limit N         no run longer than N seconds of processor time, whatever the budget of its plant is\n"
     "  --jobs N          plants at a time (default 1)\n"
     "  --data FOLDER     where the figures are (default reports/scoreboard)\n"
     "  --findings FOLDER for inputs that the clean monitor is accused with as well (default findings)\n"
     "  --commit NAME     make the tables of this commit's figures (default: the newest of each plant)\n"
     "  --render          only make the tables again\n",
     cmd_scoreboard},
    {"switch", "[--mutants | --csrs] [options]", "replay trap entry and world switch of the linked firmware on Unicorn",
     "Random states of host and guest over every way between them; every register, CSR and store is judged.\n\n"
     "  --runs N          steps of the random walk (default 20000)\n"
     "  --pairs N         pairs of runs that differ in secrets only (default 10000)\n"
     "  --seed S          where random states come from (default 1)\n"
     "  --slow            also on the untouched text, with Unicorn's own CSRs compared\n"
     "  --json FILE       the matrix, for the report\n"
     "  --mutants         make every mistake of one instruction in the assembly once: each must be detected\n"
     "  --csrs            whose is each of the 4096 CSR numbers, and the state of each extension\n"
     "  --output FILE     with these two: the table, for the report\n"
     "  --firmware FILE   another image than build/firmware/fw.elf\n",
     cmd_switch},
    {"image", "[--payload FILE] [--output DIR]", "build the firmware as fw_dynamic, fw_jump and fw_payload",
     "Builds each format as ELF and as flat binary through the firmware preset, and writes SHA256SUMS beside them.\n\n"
     "  --payload FILE    next stage inside of fw_payload, linked for 0x80200000 (default: the QEMU payload)\n"
     "  --jump-address A  where fw_jump enters the next stage (default 0x80200000)\n"
     "  --output DIR      where the files go (default build/images)\n",
     cmd_image},
    {"attacks", "[--disarm] [--only WORD] [--qemu COMMAND] [options]",
     "attack the firmware in QEMU, one boot per attack",
     "Boots build/firmware/fw.elf with each payload of emulation/qemu/attacks and tells whether it was blocked on "
     "every\n"
     "hart. Build the firmware preset first; ci/attacks does that, and takes a second QEMU where it can be had.\n\n"
     "  --disarm          each attack on a firmware without the defence that stops it: all must succeed\n"
     "  --only WORD       attacks with WORD in their name or in that of their patch (may be repeated)\n"
     "  --qemu COMMAND    emulator, with its arguments if it needs any (may be repeated)\n"
     "  --list            what each attack does, what stops it, and without what it succeeds\n"
     "  --jobs N          boots at once\n"
     "  --seconds N       time limit of one boot (default 60)\n"
     "  --build DIR       build of the firmware preset (default build/firmware)\n"
     "  --output DIR      for consoles (default build/results/attacks)\n"
     "  --json FILE       result for the report\n",
     cmd_attacks},
    {"linux", "[--harts N] [--qemu PROGRAM] [options]", "boot Debian's kernel on the firmware in QEMU",
     "Downloads Debian's riscv64 kernel and busybox, verified by the archive's signed lists and kept in the cache,\n"
     "boots them on the firmware with 1, 2 and 4 harts and with idle states, loads KVM, and judges the console.\n\n"
     "  --harts N         only with N harts, 1 to 8 (may be repeated)\n"
     "  --qemu PROGRAM    emulator (default qemu-system-riscv64)\n"
     "  --firmware FILE   image (default build/firmware/fw_dynamic.elf)\n"
     "  --suite SUITE     Debian suite (default trixie)\n"
     "  --fallback SUITE  another one, when that cannot be had (default forky)\n"
     "  --no-fallback     that suite or none\n"
     "  --no-idle         leave out the boots with idle states\n"
     "  --refresh         download again\n"
     "  --fetch           only fill the cache and print digests\n"
     "  --seconds N       time limit of one boot (default 180)\n"
     "  --output DIR      for consoles (default build/results/linux)\n"
     "  --json FILE       result for the report\n"
     "Exit code 77: skipped, the packages cannot be had and are not in the cache.\n",
     cmd_linux},
    {"symbolic", "[--leaks] [--json FILE] [FIRMWARE]", "prove the firmware's world switch for all register values",
     "Executes trap entry, world switch and return of the linked image with formulas for values, along every path,\n"
     "and lets z3 prove what is promised of each register, CSR and store. Exit code 5: a promise does not hold.\n\n"
     "  --leaks           prove images with seeded leaks instead: each has to be refuted, else exit code 7\n"
     "  --json FILE       result for the report\n",
     cmd_symbolic},
    {"man", "", "this command's manual page: touchstone man | man -l -", "", cmd_man},
    {"completion", "bash|zsh", "completions for a shell: source <(touchstone completion bash)", "", cmd_completion},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct cli_command *cli_commands(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

static int help(FILE *out)
{
    cli_overview(out);
    return out == stdout ? CLI_CLEAN : CLI_USAGE;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (argc == 3 && strcmp(argv[1], JUDGE_WORD) == 0)
        return judge_serve(argv[2]); /* a child of another command */
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct cli_command *command = &commands[i];

        if (strcmp(argv[1], command->name) != 0)
            continue;
        if (wants_help(argc - 1, argv + 1))
            return cli_help(command);
        int code = command->run(command, argc - 1, argv + 1);

        /* A full disk or a closed pipe must not look like success. */
        if (fflush(stdout) != 0 || ferror(stdout))
            code = cli_worse(code, cli_error(CLI_ENVIRONMENT, "cannot write to standard output"));
        return code;
    }
    cli_error(CLI_USAGE, "no command '%s'; see touchstone --help", argv[1]);
    return CLI_USAGE;
}
