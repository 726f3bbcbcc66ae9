/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of traces: nothing is lost between binary and text, what people write is understood, and each
 * mistake is answered with its line and what was expected there.
 */
#include "harness/tests/test.h"
#include "harness/tests/trace_random.h"
#include "harness/trace/ops.h"

static struct trace original, parsed;
static uint8_t bytes[4000];

static char *print_to_text(const struct trace *t, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (out == NULL)
        test_error("no memory stream");
    trace_print(out, t);
    fclose(out);
    return text;
}

static void nothing_is_lost_between_binary_and_text(void)
{
    struct random r = random_from(3);

    for (unsigned i = 0; i < 5000; i++) {
        size_t len;
        struct trace_error error;

        trace_decode(&original, bytes, random_trace_bytes(&r, bytes, sizeof(bytes)));
        char *text = print_to_text(&original, &len);
        if (!CHECK(trace_parse(&parsed, text, len, &error))) {
            fprintf(stderr, "    line %zu: %s\n%s", error.offset, error.text, text);
        } else {
            CHECK_EQ(parsed.count, original.count);
            CHECK(memcmp(parsed.op, original.op, original.count * sizeof(original.op[0])) == 0);
            CHECK_EQ(parsed.harts, original.harts);
            CHECK_EQ(parsed.host_pages, original.host_pages);
            CHECK_EQ(parsed.iopmp, original.iopmp);
            CHECK_EQ(parsed.window_pages, original.window_pages);
            CHECK_EQ(parsed.seed, original.seed);
            CHECK_EQ(parsed.overlap, original.overlap);
            CHECK_EQ(parsed.schedule_seed, original.schedule_seed);
            CHECK_EQ(parsed.decisions, original.decisions);
            CHECK(memcmp(parsed.decision, original.decision, original.decisions) == 0);
        }
        free(text);
    }
}

static bool parse(const char *text)
{
    struct trace_error error;
    bool ok = trace_parse(&parsed, text, strlen(text), &error);

    if (!ok)
        fprintf(stderr, "    line %zu: %s\n", error.offset, error.text);
    return ok;
}

static void people_write_it_in_their_own_way(void)
{
    CHECK(parse("\n  # a comment\r\n\ttouchstone 1\t harts=3 seed=0xfeed_f00d # more\r\n"
                "h2   covh_convert_pages ( base = win[1_2]+0x10 , num_pages=0x1_000)->SUCCESS 8#x\n"
                "h0 host_write64(addr=ram[0], value=win[4]-8)\n"
                "h1 host_ecall(a0=-1, a1=0, a2=0, a3=0, a4=0, a5=0, a6=0x4000001, a7=COVH) -> RESULT error=-77\n"
                "h0 covh_add_tvm_zero_pages(guest_id=tvm[0], base=win[0], page_type=2M, num_pages=1, gpa=0)\n"
                "h0 base_probe_extension(eid=COVH, sdid=1) -> NOT_SUPPORTED"));
    CHECK_EQ(parsed.harts, 3);
    CHECK_EQ(parsed.seed, 0xfeedf00d);
    CHECK_EQ(parsed.count, 8);
    CHECK_EQ(parsed.op[0].op, OP_HOST_CALL);
    CHECK_EQ(parsed.op[0].call, 0x101);
    CHECK_EQ(parsed.op[0].hart, 2);
    CHECK_EQ(parsed.op[0].kind[0], ARG_WIN);
    CHECK_EQ(parsed.op[0].a[0], trace_handle(12, 16));
    CHECK_EQ(parsed.op[0].a[1], 4096);
    CHECK_EQ(parsed.op[1].op, OP_EXPECT);
    CHECK_EQ(parsed.op[1].call, EXPECT_RESULT);
    CHECK_EQ(parsed.op[1].a[1], 8);
    CHECK_EQ(parsed.op[1].a[7], 3);
    CHECK_EQ(parsed.op[2].a[1], trace_handle(4, -8));
    CHECK_EQ(parsed.op[3].a[0], UINT64_MAX);
    CHECK_EQ(parsed.op[3].a[7], 0x434F5648);
    CHECK_EQ(parsed.op[4].a[0], (uint64_t)-77);
    CHECK_EQ(parsed.op[4].a[7], 1);
    CHECK_EQ(parsed.op[5].a[2], 1);
    CHECK_EQ(parsed.op[6].a[6], 1);
    CHECK_EQ(parsed.op[7].a[0], (uint64_t)-2);
}

