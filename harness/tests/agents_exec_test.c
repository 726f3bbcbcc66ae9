/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents do on behalf of a processor: instructions that a guest executes from its own memory, and the device tree
 * that the host writes.
 */
#include "harness/tests/world_kit.h"

#define DATA (KIT_GPA + PAGE_SIZE)
#define PATTERN UINT64_C(0x8899aabbccddeeff)

static struct world *guest_with_data(void)
{
    struct world *w = kit_in_guest();

    CHECK_EQ(kit_op(w, 0, OP_GUEST_STORE, DATA, 8, PATTERN, 0).kind, EXPECT_VALUE);
    return w;
}

static const struct {
    uint32_t insn;
    unsigned reg;
    uint64_t value;
    unsigned len;
} loads[] = {
    {0x00050583, 11, UINT64_C(0xffffffffffffffff), 4}, /* lb a1, 0(a0) */
    {0x00051583, 11, UINT64_C(0xffffffffffffeeff), 4}, /* lh */
    {0x00052583, 11, UINT64_C(0xffffffffccddeeff), 4}, /* lw */
    {0x00053583, 11, PATTERN, 4},                      /* ld */
    {0x00054583, 11, 0xff, 4},                         /* lbu */
    {0x00055583, 11, 0xeeff, 4},                       /* lhu */
    {0x00056583, 11, 0xccddeeff, 4},                   /* lwu */
    {0x4108, 10, UINT64_C(0xffffffffccddeeff), 2},     /* c.lw a0, 0(a0) */
    {0x610c, 11, PATTERN, 2},                          /* c.ld a1, 0(a0) */
    {0x4582, 11, UINT64_C(0xffffffffccddeeff), 2},     /* c.lwsp a1, 0(sp) */
    {0x6582, 11, PATTERN, 2},                          /* c.ldsp a1, 0(sp) */
    {0x00053007, 32, PATTERN, 4},                      /* fld f0 */
    {0x1005352f, 10, PATTERN, 4},                      /* lr.d a0, (a0) */
};

static void loads_extend_as_the_isa_does(void)
{
    struct world *w = guest_with_data();

    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        const struct machine_hart *hart = &w->machine->hart[0];
        kit_op(w, 0, OP_GUEST_REG, 65, KIT_GPA + 16, 0, 0);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_EXEC, loads[i].insn, DATA, 0, 0).kind, EXPECT_VALUE);
        CHECK_EQ(loads[i].reg < 32 ? hart->x[loads[i].reg] : hart->f[loads[i].reg - 32], loads[i].value);
        CHECK_EQ(hart->pc, KIT_GPA + 16 + loads[i].len);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

static const struct {
    uint32_t insn;
    uint64_t memory;
} stores[] = {
    {0x00b50023, UINT64_C(0x8899aabbccddee08)}, /* sb a1 */
    {0x00b51023, UINT64_C(0x8899aabbccdd0708)}, /* sh */
    {0x00b52023, UINT64_C(0x8899aabb05060708)}, /* sw */
    {0x00b53023, UINT64_C(0x0102030405060708)}, /* sd */
    {0xc10c, UINT64_C(0x8899aabb05060708)},     /* c.sw a1, 0(a0) */
    {0xe10c, UINT64_C(0x0102030405060708)},     /* c.sd a1, 0(a0) */
    {0xc02e, UINT64_C(0x8899aabb05060708)},     /* c.swsp a1 */
    {0xe02e, UINT64_C(0x0102030405060708)},     /* c.sdsp a1 */
    {0x08b5352f, UINT64_C(0x0102030405060708)}, /* amoswap.d a0, a1, (a0) */
};

static void stores_have_their_width(void)
{
    struct world *w = guest_with_data();

    kit_op(w, 0, OP_GUEST_REG, 11, UINT64_C(0x0102030405060708), 0, 0);
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        kit_op(w, 0, OP_GUEST_STORE, DATA, 8, PATTERN, 0);
        kit_op(w, 0, OP_GUEST_REG, 65, KIT_GPA + 16, 0, 0);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_EXEC, stores[i].insn, DATA, 0, 0).kind, EXPECT_VALUE);
        CHECK_EQ(kit_op(w, 0, OP_GUEST_LOAD, DATA, 8, 0, 0).value, stores[i].memory);
    }
    CHECK_CLEAN(w);
    world_destroy(w);
}

static uint64_t seen_tinst;

static void watch_tinst(void *data, const struct machine_event *event)
{
    struct world *w = data;

    if (event->kind == EVENT_LEAVE_MONITOR)
        seen_tinst = machine_csr_read(w->machine, event->hart, 0x34a);
}

/* mtinst of the trap that `insn` takes at an address where nothing is mapped. */
static uint64_t tinst_of(uint32_t insn, bool wanted)
{
    struct world *w = kit_world_of(1, 0);

    kit_run(w, 0, kit_runnable(w, 0));
    w->machine->on_event = watch_tinst;
    w->machine->event_data = w;
    seen_tinst = 1;
    kit_op(w, 0, OP_GUEST_EXEC, insn, KIT_GPA + 8 * PAGE_SIZE, wanted, 0);
    world_destroy(w);
    return seen_tinst;
}

static void transformed_instructions(void)
{
    CHECK_EQ(tinst_of(0x00053583, false), 0);
    CHECK_EQ(tinst_of(0x12353583, true), 0x00003583); /* no address, no offset */
    CHECK_EQ(tinst_of(0xfeb53c23, true), 0x00b03023);
    CHECK_EQ(tinst_of(0x610c, true), 0x00003581); /* c.ld a1: as ld, with bit 1 clear */
    CHECK_EQ(tinst_of(0x08b5352f, true), 0x08b0352f);
}

