/* SPDX-License-Identifier: Apache-2.0 */
/* bug.json: reading what may be damaged, writing it as a whole; and names of findings. See bug.h. */
#include "harness/cli/bug.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUG_JSON_MAX (1u << 20)

static uint64_t text_hash(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u; /* "a" + "bc" is not "ab" + "c" */
}

/* Only characters that are harmless in a file name. */
static void name_part(char *out, size_t max, const char *text)
{
    size_t len = 0;

    for (; *text != '\0' && len + 1 < max; text++)
        out[len++] = isalnum((unsigned char)*text) || *text == '_' ? (char)tolower((unsigned char)*text) : '-';
    out[len] = '\0';
}

void bug_identify(struct bug *b, const struct verdict *v)
{
    const struct finding *f = &v->finding;
    char oracle[16], property[32], call[48];

    snprintf(b->oracle, sizeof(b->oracle), "%s", oracle_name(f->oracle));
    snprintf(b->property, sizeof(b->property), "%s", f->property);
    snprintf(b->call, sizeof(b->call), "%s", finding_call(f));
    snprintf(b->site, sizeof(b->site), "%s", v->site);
    snprintf(b->severity, sizeof(b->severity), "%.2s", severity_name(f->severity));
    snprintf(b->title, sizeof(b->title), "%s %s in %s: %s", b->oracle, b->property, b->call, f->text);
    uint64_t hash = text_hash(text_hash(0xcbf29ce484222325u, b->oracle), b->property);

    hash = text_hash(text_hash(hash, b->call), b->site);
    name_part(oracle, sizeof(oracle), b->oracle);
    name_part(property, sizeof(property), b->property);
    name_part(call, sizeof(call), b->call);
    snprintf(b->id, sizeof(b->id), "%s-%s-%s-%08" PRIx32, oracle, property, call, (uint32_t)(hash ^ hash >> 32));
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static void take(char *out, size_t max, const struct json *object, const char *name)
{
    snprintf(out, max, "%s", json_text(object, name, ""));
}

static bool take_events(struct bug *b, const struct json *history)
{
    for (const struct json *e = history != NULL ? history->child : NULL; e != NULL; e = e->next) {
        if (!bug_add_event(b, json_text(e, "event", ""), json_text(e, "verdict", "")))
            return false;
        take(b->event[b->events - 1].build, BUG_TEXT_SIZE, e, "build");
    }
    return true;
}

static bool take_all(struct bug *b, const struct json *j, const char *path)
{
    const struct json *key = json_get(j, "key");

    if (strcmp(json_text(j, "schema", ""), "touchstone-bug/1") != 0 || key == NULL || *json_text(j, "id", "") == '\0')
        return cli_error(0, "%s: not a touchstone-bug/1: schema, id or key is missing", path), false;
    take(b->id, sizeof(b->id), j, "id");
    take(b->oracle, sizeof(b->oracle), key, "oracle");
    take(b->property, sizeof(b->property), key, "property");
    take(b->call, sizeof(b->call), key, "call");
    take(b->site, sizeof(b->site), key, "site");
    take(b->severity, sizeof(b->severity), j, "severity");
    take(b->title, sizeof(b->title), j, "title");
    take(b->status, sizeof(b->status), j, "status");
    take(b->engine, sizeof(b->engine), j, "engine");
    take(b->target, sizeof(b->target), j, "target");
    b->count = json_number(j, "count", 1);
    b->step = json_number(j, "step", 0);
    b->operations = json_number(j, "operations", 0);
    b->shortest = json_number(j, "shortest", 0);
    b->reproduced = json_number(json_get(j, "reproduced"), "times", 0);
    b->runs = json_number(json_get(j, "reproduced"), "of", 0);
    return take_events(b, json_get(j, "history"));
}

bool bug_read(struct bug *b, const char *folder)
{
    char path[4200];
    size_t size, offset;
    const char *what;

    *b = (struct bug){0};
    snprintf(path, sizeof(path), "%.4096s/bug.json", folder);
    uint8_t *text = file_read(path, BUG_JSON_MAX, &size);
    if (text == NULL)
        return false;
    struct json *j = json_parse((const char *)text, size, &offset, &what);
    bool good = j != NULL && take_all(b, j, path);

    if (j == NULL)
        cli_error(0, "%s: offset %zu: %s", path, offset, what != NULL ? what : "not JSON");
    if (!good)
        bug_free(b);
    json_free(j);
    free(text);
    return good;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void member(FILE *out, const char *name, const char *text)
{
    fprintf(out, " \"%s\": ", name);
    if (*text != '\0')
        cli_json_string(out, text);
    else
        fputs("null", out);
    fputs(",\n", out);
}

static void print_bug(FILE *out, const struct bug *b)
{
    fputs("{\n", out);
    member(out, "schema", "touchstone-bug/1");
    member(out, "id", b->id);
    fputs(" \"key\": {\"oracle\": ", out);
    cli_json_string(out, b->oracle);
    fputs(", \"property\": ", out);
    cli_json_string(out, b->property);
    fputs(", \"call\": ", out);
    cli_json_string(out, b->call);
    fputs(", \"site\": ", out);
    cli_json_string(out, b->site);
    fputs("},\n", out);
    member(out, "severity", b->severity);
    member(out, "title", b->title);
    member(out, "status", b->status);
    member(out, "engine", b->engine);
    member(out, "target", b->target);
    fprintf(out, " \"count\": %" PRIu64 ",\n \"step\": %" PRIu64 ",\n", b->count, b->step);
    fprintf(out, " \"operations\": %" PRIu64 ",\n \"shortest\": %" PRIu64 ",\n", b->operations, b->shortest);
    fprintf(out, " \"reproduced\": {\"times\": %" PRIu64 ", \"of\": %" PRIu64 "},\n", b->reproduced, b->runs);
    fputs(" \"history\": [", out);
    for (uint32_t i = 0; i < b->events; i++) {
        fprintf(out, "%s\n  {\"event\": ", i != 0 ? "," : "");
        cli_json_string(out, b->event[i].event);
        fputs(", \"verdict\": ", out);
        cli_json_string(out, b->event[i].verdict);
        fputs(", \"build\": ", out);
        cli_json_string(out, b->event[i].build);
        fputs("}", out);
    }
    fputs("]\n}\n", out);
}

bool bug_write(const struct bug *b, const char *folder)
{
    char path[4200];
    char *text = NULL;
    size_t size = 0;
    bool exists;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return cli_error(0, "out of memory"), false;
    print_bug(out, b);
    fclose(out);
    snprintf(path, sizeof(path), "%.4096s/bug.json", folder);
    bool good = file_write(path, text, size, true, &exists);

    free(text);
    return good;
}

bool bug_add_event(struct bug *b, const char *event, const char *verdict)
{
    if (b->event == NULL)
        b->event = calloc(BUG_EVENTS_MAX, sizeof(*b->event));
    if (b->event == NULL)
        return cli_error(0, "out of memory"), false;
    if (b->events == BUG_EVENTS_MAX)
        memmove(&b->event[0], &b->event[1], --b->events * sizeof(*b->event));
    struct bug_event *e = &b->event[b->events++];

    snprintf(e->event, sizeof(e->event), "%s", event);
    snprintf(e->verdict, sizeof(e->verdict), "%s", verdict);
    snprintf(e->build, sizeof(e->build), "%s", bug_build());
    return true;
}

void bug_free(struct bug *b)
{
    free(b->event);
    *b = (struct bug){0};
}

/* --- the build -------------------------------------------------------------------------------------------------- */

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define SANITIZER ", AddressSanitizer"
#elif HAS_FEATURE(memory_sanitizer)
#define SANITIZER ", MemorySanitizer"
#elif defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define SANITIZER ", ThreadSanitizer"
#else
#define SANITIZER ""
#endif

#ifdef __clang__
#define COMPILER ""
#else
#define COMPILER "gcc "
#endif

/* What git says about the source tree, "" when there is no git or no repository. */
static void commit_of(char *out, size_t max)
{
    char command[4400];
    const char *source = getenv("TOUCHSTONE_SOURCE");
#ifdef TOUCHSTONE_SOURCE_DIR
    source = source != NULL && *source != '\0' ? source : TOUCHSTONE_SOURCE_DIR;
#endif
    *out = '\0';
    if (source == NULL || strchr(source, '\'') != NULL)
        return;
    snprintf(command, sizeof(command), "git -C '%.4096s' describe --always --dirty --abbrev=12 2>/dev/null", source);
    FILE *in = popen(command, "r");
    if (in == NULL)
        return;
    if (fgets(out, (int)max, in) == NULL)
        *out = '\0';
    pclose(in);
    out[strcspn(out, "\n")] = '\0';
}

const char *bug_build(void)
{
    static char text[BUG_TEXT_SIZE];
    char commit[64];

    if (*text != '\0')
        return text;
    commit_of(commit, sizeof(commit));
    snprintf(text, sizeof(text), "%s%s%s%s%s", COMPILER, __VERSION__, SANITIZER, *commit ? ", commit " : "", commit);
    return text;
}
