/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary form of traces: every byte string decodes, decoding and encoding reach a fixed point at once, and the
 * strict reader accepts exactly the canonical form and says where anything else is wrong.
 */
#include "harness/tests/test.h"
#include "harness/tests/trace_random.h"
#include "harness/trace/ops.h"

static struct trace first, second;
static uint8_t input[TRACE_MAX_BYTES + 1000];
static uint8_t once[TRACE_MAX_BYTES], twice[TRACE_MAX_BYTES];

static bool same_ops(const struct trace *a, const struct trace *b)
{
    return a->count == b->count && memcmp(a->op, b->op, a->count * sizeof(a->op[0])) == 0 && a->overlap == b->overlap &&
           a->schedule_seed == b->schedule_seed && a->decisions == b->decisions &&
           memcmp(a->decision, b->decision, a->decisions) == 0;
}

static void check_fixed_point(size_t len)
{
    struct trace_error error;

    trace_decode(&first, input, len);
    size_t once_len = trace_encode(&first, once, sizeof(once));
    bool canonical = trace_check(once, once_len, &error);
    if (!CHECK(canonical))
        fprintf(stderr, "    at %zu: %s\n", error.offset, error.text);
    trace_decode(&second, once, once_len);
    CHECK(same_ops(&first, &second));
    CHECK_EQ(first.harts, second.harts);
    CHECK_EQ(first.host_pages, second.host_pages);
    CHECK_EQ(first.window_pages, second.window_pages);
    CHECK_EQ(first.seed, second.seed);
    CHECK_EQ(first.iopmp, second.iopmp);
    size_t twice_len = trace_encode(&second, twice, sizeof(twice));
    CHECK(twice_len == once_len && memcmp(once, twice, once_len) == 0);
}

static void any_bytes_decode_and_reach_a_fixed_point_at_once(void)
{
    struct random r = random_from(1);

    for (unsigned i = 0; i < 100000; i++)
        check_fixed_point(random_trace_bytes(&r, input, 600));
}

static void sizes_at_the_edges_decode(void)
{
    struct random r = random_from(2);
    static const size_t sizes[] = {0,
                                   1,
                                   TRACE_HEADER_SIZE - 1,
                                   TRACE_HEADER_SIZE,
                                   TRACE_HEADER_SIZE + 1,
                                   TRACE_HEADER_SIZE + TRACE_RECORD_SIZE - 1,
                                   TRACE_HEADER_SIZE + TRACE_RECORD_SIZE,
                                   TRACE_MAX_BYTES - 1,
                                   TRACE_MAX_BYTES,
                                   sizeof(input)};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            input[k] = (uint8_t)random_next(&r);
        check_fixed_point(sizes[i]);
        CHECK(first.count <= TRACE_MAX_OPS);
    }
    trace_decode(&first, NULL, 0);
    CHECK_EQ(first.count, 0);
    CHECK_EQ(first.harts, TRACE_DEFAULT_HARTS);
}

static void operations_that_do_not_fit_are_left_out(void)
{
    first = (struct trace){.harts = 2, .count = 3};
    CHECK_EQ(trace_encode(&first, once, TRACE_HEADER_SIZE - 1), 0);
    CHECK_EQ(trace_encode(&first, once, TRACE_HEADER_SIZE + TRACE_RECORD_SIZE + 79),
             TRACE_HEADER_SIZE + TRACE_RECORD_SIZE);
    struct trace_error error;
    CHECK(trace_check(once, TRACE_HEADER_SIZE + TRACE_RECORD_SIZE, &error));
}

/* One record whose canonical form is known. */
static struct trace_op canonical(struct trace_op op)
{
    trace_op_canonical(&op, 2);
    return op;
}

