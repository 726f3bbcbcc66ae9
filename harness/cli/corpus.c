/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded traces in memory: what hunt and bench work on.
 */
#include "harness/cli/cli.h"

#include <stdlib.h>
#include <string.h>

bool corpus_add(struct corpus *c, const struct trace *t, const uint8_t *bytes, size_t size, const char *name)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 64;
        struct corpus_entry *grown = realloc(c->entry, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        c->entry = grown;
        c->room = room;
    }
    struct corpus_entry *entry = &c->entry[c->count];

    entry->bytes = malloc(size ? size : 1);
    entry->name = name ? strdup(name) : NULL;
    if (entry->bytes == NULL || (name != NULL && entry->name == NULL)) {
        free(entry->bytes);
        free(entry->name);
        return false;
    }
    memcpy(entry->bytes, bytes, size);
    entry->size = size;
    entry->machine = (struct trace_machine){t->harts, t->host_pages, t->window_pages, t->seed, t->iopmp};
    c->count++;
    return true;
}

int corpus_load(struct corpus *c, const char *path)
{
    static struct trace trace;
    static uint8_t bytes[TRACE_MAX_BYTES];
    struct path_list list = {0};
    int code = paths_add(&list, path);

    for (size_t i = 0; i < list.count; i++) {
        if (!trace_open(&trace, list.path[i], false)) {
            code = cli_worse(code, CLI_USAGE);
            continue;
        }
        trace_drop_schedule(&trace);
        if (!corpus_add(c, &trace, bytes, trace_encode(&trace, bytes, sizeof(bytes)), list.path[i])) {
            code = cli_worse(code, cli_error(CLI_ENVIRONMENT, "%s: out of memory", list.path[i]));
            break;
        }
    }
    paths_free(&list);
    return code;
}

void corpus_free(struct corpus *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->entry[i].bytes);
        free(c->entry[i].name);
    }
    free(c->entry);
    *c = (struct corpus){0};
}