static void a_line_reads_like_the_documentation(const char *line)
{
    char text[400], out[400];

    snprintf(text, sizeof(text), "touchstone 1 harts=2\n%s\n", line);
    if (!CHECK(parse(text)))
        return;
    trace_print_op(out, sizeof(out), &parsed.op[0], parsed.count > 1 ? &parsed.op[1] : NULL);
    CHECK_STR(out, line);
}

static void printed_lines_are_what_was_written(void)
{
    a_line_reads_like_the_documentation("h0 covh_convert_pages(base=win[0], num_pages=8) -> SUCCESS 8");
    a_line_reads_like_the_documentation("h0 covh_create_tvm(params_addr=ram[1]+0x10, params_len=16) -> SUCCESS tvm[0]");
    a_line_reads_like_the_documentation("h1 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0) -> ENTER");
    a_line_reads_like_the_documentation("h0 guest_load(addr=0x80001000, width=8) -> EXIT scause=21 htval=0x20000400");
    a_line_reads_like_the_documentation("h0 guest_load(addr=0x80001000, width=8) -> VALUE 0");
    a_line_reads_like_the_documentation("h0 guest_wfi() -> EXIT error=SUCCESS value=0 scause=22");
    a_line_reads_like_the_documentation("h0 host_load(addr=win[3], width=8) -> TRAP 5");
    a_line_reads_like_the_documentation("h0 host_csr_write(csr=0x680, value=0)");
    a_line_reads_like_the_documentation("h0 covh_global_fence() -> ALREADY_STARTED");
    a_line_reads_like_the_documentation("h0 covh_global_fence(sdid=2) -> NOT_SUPPORTED 0");
    a_line_reads_like_the_documentation("h0 host_fence(type=2, addr=0x80000000, id=1, all=3) -> NONE");
    a_line_reads_like_the_documentation("h0 host_load(addr=mon[1]-1, width=1) -> TRAP");
    a_line_reads_like_the_documentation("h0 host_load(addr=mmio[0]-0x80000000, width=1)");
    a_line_reads_like_the_documentation("h0 nop() -> RESULT");
    a_line_reads_like_the_documentation("h1 host_race(addr=ram[1]+8, value=win[4]) -> NONE");
    a_line_reads_like_the_documentation("h0 host_race_read(skip=1, word=0, flip=0xffffffffffffffff)");
    a_line_reads_like_the_documentation("h0 fault(place=0, skip=2) -> NONE");
    a_line_reads_like_the_documentation("h0 device_read(addr=win[3]+8, width=8) -> NONE");
    a_line_reads_like_the_documentation("h0 device_write(addr=mmio[0], width=4, value=1) -> VALUE 0");
}

static void a_schedule_stands_at_the_end(void)
{
    CHECK(parse(
        "touchstone 1\nh0 nop() # one\nschedule seed=0x1_0000 # s\n\ndecisions 80FF # two\n# and\n decisions 01\n"));
    CHECK(parsed.overlap && parsed.count == 1 && parsed.schedule_seed == 0x10000 && parsed.decisions == 3);
    CHECK(memcmp(parsed.decision, "\x80\xff\x01", 3) == 0);
    size_t len;
    char *text = print_to_text(&parsed, &len);
    CHECK_STR(text, "touchstone 1 harts=2\nh0 nop()\nschedule seed=0x10000\ndecisions 80ff01\n");
    free(text);

    /* As many decisions as there can be, and one more. */
    static char many[2 * TRACE_MAX_DECISIONS + 100];
    len = (size_t)snprintf(many, sizeof(many), "touchstone 1\nschedule seed=1\ndecisions ");
    memset(many + len, '5', 2 * TRACE_MAX_DECISIONS + 2);
    struct trace_error error;
    CHECK(trace_parse(&parsed, many, len + 2 * TRACE_MAX_DECISIONS, &error));
    CHECK_EQ(parsed.decisions, TRACE_MAX_DECISIONS);
    CHECK(!trace_parse(&parsed, many, len + 2 * TRACE_MAX_DECISIONS + 2, &error));
    CHECK_EQ(error.offset, 3);
}

static void check_mistake(const char *text, size_t line, const char *part)
{
    struct trace_error error = {0};

    if (!CHECK(!trace_parse(&parsed, text, strlen(text), &error)))
        fprintf(stderr, "    accepted: %s\n", text);
    CHECK_EQ(error.offset, line);
    if (!CHECK(strstr(error.text, part) != NULL))
        fprintf(stderr, "    got '%s' for: %s\n", error.text, text);
}

