/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutator: what it makes is canonical, bounded, nearly always different, the same for the same seed, and from
 * nothing it soon reaches a running TVM, its destruction and more than one hart.
 */
#include "harness/tests/test.h"
#include "harness/tests/trace_random.h"
#include "harness/trace/call_ids.h"
#include "harness/trace/sketch.h"

#define MUTATOR_FINGERPRINT UINT64_C(0x04c77706b87c2233)

static uint8_t seed_bytes[TRACE_MAX_BYTES], work[TRACE_MAX_BYTES], again[TRACE_MAX_BYTES], guard[TRACE_MAX_BYTES];
static struct trace trace;

static const char *const seed_texts[] = {
    "",
    "touchstone 1 harts=1\nh0 covh_convert_pages(base=win[0], num_pages=8)\n",
    "touchstone 1 harts=3 window_pages=64\nh0 covh_convert_pages(base=win[0], num_pages=16)\nh0 covh_global_fence()\n"
    "h0 host_write64(addr=ram[1], value=win[0])\nh0 host_write64(addr=ram[1]+8, value=win[4])\n"
    "h0 covh_create_tvm(params_addr=ram[1], params_len=16)\n"
    "h0 covh_add_tvm_memory_region(guest_id=tvm[0], gpa=0x80000000, len=0x200000)\n"
    "h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=0, state_page_addr=win[6])\n"
    "h0 covh_finalize_tvm(guest_id=tvm[0], entry_sepc=0x80000000, entry_arg=0, identity_addr=0)\n"
    "h0 nacl_set_shmem(shmem_lo=ram[32], shmem_hi=0, flags=0)\nh0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)\n"
    "h0 guest_wfi()\nh0 covh_destroy_tvm(guest_id=tvm[0])\n",
};

#define SEEDS (sizeof(seed_texts) / sizeof(seed_texts[0]))

static size_t load_seed(size_t i)
{
    struct trace_error error;

    if (seed_texts[i][0] == 0)
        return 0;
    if (!trace_parse(&trace, seed_texts[i], strlen(seed_texts[i]), &error))
        test_error(error.text);
    return trace_encode(&trace, seed_bytes, sizeof(seed_bytes));
}

/* Bytes of an engine that overwrites what it is given. */
static size_t engine(uint8_t *data, size_t size, size_t max)
{
    memset(data, 0xa5, size < max ? size : max);
    return size;
}

static bool check_canonical(const uint8_t *bytes, size_t size)
{
    struct trace_error error = {0};
    bool ok = trace_check(bytes, size, &error);

    if (!CHECK(ok))
        fprintf(stderr, "    at %zu: %s\n", error.offset, error.text);
    return ok;
}

static void mutations_differ_and_are_canonical(void)
{
    for (size_t i = 0; i < SEEDS; i++) {
        size_t size = load_seed(i);
        unsigned different = 0;

        for (uint32_t seed = 0; seed < 1000; seed++) {
            memcpy(work, seed_bytes, size);
            size_t got = trace_mutate(work, size, sizeof(work), seed, seed % 2 ? engine : NULL);
            check_canonical(work, got);
            different += got != size || memcmp(work, seed_bytes, size) != 0;
        }
        CHECK(different >= 950);
    }
}

static void the_same_seed_gives_the_same_mutation(void)
{
    for (size_t i = 0; i < SEEDS; i++) {
        size_t size = load_seed(i);
        for (uint32_t seed = 0; seed < 200; seed++) {
            memcpy(work, seed_bytes, size);
            memset(again, (int)seed, sizeof(again)); /* what lies behind the input must not matter */
            memcpy(again, seed_bytes, size);
            size_t one = trace_mutate(work, size, sizeof(work), seed, engine);
            size_t two = trace_mutate(again, size, sizeof(again), seed, engine);
            CHECK(one == two && memcmp(work, again, one) == 0);
        }
    }
}

static void sizes_stay_within_the_buffer(void)
{
    struct random r = random_from(5);

    for (unsigned i = 0; i < 3000; i++) {
        size_t max = random_below(&r, 4000);
        size_t size = random_trace_bytes(&r, work, max);
        memcpy(guard, work, sizeof(guard));
        size_t got = trace_mutate(work, size, max, (uint32_t)i, NULL);
        CHECK(got <= max);
        CHECK(max < TRACE_HEADER_SIZE || got >= TRACE_HEADER_SIZE);
        CHECK(memcmp(work + max, guard + max, sizeof(work) - max) == 0);
        if (max >= TRACE_HEADER_SIZE)
            check_canonical(work, got);
    }
}

/* A long walk: sizes settle where traces are short enough to be fast. */
static void walks_stay_short(void)
{
    size_t size = 0;
    unsigned long_ones = 0;

    for (uint32_t seed = 0; seed < 5000; seed++) {
        size = trace_mutate(work, size, sizeof(work), seed, NULL);
        long_ones += size > TRACE_HEADER_SIZE + 96 * TRACE_RECORD_SIZE;
    }
    CHECK(long_ones < 500);
}

static void text_is_mutated_like_binary(void)
{
    size_t size = load_seed(2);

    memcpy(again, seed_texts[2], strlen(seed_texts[2]));
    memcpy(work, seed_bytes, size);
    size_t binary = trace_mutate(work, size, sizeof(work), 7, NULL);
    size_t text = trace_mutate(again, strlen(seed_texts[2]), sizeof(again), 7, NULL);
    CHECK(binary == text && memcmp(work, again, binary) == 0);
}

