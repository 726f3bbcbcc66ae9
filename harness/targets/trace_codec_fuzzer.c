/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: readers and writers of traces, which take files from strangers. Whatever the bytes are:
 *
 *   decoding gives a trace whose encoding is canonical: the strict reader takes it, and it decodes to itself;
 *   what the strict reader takes is canonical to the byte;
 *   printing a trace and parsing the text gives the same bytes again;
 *   what the text reader takes is canonical too;
 *   a refusal names a place inside the input, in one line of printable text;
 *   mutation and cross-over give canonical traces, the same ones each time.
 *
 * A broken promise ends the process, with one line on stderr that names it. The sanitizers see the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/targets/fuzzer.h"
#include "harness/trace/ops.h"
#include "harness/trace/random.h"

/* What one trace looks like in both forms. */
struct forms {
    uint8_t bytes[TRACE_MAX_BYTES];
    size_t size;
    char *text;
    size_t text_size;
};

static struct trace first, second;
static struct forms form;
static uint8_t other[TRACE_MAX_BYTES], again[TRACE_MAX_BYTES];

static void promise(bool kept, const char *what)
{
    if (kept)
        return;
    fprintf(stderr, "FINDING trace codec\n%s\n", what);
    abort();
}

/* --- refusals ----------------------------------------------------------------------------------------------- */

static void one_line(const struct trace_error *error)
{
    size_t len = strnlen(error->text, sizeof(error->text));

    promise(len > 0 && len < sizeof(error->text), "a refusal says nothing, or does not end");
    for (size_t i = 0; i < len; i++)
        promise(error->text[i] >= ' ' && error->text[i] <= '~', "the text of a refusal is not one printable line");
}

static size_t lines(const uint8_t *data, size_t size)
{
    size_t count = 1;

    for (size_t i = 0; i < size; i++)
        count += data[i] == '\n';
    return count;
}

/* --- what a trace must survive ------------------------------------------------------------------------------ */

static void same_bytes(const struct trace *t, const char *what)
{
    size_t size = trace_encode(t, again, sizeof(again));

    promise(size == form.size && memcmp(again, form.bytes, size) == 0, what);
}

static void survives_binary(void)
{
    struct trace_error error;

    promise(trace_check(form.bytes, form.size, &error), "the strict reader refuses an encoded trace");
    trace_decode(&second, form.bytes, form.size);
    same_bytes(&second, "the canonical form does not decode to itself");
}

static void survives_text(const struct trace *t)
{
    struct trace_error error;
    FILE *out = open_memstream(&form.text, &form.text_size);

    if (out == NULL) {
        fprintf(stderr, "error: no memory for a stream\n");
        exit(EXIT_FAILURE);
    }
    trace_print(out, t);
    fclose(out);
    promise(trace_looks_like_text((const uint8_t *)form.text, form.text_size), "printed text does not look like it");
    promise(trace_parse(&second, form.text, form.text_size, &error), "the text reader refuses a printed trace");
    same_bytes(&second, "a printed trace is not the same when parsed");
    free(form.text);
}

static void survives(const struct trace *t)
{
    form.size = trace_encode(t, form.bytes, sizeof(form.bytes));
    survives_binary();
    survives_text(t);
}

/* --- readers, each on the input as it is -------------------------------------------------------------------- */

static void read_strictly(const uint8_t *data, size_t size)
{
    struct trace_error error;

    if (!trace_check(data, size, &error)) {
        promise(error.offset <= size, "the strict reader blames a byte outside of the file");
        one_line(&error);
        return;
    }
    trace_decode(&first, data, size);
    form.size = trace_encode(&first, form.bytes, sizeof(form.bytes));
    promise(form.size == size && memcmp(form.bytes, data, size) == 0, "the strict reader takes what is not canonical");
}

static void read_text(const uint8_t *data, size_t size)
{
    struct trace_error error;

    if (!trace_parse(&first, (const char *)data, size, &error)) {
        promise(error.offset <= lines(data, size), "the text reader blames a line outside of the file");
        one_line(&error);
        return;
    }
    survives(&first);
}

/* --- mutation ----------------------------------------------------------------------------------------------- */

static void canonical(const uint8_t *bytes, size_t size, const char *what)
{
    struct trace_error error;

    promise(size >= TRACE_HEADER_SIZE && trace_check(bytes, size, &error), what);
}

/* Seeds come from the input too, so that a run is a function of it. */
static void mutate(const uint8_t *data, size_t size)
{
    uint32_t seed = size >= 4 ? (uint32_t)data[size - 1] << 8 | data[size - 2] : 0;
    size_t limit = TRACE_HEADER_SIZE + (seed % 64) * TRACE_RECORD_SIZE;

    memcpy(other, form.bytes, form.size);
    memcpy(again, form.bytes, form.size);
    size_t mutated = trace_mutate(other, form.size, sizeof(other), seed, NULL);
    canonical(other, mutated, "a mutated trace is not canonical");
    promise(trace_mutate(again, form.size, sizeof(again), seed, NULL) == mutated && memcmp(again, other, mutated) == 0,
            "the same mutation gives another trace");
    size_t crossed = trace_crossover(form.bytes, form.size, other, mutated, again, limit, seed);
    promise(crossed <= limit, "cross-over exceeds its limit");
    canonical(again, crossed, "a crossed trace is not canonical");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzzer_takes(data, size);
    read_strictly(data, size);
    read_text(data, size);
    trace_decode(&first, data, size);
    survives(&first);
    trace_decode_any(&first, data, size);
    survives(&first);
    mutate(data, size);
    return 0;
}

/* --- inputs ------------------------------------------------------------------------------------------------- */

/* The other form of a trace: text of binary, binary of text. */
static size_t convert(uint8_t *data, size_t size, size_t max)
{
    bool text = trace_looks_like_text(data, size);

    trace_decode_any(&first, data, size);
    if (text)
        return trace_encode(&first, data, max);
    FILE *out = fmemopen(data, max, "w");
    if (out == NULL)
        return size;
    trace_print(out, &first);
    fflush(out);
    long end = ftell(out);
    fclose(out);
    return end > 0 && (size_t)end <= max ? (size_t)end : size;
}

/* Mostly bytes, because mistakes are what readers are for; now and then a good trace of either form. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct random r = random_from(seed);

    if (max_size < TRACE_HEADER_SIZE)
        return LLVMFuzzerMutate(data, size, max_size);
    if (random_chance(&r, 20))
        size = trace_mutate(data, size, max_size, seed, LLVMFuzzerMutate);
    if (random_chance(&r, 10))
        size = convert(data, size, max_size);
    return random_chance(&r, 80) && LLVMFuzzerMutate != NULL ? LLVMFuzzerMutate(data, size, max_size) : size;
}