static void the_instruction_must_be_fetched_first(void)
{
    struct world *w = kit_in_guest();

    kit_op(w, 0, OP_GUEST_REG, 65, KIT_GPA + 8 * PAGE_SIZE, 0, 0);
    struct step_result r = kit_op(w, 0, OP_GUEST_EXEC, 0x00053583, DATA, 0, 0);
    CHECK_EQ(r.kind, EXPECT_EXIT);
    CHECK_EQ(r.scause, 20);
    CHECK_CLEAN(w);
    world_destroy(w);

    w = kit_in_guest();
    CHECK_EQ(kit_op(w, 0, OP_GUEST_EXEC, 0x0000007b, DATA, 0, 0).value, 2); /* no load or store */
    CHECK_CLEAN(w);
    world_destroy(w);
}

static uint32_t big_endian(const struct world *w, uint64_t at)
{
    const uint8_t *b = machine_peek(w->machine, at, 4);

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Walk the structure block: nodes close, properties stay inside, and there are as many cpus as asked for. */
static void a_device_tree_is_well_formed(uint32_t cpus)
{
    struct world *w = kit_world();
    uint64_t base = kit_ram(8);
    uint32_t depth = 0;
    uint32_t found = 0;

    CHECK_EQ(kit_op(w, 0, OP_HOST_FDT, base, cpus, KIT_GPA, 0x200000).kind, EXPECT_NONE);
    CHECK_EQ(big_endian(w, base), 0xd00dfeed);
    uint64_t at = base + big_endian(w, base + 8);
    uint64_t end = at + big_endian(w, base + 36);
    CHECK_EQ(base + big_endian(w, base + 12), end);
    CHECK(end + big_endian(w, base + 32) <= base + big_endian(w, base + 4));
    uint32_t token = 0;
    while (at < end && token != 9) {
        token = big_endian(w, at);
        at += 4;
        if (token == 1) {
            const char *name = (const char *)machine_peek(w->machine, at, 32);
            found += strncmp(name, "cpu@", 4) == 0;
            at += (strlen(name) + 4) & ~UINT64_C(3);
            depth++;
        } else if (token == 2) {
            depth--;
        } else if (token == 3) {
            CHECK(big_endian(w, at + 4) < big_endian(w, base + 32));
            at += 8 + ((big_endian(w, at) + 3) & ~UINT64_C(3));
        }
    }
    CHECK_EQ(token, 9);
    CHECK_EQ(at, end);
    CHECK_EQ(depth, 0);
    CHECK_EQ(found, cpus);
    CHECK_CLEAN(w);
    world_destroy(w);
}

/* A guest that is in its handler: an exception that is delivered there is told from one that is tried again. */
static void handlers_that_trap(void)
{
    struct world *w = kit_in_guest();
    uint64_t handler = KIT_GPA + 0x100;
    uint64_t outside = UINT64_C(1) << 40;

    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x105, handler, 0, 0);
    kit_op(w, 0, OP_GUEST_CSR_WRITE, 0x141, handler, 0, 0);
    kit_op(w, 0, OP_GUEST_REG, 65, handler, 0, 0);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 21, KIT_GPA, KIT_GPA >> 2, 0).kind, EXPECT_NONE); /* mapped: try again */
    struct step_result r = kit_op(w, 0, OP_GUEST_TRAP, 21, outside, outside >> 2, 0);
    CHECK_EQ(r.kind, EXPECT_TRAP);
    CHECK_EQ(r.value, 5);
    CHECK_EQ(kit_op(w, 0, OP_GUEST_TRAP, 21, KIT_GPA, KIT_GPA >> 2, 0).kind, EXPECT_NONE);
    CHECK_CLEAN(w);
    world_destroy(w);
}

static const char *expect_of(struct world *w, const char *line)
{
    static char why[160];
    static struct trace t;
    struct trace_error error;
    struct step_result r;
    char text[200];

    snprintf(text, sizeof(text), "touchstone 1 harts=1\n%s\n", line);
    if (!trace_parse(&t, text, strlen(text), &error)) {
        snprintf(why, sizeof(why), "%s", error.text);
        return why;
    }
    world_step(w, &t.op[0], &r);
    return world_expect(w, &t.op[1], &r, why, sizeof(why)) ? NULL : why;
}

/* What the mailbox shows can be expected, next to the rest of an exit. */
static void expectations_of_the_mailbox(void)
{
    struct world *w = kit_in_guest();
    const char *wrong =
        "h0 guest_ecall(a0=65, a1=0, a2=0, a3=0, a4=0, a5=0, a6=2, a7=DBCN) -> EXIT scause=10 a0=66 a7=DBCN";

    CHECK_STR(expect_of(w, wrong), "a0: expected 0x42, saw 0x41");
    kit_run(w, 0, w->tvm_id[0]);
    CHECK(expect_of(w,
                    "h0 guest_dbcn_console_write_byte(byte=65) -> EXIT error=SUCCESS value=0 stval=0 a0=65 a1=0 a6=2 "
                    "a7=DBCN") == NULL);
    CHECK_STR(expect_of(w, "h0 guest_wfi() -> EXIT error=0 value=0 scause=0 stval=0 a0=0 a1=0 a2=0 a3=0"),
              "a3: one expectation compares at most 7 fields");
    CHECK_CLEAN(w);
    world_destroy(w);
}

int main(void)
{
    handlers_that_trap();
    expectations_of_the_mailbox();
    loads_extend_as_the_isa_does();
    stores_have_their_width();
    transformed_instructions();
    the_instruction_must_be_fetched_first();
    a_device_tree_is_well_formed(0);
    a_device_tree_is_well_formed(1);
    a_device_tree_is_well_formed(128);
    return test_finish();
}
