/* SPDX-License-Identifier: Apache-2.0 */
/* The library behind reproducers in C; see repro.h. */
#include "harness/repro/repro.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/agents/telling.h"
#include "harness/concurrency/replay.h"
#include "harness/trace/ops.h"

/* Exit codes of `touchstone run`. */
enum { EXIT_CLEAN = 0, EXIT_BAD = 2, EXIT_ENVIRONMENT = 4, EXIT_FINDING = 5, EXIT_MISMATCH = 7 };

static struct {
    const char *name;
    struct trace trace; /* as far as the program has come */
    struct replay replay;
    struct world *world;
    uint64_t sdid;
} now;

/* The program itself is wrong: nobody wrote it like that but an editor. */
static void bad_program(const char *what, const char *word) __attribute__((noreturn));

static void bad_program(const char *what, const char *word)
{
    fprintf(stderr, "%s: operation %u: %s%s\n", now.name, (unsigned)now.trace.count, what, word);
    exit(EXIT_BAD);
}

static void print_each(void *data, uint32_t step, const struct trace_op *op, const struct step_result *seen)
{
    (void)data;
    printf("  %3u ", step);
    print_step(stdout, op, seen);
    putchar('\n');
}

/* Tell how it ended and give the exit code. */
static int verdict(void)
{
    const struct replay *r = &now.replay;

    replay_tell(stdout, r, &now.trace, now.name, 0, "", "");
    if (r->end == REPLAY_CLEAN && now.trace.overlap)
        printf("ok %s steps=%u hash=%016" PRIx64 " order=%016" PRIx64 "\n", now.name, r->steps, r->hash, r->digest);
    else if (r->end == REPLAY_CLEAN)
        printf("ok %s steps=%u hash=%016" PRIx64 "\n", now.name, r->steps, r->hash);
    switch (r->end) {
    case REPLAY_FINDING: return EXIT_FINDING;
    case REPLAY_MISMATCH: return EXIT_MISMATCH;
    default: return EXIT_CLEAN;
    }
}

static void need(const void *made)
{
    if (made != NULL)
        return;
    fprintf(stderr, "%s: no memory for the machine\n", now.name);
    exit(EXIT_ENVIRONMENT);
}

static uint8_t iopmp_by_name(const char *name)
{
    for (uint8_t i = 0; name != NULL && i < IOPMP_COUNT; i++) {
        if (strcmp(trace_iopmp_name(i), name) == 0)
            return i;
    }
    if (name != NULL)
        bad_program("no IOPMP is ", name);
    return IOPMP_PRESENT;
}

void repro_begin(int argc, char **argv, const char *name, const struct repro_machine *machine)
{
    now.name = name;
    now.trace = (struct trace){.harts = (uint8_t)machine->harts,
                               .host_pages = machine->host_pages,
                               .window_pages = machine->window_pages,
                               .seed = machine->seed,
                               .iopmp = iopmp_by_name(machine->iopmp)};
    now.replay = (struct replay){.expectations = true};
    if (argc > 1 && strcmp(argv[1], "-v") == 0)
        now.replay.each = print_each;
    struct machine_config config = world_config_for(&now.trace);
    now.world = world_create(&config, ORACLE_ALL);
    need(now.world);
    replay_begin(&now.replay, now.world);
}

void repro_schedule(uint64_t seed, const uint8_t *decisions, size_t count)
{
    if (count > TRACE_MAX_DECISIONS)
        bad_program("too many decisions", "");
    now.trace.overlap = true;
    now.trace.schedule_seed = seed;
    now.trace.decisions = (uint16_t)count;
    if (count != 0)
        memcpy(now.trace.decision, decisions, count);
}

static struct trace_op *append(void)
{
    if (now.trace.count == TRACE_MAX_OPS)
        bad_program("there is no room for more", "");
    struct trace_op *op = &now.trace.op[now.trace.count++];
    memset(op, 0, sizeof(*op));
    return op;
}

