/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the mutator reach every kind of argument at which such interfaces break? Traces are grown from nothing and from the
 * short corpus, and acted out on a real machine. Each argument of each call that reaches the monitor, or that the mutator
 * would aim and spoil in that state, is put into the classes that it belongs to at that moment: addresses on edges, in the
 * monitor, in mailboxes and devices, of pages in each state; numbers at their ends; handles that are live, of another TVM,
 * stale, never issued. A class that an argument of a call never has fails the test.
 */
#include "harness/machine/sanitize.h"
#include "harness/tests/argument_classes.h"
#include "harness/tests/test.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/generate.h"

#define TRACES 4000u
#define MUTATIONS 26u
#define MAX_CALL 0x500u
#define AIM_EVERY 2u /* steps */
#define HARTS 3u

static uint32_t reached[MAX_CALL][6][CLASS_COUNT];
static uint32_t sdid_reached, overlapping_creates, same_page_creates, unaligned_identities;
static bool shared_page[MACHINE_DEFAULT_HOST_PAGES];

/* --- what is wanted --------------------------------------------------------------------------------------------- */

#define WANTED_ADDRESS                                                                                                 \
    (BIT(ZERO) | BIT(LAST_PAGE_OF_ALL) | BIT(UNALIGNED) | BIT(BEYOND_WIDTH) | BIT(WINDOW_LAST) | BIT(WINDOW_END) |     \
     BIT(WINDOW_BEFORE) | BIT(MONITOR) | BIT(DEVICE) | BIT(MAILBOX) | BIT(HOST_MEMORY) | BIT(PAGE_NONCONF_) |          \
     BIT(PAGE_CONVERTING_) | BIT(PAGE_FREE_) | BIT(PAGE_OWNED) | BIT(PAGE_BLOCKED_) | BIT(PAGE_SHARED_))

static uint64_t wanted(const struct abi_call *call, unsigned arg)
{
    bool counted = false;
    bool pages = false;

    for (unsigned i = 0; i < call->args; i++) {
        counted = counted || (i > arg && (call->arg[i].kind == ABI_KIND_COUNT || call->arg[i].kind == ABI_KIND_LEN));
        pages = pages || call->arg[i].kind == ABI_KIND_CONF_PAGE || call->arg[i].kind == ABI_KIND_CONF_PAGES;
    }
    switch (call->arg[arg].kind) {
    case ABI_KIND_CONF_PAGE:
    case ABI_KIND_CONF_PAGES:
    case ABI_KIND_HOST_BUF:
    case ABI_KIND_HOST_PAGE: return counted ? WANTED_ADDRESS | BIT(WRAPS) : WANTED_ADDRESS;
    case ABI_KIND_GPA:
    case ABI_KIND_GPA_PAGE: return BIT(ZERO) | BIT(LAST_PAGE_OF_ALL) | BIT(UNALIGNED) | BIT(BEYOND_WIDTH);
    case ABI_KIND_COUNT: return BIT(ZERO) | BIT(ONE) | BIT(MAXIMUM) | BIT(ABOVE_MAXIMUM) | BIT(HUGE_);
    case ABI_KIND_LEN: return BIT(ZERO) | BIT(UNALIGNED) | BIT(ABOVE_32) | BIT(HUGE_);
    case ABI_KIND_TVM:
        return BIT(ZERO) | BIT(ALL_ONES) | BIT(LIVE) | BIT(STALE) | BIT(NEVER) | (pages ? BIT(OTHER) : 0);
    case ABI_KIND_VCPU: return BIT(ZERO) | BIT(MAXIMUM) | BIT(ABOVE_MAXIMUM) | BIT(TAKEN) | BIT(NEVER) | BIT(ABOVE_32);
    case ABI_KIND_PAGE_TYPE:
        return BIT(ZERO) | BIT(PAGE_TYPE_2M) | BIT(PAGE_TYPE_1G) | BIT(PAGE_TYPE_512G) | BIT(PAGE_TYPE_NONE) |
               BIT(ABOVE_32);
    default: return 0;
    }
}

/* Guest addresses of calls that are about a TVM with regions. */
static uint64_t wanted_of_guest_address(const struct abi_call *call, unsigned arg)
{
    bool of_tvm = call->arg[0].kind == ABI_KIND_TVM || call->guest;
    bool address = call->arg[arg].kind == ABI_KIND_GPA || call->arg[arg].kind == ABI_KIND_GPA_PAGE;

    if (!of_tvm || !address)
        return 0;
    return BIT(OUTSIDE) | BIT(REGION_END) | BIT(MAPPED) | BIT(SHARED_OR_DEVICE) | BIT(SPANS_END);
}

/* --- acting ----------------------------------------------------------------------------------------------------- */

static void note_special(const struct at_call *c)
{
    const uint8_t *params = machine_peek(c->w->machine, c->a[0], sizeof(struct tvm_create_params));
    struct tvm_create_params p;

    if (c->call->id == CALL_covh_finalize_tvm && (c->a[3] & 63) != 0)
        unaligned_identities++;
    if (c->call->id != CALL_covh_create_tvm || params == NULL)
        return;
    memcpy(&p, params, sizeof(p));
    same_page_creates += p.tvm_page_directory_addr != 0 && p.tvm_page_directory_addr == p.tvm_state_addr;
    overlapping_creates += p.tvm_state_addr - p.tvm_page_directory_addr < TVM_ROOT_PAGES * PAGE_SIZE;
}