static void unknown_things_become_raw_ecalls(void)
{
    struct trace_op op = canonical((struct trace_op){.op = 200, .hart = 5, .flags = 9, .a = {1, 2, 3, 4, 5, 6, 7, 8}});
    CHECK_EQ(op.op, OP_HOST_ECALL);
    CHECK_EQ(op.hart, 1);
    CHECK_EQ(op.flags, 0);
    CHECK_EQ(op.a[7], 8);

    op = canonical((struct trace_op){.op = OP_GUEST_CALL, .call = 0x7777, .a = {1, 2, 3, 4, 5, 6, 7, 8}});
    CHECK_EQ(op.op, OP_GUEST_ECALL);
    CHECK_EQ(op.call, 0);
    CHECK_EQ(op.a[6], 0x7777);
    CHECK_EQ(op.a[7], 8);

    /* covg_share_memory_region, tried by the host */
    op = canonical((struct trace_op){.op = OP_HOST_CALL, .call = 0x302, .a = {1, 2, 3, 4, 5, 6, 7, 8}});
    CHECK_EQ(op.op, OP_HOST_ECALL);
    CHECK_EQ(op.a[6], 2);
    CHECK_EQ(op.a[7], 0x434F5647);
}

static void unused_arguments_are_cleared(void)
{
    /* covh_convert_pages has two arguments */
    struct trace_op op = canonical((struct trace_op){
        .op = OP_HOST_CALL, .call = 0x101, .kind = {1, 0, 1, 1, 1, 1, 1, 1}, .a = {1, 2, 3, 4, 5, 6, 65, 8}});
    CHECK_EQ(op.a[1], 2);
    CHECK_EQ(op.a[2], 0);
    CHECK_EQ(op.kind[2], ARG_RAW);
    CHECK_EQ(op.a[6], 1); /* sdid, 6 bits */
    CHECK_EQ(op.a[7], 0);

    op = canonical((struct trace_op){.op = OP_GUEST_LOAD, .kind = {0, ARG_WIN}, .a = {5, 3, 9}});
    CHECK_EQ(op.a[1], 8);
    CHECK_EQ(op.kind[1], ARG_RAW);
    CHECK_EQ(op.a[2], 0);
}

static void an_expectation_needs_an_operation(void)
{
    first = (struct trace){.harts = 2, .count = 4};
    first.op[0].op = OP_EXPECT;
    first.op[1].op = OP_NOP;
    first.op[2].op = OP_EXPECT;
    first.op[3].op = OP_EXPECT;
    size_t len = trace_encode(&first, once, sizeof(once));
    trace_decode(&second, once, len);
    CHECK_EQ(second.count, 2);
    CHECK_EQ(second.op[0].op, OP_NOP);
    CHECK_EQ(second.op[1].op, OP_EXPECT);
}

static void check_refused(size_t len, size_t offset, const char *part)
{
    struct trace_error error = {0};

    CHECK(!trace_check(once, len, &error));
    CHECK_EQ(error.offset, offset);
    if (!CHECK(strstr(error.text, part) != NULL))
        fprintf(stderr, "    got: %s\n", error.text);
}

/* A canonical trace of two operations in `once`. */
static size_t make_good(void)
{
    first = (struct trace){.harts = 2, .count = 2};
    first.op[0] = (struct trace_op){.op = OP_HOST_CALL, .call = 0x103};
    first.op[1] = (struct trace_op){.op = OP_IRQ, .a = {5, 1}};
    return trace_encode(&first, once, sizeof(once));
}