#define HEADER "touchstone 1 harts=2\n\n"

static void each_mistake_is_named_with_its_line(void)
{
    check_mistake("", 1, "no header");
    check_mistake("# nothing\n", 2, "no header");
    check_mistake("# nothing", 1, "no header");
    check_mistake("h0 nop()\n", 1, "expected the header");
    check_mistake("touchstone 2\n", 1, "version 2");
    check_mistake("touchstone 1 harts=0\n", 1, "harts: 1 to 8");
    check_mistake("touchstone 1 harts=9\n", 1, "harts: 1 to 8");
    check_mistake("touchstone 1 hearts=2\n", 1, "unknown setting 'hearts'");
    check_mistake("touchstone 1 window_pages=100\n", 1, "power of two");
    check_mistake("touchstone 1 host_pages=0x100000400\n", 1, "host_pages");
    check_mistake("touchstone 1 !\n", 1, "expected harts=");
    check_mistake("touchstone 1 iopmp=1\n", 1, "iopmp: present, absent, refused or stuck");
    check_mistake(HEADER "nop()\n", 3, "expected a hart");
    check_mistake(HEADER "h2 nop()\n", 3, "the machine has 2");
    check_mistake(HEADER "h0 nope()\n", 3, "unknown operation 'nope'");
    check_mistake(HEADER "h0\n", 3, "expected the name");
    check_mistake(HEADER "h0 nop\n", 3, "expected '('");
    check_mistake(HEADER "h0 nop(\n", 3, "expected ')'");
    check_mistake(HEADER "h0 nop() nop()\n", 3, "expected '->'");
    check_mistake(HEADER "h0 nop() ->\n", 3, "after '->'");
    check_mistake(HEADER "h0 nop() -> FINE\n", 3, "after '->'");
    check_mistake(HEADER "h0 nop() -> ENTER 5\n", 3, "end of the line");
    check_mistake(HEADER "h0 nop() -> EXIT cause=5\n", 3, "scause=");
    check_mistake(HEADER "h0 nop() -> RESULT scause=5\n", 3, "expected error=");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0])\n", 3, "argument 'num_pages'");
    check_mistake(HEADER "h0 covh_convert_pages(num_pages=1, base=win[0])\n", 3, "expected argument 'base'");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0], num_pages=1, n=2)\n", 3, "'sdid='");
    check_mistake(HEADER "h0 covh_global_fence(1)\n", 3, "'sdid='");
    check_mistake(HEADER "h0 covh_global_fence(sdid=64)\n", 3, "sdid");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[, num_pages=1)\n", 3, "base: expected a number");
    check_mistake(HEADER "h0 covh_convert_pages(base=win(0), num_pages=1)\n", 3, "expected '['");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0x100000000], num_pages=1)\n", 3, "32 bits");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0]+0x80000000, num_pages=1)\n", 3, "31 bits");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0], num_pages=18446744073709551616)\n", 3, "64-bit number");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0], num_pages=0x)\n", 3, "64-bit number");
    check_mistake(HEADER "h0 covh_convert_pages(base=win[0], num_pages=12z)\n", 3, "64-bit number");
    check_mistake(HEADER "h0 guest_load(addr=0, width=3)\n", 3, "width: value is out of range");
    check_mistake(HEADER "h0 guest_load(addr=0, width=win[0])\n", 3, "width: value is out of range");
    check_mistake(HEADER "h0 irq(number=4, level=1)\n", 3, "number: value is out of range");
    check_mistake(HEADER "h0 host_reg(reg=0, value=1)\n", 3, "reg: value is out of range");
    check_mistake(HEADER "schedule\n", 3, "expected seed=");
    check_mistake(HEADER "schedule seed=x\n", 3, "64-bit number");
    check_mistake(HEADER "schedule seed=1 2\n", 3, "expected the end of the line");
    check_mistake(HEADER "decisions 00\n", 3, "without a schedule");
    check_mistake(HEADER "schedule seed=1\nschedule seed=1\n", 4, "only decisions follow");
    check_mistake(HEADER "schedule seed=1\nh0 nop()\n", 4, "only decisions follow");
    check_mistake(HEADER "schedule seed=1\ndecisions\n", 4, "two hexadecimal digits");
    check_mistake(HEADER "schedule seed=1\ndecisions 123\n", 4, "two hexadecimal digits");
    check_mistake(HEADER "schedule seed=1\ndecisions 12zz\n", 4, "'zz' is no byte");
    check_mistake(HEADER "schedule seed=1\ndecisions 12 34\n", 4, "expected the end of the line");
}