static void expectations_are_dropped(void)
{
    static const char text[] = "touchstone 1\nh0 covh_global_fence() -> SUCCESS 0\nh0 nop() -> NONE\n";

    for (uint32_t seed = 0; seed < 100; seed++) {
        memcpy(work, text, sizeof(text));
        trace_decode(&trace, work, trace_mutate(work, sizeof(text) - 1, sizeof(work), seed, NULL));
        for (uint32_t i = 0; i < trace.count; i++)
            CHECK(trace.op[i].op != OP_EXPECT);
    }
}

/* What single mutations of nothing, and of that again, reach according to the sketch. */
static void deep_states_are_near(void)
{
    unsigned running = 0, destroyed = 0, second_hart = 0, mapped = 0;

    for (uint32_t seed = 0; seed < 1000; seed++) {
        struct sketch s;
        size_t size = 0;
        for (uint32_t i = 0; i < 4; i++)
            size = trace_mutate(work, size, sizeof(work), seed * 4 + i, NULL);
        trace_decode(&trace, work, size);
        bool ran = false, died = false, joined = false, has_page = false;
        sketch_begin(&s, &trace);
        for (uint32_t i = 0; i < trace.count; i++) {
            bool lived = s.tvms != 0 && s.tvm[0].alive;
            sketch_apply(&s, &trace.op[i]);
            ran |= sketch_in_guest(&s, trace.op[i].hart);
            died |= lived && !s.tvm[0].alive;
            joined |= (s.started & ~1u) != 0;
            has_page |= s.tvm[0].mapped != 0;
        }
        running += ran;
        destroyed += died;
        second_hart += joined;
        mapped += has_page;
    }
    printf("of 1000 inputs after 4 mutations: %u run a guest, %u map memory, %u destroy a TVM, %u start a hart\n",
           running, mapped, destroyed, second_hart);
    CHECK(running > 300);
    CHECK(mapped > 300);
    CHECK(destroyed > 50);
    CHECK(second_hart > 100);
}

/* Every served call occurs, and every operation. */
static void everything_is_generated(void)
{
    static bool call_seen[0x400], op_seen[OP_COUNT];
    size_t size = 0, count;

    for (uint32_t seed = 0; seed < 30000; seed++) {
        size = seed % 8 == 0 ? 0 : size;
        size = trace_mutate(work, size, sizeof(work), seed, NULL);
        trace_decode(&trace, work, size);
        for (uint32_t i = 0; i < trace.count; i++) {
            op_seen[trace.op[i].op] = true;
            call_seen[trace.op[i].call & 0x3ff] = true;
        }
    }
    const struct abi_call *call = abi_calls(&count);
    for (size_t i = 0; i < count; i++) {
        if (!CHECK(call_seen[call[i].id]))
            fprintf(stderr, "    never generated: %s\n", call[i].name);
    }
    for (unsigned op = 0; op < OP_COUNT; op++) {
        bool excused = op == OP_NOP || op == OP_EXPECT || op == OP_HOST_TRAP;
        if (!CHECK(op_seen[op] || excused))
            fprintf(stderr, "    never generated: operation %u\n", op);
    }
}

static void crossing_over_keeps_to_operations(void)
{
    for (uint32_t seed = 0; seed < 2000; seed++) {
        size_t a_size = 0, b_size = 0, max = seed % 4 == 0 ? TRACE_HEADER_SIZE + seed : sizeof(again);
        for (uint32_t i = 0; i < 3; i++) {
            a_size = trace_mutate(work, a_size, sizeof(work), seed * 3 + i, NULL);
            b_size = trace_mutate(seed_bytes, b_size, sizeof(seed_bytes), ~(seed * 3 + i), NULL);
        }
        size_t size = trace_crossover(work, a_size, seed_bytes, b_size, again, max, seed);
        CHECK(size <= max);
        check_canonical(again, size);
        size_t second = trace_crossover(work, a_size, seed_bytes, b_size, guard, max, seed);
        CHECK(second == size && memcmp(again, guard, size) == 0);
    }
    CHECK_EQ(trace_crossover(NULL, 0, NULL, 0, again, 8, 1), 0);
    CHECK_EQ(trace_crossover(NULL, 0, NULL, 0, again, sizeof(again), 1), TRACE_HEADER_SIZE);
}

/*
 * The same inputs on every machine and with every compiler: a finding's seed is worth nothing otherwise. The number
 * changes when the mutator does, and then it is changed here; when only one build disagrees, that build found an
 * expression whose order C leaves open.
 */
static void all_builds_mutate_alike(void)
{
    uint64_t hash = 0;
    size_t size = 0;

    for (uint32_t seed = 0; seed < 20000; seed++) {
        size = seed % 16 == 0 ? 0 : size;
        size = trace_mutate(work, size, sizeof(work), seed, engine);
        for (size_t i = 0; i < size; i++)
            hash = (hash ^ work[i]) * 0x100000001b3u;
    }
    CHECK_EQ(hash, MUTATOR_FINGERPRINT);
}

int main(void)
{
    all_builds_mutate_alike();
    mutations_differ_and_are_canonical();
    the_same_seed_gives_the_same_mutation();
    sizes_stay_within_the_buffer();
    walks_stay_short();
    text_is_mutated_like_binary();
    expectations_are_dropped();
    deep_states_are_near();
    everything_is_generated();
    crossing_over_keeps_to_operations();
    return test_finish();
}
