/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's software fetch against the hardware's: for page tables of all three formats, built at random from good and
 * bad entries, both find the same instruction or none. And only confidential memory that is present is ever read.
 */
#include "harness/tests/world_kit.h"
#include "monitor/core/guest_memory.h"

#define CSR_VSATP 0x280u
#define TABLES 6u /* guest pages that hold tables and code */
#define ROUNDS 60000u

#define V 0x01u
#define R 0x02u
#define W 0x04u
#define X 0x08u
#define U 0x10u
#define A 0x40u
#define D 0x80u

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool one_in(unsigned n)
{
    return next_random() % n == 0;
}

/* Guest pages KIT_GPA .. + TABLES, by frame. The kit maps two; the rest are added here. */
static uint32_t frame_of(unsigned page)
{
    return page < 2 ? KIT_DATA + page : KIT_SPARE + page - 2;
}

static struct world *guest_with_pages(uint32_t oracles)
{
    struct world *w = kit_world_of(1, oracles);
    uint64_t id = kit_runnable(w, 0);

    for (unsigned i = 2; i < TABLES; i++)
        KIT_OK(w, 0, CALL_covh_add_tvm_zero_pages, id, kit_window(frame_of(i)), 0, 1, KIT_GPA + i * PAGE_SIZE);
    kit_run(w, 0, id);
    return w;
}

static void poke_page(struct world *w, unsigned page, uint64_t offset, uint64_t value, unsigned len)
{
    if (!machine_poke(w->machine, kit_window(frame_of(page)) + offset, &value, len))
        test_error("no page");
}

/* Fetch as the monitor does for the guest at `pc`. */
static bool monitor_fetches(struct world *w, uint64_t pc, bool user, uint32_t *insn)
{
    struct hart *h = &w->machine->monitor->hart[0];

    h->frame->pc = pc;
    h->frame->status = user ? 0 : UINT64_C(1) << 11;
    *insn = 0xdeadbeef;
    return guest_fetch(h, insn);
}

/* Fetch as the hart does: one parcel, and the second when the first asks for it. */
static bool hart_fetches(struct world *w, uint64_t pc, bool user, uint32_t *insn)
{
    struct machine *m = w->machine;

    machine_sfence_vma(m, 0, true, 0, true, 0);
    m->hart[0].priv = user ? PRIV_U : PRIV_S;
    struct access_result r = machine_access(m, 0, pc, ACCESS_FETCH, 2, 0);
    *insn = (uint32_t)r.value;
    if (!r.ok || (r.value & 3) != 3)
        return r.ok;
    r = machine_access(m, 0, pc + 2, ACCESS_FETCH, 2, 0);
    *insn |= (uint32_t)r.value << 16;
    return r.ok;
}

static uint64_t entry_to(uint64_t gpa, uint64_t bits)
{
    return gpa >> 12 << 10 | bits;
}

/* A leaf that is mostly good for a fetch, and otherwise wrong in one or more ways. */
static uint64_t random_leaf(unsigned level, bool user)
{
    uint64_t page = KIT_GPA + (next_random() % TABLES) * PAGE_SIZE;
    uint64_t bits = V | R | X | A | (one_in(2) ? W | D : 0) | (user ? U : 0);

    if (level > 0 && !one_in(4))
        page &= ~((UINT64_C(1) << (12 + 9 * level)) - 1); /* an aligned superpage, mostly of nothing */
    if (one_in(4))
        bits ^= UINT64_C(1) << next_random() % 8;
    if (one_in(24))
        bits |= UINT64_C(1) << (54 + next_random() % 10);
    if (one_in(24))
        page += UINT64_C(1) << (13 + next_random() % 42);
    return entry_to(page, bits);
}

static uint64_t random_table_entry(unsigned page)
{
    uint64_t bits = V;

    if (one_in(16))
        bits ^= UINT64_C(1) << next_random() % 8;
    if (one_in(40))
        bits |= UINT64_C(1) << (54 + next_random() % 10);
    return entry_to(KIT_GPA + page * PAGE_SIZE + (one_in(24) ? 64 * PAGE_SIZE : 0), bits);
}

/*
 * Tables for two neighbouring virtual pages, so that an instruction may cross from one into the other, in pages 1, 2, ...;
 * page 0 keeps code. Returns the virtual address of the first.
 */
static uint64_t random_tables(struct world *w, unsigned levels, bool user)
{
    uint64_t va = next_random() << 12 & ((UINT64_C(1) << (11 + 9 * levels)) - 1);

    va &= ~(UINT64_C(0x1ff) << 12) | (UINT64_C(0x1fe) << 12); /* both in one last table */
    if (one_in(3))
        va |= UINT64_MAX << (11 + 9 * levels);
    for (unsigned level = levels; level-- > 0;) {
        unsigned page = levels - level;
        uint64_t index = va >> (12 + 9 * level) & 511;
        bool leaf = level == 0 || one_in(12);
        poke_page(w, page, 8 * index, leaf ? random_leaf(level, user) : random_table_entry(page + 1), 8);
        if (level == 0)
            poke_page(w, page, 8 * (index + 1), random_leaf(0, user), 8);
    }
    return one_in(30) ? va ^ UINT64_C(1) << (12 + 9 * levels + next_random() % (52 - 9 * levels)) : va;
}

