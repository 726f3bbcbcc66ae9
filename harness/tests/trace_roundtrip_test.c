/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever bytes it began as, a trace has one canonical form, and every way around leads back to it: bytes decode and
 * encode to it, it decodes and encodes to itself, it prints and parses to itself, and the strict reader takes it. The same
 * for every file of the corpora and every witness of a plant.
 *
 * TOUCHSTONE_ROUNDTRIPS=1000000 is how many random strings go around; each number is a seed of its own, so that the first
 * n of them are the same every time.
 */
#include "harness/tests/test.h"
#include "harness/tests/trace_random.h"
#include "harness/trace/ops.h"

#include <dirent.h>
#include <inttypes.h>

#define USUAL_ROUNDTRIPS 40000u
#define SHORT_BYTES 600u
#define LONG_BYTES 4000u

static struct trace decoded, parsed;
static uint8_t input[LONG_BYTES], canonical[TRACE_MAX_BYTES], again[TRACE_MAX_BYTES];
static char text[1u << 20];
static FILE *stream; /* into text */

static bool same_again(size_t size, const struct trace *t)
{
    size_t size_again = trace_encode(t, again, sizeof(again));

    return size_again == size && memcmp(again, canonical, size) == 0;
}

/* Returns whether all ways lead back. */
static bool goes_around(const struct trace *t)
{
    struct trace_error error;
    size_t size = trace_encode(t, canonical, sizeof(canonical));

    if (!CHECK(trace_check(canonical, size, &error)))
        return false;
    trace_decode(&parsed, canonical, size);
    if (!CHECK(same_again(size, &parsed)))
        return false;
    rewind(stream);
    trace_print(stream, t);
    fflush(stream);
    long len = ftell(stream);
    if (!CHECK(len > 0 && (size_t)len < sizeof(text) - 1))
        return false;
    return CHECK(trace_parse(&parsed, text, (size_t)len, &error)) && CHECK(same_again(size, &parsed));
}

static void random_bytes_go_around(void)
{
    const char *wanted = getenv("TOUCHSTONE_ROUNDTRIPS");
    unsigned long count = wanted != NULL ? strtoul(wanted, NULL, 10) : USUAL_ROUNDTRIPS;

    for (unsigned long i = 0; i < count; i++) {
        struct random r = random_from(0x726f756e64ull + i);
        size_t len = random_trace_bytes(&r, input, random_chance(&r, 2) ? LONG_BYTES : SHORT_BYTES);

        trace_decode(&decoded, input, len);
        if (!goes_around(&decoded)) {
            fprintf(stderr, "    string %lu\n", i);
            return;
        }
    }
    printf("%lu random strings went around\n", count);
}

static void folder_goes_around(const char *name)
{
    struct trace_error error;
    const char *source = getenv("SOURCE_DIR");
    char path[4096];
    unsigned count = 0;

    snprintf(path, sizeof(path), "%s/%s", source != NULL ? source : ".", name);
    DIR *folder = opendir(path);
    if (folder == NULL)
        test_error("a folder of traces is missing: run from the top of the tree");
    for (const struct dirent *e; (e = readdir(folder)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot == NULL || strcmp(dot, ".trace") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s/%s", source != NULL ? source : ".", name, e->d_name);
        if (!CHECK(trace_load(&decoded, path, &error)) || !goes_around(&decoded))
            fprintf(stderr, "    %s\n", path);
        count++;
    }
    closedir(folder);
    CHECK(count > 0);
    printf("%u traces of %s went around\n", count, name);
}

int main(void)
{
    stream = fmemopen(text, sizeof(text), "w");
    if (stream == NULL)
        test_error("no memory stream");
    random_bytes_go_around();
    folder_goes_around("corpora/seeds");
    folder_goes_around("corpora/regressions");
    folder_goes_around("harness/plants");
    fclose(stream);
    return test_finish();
}
