/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_replay: replays trap entry, monitor and world switch of the linked firmware from random states of host and
 * guest, and says for each register, CSR and store whether it was right. What it checks is in README.md.
 *
 * Exit code 0: nothing found; 5: violations; 4: the replay could not run (one line says why); 2: wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emulation/unicorn/harts.h"
#include "emulation/unicorn/mutants.h"
#include "emulation/unicorn/mutate.h"
#include "emulation/unicorn/replay.h"
#include "emulation/unicorn/report.h"
#include "emulation/unicorn/residue.h"

enum { EXIT_CLEAN = 0, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 4, EXIT_VIOLATION = 5 };

#define DEFAULT_RUNS 20000u
#define DEFAULT_PAIRS 10000u
#define BENCH_RUNS 100000u
#define BENCH_PAIRS 50000u
#define SLICE_PAIRS (16u * EPOCH_PAIRS) /* are timed together */
#define SLOW_STEPS 500u
#define HART_LIVES 200u
#define FATAL_TRAPS 200u
#define TWO_GUESTS 8u
#define RESIDUE_ROUNDS 480u /* twenty times each way out */
#define WATCHDOG_MILLISECONDS 3000u
#define MUTANT_MILLISECONDS 300u /* a boot takes ten */
#define MAX_MUTATIONS 16u

struct options {
    const char *firmware;
    uint64_t runs, pairs, seed;
    bool slow, bench, mutants;
    const char *json;
    struct {
        const char *kind, *argument;
    } mutation[MAX_MUTATIONS];
    unsigned mutations;
};

static const char usage[] =
    "usage: switch_replay [--elf] FIRMWARE.elf [options]\n"
    "\n"
    "  --runs N      steps of the random walk over all switches (default 20000)\n"
    "  --pairs N     pairs of runs that differ in secrets only (default 10000)\n"
    "  --seed S      where random states come from (default 1)\n"
    "  --slow        also replay the untouched text, with Unicorn's own CSRs compared, and require equal outcomes\n"
    "  --bench       longer, to measure: 100000 steps and 50000 pairs\n"
    "  --json FILE   write the result for the report\n"
    "\n"
    "Break the loaded copy of the firmware first, to see that it is noticed:\n"
    "  --drop-csr NAME   --drop-fld N   --drop-fsd N   --swap-fp   --drop-ld N   --drop-sd N\n"
    "  --drop-fence sfence.vma|hfence.gvma|hfence.vvma   --drop-sc   --drop-wipe   --leak-fcsr\n"
    "  --return SYMBOL   --nop ADDRESS|SYMBOL[+OFFSET]\n"
    "  --swap \"ADDRESS ADDRESS\"   --mutants: many of them, a line each on the standard input (see mutants.py)\n"
    "\n"
    "Exit code: 0 clean, 5 violations, 4 cannot run, 2 wrong usage.\n";

static int bad_usage(const char *what)
{
    fprintf(stderr, "switch_replay: %s; see --help\n", what);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return *end == 0 && errno == 0;
}