static void software_and_hardware_agree(void)
{
    struct world *w = guest_with_pages(0);
    unsigned fetched = 0, crossing = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned mode = 8 + (unsigned)(next_random() % 3);
        unsigned levels = mode - 5;
        bool user = one_in(2);
        uint32_t soft, hard;
        for (unsigned i = 0; i < TABLES; i++)
            poke_page(w, i, 8 * (next_random() % 512), next_random(), 8);
        uint64_t va = random_tables(w, levels, user);
        uint64_t vsatp = one_in(16) ? 0 : (uint64_t)mode << 60 | KIT_GPA >> 12 | 1;
        machine_csr_write(w->machine, 0, CSR_VSATP, vsatp);
        if (vsatp == 0 && one_in(2))
            va = KIT_GPA + (next_random() % 8) * PAGE_SIZE;
        uint64_t offset = one_in(3) ? 4094 : next_random() % 4096 & ~UINT64_C(1);
        /* Instructions of four bytes where the page ends, so that some cross. */
        for (unsigned i = 0; i < TABLES && one_in(2); i++)
            poke_page(w, i, 4094, 0x8003, 2);
        bool soft_ok = monitor_fetches(w, va + offset, user, &soft);
        bool hard_ok = hart_fetches(w, va + offset, user, &hard);
        CHECK_EQ(soft_ok, hard_ok);
        if (soft_ok && hard_ok)
            CHECK_EQ(soft, hard);
        fetched += soft_ok;
        crossing += soft_ok && offset == 4094 && (soft & 3) == 3;
    }
    CHECK(fetched > ROUNDS / 20);
    CHECK(crossing > ROUNDS / 400);
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    printf("%u fetched, %u over two pages\n", fetched, crossing);
    world_destroy(w);
}

/* Memory that the guest shares, or that is not there, holds neither code nor tables for the monitor. */
static void only_confidential_memory_is_read(void)
{
    struct world *w = guest_with_pages(0);
    uint64_t id = w->tvm_id[0];
    uint64_t shared = KIT_GPA + 8 * PAGE_SIZE;
    struct trace_op share = {.op = OP_GUEST_CALL, .call = CALL_covg_share_memory_region, .a = {shared, PAGE_SIZE}};
    struct step_result r;
    uint32_t insn;

    world_step(w, &share, &r);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    kit_op(w, 0, OP_HOST_FILL, kit_ram(40), PAGE_SIZE, 5, 0);
    kit_op(w, 0, OP_HOST_WRITE64, kit_ram(KIT_SHMEM) + NACL_GPR_OFFSET(10), 0, 0, 0);
    kit_run(w, 0, id);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, shared, 8, 0, 0).kind, EXPECT_EXIT);
    KIT_OK(w, 0, CALL_covh_add_tvm_shared_pages, id, kit_ram(40), 0, 1, shared);
    kit_run(w, 0, id);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, shared, 8, 0, 0).kind, EXPECT_VALUE);

    CHECK(monitor_fetches(w, KIT_GPA, false, &insn));
    CHECK(!monitor_fetches(w, shared, false, &insn));
    CHECK(!monitor_fetches(w, KIT_GPA + 9 * PAGE_SIZE, false, &insn)); /* declared, no page */
    CHECK(!monitor_fetches(w, 0x1000, false, &insn));                  /* not declared */
    CHECK(!monitor_fetches(w, UINT64_C(1) << 60, false, &insn));       /* beyond the width */
    CHECK(!monitor_fetches(w, UINT64_MAX - 1, false, &insn));

    /* A table in shared memory that is as good as can be: the same bytes work in confidential memory. */
    uint64_t leaf = entry_to(UINT64_C(0x80000000), V | R | X | A);
    CHECK(machine_poke(w->machine, kit_ram(40) + 8 * 2, &leaf, 8));
    poke_page(w, 1, 8 * 2, leaf, 8);
    machine_csr_write(w->machine, 0, CSR_VSATP, UINT64_C(8) << 60 | KIT_GPA >> 12 | 1);
    CHECK(monitor_fetches(w, KIT_GPA, false, &insn));
    CHECK(!monitor_fetches(w, KIT_GPA, true, &insn));
    machine_csr_write(w->machine, 0, CSR_VSATP, UINT64_C(8) << 60 | shared >> 12);
    CHECK(!monitor_fetches(w, KIT_GPA, false, &insn));
    machine_csr_write(w->machine, 0, CSR_VSATP, 0);
    CHECK_EQ(w->machine->violation.kind, VIOLATION_NONE);
    world_destroy(w);
}

int main(void)
{
    software_and_hardware_agree();
    only_confidential_memory_is_read();
    return test_finish();
}
