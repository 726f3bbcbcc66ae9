/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace format is frozen (harness/doc/trace-format.md): the files of harness/tests/frozen/ are read for ever, and mean
 * what they meant. Each call, each operation and each kind of expectation that there was at the freeze occurs in them.
 *
 * When this test fails, the format or a name has changed: undo that. The files never change; a new version gets new ones.
 */
#include "harness/tests/test.h"
#include "harness/trace/ops.h"

static struct trace trace, parsed;
static uint8_t bytes[TRACE_MAX_BYTES], again[TRACE_MAX_BYTES];
static char text[1u << 16], printed[1u << 16];

static size_t read_file(const char *name, void *data, size_t max)
{
    const char *source = getenv("SOURCE_DIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/harness/tests/frozen/%s", source != NULL ? source : ".", name);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        test_error("a file of the freeze is missing: run from the top of the tree");
    size_t size = fread(data, 1, max, in);
    fclose(in);
    return size;
}

static uint64_t hash_of(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

static size_t print_to(char *out, size_t max, const struct trace *t)
{
    FILE *stream = fmemopen(out, max, "w");

    if (stream == NULL)
        test_error("no memory stream");
    trace_print(stream, t);
    fflush(stream);
    long len = ftell(stream);
    fclose(stream);
    return len > 0 ? (size_t)len : 0;
}

/* Bytes to text, text to bytes, both to the byte; and both files are those of the freeze. */
static void check_frozen(const char *binary, uint64_t binary_hash, const char *readable, uint64_t readable_hash)
{
    struct trace_error error;
    size_t size = read_file(binary, bytes, sizeof(bytes));
    size_t len = read_file(readable, text, sizeof(text));

    CHECK_EQ(hash_of(bytes, size), binary_hash);
    CHECK_EQ(hash_of(text, len), readable_hash);
    bool strict = trace_check(bytes, size, &error);
    if (!CHECK(strict))
        fprintf(stderr, "    %s: offset %zu: %s\n", binary, error.offset, error.text);
    trace_decode(&trace, bytes, size);
    size_t printed_len = print_to(printed, sizeof(printed), &trace);
    CHECK(printed_len == len && memcmp(printed, text, len) == 0);
    bool read = trace_parse(&parsed, text, len, &error);
    if (!CHECK(read))
        fprintf(stderr, "    %s: line %zu: %s\n", readable, error.offset, error.text);
    CHECK(trace_encode(&parsed, again, sizeof(again)) == size && memcmp(again, bytes, size) == 0);
}

/* What there was at the freeze is in the file, so that the file says what it means. */
static void check_complete(unsigned calls, unsigned operations)
{
    bool operation[256] = {false}, call[1024] = {false}, expectation[EXPECT_KIND_COUNT] = {false};
    unsigned seen_calls = 0, seen_operations = 0;

    for (uint32_t i = 0; i < trace.count; i++) {
        const struct trace_op *op = &trace.op[i];
        seen_operations += !operation[op->op];
        operation[op->op] = true;
        if (op->op == OP_EXPECT)
            expectation[op->call] = true;
        if ((op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL) && CHECK(op->call < 1024)) {
            seen_calls += !call[op->call];
            call[op->call] = true;
        }
    }
    CHECK_EQ(seen_calls, calls);
    CHECK_EQ(seen_operations, operations);
    for (unsigned i = 0; i < EXPECT_KIND_COUNT; i++)
        CHECK(expectation[i]);
    CHECK(trace.overlap && trace.decisions != 0);
}

int main(void)
{
    check_frozen("v1.tst", 0xc784cc7ac1522f5au, "v1.trace", 0x03f9745ff43e7d6au);
    check_complete(83, 37);
    check_frozen("v1-plain.tst", 0xc4366245948a7d2fu, "v1-plain.trace", 0x4b865cd6ec58c1bdu);
    return test_finish();
}