/* Fill *o; returns the exit code to end with, or -1 to go on. */
static int parse_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.runs = DEFAULT_RUNS, .pairs = DEFAULT_PAIRS, .seed = 1};
    bool runs_given = false, pairs_given = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_CLEAN;
        }
        bool named = strcmp(arg, "--elf") == 0 && next != NULL;
        if (named || strncmp(arg, "--", 2) != 0) {
            if (o->firmware != NULL)
                return bad_usage("one firmware at a time");
            o->firmware = named ? argv[++i] : arg;
            continue;
        }
        int arguments = mutation_arguments(arg + 2);
        if (strcmp(arg, "--slow") == 0) {
            o->slow = true;
        } else if (strcmp(arg, "--bench") == 0) {
            o->bench = true;
        } else if (strcmp(arg, "--mutants") == 0) {
            o->mutants = true;
        } else if (arguments >= 0) {
            if (o->mutations == MAX_MUTATIONS || (arguments == 1 && next == NULL))
                return bad_usage("too many mutations, or one without its argument");
            o->mutation[o->mutations].kind = arg + 2;
            o->mutation[o->mutations++].argument = arguments == 1 ? argv[++i] : NULL;
        } else if (next == NULL) {
            return bad_usage("unknown option, or one without its value");
        } else if (strcmp(arg, "--json") == 0) {
            o->json = argv[++i];
        } else {
            uint64_t *number = strcmp(arg, "--runs") == 0    ? &o->runs
                               : strcmp(arg, "--pairs") == 0 ? &o->pairs
                               : strcmp(arg, "--seed") == 0  ? &o->seed
                                                             : NULL;
            if (number == NULL || !parse_number(next, number))
                return bad_usage("unknown option, or a value that is no number");
            runs_given |= number == &o->runs;
            pairs_given |= number == &o->pairs;
            i++;
        }
    }
    if (o->firmware == NULL)
        return bad_usage("which firmware? Give the ELF file");
    if (o->bench && !runs_given)
        o->runs = BENCH_RUNS;
    if (o->bench && !pairs_given)
        o->pairs = BENCH_PAIRS;
    return -1;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double per_second(uint64_t count, double seconds)
{
    return count > 0 && seconds > 0 ? (double)count / seconds : 0;
}

/* The memory of both harts must be equal but for the text, which fast mode has patched. */
static bool same_memory(const struct replayer *a, const struct replayer *b)
{
    const struct firmware_image *fw = a->hart.fw;
    uint64_t text = fw->text_base - RAM_BASE, end = text + fw->text_size;
    return memcmp(a->hart.ram, b->hart.ram, text) == 0 &&
           memcmp(a->hart.ram + end, b->hart.ram + end, RAM_SIZE - end) == 0;
}

/* The same walk once more on both engines; every step has to end in the same state. */
static bool compare_engines(const struct firmware_image *fw, const struct options *o, struct findings *findings,
                            struct measurements *m, char *why, size_t why_size)
{
    static struct replayer fast, slow;
    static struct findings fast_findings;
    static uint64_t fast_digest[SLOW_STEPS], slow_digest[SLOW_STEPS];
    bool opened = replayer_open(&fast, fw, false, o->seed, &fast_findings, why, why_size) &&
                  replayer_open(&slow, fw, true, o->seed, findings, why, why_size);
    if (opened) {
        fast.digests = fast_digest;
        slow.digests = slow_digest;
        replay_walk(&fast, SLOW_STEPS);
        replay_walk(&slow, SLOW_STEPS);
        m->slow_steps = SLOW_STEPS;
        for (unsigned i = 0; i < SLOW_STEPS; i++)
            m->slow_differ += fast_digest[i] != slow_digest[i];
        if (m->slow_differ != 0)
            findings_add(findings, EDGE_HOST_RUN, ELEMENT_MONITOR, "engines", "%llu of %u steps end differently",
                         (unsigned long long)m->slow_differ, SLOW_STEPS);
        else if (!same_memory(&fast, &slow))
            findings_add(findings, EDGE_HOST_RUN, ELEMENT_MONITOR, "engines", "the two engines leave different memory");
    }
    replayer_close(&fast);
    replayer_close(&slow);
    return opened;
}

static void keep_faster(double *best, double rate)
{
    if (rate > *best)
        *best = rate;
}

