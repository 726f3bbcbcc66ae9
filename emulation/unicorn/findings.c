/* SPDX-License-Identifier: Apache-2.0 */
/* The switch matrix; see findings.h. */
#include "emulation/unicorn/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const edge_names[EDGE_COUNT] = {
#define EDGE(id, name) [EDGE_##id] = (name),
    EDGES(EDGE)
#undef EDGE
};

const char *const element_names[ELEMENT_COUNT] = {
#define ELEMENT(id, name, column) [ELEMENT_##id] = (name),
    ELEMENTS(ELEMENT)
#undef ELEMENT
};

const char *const element_columns[ELEMENT_COUNT] = {
#define ELEMENT(id, name, column) [ELEMENT_##id] = (column),
    ELEMENTS(ELEMENT)
#undef ELEMENT
};

static struct violation *find(struct findings *f, enum edge edge, enum element element, const char *what)
{
    for (uint32_t i = 0; i < f->listed; i++) {
        struct violation *v = &f->list[i];
        if (v->edge == edge && v->element == element && strncmp(v->what, what, sizeof(v->what) - 1) == 0)
            return v;
    }
    return NULL;
}

void findings_add(struct findings *f, enum edge edge, enum element element, const char *what, const char *format, ...)
{
    f->violations[edge]++;
    f->violated[edge][element]++;
    struct violation *known = find(f, edge, element, what);
    if (known != NULL) {
        known->count++;
        return;
    }
    if (f->listed == MAX_VIOLATIONS)
        return;
    struct violation *v = &f->list[f->listed++];
    *v = (struct violation){.edge = edge, .element = element, .replay = f->replay_number, .count = 1};
    snprintf(v->what, sizeof(v->what), "%s", what);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(v->detail, sizeof(v->detail), format, arguments);
    va_end(arguments);
}

static uint64_t sum(const uint64_t per_edge[EDGE_COUNT])
{
    uint64_t total = 0;
    for (unsigned i = 0; i < EDGE_COUNT; i++)
        total += per_edge[i];
    return total;
}

uint64_t findings_total_violations(const struct findings *f)
{
    return sum(f->violations);
}

uint64_t findings_total_replays(const struct findings *f)
{
    return sum(f->replays);
}

uint64_t findings_total_pairs(const struct findings *f)
{
    return sum(f->pairs);
}
