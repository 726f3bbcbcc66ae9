/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent over a text of known length; see json.h. The recursion is bounded by DEPTH_MAX. */
#include "harness/cli/json.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32u

struct reader {
    const char *at, *end;
    const char *what;
};

static struct json *value(struct reader *r, unsigned depth);

static void *fail(struct reader *r, const char *what)
{
    if (r->what == NULL)
        r->what = what;
    return NULL;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static char *copy(struct reader *r, const char *from, size_t len)
{
    char *text = malloc(len + 1);

    if (text == NULL)
        return fail(r, "out of memory");
    memcpy(text, from, len);
    text[len] = '\0';
    return text;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows "\u": one byte for the characters that this command writes so, '?' for all others. */
static bool escaped(struct reader *r, char *out)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        int digit = r->at < r->end ? hex(*r->at++) : -1;
        if (digit < 0)
            return fail(r, "expected four hexadecimal digits after \\u"), false;
        code = code << 4 | (unsigned)digit;
    }
    *out = code != 0 && code < 0x100 ? (char)code : '?';
    return true;
}

static bool escape(struct reader *r, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : '\0';
    const char *known = c != '\0' ? strchr(from, c) : NULL;

    if (c == 'u')
        return escaped(r, out);
    if (known == NULL)
        return fail(r, "unknown escape in a string"), false;
    *out = to[known - from];
    return true;
}

static char *string(struct reader *r)
{
    if (!take(r, '"'))
        return fail(r, "expected a string");
    /* Room for what stands there and no more: a file may have many strings. */
    size_t room = 0, left = (size_t)(r->end - r->at);

    while (room < left && r->at[room] != '"')
        room += r->at[room] == '\\' && room + 1 < left ? 2 : 1;
    char *text = copy(r, r->at, room);
    size_t len = 0;

    while (text != NULL && r->at < r->end && *r->at != '"') {
        char c = *r->at++;

        if ((unsigned char)c < 0x20 || (c == '\\' && !escape(r, &c))) {
            free(text);
            return fail(r, "control character in a string");
        }
        text[len++] = c;
    }
    if (text == NULL)
        return NULL;
    text[len] = '\0';
    if (take(r, '"'))
        return text;
    free(text);
    return fail(r, "a string does not end");
}

static struct json *word(struct reader *r, struct json *j)
{
    size_t len = 0;

    while (r->at + len < r->end && strchr(" \n\r\t,]}", r->at[len]) == NULL)
        len++;
    j->text = copy(r, r->at, len);
    if (j->text == NULL)
        return NULL;
    if (strcmp(j->text, "null") == 0)
        j->kind = JSON_NULL;
    else if (strcmp(j->text, "true") == 0 || strcmp(j->text, "false") == 0)
        j->kind = JSON_BOOL;
    else if (len > 0 && strspn(j->text, "0123456789+-.eE") == len)
        j->kind = JSON_NUMBER;
    else
        return fail(r, "expected a value");
    r->at += len;
    return j;
}

/* Elements or members up to `close`. */
static struct json *list(struct reader *r, struct json *j, char close, unsigned depth)
{
    struct json **last = &j->child;

    if (take(r, close))
        return j;
    do {
        char *name = NULL;

        if (close == '}') {
            name = string(r);
            if (name == NULL || !take(r, ':')) {
                free(name);
                return fail(r, "expected a name and a colon");
            }
        }
        *last = value(r, depth);
        if (*last == NULL) {
            free(name);
            return NULL;
        }
        (*last)->name = name;
        last = &(*last)->next;
    } while (take(r, ','));
    return take(r, close) ? j : fail(r, close == '}' ? "expected , or }" : "expected , or ]");
}

static struct json *value(struct reader *r, unsigned depth)
{
    struct json *j = calloc(1, sizeof(*j));
    struct json *good;

    skip_blanks(r);
    if (j == NULL)
        return fail(r, "out of memory");
    if (depth == DEPTH_MAX) {
        good = fail(r, "nested too deeply");
    } else if (r->at < r->end && *r->at == '"') {
        j->kind = JSON_STRING;
        j->text = string(r);
        good = j->text != NULL ? j : NULL;
    } else if (take(r, '[')) {
        j->kind = JSON_ARRAY;
        good = list(r, j, ']', depth + 1);
    } else if (take(r, '{')) {
        j->kind = JSON_OBJECT;
        good = list(r, j, '}', depth + 1);
    } else {
        good = word(r, j);
    }
    if (good == NULL)
        json_free(j);
    return good;
}

struct json *json_parse(const char *text, size_t len, size_t *offset, const char **what)
{
    struct reader r = {.at = text, .end = text + len};
    struct json *j = value(&r, 0);

    skip_blanks(&r);
    if (j != NULL && r.at != r.end) {
        json_free(j);
        j = fail(&r, "more after the end");
    }
    *offset = (size_t)(r.at - text);
    *what = r.what;
    return j;
}

void json_free(struct json *j)
{
    while (j != NULL) {
        struct json *next = j->next;

        json_free(j->child);
        free(j->name);
        free(j->text);
        free(j);
        j = next;
    }
}

const struct json *json_get(const struct json *object, const char *name)
{
    if (object == NULL || object->kind != JSON_OBJECT)
        return NULL;
    for (const struct json *member = object->child; member != NULL; member = member->next) {
        if (member->name != NULL && strcmp(member->name, name) == 0)
            return member;
    }
    return NULL;
}

const char *json_text(const struct json *object, const char *name, const char *otherwise)
{
    const struct json *member = json_get(object, name);

    return member != NULL && member->kind == JSON_STRING ? member->text : otherwise;
}

uint64_t json_number(const struct json *object, const char *name, uint64_t otherwise)
{
    const struct json *member = json_get(object, name);
    char *end;

    if (member == NULL || member->kind != JSON_NUMBER)
        return otherwise;
    unsigned long long number = strtoull(member->text, &end, 10);
    return *end == '\0' && member->text[0] != '-' ? number : otherwise;
}
