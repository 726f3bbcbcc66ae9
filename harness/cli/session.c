/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running traces: worlds that are kept for reuse, results as text, findings as stories, processor time, Ctrl-C.
 */
#include "harness/cli/cli.h"

#include <signal.h>
#include <string.h>
#include <time.h>

bool same_machine(const struct machine_config *a, const struct machine_config *b)
{
    return a->harts == b->harts && a->host_pages == b->host_pages && a->window_pages == b->window_pages &&
           a->seed == b->seed && a->iopmp == b->iopmp;
}

struct world *pool_take(struct world_pool *pool, const struct trace *t)
{
    struct machine_config config = world_config_for(t);
    size_t oldest = 0;

    for (size_t i = 0; i < POOL_WORLDS; i++) {
        if (pool->world[i] != NULL && same_machine(&pool->world[i]->machine->config, &config)) {
            pool->used[i] = ++pool->clock;
            return pool->world[i];
        }
        if (pool->used[i] < pool->used[oldest])
            oldest = i;
    }
    if (pool->world[oldest] != NULL)
        world_destroy(pool->world[oldest]);
    pool->world[oldest] = world_create(&config, pool->oracles);
    pool->used[oldest] = ++pool->clock;
    return pool->world[oldest];
}

struct world *pool_world(struct world_pool *pool, const struct trace *t)
{
    struct world *w = pool_take(pool, t);

    if (w != NULL)
        world_reset(w);
    return w;
}

void pool_free(struct world_pool *pool)
{
    for (size_t i = 0; i < POOL_WORLDS; i++) {
        if (pool->world[i] != NULL)
            world_destroy(pool->world[i]);
    }
    *pool = (struct world_pool){0};
}

uint32_t next_step(const struct trace *t, uint32_t i)
{
    while (i < t->count && t->op[i].op == OP_EXPECT)
        i++;
    return i;
}

void print_finding(FILE *out, const char *name, const struct trace *t, const struct finding *f)
{
    tell_finding(out, name, t, f, cli_colour("red"), cli_colour("off"));
}

void json_finding(FILE *out, const struct finding *f)
{
    fprintf(out, "\"oracle\":\"%s\",\"severity\":", oracle_name(f->oracle));
    cli_json_string(out, severity_name(f->severity));
    fputs(",\"property\":", out);
    cli_json_string(out, f->property);
    fputs(",\"call\":", out);
    cli_json_string(out, finding_call(f));
    fprintf(out, ",\"step\":%u,\"text\":", f->step);
    cli_json_string(out, f->text);
}

double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

uint64_t bytes_hash(const uint8_t *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static volatile sig_atomic_t interrupt_seen;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_seen = 1;
}

void interrupts_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

bool interrupted(void)
{
    return interrupt_seen != 0;
}