static void a_text_that_is_too_long_is_refused(void)
{
    size_t size = 32 + 10 * (TRACE_MAX_OPS + 1);
    char *text = malloc(size);

    if (text == NULL)
        test_error("out of memory");
    size_t len = (size_t)snprintf(text, size, "touchstone 1\n");
    for (unsigned i = 0; i < TRACE_MAX_OPS; i++)
        len += (size_t)snprintf(text + len, size - len, "h0 nop()\n");
    CHECK(parse(text));
    CHECK_EQ(parsed.count, TRACE_MAX_OPS);
    snprintf(text + len, size - len, "h0 nop()\n");
    check_mistake(text, TRACE_MAX_OPS + 2, "too long");
    free(text);
}

/* Random damage to a correct text: an error or a trace, never anything else. */
static void damaged_text_never_crashes(void)
{
    static const char good[] = HEADER "h0 covh_convert_pages(base=win[0]+0x10, num_pages=8) -> SUCCESS 8 # c\n"
                                      "h1 guest_load(addr=0x80001000, width=8) -> EXIT error=FAILED scause=21\n";
    struct random r = random_from(4);
    struct trace_error error;

    for (unsigned i = 0; i < 50000; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (uint64_t k = random_below(&r, 4); k != UINT64_MAX; k--)
            text[random_below(&r, sizeof(text))] = (char)random_next(&r);
        bool ok = trace_parse(&parsed, text, random_below(&r, sizeof(text)), &error);
        CHECK(ok || (error.offset >= 1 && error.text[0] != 0));
    }
}

static void a_short_buffer_is_not_overrun(void)
{
    char out[16];
    struct trace_op op = {.op = OP_HOST_CALL, .call = 0x101};

    memset(out, 'x', sizeof(out));
    int needed = trace_print_op(out, 8, &op, NULL);
    CHECK(needed > 8);
    CHECK_EQ(out[7], 0);
    CHECK_EQ(out[8], 'x');
    CHECK_EQ(trace_print_op(NULL, 0, &op, NULL), needed);
}

static bool load(const char *content, size_t len, struct trace_error *error)
{
    char path[] = "trace_text_test.XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;

    if (file == NULL || fwrite(content, 1, len, file) != len || fclose(file) != 0)
        test_error("cannot write a temporary file");
    bool ok = trace_load(&parsed, path, error);
    remove(path);
    return ok;
}

static void files_of_both_forms_load(void)
{
    struct trace_error error = {0};
    static const char text[] = "# comment\n\ntouchstone 1 harts=1\nh0 nop()\n";

    CHECK(load(text, sizeof(text) - 1, &error));
    CHECK_EQ(parsed.count, 1);
    original = (struct trace){.harts = 4, .count = 2};
    size_t len = trace_encode(&original, bytes, sizeof(bytes));
    CHECK(load((const char *)bytes, len, &error));
    CHECK_EQ(parsed.harts, 4);
    CHECK_EQ(parsed.count, 2);
    CHECK(!load((const char *)bytes, len - 3, &error));
    CHECK_EQ(error.offset, len - 3);
    CHECK(!load("", 0, &error));
    CHECK_STR(error.text, "empty file");
    CHECK(!load("garbage garbage garbage garbage garbage", 39, &error));
    CHECK(strstr(error.text, "not a trace") != NULL);
    CHECK(!trace_load(&parsed, "no/such/file", &error));
    CHECK_STR(error.text, "No such file or directory");
    CHECK(!trace_load(&parsed, "/", &error));
    CHECK_STR(error.text, "Is a directory");
}

static void engines_may_be_fed_with_text(void)
{
    static const char text[] = "touchstone 1 harts=1\nh0 nop()\n";

    trace_decode_any(&parsed, (const uint8_t *)text, sizeof(text) - 1);
    CHECK_EQ(parsed.count, 1);
    CHECK_EQ(parsed.harts, 1);
    trace_decode_any(&parsed, (const uint8_t *)text, 22);
    CHECK_EQ(parsed.count, 0);
}

int main(void)
{
    nothing_is_lost_between_binary_and_text();
    people_write_it_in_their_own_way();
    printed_lines_are_what_was_written();
    a_schedule_stands_at_the_end();
    each_mistake_is_named_with_its_line();
    a_text_that_is_too_long_is_refused();
    damaged_text_never_crashes();
    a_short_buffer_is_not_overrun();
    files_of_both_forms_load();
    engines_may_be_fed_with_text();
    return test_finish();
}
