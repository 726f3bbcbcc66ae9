/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small reader of JSON for files that this command wrote and that anybody may have changed since: bounded in size and
 * depth, and it says at which byte it gave up.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_JSON_H
#define TOUCHSTONE_HARNESS_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    char *name;         /* in an object */
    char *text;         /* of a string, decoded; of a number or bool as it stood */
    struct json *child; /* first element or member */
    struct json *next;
};

/* NULL, with `*offset` and `*what`, when the text is no JSON, is deeper than 32 levels, or memory is short. */
struct json *json_parse(const char *text, size_t len, size_t *offset, const char **what);
void json_free(struct json *j);

/* Member of an object; NULL when it is none or has no such member. */
const struct json *json_get(const struct json *object, const char *name);

/* Its text when it is a string, else `otherwise`. */
const char *json_text(const struct json *object, const char *name, const char *otherwise);

/* Its value when it is a number that fits, else `otherwise`. */
uint64_t json_number(const struct json *object, const char *name, uint64_t otherwise);

#endif
