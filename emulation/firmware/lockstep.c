/* SPDX-License-Identifier: Apache-2.0 */
/* Both monitors side by side; see lockstep.h. */
#include "emulation/firmware/lockstep.h"

#include <stdio.h>
#include <string.h>

#include "emulation/firmware/binary.h"
#include "emulation/firmware/miscompile.h"

void lockstep_open(struct lockstep *l, const char *folder, const char *miscompile)
{
    *l = (struct lockstep){.folder = folder, .miscompile = miscompile};
}

static void drop(struct lockstep_pair *pair)
{
    world_destroy(pair->host);
    world_destroy(pair->firmware);
    *pair = (struct lockstep_pair){0};
}

void lockstep_close(struct lockstep *l)
{
    for (unsigned i = 0; i < LOCKSTEP_PAIRS; i++)
        drop(&l->pair[i]);
    for (unsigned i = 0; i < LOCKSTEP_IMAGES; i++)
        firmware_image_free(&l->image[i]);
}

/* The image for a window of `pages`, or NULL with the reason. */
static const struct firmware_image *image_for(struct lockstep *l, uint32_t pages, char *why, size_t max)
{
    unsigned i = 0;
    char path[4096];

    while (i + 1 < LOCKSTEP_IMAGES && 64u << i != pages)
        i++;
    if (l->loaded[i])
        return &l->image[i];
    snprintf(path, sizeof(path), "%s/fw_machine_%u.elf", l->folder, (unsigned)pages);
    l->loaded[i] = firmware_image_read(&l->image[i], path, why, max) &&
                   (l->miscompile == NULL || miscompile(&l->image[i], l->miscompile, why, max));
    return l->loaded[i] ? &l->image[i] : NULL;
}

static bool same_config(const struct machine_config *a, const struct machine_config *b)
{
    return a->harts == b->harts && a->host_pages == b->host_pages && a->window_pages == b->window_pages &&
           a->seed == b->seed;
}

/* Two worlds for the configuration, reset; NULL with the reason. */
static struct lockstep_pair *pair_for(struct lockstep *l, const struct machine_config *config, char *why, size_t max)
{
    struct lockstep_pair *pair = &l->pair[0];

    for (unsigned i = 0; i < LOCKSTEP_PAIRS; i++) {
        if (l->pair[i].host != NULL && same_config(&l->pair[i].host->machine->config, config)) {
            l->pair[i].used = ++l->clock;
            world_reset(l->pair[i].host);
            world_reset(l->pair[i].firmware);
            return &l->pair[i];
        }
        if (l->pair[i].used < pair->used)
            pair = &l->pair[i];
    }
    drop(pair);
    const struct firmware_image *image = image_for(l, config->window_pages, why, max);
    if (image == NULL)
        return NULL;
    struct machine *m = binary_machine(image, config, why, max);
    if (m == NULL)
        return NULL;
    pair->host = world_create(config, 0);
    pair->firmware = world_create_around(m);
    if (pair->host == NULL || pair->firmware == NULL) {
        snprintf(why, max, "no memory for the machine");
        drop(pair);
        return NULL;
    }
    pair->used = ++l->clock;
    l->boots += 2;
    return pair;
}

static bool same_seen(const struct step_result *a, const struct step_result *b)
{
    return a->kind == b->kind && a->error == b->error && a->value == b->value && a->scause == b->scause &&
           a->stval == b->stval && a->htval == b->htval && a->htinst == b->htinst &&
           memcmp(a->a, b->a, sizeof(a->a)) == 0;
}

/* Runs both until they part or the trace ends. */
static void run_pair(struct lockstep_pair *pair, const struct trace *t, struct lockstep_result *r,
                     lockstep_step_fn *each, void *data)
{
    r->verdict = VERDICT_DIFFERS;
    r->start = true;
    if (!machine_compare(pair->host->machine, pair->firmware->machine, &r->difference))
        return;
    r->start = false;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->op[i].op == OP_EXPECT)
            continue;
        r->step = i;
        pair->host->step = i;
        pair->firmware->step = i;
        world_step(pair->host, &t->op[i], &r->host);
        world_step(pair->firmware, &t->op[i], &r->other);
        r->steps++;
        if (!machine_compare(pair->host->machine, pair->firmware->machine, &r->difference))
            return;
        if (!same_seen(&r->host, &r->other)) {
            snprintf(r->difference.field, sizeof(r->difference.field), "what the agent saw");
            return;
        }
        if (each != NULL)
            each(data, pair->host, &t->op[i], &r->host);
    }
    r->verdict = VERDICT_EQUAL;
}

/* Does the trace make functions of the monitor fail? The firmware calls them without a detour. */
static bool fails_inside(const struct trace *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->op[i].op == OP_FAIL)
            return true;
    return false;
}

void lockstep_run(struct lockstep *l, const struct trace *t, struct lockstep_result *r, lockstep_step_fn *each,
                  void *data)
{
    struct machine_config config = world_config_for(t);

    config.iopmp = MACHINE_IOPMP_ABSENT; /* the port knows none */
    *r = (struct lockstep_result){.verdict = VERDICT_SKIPPED};
    if (MACHINE_HOST_BASE + (uint64_t)config.host_pages * PAGE_SIZE != MACHINE_WINDOW_BASE) {
        snprintf(r->why, sizeof(r->why), "host RAM ends before the window, and the firmware wants one range of RAM");
        return;
    }
    if (t->overlap) {
        snprintf(r->why, sizeof(r->why), "harts overlap by a schedule of yield points, and the firmware has none");
        return;
    }
    if (fails_inside(t)) {
        snprintf(r->why, sizeof(r->why),
                 "functions of the monitor fail by the trace, and those of the firmware do not");
        return;
    }
    struct lockstep_pair *pair = pair_for(l, &config, r->why, sizeof(r->why));
    r->verdict = VERDICT_ERROR;
    if (pair != NULL) {
        run_pair(pair, t, r, each, data);
    } else if (strncmp(r->why, BINARY_DEAD, sizeof(BINARY_DEAD) - 1) == 0) {
        r->verdict = VERDICT_DIFFERS;
        r->start = true;
        snprintf(r->difference.field, sizeof(r->difference.field), "boot");
        snprintf(r->difference.note, sizeof(r->difference.note), "%.159s", r->why);
        r->why[0] = '\0';
    }
}
