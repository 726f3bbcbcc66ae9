/* SPDX-License-Identifier: Apache-2.0 */
/* Many broken firmwares, one after the other; see mutants.h. */
#include "emulation/unicorn/mutants.h"

#include <stdlib.h>
#include <string.h>

#include "emulation/unicorn/harts.h"
#include "emulation/unicorn/mutate.h"

/* Most mutants fall in the first few dozen replays; what the walk does not reach is found by the scenes after it. */
#define WALK_STEPS 600u
#define PAIRS 64u
#define LIVES 24u
#define TRAPS 48u

static struct findings findings;

static bool nothing_yet(void)
{
    return findings_total_violations(&findings) == 0;
}

/* Every replay that there is, until one objects. True when the firmware did not even boot: `why` says how. */
static bool refuses_to_boot(const struct firmware_image *fw, uint64_t seed, char *why, size_t why_size)
{
    static struct replayer r;
    findings = (struct findings){0};
    bool boots = replayer_open(&r, fw, false, seed, &findings, why, why_size);
    if (boots) {
        r.stop_early = true;
        replay_walk(&r, WALK_STEPS);
        replay_pairs(&r, 0, PAIRS);
    }
    replayer_close(&r);
    if (boots && nothing_yet())
        boots = replay_fatal_traps(fw, seed, TRAPS, &findings, why, why_size);
    if (boots && nothing_yet())
        boots = replay_hart_lives(fw, seed, LIVES, &findings, why, why_size);
    if (boots && nothing_yet())
        boots = replay_lesser_harts(fw, seed, &findings, why, why_size);
    return !boots;
}

static bool apply(struct firmware_image *fw, char *line, char *why, size_t why_size)
{
    if (strcmp(line, "clean") == 0)
        return true;
    char *first = strchr(line, ' ');
    if (first == NULL || strchr(line, '\t') != NULL) {
        snprintf(why, why_size, "'%.40s' is no mutant", line);
        return false;
    }
    char kind[16];
    snprintf(kind, sizeof(kind), "%.*s", (int)(first - line), line);
    if (strcmp(kind, "nop") != 0 && strcmp(kind, "swap") != 0) {
        snprintf(why, why_size, "'%.40s' is no mutant", line);
        return false;
    }
    return mutate(fw, kind, first + 1, why, why_size);
}

bool mutants_run(struct firmware_image *fw, uint64_t seed, FILE *in, FILE *out, char *why, size_t why_size)
{
    char line[128], problem[256];
    uint8_t *text = malloc(fw->text_size);
    bool ok = text != NULL;
    if (ok)
        memcpy(text, fw->text, fw->text_size);
    for (unsigned number = 1; ok && fgets(line, sizeof(line), in) != NULL; number++) {
        line[strcspn(line, "\n")] = 0;
        if (!apply(fw, line, problem, sizeof(problem))) {
            snprintf(why, why_size, "mutant %u: %s", number, problem);
            ok = false;
            break;
        }
        problem[0] = 0;
        bool dead = refuses_to_boot(fw, seed, problem, sizeof(problem));
        const struct violation *v = &findings.list[0];
        bool survived = !dead && nothing_yet();
        fprintf(out, "%s\t%s\t", line, survived ? "survived" : "detected");
        if (dead)
            fprintf(out, "%s\n", problem);
        else if (survived)
            fprintf(out, "\n");
        else
            fprintf(out, "%s: %s: %s\n", edge_names[v->edge], element_names[v->element], v->what);
        fflush(out);
        memcpy(fw->text, text, fw->text_size);
        firmware_image_scan(fw);
    }
    free(text);
    return ok;
}