/* All pairs, and how fast they and the runs that they are made of were: on average, and the fastest slice of them. */
static void measure_pairs(struct replayer *r, uint64_t pairs, const struct findings *findings, struct measurements *m)
{
    double start = cpu_seconds(), since = start;
    for (uint64_t first = 0; first < pairs; first += SLICE_PAIRS) {
        uint64_t before = findings_total_pairs(findings), runs_before = findings->pair_runs;
        replay_pairs(r, first, pairs - first < SLICE_PAIRS ? pairs - first : SLICE_PAIRS);
        double now = cpu_seconds(), seconds = now - since;
        keep_faster(&m->pairs_per_cpu_second, per_second(findings_total_pairs(findings) - before, seconds));
        keep_faster(&m->pair_runs_per_cpu_second, per_second(findings->pair_runs - runs_before, seconds));
        since = now;
    }
    m->pairs_per_cpu_second_mean = per_second(findings_total_pairs(findings), since - start);
    m->pair_runs_per_cpu_second_mean = per_second(findings->pair_runs, since - start);
}

static bool replay(const struct firmware_image *fw, const struct options *o, struct findings *findings,
                   struct measurements *m, char *why, size_t why_size)
{
    static struct replayer r;
    bool opened = replayer_open(&r, fw, false, o->seed, findings, why, why_size);
    if (opened) {
        uint64_t before = findings_total_replays(findings);
        double start = cpu_seconds();
        replay_walk(&r, o->runs);
        m->replays_per_cpu_second = per_second(findings_total_replays(findings) - before, cpu_seconds() - start);
        measure_pairs(&r, o->pairs, findings, m);
    }
    if (opened)
        replay_every_cause(&r);
    if (opened)
        replay_residue(&r, RESIDUE_ROUNDS);
    replayer_close(&r);
    opened = opened && replay_hart_lives(fw, o->seed, HART_LIVES, findings, why, why_size) &&
             replay_two_guests(fw, o->seed, TWO_GUESTS, findings, why, why_size) &&
             replay_lesser_harts(fw, o->seed, findings, why, why_size) &&
             replay_fatal_traps(fw, o->seed, FATAL_TRAPS, findings, why, why_size) &&
             replay_costs(fw, m->costs, findings, why, why_size);
    return opened && (!o->slow || compare_engines(fw, o, findings, m, why, why_size));
}

static bool write_json(const char *path, const struct findings *findings, const struct measurements *m)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return false;
    bool written = report_json(out, findings, m);
    return fclose(out) == 0 && written;
}

/* Mutants from the standard input, verdicts to the standard output. */
static int replay_mutants(struct firmware_image *fw, const struct options *o)
{
    char why[512];
    bool done = mutants_run(fw, o->seed, stdin, stdout, why, sizeof(why));
    if (!done)
        fprintf(stderr, "switch_replay: %s\n", why);
    firmware_image_free(fw);
    return done ? EXIT_CLEAN : EXIT_ENVIRONMENT;
}

int main(int argc, char **argv)
{
    static struct firmware_image fw;
    static struct findings findings;
    struct options options;
    char why[512];
    int code = parse_options(argc, argv, &options);
    if (code >= 0)
        return code;
    struct measurements measured = {.seed = options.seed};

    bool ready = firmware_image_read(&fw, options.firmware, why, sizeof(why));
    for (unsigned i = 0; ready && i < options.mutations; i++)
        ready = mutate(&fw, options.mutation[i].kind, options.mutation[i].argument, why, sizeof(why));
    hart_watchdog_start(options.mutants ? MUTANT_MILLISECONDS : WATCHDOG_MILLISECONDS);
    if (ready && options.mutants)
        return replay_mutants(&fw, &options);
    if (!ready || !replay(&fw, &options, &findings, &measured, why, sizeof(why))) {
        fprintf(stderr, "switch_replay: %s\n", why);
        firmware_image_free(&fw);
        return EXIT_ENVIRONMENT;
    }
    firmware_image_free(&fw);
    report_text(stdout, &findings, &measured);
    if (options.json != NULL && !write_json(options.json, &findings, &measured)) {
        fprintf(stderr, "switch_replay: %s: cannot be written: %s\n", options.json, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    return findings_total_violations(&findings) == 0 ? EXIT_CLEAN : EXIT_VIOLATION;
}