static void the_strict_reader_names_the_place(void)
{
    size_t len = make_good();
    check_refused(0, 0, "empty");
    check_refused(10, 10, "truncated");
    check_refused(len - 1, len - 1, "truncated");
    check_refused(len - TRACE_RECORD_SIZE, len - TRACE_RECORD_SIZE, "truncated");
    check_refused(len + 5, len, "follow");
    once[0] ^= 1;
    check_refused(len, 0, "not a trace");
    once[0] ^= 1;
    once[4] = 2;
    check_refused(len, 4, "version 2");
    once[4] = 1;
    once[6] = 9;
    check_refused(len, 6, "harts");
    once[6] = 2;
    once[8] = 3;
    check_refused(len, 8, "host pages");
    once[8] = 0;
    once[12] = 96;
    check_refused(len, 12, "power of two");
    once[12] = 0;
    once[7] = IOPMP_COUNT;
    check_refused(len, 7, "IOPMP");
    once[7] = 0;
    once[28] = 1;
    check_refused(len, len, "tail of 1 bytes, the file has 0");
    once[30] = 1;
    check_refused(len, 28, "a tail of 65537 bytes, but at most");
    once[28] = once[30] = 0;
    once[25] = 0xff;
    check_refused(len, 24, "at most");
    once[25] = 0;
    once[TRACE_HEADER_SIZE] = 77;
    check_refused(len, TRACE_HEADER_SIZE, "unknown code 77");
    once[TRACE_HEADER_SIZE] = OP_HOST_CALL;
    once[TRACE_HEADER_SIZE + 1] = 2;
    check_refused(len, TRACE_HEADER_SIZE + 1, "hart 2");
    once[TRACE_HEADER_SIZE + 1] = 0;
    once[TRACE_HEADER_SIZE + TRACE_RECORD_SIZE + 16] = 7; /* no such interrupt */
    check_refused(len, TRACE_HEADER_SIZE + TRACE_RECORD_SIZE + 16, "operation 1");
}

/* --- the tail ------------------------------------------------------------------------------------------------- */

/* One operation, and a schedule of seed 7 and three decisions. Returns the size; the tail is at *tail. */
static size_t make_schedule(size_t *tail)
{
    first = (struct trace){.harts = 2, .count = 1, .overlap = true, .schedule_seed = 7, .decisions = 3};
    memcpy(first.decision, "\x80\xff\x01", 3);
    *tail = TRACE_HEADER_SIZE + TRACE_RECORD_SIZE;
    return trace_encode(&first, once, sizeof(once));
}

static void a_schedule_is_a_blob_in_the_tail(void)
{
    static const uint8_t want[] = {1, 0, 0, 0, 11, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 1};
    struct trace_error error;
    size_t tail, len = make_schedule(&tail);

    CHECK_EQ(len, tail + sizeof(want));
    CHECK_EQ(once[28], sizeof(want));
    CHECK(memcmp(once + tail, want, sizeof(want)) == 0);
    CHECK(trace_check(once, len, &error));
    trace_decode(&second, once, len);
    CHECK(same_ops(&first, &second));

    first.decisions = 0;
    len = trace_encode(&first, once, sizeof(once));
    CHECK(trace_check(once, len, &error));
    trace_decode(&second, once, len);
    CHECK(same_ops(&first, &second));
    trace_drop_schedule(&first);
    CHECK_EQ(trace_encode(&first, once, sizeof(once)), tail);
}

/* A tail goes before operations do, and operations go when it fits. */
static void what_does_not_fit_is_left_out(void)
{
    struct trace_error error;
    size_t tail, len = make_schedule(&tail);

    CHECK_EQ(trace_encode(&first, twice, len - 1), len - TRACE_RECORD_SIZE);
    CHECK(trace_check(twice, len - TRACE_RECORD_SIZE, &error));
    CHECK_EQ(trace_encode(&first, twice, TRACE_HEADER_SIZE + 18), TRACE_HEADER_SIZE);
    CHECK(trace_check(twice, TRACE_HEADER_SIZE, &error));
}

static void the_total_reader_skips_what_it_does_not_know(void)
{
    size_t tail, len = make_schedule(&tail);

    /* An unknown blob of two bytes in front, a second schedule and half a blob behind. */
    memmove(once + tail + 10, once + tail, 19);
    memcpy(once + tail, "\x09\x00\x00\x00\x02\x00\x00\x00??", 10);
    memcpy(once + len + 10, "\x01\x00\x00\x00\x08\x00\x00\x00\x05", 9);
    once[28] = 19 + 10 + 9;
    trace_decode(&second, once, len + 19);
    CHECK(same_ops(&first, &second));

    /* A cut blob has what is there; a tail longer than the file is none, and its bytes are records. */
    make_schedule(&tail);
    once[28] = 12;
    trace_decode(&second, once, tail + 12);
    CHECK(second.overlap && second.schedule_seed == 7 && second.decisions == 0);
    once[28] = 200;
    trace_decode(&second, once, tail + 12);
    CHECK(!second.overlap && second.count == 1);
}

