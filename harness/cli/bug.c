/* SPDX-License-Identifier: Apache-2.0 */
/* bug.json: reading what may be damaged, writing it as a whole; and names of findings. See bug.h. */
#include "harness/cli/bug.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
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

/* What cannot be printed on one line of any terminal is no part of a finding's words. */
static void plain(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
    }
}

void bug_found_by(struct bug *b, const char *engine, const char *target)
{
    snprintf(b->engine, sizeof(b->engine), "%s", engine);
    snprintf(b->target, sizeof(b->target), "%s", target);
    plain(b->engine);
    plain(b->target);
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
    plain(b->property);
    plain(b->call);
    plain(b->site);
    plain(b->title);
    uint64_t hash = text_hash(text_hash(0xcbf29ce484222325u, b->oracle), b->property);

    hash = text_hash(text_hash(hash, b->call), b->site);
    name_part(oracle, sizeof(oracle), b->oracle);
    name_part(property, sizeof(property), b->property);
    name_part(call, sizeof(call), b->call);
    snprintf(b->id, sizeof(b->id), "%s-%s-%s-%08" PRIx32, oracle, property, call, (uint32_t)(hash ^ hash >> 32));
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* Reading one bug.json: the first thing that is wrong with it. */
struct reading {
    char *why;
    size_t max;
    bool good;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reading *r, const char *format, ...)
{
    va_list arguments;

    if (!r->good)
        return;
    r->good = false;
    va_start(arguments, format);
    vsnprintf(r->why, r->max, format, arguments);
    va_end(arguments);
}

static void take(struct reading *r, char *out, size_t max, const struct json *object, const char *name)
{
    const struct json *member = json_get(object, name);
    const char *text = json_text(object, name, "");

    if (member != NULL && member->kind != JSON_STRING && member->kind != JSON_NULL)
        refuse(r, "%s: expected a text", name);
    if (strlen(text) >= max)
        refuse(r, "%s: longer than %zu bytes", name, max - 1);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            refuse(r, "%s: a character that is not printable ASCII", name);
    }
    snprintf(out, max, "%s", text);
}

static uint64_t take_number(struct reading *r, const struct json *object, const char *name, uint64_t otherwise)
{
    if (json_get(object, name) != NULL && json_number(object, name, 0) != json_number(object, name, 1))
        refuse(r, "%s: expected a whole number", name);
    return json_number(object, name, otherwise);
}

/* A member of another name would be gone when the file is written again. */
static void only(struct reading *r, const struct json *object, const char *what, const char *const *names)
{
    for (const struct json *m = object != NULL && object->kind == JSON_OBJECT ? object->child : NULL; m != NULL;
         m = m->next) {
        size_t i = 0;

        while (names[i] != NULL && strcmp(names[i], m->name) != 0)
            i++;
        if (names[i] == NULL)
            refuse(r, "%s: a member that has no meaning here, behind '%s'", what, names[0]);
        for (const struct json *same = m->next; same != NULL; same = same->next) {
            if (strcmp(same->name, m->name) == 0)
                refuse(r, "%s: %s is there twice", what, names[i] != NULL ? names[i] : "a member");
        }
        if (!r->good)
            return;
    }
}

static void take_events(struct reading *r, struct bug *b, const struct json *history)
{
    static const char *const names[] = {"event", "verdict", "build", NULL};

    if (history != NULL && history->kind != JSON_ARRAY)
        refuse(r, "history: expected a list");
    for (const struct json *e = r->good && history != NULL ? history->child : NULL; e != NULL && r->good; e = e->next) {
        struct bug_event event;

        if (e->kind != JSON_OBJECT)
            refuse(r, "history: expected objects");
        only(r, e, "history", names);
        take(r, event.event, sizeof(event.event), e, "event");
        take(r, event.verdict, sizeof(event.verdict), e, "verdict");
        take(r, event.build, sizeof(event.build), e, "build");
        if (b->events == BUG_EVENTS_MAX)
            refuse(r, "history: more than %u events", BUG_EVENTS_MAX);
        else if (r->good && !bug_add_event(b, event.event, event.verdict))
            refuse(r, "out of memory");
        else if (r->good)
            snprintf(b->event[b->events - 1].build, BUG_TEXT_SIZE, "%s", event.build);
    }
}

static void take_all(struct reading *r, struct bug *b, const struct json *j)
{
    static const char *const names[] = {"schema",     "id",       "key",        "severity", "title",
                                        "status",     "engine",   "target",     "count",    "step",
                                        "operations", "shortest", "reproduced", "history",  NULL};
    static const char *const of_key[] = {"oracle", "property", "call", "site", NULL};
    static const char *const of_runs[] = {"times", "of", NULL};
    const struct json *key = json_get(j, "key"), *runs = json_get(j, "reproduced");

    if (strcmp(json_text(j, "schema", ""), "touchstone-bug/1") != 0 || key == NULL || *json_text(j, "id", "") == '\0')
        refuse(r, "not a touchstone-bug/1: schema, id or key is missing");
    if (r->good && (key->kind != JSON_OBJECT || (runs != NULL && runs->kind != JSON_OBJECT)))
        refuse(r, "key and reproduced: expected objects");
    only(r, j, "bug", names);
    only(r, key, "key", of_key);
    only(r, runs, "reproduced", of_runs);
    take(r, b->id, sizeof(b->id), j, "id");
    take(r, b->oracle, sizeof(b->oracle), key, "oracle");
    take(r, b->property, sizeof(b->property), key, "property");
    take(r, b->call, sizeof(b->call), key, "call");
    take(r, b->site, sizeof(b->site), key, "site");
    take(r, b->severity, sizeof(b->severity), j, "severity");
    take(r, b->title, sizeof(b->title), j, "title");
    take(r, b->status, sizeof(b->status), j, "status");
    take(r, b->engine, sizeof(b->engine), j, "engine");
    take(r, b->target, sizeof(b->target), j, "target");
    b->count = take_number(r, j, "count", 1);
    b->step = take_number(r, j, "step", 0);
    b->operations = take_number(r, j, "operations", 0);
    b->shortest = take_number(r, j, "shortest", 0);
    b->reproduced = take_number(r, runs, "times", 0);
    b->runs = take_number(r, runs, "of", 0);
    take_events(r, b, json_get(j, "history"));
}

bool bug_parse(struct bug *b, const char *text, size_t size, size_t *offset, char *why, size_t max)
{
    struct reading r = {.why = why, .max = max, .good = true};
    const char *what = NULL;

    *b = (struct bug){0};
    *offset = 0;
    struct json *j = json_parse(text, size, offset, &what);

    if (j == NULL)
        refuse(&r, "%s", what != NULL ? what : "not JSON");
    else
        *offset = 0; /* of the whole */
    if (j != NULL)
        take_all(&r, b, j);
    json_free(j);
    if (!r.good)
        bug_free(b);
    return r.good;
}

bool bug_read(struct bug *b, const char *folder)
{
    char path[4200], why[160];
    size_t size, offset;

    *b = (struct bug){0};
    snprintf(path, sizeof(path), "%.4096s/bug.json", folder);
    uint8_t *text = file_is_plain(path) ? file_read(path, BUG_JSON_MAX, &size) : NULL;
    if (text == NULL)
        return false;
    bool good = bug_parse(b, (const char *)text, size, &offset, why, sizeof(why));

    if (!good)
        cli_error(0, "%s: offset %zu: %s", path, offset, why);
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

void bug_print(FILE *out, const struct bug *b)
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
    bug_print(out, b);
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