/* Code and number of arguments of an operation. */
static unsigned identify(struct trace_op *op, const char *name)
{
    const struct abi_call *call = abi_call_by_name(name, strlen(name));
    int plain = trace_op_by_name(name, strlen(name));

    if (call != NULL) {
        op->op = call->guest ? OP_GUEST_CALL : OP_HOST_CALL;
        op->call = call->id;
        op->a[6] = now.sdid;
        return call->args;
    }
    if (plain < 0)
        bad_program("unknown operation ", name);
    op->op = (uint8_t)plain;
    return trace_op_shape(op->op)->args;
}

void repro_op(enum repro_hart hart, const char *name, unsigned count, const struct repro_value *argument)
{
    struct trace_op *op = append();

    op->hart = (uint8_t)hart;
    if (identify(op, name) != count)
        bad_program("another number of arguments belongs to ", name);
    for (unsigned i = 0; i < count; i++) {
        op->kind[i] = argument[i].kind;
        op->a[i] = argument[i].value;
    }
    now.sdid = 0;
    struct trace_op legal = *op;
    trace_op_canonical(&legal, now.trace.harts);
    if (memcmp(&legal, op, sizeof(legal)) != 0)
        bad_program("hart or argument out of range for ", name);
    if (!now.trace.overlap && !replay_step(&now.replay, now.world, &now.trace, now.trace.count - 1))
        exit(repro_end());
}

void expect(const char *what)
{
    static struct trace parsed;
    struct trace_error error;
    char text[640];

    int len = snprintf(text, sizeof(text), "touchstone 1\nh0 nop() -> %s\n", what);
    if (len < 0 || (size_t)len >= sizeof(text))
        bad_program("expectation too long: ", what);
    if (!trace_parse(&parsed, text, (size_t)len, &error) || parsed.count != 2)
        bad_program("no expectation: ", what);
    if (now.trace.count == 0 || now.trace.op[now.trace.count - 1].op == OP_EXPECT)
        bad_program("no operation before the expectation ", what);
    uint8_t hart = now.trace.op[now.trace.count - 1].hart;
    struct trace_op *op = append();
    *op = parsed.op[1];
    op->hart = hart;
    if (!now.trace.overlap && !replay_expect(&now.replay, now.world, &now.trace, now.trace.count - 1))
        exit(repro_end());
}

void sdid(uint64_t id)
{
    now.sdid = id;
}

/* With a schedule nothing has happened yet. */
static void run_overlapping(void)
{
    struct machine_config config = world_config_for(&now.trace);
    struct interleave *interleave = interleave_create(&config);

    need(interleave);
    replay_overlapping(&now.replay, interleave, &now.trace);
    interleave_destroy(interleave);
}

int repro_end(void)
{
    if (now.trace.overlap)
        run_overlapping();
    else
        replay_end(&now.replay, now.world);
    world_destroy(now.world);
    now.world = NULL;
    return verdict();
}

/* --- arguments -------------------------------------------------------------------------------------------------- */

static struct repro_value handle(uint8_t kind, uint32_t index)
{
    return (struct repro_value){kind, trace_handle(index, 0)};
}

struct repro_value win(uint32_t frame)
{
    return handle(ARG_WIN, frame);
}

struct repro_value ram(uint32_t frame)
{
    return handle(ARG_RAM, frame);
}

struct repro_value mon(uint32_t frame)
{
    return handle(ARG_MON, frame);
}

struct repro_value mmio(uint32_t frame)
{
    return handle(ARG_MMIO, frame);
}

struct repro_value tvm(uint32_t number)
{
    return handle(ARG_TVM, number);
}

struct repro_value plus(struct repro_value handle, int32_t bytes)
{
    return (struct repro_value){handle.kind, trace_handle(trace_handle_index(handle.value), bytes)};
}

struct repro_value repro_number(uint64_t number)
{
    return (struct repro_value){ARG_RAW, number};
}

struct repro_value repro_same(struct repro_value value)
{
    return value;
}
