/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutator that afl-fuzz loads: it makes canonical traces within the size it is given, is the same for the same
 * seed, and its trimming keeps what matters, removes the rest and comes to an end.
 */
#include "harness/targets/afl_mutator.c"

#include "harness/tests/test.h"

static const char text[] = "touchstone 1 harts=2\nh0 nop()\nh0 covh_global_fence()\nh0 nop()\n"
                           "h1 covh_local_fence()\nh0 nop()\nh0 nop()\nh0 covh_global_fence()\nh1 nop()\n";

static struct trace trace;
static uint8_t input[TRACE_MAX_BYTES];

static size_t make_input(void)
{
    struct trace_error error;

    if (!trace_parse(&trace, text, sizeof(text) - 1, &error))
        test_error(error.text);
    return trace_encode(&trace, input, sizeof(input));
}

static void what_it_makes_is_canonical_and_fits(void)
{
    struct afl_mutator *m = afl_custom_init(NULL, 1);
    struct afl_mutator *twin = afl_custom_init(NULL, 1);
    size_t size = make_input();
    bool crossed = false, plain = false;

    for (unsigned i = 0; i < 2000; i++) {
        uint8_t *out, *twin_out;
        struct trace_error error;
        size_t max = 200 + i % 4 * 1000;
        uint8_t *second = i % 3 == 0 ? NULL : input;
        size_t made = afl_custom_fuzz(m, input, size, &out, second, size, max);
        CHECK(made <= max);
        CHECK(trace_check(out, made, &error));
        CHECK_EQ(afl_custom_fuzz(twin, input, size, &twin_out, second, size, max), made);
        CHECK(memcmp(out, twin_out, made) == 0);

        const char *name = afl_custom_describe(m, 40);
        CHECK(strlen(name) <= 40 && name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")] == 0);
        CHECK_STR(afl_custom_describe(m, 3), "");
        crossed |= m->crossed;
        plain |= !m->crossed;
    }
    CHECK(crossed && plain);
    afl_custom_deinit(m);
    afl_custom_deinit(twin);
}

/* Behaves as the original as long as both global fences are there. */
static bool still_interesting(const uint8_t *bytes, size_t size)
{
    unsigned fences = 0;

    trace_decode(&trace, bytes, size);
    for (uint32_t i = 0; i < trace.count; i++)
        fences += trace.op[i].op == OP_HOST_CALL && trace.op[i].call == 0x103;
    return fences == 2;
}

static void trimming_keeps_what_matters_and_ends(void)
{
    struct afl_mutator *m = afl_custom_init(NULL, 1);
    size_t size = make_input(), best = size;
    int32_t steps = afl_custom_init_trim(m, input, size);
    unsigned rounds = 0;

    CHECK_EQ(steps, 1);
    for (int32_t step = 0; step < steps && rounds < 100; rounds++) {
        uint8_t *out;
        size_t made = afl_custom_trim(m, &out);
        CHECK(made < best);
        bool good = still_interesting(out, made);
        best = good ? made : best;
        step = afl_custom_post_trim(m, good);
    }
    CHECK(rounds < 100);
    CHECK_EQ(best, TRACE_HEADER_SIZE + 2 * TRACE_RECORD_SIZE);
    afl_custom_deinit(m);
}

static void nothing_is_trimmed_when_it_would_grow(void)
{
    struct afl_mutator *m = afl_custom_init(NULL, 1);
    uint8_t empty[1] = {0};

    CHECK_EQ(afl_custom_init_trim(m, empty, 0), 0);
    memcpy(input, text, sizeof(text));
    CHECK_EQ(afl_custom_init_trim(m, input, sizeof(text) - 1), 0); /* a text, shorter than its binary form */
    afl_custom_deinit(m);
}

int main(void)
{
    what_it_makes_is_canonical_and_fits();
    trimming_keeps_what_matters_and_ends();
    nothing_is_trimmed_when_it_would_grow();
    return test_finish();
}