static void the_strict_reader_names_the_place_in_the_tail(void)
{
    size_t tail, len = make_schedule(&tail);

    check_refused(len - 1, len - 1, "truncated: the header announces a tail of 19 bytes, the file has 18");
    check_refused(len + 2, len, "2 bytes follow the tail");
    once[tail] = 9;
    check_refused(len, tail, "unknown tag 9");
    once[tail] = 1;
    once[tail + 2] = 1;
    check_refused(len, tail + 2, "reserved");
    once[tail + 2] = 0;
    once[tail + 4] = 12;
    check_refused(len, tail + 4, "a blob of 12 bytes, but 11 are left");
    once[tail + 4] = 7;
    check_refused(len, tail + 4, "its seed alone has 8");
    once[tail + 4] = 8;
    check_refused(len, tail + 16, "3 bytes are left");
    once[28] = 32;
    memset(once + len, 0, 13);
    memcpy(once + tail + 16, "\x01\x00\x00\x00\x08", 5);
    check_refused(tail + 32, tail + 16, "tag 1 after tag 1");
    first.decisions = TRACE_MAX_DECISIONS;
    len = trace_encode(&first, once, sizeof(once));
    CHECK_EQ(len, tail + TRACE_MAX_TAIL);
    trace_put(once + 28, 4, TRACE_MAX_TAIL + 1);
    check_refused(len + 1, 28, "at most");
}

static void the_table_answers_by_id_name_and_number(void)
{
    size_t count;
    const struct abi_call *call = abi_calls(&count);

    CHECK(count > 50);
    for (size_t i = 0; i < count; i++) {
        CHECK(abi_call_by_id(call[i].id) == &call[i]);
        CHECK(abi_call_by_name(call[i].name, strlen(call[i].name)) == &call[i]);
        CHECK(abi_call_by_number(call[i].guest, call[i].eid, call[i].fid) == &call[i]);
        CHECK(call[i].args <= 6);
        for (unsigned k = 0; k < call[i].args; k++)
            CHECK(call[i].arg[k].name != NULL && call[i].arg[k].kind != ABI_KIND_NONE);
    }
    CHECK(abi_call_by_id(0) == NULL);
    CHECK(abi_call_by_id(0xffff) == NULL);
    CHECK(abi_call_by_name("covh_", 5) == NULL);
    CHECK(abi_call_by_number(true, 0x434F5648, 1) == NULL);
    const struct abi_call *run = abi_call_by_name("covh_run_tvm_vcpu", 17);
    CHECK(run != NULL && run->id == 0x10f && run->fid == 15 && run->args == 2 && run->served && !run->guest);
    const struct abi_call *share = abi_call_by_name("covg_share_memory_region", 24);
    CHECK(share != NULL && share->guest && share->id == 0x302);
    const struct abi_call *evidence = abi_call_by_name("covg_get_evidence", 17);
    CHECK(evidence != NULL && evidence->guest && !evidence->served);
}

static void a_dictionary_has_every_call(void)
{
    char *text = NULL;
    size_t size = 0, count;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        test_error("no memory stream");
    trace_write_dictionary(out);
    fclose(out);
    const struct abi_call *call = abi_calls(&count);
    for (size_t i = 0; i < count; i++)
        CHECK(strstr(text, call[i].name) != NULL);
    CHECK(strstr(text, "covh_convert_pages=\"\\x01\\x00\\x00\\x00\\x01\\x01\"\n") != NULL);
    free(text);
}

int main(void)
{
    any_bytes_decode_and_reach_a_fixed_point_at_once();
    sizes_at_the_edges_decode();
    operations_that_do_not_fit_are_left_out();
    unknown_things_become_raw_ecalls();
    unused_arguments_are_cleared();
    an_expectation_needs_an_operation();
    the_strict_reader_names_the_place();
    a_schedule_is_a_blob_in_the_tail();
    what_does_not_fit_is_left_out();
    the_total_reader_skips_what_it_does_not_know();
    the_strict_reader_names_the_place_in_the_tail();
    the_table_answers_by_id_name_and_number();
    a_dictionary_has_every_call();
    return test_finish();
}
