/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the reader of findings, which are folders that anybody may have changed. An input is the text of a bug.json:
 *
 *   it is refused with a place inside it and a reason in one printable line, or it is a finding;
 *   a finding has nothing that a terminal would obey, and is written without a loss: what was written says all that the
 *   input said, and reads back as the same text.
 *
 * Memory and time are bounded by the size of the input; the engine's limits see to that. A broken promise ends the process, with one
 * line on stderr that names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/bug.h"
#include "harness/targets/fuzzer.h"

#define INPUT_MAX (1u << 20)

static void promise(bool kept, const char *what)
{
    if (kept)
        return;
    fprintf(stderr, "FINDING reader of findings\n%s\n", what);
    abort();
}

static void one_line(const char *text, const char *what)
{
    for (; *text != '\0'; text++)
        promise(*text >= ' ' && *text <= '~', what);
}

static void refused(const char *why, size_t max, size_t offset, size_t size)
{
    promise(offset <= size, "a refusal names a place outside the input");
    promise(strnlen(why, max) > 0 && strnlen(why, max) < max, "a refusal says nothing, or does not end");
    one_line(why, "the text of a refusal is not one printable line");
}

static char *written(const struct bug *b, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    if (out == NULL)
        return NULL;
    bug_print(out, b);
    fclose(out);
    return text;
}

static const struct json *find(const struct json *object, const struct json *like)
{
    return like->name != NULL ? json_get(object, like->name) : NULL;
}

/* Is everything that was said still said? */
static bool kept(const struct json *was, const struct json *is)
{
    if (was->kind == JSON_NULL || (was->kind == JSON_STRING && was->text[0] == '\0'))
        return is == NULL || is->kind == JSON_NULL || (is->kind == JSON_STRING && is->text[0] == '\0');
    if (is == NULL || was->kind != is->kind)
        return false;
    if (was->kind == JSON_STRING)
        return strcmp(was->text, is->text) == 0;
    if (was->kind == JSON_NUMBER)
        return strtoull(was->text, NULL, 10) == strtoull(is->text, NULL, 10);
    const struct json *element = is->child;

    for (const struct json *c = was->child; c != NULL; c = c->next) {
        if (!kept(c, was->kind == JSON_OBJECT ? find(is, c) : element))
            return false;
        element = element != NULL ? element->next : NULL;
    }
    return was->kind == JSON_OBJECT || element == NULL;
}

static void nothing_lost(const char *text, size_t size, const char *now, size_t size_now)
{
    size_t offset;
    const char *what;
    struct json *was = json_parse(text, size, &offset, &what), *is = json_parse(now, size_now, &offset, &what);

    promise(was != NULL && is != NULL && kept(was, is), "something is lost when a finding is written again");
    json_free(was);
    json_free(is);
}

static void accepted(const struct bug *b, const char *from, size_t from_size)
{
    struct bug again;
    char why[160];
    size_t offset, size = 0, size_again = 0;

    one_line(b->id, "an id is not printable");
    one_line(b->title, "a title is not one printable line");
    one_line(b->status, "a status is not printable");
    char *text = written(b, &size);
    promise(text != NULL && bug_parse(&again, text, size, &offset, why, sizeof(why)), "what is written is refused");
    char *text_again = written(&again, &size_again);
    promise(text_again != NULL && size == size_again && memcmp(text, text_again, size) == 0,
            "what is written reads back as something else");
    nothing_lost(from, from_size, text, size);
    bug_free(&again);
    free(text_again);
    free(text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bug b;
    char why[160] = "";
    size_t offset = 0;

    if (size > INPUT_MAX)
        return 0;
    /* Neither the end nor a zero byte is there for the reader to rely on. */
    char *text = malloc(size != 0 ? size : 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    if (bug_parse(&b, text, size, &offset, why, sizeof(why))) {
        accepted(&b, text, size);
        bug_free(&b);
    } else {
        refused(why, sizeof(why), offset, size);
    }
    free(text);
    return 0;
}
