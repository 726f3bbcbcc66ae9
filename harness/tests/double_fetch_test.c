/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No call reads a byte of host memory twice. While the corpora run, a byte that the monitor is about to read again within
 * one trap is changed first, as another core of the host could: whoever reads twice then works with two values, and is
 * counted here by the name of its call.
 *
 * The one exception is a page of the host's second-stage tables to which more than one entry points: promote_to_tvm walks
 * it once for each, and judges each copy by itself. There it may be read again, as a whole page.
 */
#include <dirent.h>

#include "harness/tests/oracle_kit.h"

#define CORPORA "corpora/seeds"
#define MAX_TRACES 512u
#define MAX_PATH 4096u

struct watch {
    struct world *w;
    uint32_t *stamp; /* per byte of host RAM: the trap that read it last */
    uint32_t trap;
    uint64_t reads, again, excused;
    bool promotes;
};

static bool whole_table(const struct watch *s, const struct machine_event *e)
{
    return s->promotes && e->b == PAGE_SIZE && e->a % PAGE_SIZE == 0;
}

/* Change a byte behind the monitor's back. */
static void change(struct world *w, uint64_t address)
{
    uint8_t byte = (uint8_t) ~*machine_peek(w->machine, address, 1);

    machine_poke(w->machine, address, &byte, 1);
}

static void see_read(struct watch *s, const struct machine_event *e)
{
    s->reads++;
    for (uint64_t i = 0; i < e->b; i++) {
        uint32_t *stamp = &s->stamp[e->a - MACHINE_HOST_BASE + i];
        bool again = *stamp == s->trap;
        *stamp = s->trap;
        if (!again)
            continue;
        if (whole_table(s, e)) {
            s->excused++;
            return;
        }
        s->again++;
        change(s->w, e->a + i);
    }
}

static void watch_event(void *data, const struct machine_event *e)
{
    struct watch *s = data;

    if (e->kind == EVENT_ENTER_MONITOR) {
        s->trap++;
        s->promotes =
            s->w->machine->hart[e->hart].x[17] == SBI_EID_COVH && COVE_FID(s->w->machine->hart[e->hart].x[16]) == 7;
    }
    if (e->kind == EVENT_UNTRUSTED_READ && machine_is_host_ram(s->w->machine, e->a, e->b))
        see_read(s, e);
}

static void watch_begin(struct watch *s, struct world *w)
{
    size_t bytes = (size_t)w->machine->config.host_pages * PAGE_SIZE;

    *s = (struct watch){.w = w, .stamp = calloc(bytes, sizeof(*s->stamp))};
    if (s->stamp == NULL)
        test_error("no memory");
    w->machine->on_event = watch_event;
    w->machine->event_data = s;
}

/* Expectations hold all the same: what was read once is not read again, so the changes have no effect. */
static uint64_t run_trace(const char *name, const struct trace *t)
{
    struct machine_config config = world_config_for(t);
    struct world *w = world_create(&config, 0);
    struct watch s;
    char why[200];

    if (w == NULL)
        test_error("no world");
    watch_begin(&s, w);
    for (uint32_t i = 0; i < t->count; i++) {
        struct step_result seen;
        uint64_t before = s.again;
        if (t->op[i].op == OP_EXPECT)
            continue;
        world_step(w, &t->op[i], &seen);
        if (s.again != before) {
            const struct abi_call *call = abi_call_by_id(t->op[i].call);
            fprintf(stderr, "%s: step %u: %s reads host memory twice\n", name, i, call != NULL ? call->name : "a trap");
        }
        if (!CHECK(s.again == before))
            break;
        if (i + 1 < t->count && t->op[i + 1].op == OP_EXPECT &&
            !CHECK(world_expect(w, &t->op[i + 1], &seen, why, sizeof(why))))
            fprintf(stderr, "%s: step %u: %s\n", name, i, why);
    }
    uint64_t reads = s.reads;
    free(s.stamp);
    world_destroy(w);
    return reads;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void no_call_reads_twice(const char *top)
{
    static char *name[MAX_TRACES];
    static struct trace trace;
    char path[MAX_PATH];
    size_t count = 0;
    uint64_t reads = 0;

    snprintf(path, sizeof(path), "%s/" CORPORA, top);
    DIR *folder = opendir(path);
    if (folder == NULL)
        test_error("no " CORPORA ": run from the top of the tree");
    for (const struct dirent *e; (e = readdir(folder)) != NULL && count < MAX_TRACES;)
        if (strstr(e->d_name, ".trace") != NULL)
            name[count++] = strdup(e->d_name);
    closedir(folder);
    qsort(name, count, sizeof(name[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        struct trace_error error;
        snprintf(path, sizeof(path), "%s/" CORPORA "/%s", top, name[i]);
        if (CHECK(trace_load(&trace, path, &error)))
            reads += run_trace(name[i], &trace);
        free(name[i]);
    }
    CHECK(reads > 100);
}

/* A monitor that read its parameters twice would be seen, and would get something else the second time. */
static void a_second_read_is_seen(void)
{
    struct world *w = kit_world_of(1, 0);
    struct nonconf_addr from = {kit_ram(3) + 8};
    struct hart *h = &w->machine->monitor->hart[0];
    struct watch s;
    uint64_t first, second;

    watch_begin(&s, w);
    s.trap = 1;
    hal_untrusted_read(h, &first, from, sizeof(first));
    CHECK_EQ(s.again, 0);
    hal_untrusted_read(h, &second, from, sizeof(second));
    CHECK_EQ(s.again, sizeof(second));
    CHECK_EQ(second, ~first);
    s.trap = 2;
    hal_untrusted_read(h, &first, from, sizeof(first));
    CHECK_EQ(s.again, sizeof(second));
    CHECK_EQ(first, second);
    free(s.stamp);
    world_destroy(w);
}

int main(int argc, char **argv)
{
    a_second_read_is_seen();
    no_call_reads_twice(argc > 1 ? argv[1] : ".");
    return test_finish();
}
