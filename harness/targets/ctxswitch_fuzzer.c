/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the world switch of the linked firmware on Unicorn (emulation/unicorn). The input chooses edges, registers, CSRs
 * and secrets (driven.h); the checks of the replay judge each register, CSR and store, and compare pairs of runs.
 *
 * The firmware is TOUCHSTONE_FIRMWARE in the environment, or the one beside this build. What it does shows to libFuzzer as well: a
 * counter for each block of its instructions.
 *
 * A violation is printed to stderr, first line `FINDING context switch`, and ends the process: the input replays it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulation/unicorn/driven.h"
#include "harness/targets/fuzzer.h"

#define SEED 1u
#define WATCHDOG_MILLISECONDS 3000u /* of an input, which takes a few */

static uint8_t blocks[BLOCK_PLACES] __attribute__((section("__libfuzzer_extra_counters"), used));

static struct firmware_image fw;
static struct findings findings;
static struct replayer r;

static void give_up(const char *why)
{
    fprintf(stderr, "error: %s\n", why);
    exit(EXIT_FAILURE);
}

static void tell_and_abort(void)
{
    fprintf(stderr, "FINDING context switch\n");
    for (uint32_t i = 0; i < findings.listed; i++) {
        const struct violation *v = &findings.list[i];
        fprintf(stderr, "%s: %s: %s: %s (%" PRIu64 " times)\n", edge_names[v->edge], element_names[v->element], v->what,
                v->detail, v->count);
    }
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static char why[512];
    const char *path = getenv("TOUCHSTONE_FIRMWARE");
    if (!firmware_image_read(&fw, path != NULL ? path : TOUCHSTONE_FIRMWARE_ELF, why, sizeof(why)) ||
        !replayer_open_lesser(&r, &fw, WATCHED, SEED, &findings, why, sizeof(why)))
        give_up(why);
    if (findings_total_violations(&findings) != 0 || !r.usable)
        tell_and_abort();
    r.stop_early = true;
    r.hart.blocks = blocks;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hart_watchdog_start(WATCHDOG_MILLISECONDS); /* here, because a timer does not outlive a fork */
    findings = (struct findings){0};
    memset(blocks, 0, sizeof(blocks)); /* not every engine does it */
    replay_driven(&r, data, size);
    if (findings_total_violations(&findings) != 0)
        tell_and_abort();
    return 0;
}