static void note(const struct world *w, const struct trace_op *op)
{
    struct at_call c = {
        .w = w, .hart = op->hart % w->machine->config.harts, .call = abi_call_by_id(op->call), .shared = shared_page};
    bool guest = machine_in_guest(w->machine, c.hart);

    if (c.call == NULL || !agent_hart_runs(w->machine, c.hart) || guest != (op->op == OP_GUEST_CALL))
        return;
    for (unsigned i = 0; i < c.call->args && i < 6; i++)
        c.a[i] = world_resolve(w, op, i);
    for (unsigned i = 0; i < c.call->args && i < 6; i++)
        for (uint64_t rest = classes_of(&c, i); rest != 0; rest &= rest - 1)
            reached[c.call->id][i][__builtin_ctzll(rest)]++;
    sdid_reached += (op->a[6] & 63) != 0;
    note_special(&c);
}

/* Each call that the hart could make now, as the mutator would make it there and spoil it. They are looked at, not made. */
static void aim_everywhere(const struct world *w, const struct sketch *s, const struct trace *t, uint32_t at,
                           uint8_t hart)
{
    struct random random = random_from(at * UINT64_C(0x10001) + t->count);
    struct aim aim = {.r = &random, .s = s, .t = t, .at = at};
    bool guest = machine_in_guest(w->machine, hart);
    size_t count;
    const struct abi_call *call = abi_calls(&count);

    for (size_t i = 0; i < count; i++) {
        struct trace_op op = {.op = guest ? OP_GUEST_CALL : OP_HOST_CALL, .hart = hart, .call = call[i].id};
        if (call[i].guest != guest || !call[i].served)
            continue;
        generate_call_args(&aim, &op);
        generate_spoil(&aim, &op);
        note(w, &op);
    }
}

static void act_out(struct world *w, const struct trace *t)
{
    static struct sketch sketch;
    struct step_result seen;

    world_reset(w);
    memset(shared_page, 0, sizeof(shared_page));
    sketch_begin(&sketch, t);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct trace_op *op = &t->op[i];
        uint64_t page = op->call == CALL_covh_add_tvm_shared_pages ? world_resolve(w, op, 1) : 0;
        if (op->op == OP_HOST_CALL || op->op == OP_GUEST_CALL)
            note(w, op);
        world_step(w, op, &seen);
        if (op->op == OP_HOST_CALL && page != 0 && seen.kind == EXPECT_RESULT && seen.error == 0 && seen.value != 0)
            shared_page[(page - MACHINE_HOST_BASE) / PAGE_SIZE] = true;
        sketch_apply(&sketch, op);
        if ((i + 1) % AIM_EVERY == 0)
            aim_everywhere(w, &sketch, t, i + 1, op->hart);
    }
}

static void every_class_of_every_argument_is_reached(void)
{
    size_t count;
    const struct abi_call *call = abi_calls(&count);

    for (size_t i = 0; i < count; i++) {
        for (unsigned arg = 0; call[i].served && arg < call[i].args; arg++) {
            uint64_t rest = wanted(&call[i], arg) | wanted_of_guest_address(&call[i], arg);
            for (; rest != 0; rest &= rest - 1) {
                unsigned class = (unsigned)__builtin_ctzll(rest);
                if (!test_count(reached[call[i].id][arg][class] != 0))
                    fprintf(stderr, "never reached: %s(%s) %s\n", call[i].name, call[i].arg[arg].name,
                            class_text[class]);
            }
        }
    }
    CHECK(sdid_reached != 0);
    CHECK(overlapping_creates != 0);
    CHECK(same_page_creates != 0);
    CHECK(unaligned_identities != 0);
}

/* Where traces grow from: nothing, and the short corpus. */
static const char *const parents[] = {"",
                                      "corpora/short/block_and_unblock.trace",
                                      "corpora/short/share.trace",
                                      "corpora/short/two_tvms.trace",
                                      "corpora/short/run_and_exits.trace",
                                      "corpora/short/create_destroy.trace",
                                      "corpora/short/device.trace"};
#define PARENTS (sizeof(parents) / sizeof(parents[0]))

static void begin(struct trace *t, uint32_t i)
{
    struct trace_error error;

    if (parents[i % PARENTS][0] == 0)
        *t = (struct trace){0};
    else if (!trace_load(t, parents[i % PARENTS], &error))
        test_error(error.text);
}

/* The machine stays what it is: booting another one is not what is looked at. */
static size_t on_this_machine(struct trace *t, uint8_t *bytes, size_t max)
{
    t->harts = HARTS;
    t->seed = 0;
    t->host_pages = t->window_pages = 0;
    t->iopmp = IOPMP_PRESENT;
    return trace_encode(t, bytes, max);
}

int main(void)
{
    static uint8_t bytes[TRACE_MAX_BYTES];
    static struct trace trace;
    struct machine_config config = machine_default_config();

#if defined(SANITIZE_ADDRESS) || defined(SANITIZE_MEMORY)
    puts("skipped: what the mutator reaches does not depend on the build, and counting it takes long here");
    return TEST_SKIPPED;
#endif
    config.harts = HARTS;
    struct world *w = world_create(&config, 0);
    if (w == NULL)
        test_error("no world");
    for (uint32_t i = 0; i < TRACES; i++) {
        begin(&trace, i);
        size_t size = on_this_machine(&trace, bytes, sizeof(bytes));
        for (uint32_t round = 0; round < i % MUTATIONS; round++) {
            size = trace_mutate(bytes, size, sizeof(bytes), i * MUTATIONS + round, NULL);
            trace_decode(&trace, bytes, size);
            size = on_this_machine(&trace, bytes, sizeof(bytes));
        }
        act_out(w, &trace);
    }
    world_destroy(w);
    every_class_of_every_argument_is_reached();
    return test_finish();
}
