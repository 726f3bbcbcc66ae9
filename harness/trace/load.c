/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces from files, in either form. Whatever the file is, the answer is a trace or one line that says what is wrong
 * and where.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/trace/ops.h"

#define MAX_FILE_BYTES (1u << 20) /* a text of TRACE_MAX_OPS lines stays far below */

static bool fail(struct trace_error *error, size_t offset, const char *what)
{
    error->offset = offset;
    snprintf(error->text, sizeof(error->text), "%s", what);
    return false;
}

static bool read_bytes(FILE *file, uint8_t *bytes, size_t *len, struct trace_error *error)
{
    errno = 0;
    *len = fread(bytes, 1, MAX_FILE_BYTES + 1, file);
    if (ferror(file))
        return fail(error, *len, errno != 0 ? strerror(errno) : "cannot be read");
    if (*len == 0)
        return fail(error, 0, "empty file");
    if (*len > MAX_FILE_BYTES)
        return fail(error, MAX_FILE_BYTES, "too large: a trace file has at most 1 MiB");
    return true;
}

static bool interpret(struct trace *t, const uint8_t *bytes, size_t len, struct trace_error *error)
{
    if (trace_looks_like_text(bytes, len))
        return trace_parse(t, (const char *)bytes, len, error);
    if (!trace_check(bytes, len, error))
        return false;
    trace_decode(t, bytes, len);
    return true;
}

bool trace_load(struct trace *t, const char *path, struct trace_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail(error, 0, strerror(errno));

    size_t len = 0;
    uint8_t *bytes = malloc(MAX_FILE_BYTES + 1);
    bool ok = bytes != NULL ? read_bytes(file, bytes, &len, error) && interpret(t, bytes, len, error)
                            : fail(error, 0, "out of memory");
    free(bytes);
    fclose(file);
    return ok;
}
