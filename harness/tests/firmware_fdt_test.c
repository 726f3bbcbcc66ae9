/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's reader and editor of device trees, on the host: the reader finds RAM, harts and devices in well-formed
 * trees, the editor reserves memory and hides devices in a copy, and no damaged tree makes either touch a byte outside of
 * the blob or of the output (each copy has its exact size, so a sanitizer sees that).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/tests/test.h"
#include "monitor/riscv/fdt_edit.h"

#define RAM_BASE 0x80000000u
#define STRINGS_AT 3072u

/* --- writing trees ---------------------------------------------------------------------------------------- */

struct tree {
    uint8_t bytes[4096];
    uint32_t at;      /* end of the structure block */
    uint32_t strings; /* bytes of names */
};

/* Room for one reservation, and for the pair of zeros behind it. */
#define RESERVATIONS_AT 3040u

static void put32(struct tree *t, uint32_t offset, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        t->bytes[offset + i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add32(struct tree *t, uint32_t value)
{
    put32(t, t->at, value);
    t->at += 4;
}

static void add_bytes(struct tree *t, const void *bytes, size_t len)
{
    if (len != 0)
        memcpy(t->bytes + t->at, bytes, len);
    t->at += (uint32_t)((len + 3) & ~(size_t)3);
}

static void begin(struct tree *t, const char *name)
{
    add32(t, FDT_BEGIN_NODE);
    add_bytes(t, name, strlen(name) + 1);
}

static void end(struct tree *t)
{
    add32(t, FDT_END_NODE);
}

static void property_bytes(struct tree *t, const char *name, const void *value, uint32_t len)
{
    add32(t, FDT_PROP);
    add32(t, len);
    add32(t, t->strings);
    strcpy((char *)t->bytes + STRINGS_AT + t->strings, name);
    t->strings += (uint32_t)strlen(name) + 1;
    add_bytes(t, value, len);
}

static void property_cells(struct tree *t, const char *name, const uint32_t *cells, unsigned count)
{
    uint8_t value[64];
    for (unsigned i = 0; i < 4 * count; i++)
        value[i] = (uint8_t)(cells[i / 4] >> (24 - 8 * (i % 4)));
    property_bytes(t, name, value, 4 * count);
}

static void property_text(struct tree *t, const char *name, const char *value)
{
    property_bytes(t, name, value, (uint32_t)strlen(value) + 1);
}

static void start_tree(struct tree *t)
{
    *t = (struct tree){.at = FDT_HEADER_BYTES};
    begin(t, "");
    property_cells(t, "#address-cells", (const uint32_t[]){2}, 1);
    property_cells(t, "#size-cells", (const uint32_t[]){2}, 1);
}

static void add_memory(struct tree *t, const char *name, uint32_t base, uint32_t size)
{
    begin(t, name);
    property_text(t, "device_type", "memory");
    property_cells(t, "reg", (const uint32_t[]){0, base, 0, size}, 4);
    end(t);
}

static void add_cpu(struct tree *t, const char *name, uint32_t id, const char *status)
{
    begin(t, name);
    property_text(t, "status", status);
    property_cells(t, "reg", &id, 1);
    begin(t, "interrupt-controller");
    property_cells(t, "#interrupt-cells", (const uint32_t[]){1}, 1);
    end(t);
    end(t);
}

static void begin_cpus(struct tree *t)
{
    begin(t, "cpus");
    property_cells(t, "#address-cells", (const uint32_t[]){1}, 1);
    property_cells(t, "#size-cells", (const uint32_t[]){0}, 1);
    property_cells(t, "timebase-frequency", (const uint32_t[]){10000000}, 1);
}

static void finish_tree(struct tree *t)
{
    end(t);
    add32(t, FDT_END);
    put32(t, 0, FDT_MAGIC);
    put32(t, 4, STRINGS_AT + t->strings);
    put32(t, 8, FDT_HEADER_BYTES);
    put32(t, 12, STRINGS_AT);
    put32(t, 16, RESERVATIONS_AT);
    put32(t, 20, 17);
    put32(t, 24, 16);
    put32(t, 32, t->strings);
    put32(t, 36, t->at - FDT_HEADER_BYTES);
}

static void add_device(struct tree *t, const char *name, const char *compatible, size_t bytes, uint32_t base,
                       uint32_t size)
{
    begin(t, name);
    property_bytes(t, "compatible", compatible, (uint32_t)bytes);
    property_cells(t, "reg", (const uint32_t[]){0, base, 0, size}, 4);
}

static void add_reset(struct tree *t, const char *name, const char *compatible, uint32_t value)
{
    begin(t, name);
    property_text(t, "compatible", compatible);
    property_cells(t, "regmap", (const uint32_t[]){4}, 1);
    property_cells(t, "offset", (const uint32_t[]){8}, 1);
    property_cells(t, "value", &value, 1);
    end(t);
}

#define COMPATIBLE(text) text, sizeof(text)

static void add_soc(struct tree *t)
{
    begin(t, "soc");
    property_cells(t, "#address-cells", (const uint32_t[]){2}, 1);
    property_cells(t, "#size-cells", (const uint32_t[]){2}, 1);
    property_bytes(t, "ranges", NULL, 0);
    begin(t, "cpu@5");
    property_cells(t, "reg", (const uint32_t[]){5}, 1);
    end(t);
    add_device(t, "serial@10001000", COMPATIBLE("ns16550a"), 0x10001000, 0x100);
    end(t);
    add_device(t, "serial@10000000", COMPATIBLE("snps,dw-apb-uart\0ns16550a"), 0x10000000, 0x100);
    property_cells(t, "reg-shift", (const uint32_t[]){2}, 1);
    property_cells(t, "reg-io-width", (const uint32_t[]){4}, 1);
    end(t);
    add_device(t, "clint@2000000", COMPATIBLE("sifive,clint0\0riscv,clint0"), 0x2000000, 0x10000);
    property_text(t, "status", "okay");
    end(t);
    add_device(t, "test@100000", COMPATIBLE("sifive,test1\0sifive,test0\0syscon"), 0x100000, 0x1000);
    property_cells(t, "phandle", (const uint32_t[]){4}, 1);
    end(t);
    add_device(t, "serial@10002000", COMPATIBLE("ns16550a"), 0x10002000, 0x100);
    property_text(t, "status", "disabled");
    end(t);
    begin(t, "elsewhere"); /* a bus that renumbers: nothing on it counts */
    property_cells(t, "#size-cells", (const uint32_t[]){2}, 1);
    property_cells(t, "ranges", (const uint32_t[]){0, 0, 0, 0x50000000, 0, 0x1000}, 6);
    add_device(t, "clint@1000", COMPATIBLE("riscv,clint0"), 0x1000, 0x10000);
    end(t);
    end(t);
    end(t);
}

/* Two harts, a third one disabled, RAM at the wanted base and elsewhere. */
static void usual_tree(struct tree *t)
{
    start_tree(t);
    begin(t, "chosen");
    property_text(t, "bootargs", "cpu@7 memory@80000000");
    property_text(t, "stdout-path", "/soc/serial@10000000:115200");
    property_cells(t, "linux,initrd-start", (const uint32_t[]){0, 0x88000000}, 2);
    property_cells(t, "linux,initrd-end", (const uint32_t[]){0x88001000}, 1);
    end(t);
    add_memory(t, "memory@100000000", 0x40000000, 0x1000);
    add_memory(t, "memory@80000000", RAM_BASE, 0x8000000);
    begin_cpus(t);
    add_cpu(t, "cpu@0", 0, "okay");
    add_cpu(t, "cpu@1", 1, "okay");
    add_cpu(t, "cpu@2", 2, "disabled");
    begin(t, "cpu-map");
    end(t);
    end(t);
    add_reset(t, "poweroff", "syscon-poweroff", 0x5555);
    add_reset(t, "reboot", "syscon-reboot", 0x7777);
    add_soc(t);
    finish_tree(t);
}

/* Read an exact copy of the first `len` bytes, so that nothing beyond them can be touched unnoticed. */
static bool read_copy(const struct tree *t, size_t len, struct fdt_facts *facts)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    memcpy(copy, t->bytes, len);
    struct fdt tree;
    bool ok = fdt_open(&tree, copy, len) && fdt_read(&tree, RAM_BASE + 0x100000, facts);
    free(copy);
    return ok;
}

/* --- tests ------------------------------------------------------------------------------------------------ */

static void finds_ram_and_harts(void)
{
    struct tree t;
    struct fdt_facts facts;
    usual_tree(&t);
    CHECK(read_copy(&t, STRINGS_AT + t.strings, &facts));
    CHECK(facts.ram.base == RAM_BASE && facts.ram.size == 0x8000000 && facts.ram_elsewhere == 1);
    CHECK(facts.harts == 3);
    CHECK(!facts.hart_beyond);
}

static void finds_devices(void)
{
    struct tree t;
    struct fdt_facts facts;
    usual_tree(&t);
    CHECK(read_copy(&t, STRINGS_AT + t.strings, &facts));
    CHECK(facts.uart.base == 0x10000000 && facts.uart.shift == 2 && facts.uart.width == 4);
    CHECK(facts.mswis == 1 && facts.mswi == 0x2000000);
    CHECK(facts.machine_only.base == 0x2000000 && facts.machine_only.size == 0x10000);
    CHECK(facts.finisher == 0x100000);
    CHECK(facts.poweroff.address == 0x100008 && facts.poweroff.value == 0x5555 && facts.poweroff.mask == UINT32_MAX);
    CHECK(facts.reboot.address == 0x100008 && facts.reboot.value == 0x7777);
    CHECK(facts.initrd.base == 0x88000000 && facts.initrd.size == 0x1000);
    CHECK(facts.timebase == 10000000);
}

/* Two names for one output, a mask without a value, RAM in pieces, ACLINT instead of a CLINT. */
static void finds_other_spellings(void)
{
    struct tree t;
    struct fdt_facts facts;
    start_tree(&t);
    begin(&t, "aliases");
    property_text(&t, "serial1", "/serial@20000");
    end(&t);
    begin(&t, "chosen");
    property_text(&t, "stdout-path", "serial1:9600n8");
    end(&t);
    add_memory(&t, "memory@88000000", 0x88000000, 0x8000000);
    add_memory(&t, "memory@80000000", RAM_BASE, 0x4000000);
    begin(&t, "memory@84000000");
    property_cells(&t, "reg", (const uint32_t[]){0, 0x84000000, 0, 0x4000000, 0, 0xa0000000, 0, 0x1000}, 8);
    end(&t);
    add_device(&t, "serial@10000", COMPATIBLE("ns16550a"), 0x10000, 0x100);
    end(&t);
    add_device(&t, "serial@20000", COMPATIBLE("ns16550a"), 0x20000, 0x100);
    end(&t);
    add_device(&t, "mswi@2000000", COMPATIBLE("riscv,aclint-mswi"), 0x2000000, 0x4000);
    end(&t);
    begin(&t, "mtimer@2004000");
    property_text(&t, "compatible", "riscv,aclint-mtimer");
    property_cells(&t, "reg", (const uint32_t[]){0, 0x200bff8, 0, 8, 0, 0x2004000, 0, 0x7ff8}, 8);
    end(&t);
    add_device(&t, "power@30000", COMPATIBLE("syscon"), 0x30000, 0x100);
    property_cells(&t, "phandle", (const uint32_t[]){4}, 1);
    end(&t);
    begin(&t, "poweroff");
    property_text(&t, "compatible", "syscon-poweroff");
    property_cells(&t, "regmap", (const uint32_t[]){4}, 1);
    property_cells(&t, "mask", (const uint32_t[]){0x11}, 1);
    end(&t);
    finish_tree(&t);
    CHECK(read_copy(&t, STRINGS_AT + t.strings, &facts));
    CHECK(facts.uart.base == 0x20000 && facts.uart.width == 1 && facts.uart.shift == 0);
    CHECK(facts.ram.base == RAM_BASE && facts.ram.size == 0x10000000 && facts.ram_elsewhere == 1);
    CHECK(facts.mswis == 1 && facts.mswi == 0x2000000);
    CHECK(facts.machine_only.base == 0x2000000 && facts.machine_only.size == 0xc000);
    CHECK(facts.poweroff.address == 0x30000 && facts.poweroff.value == 0x11 && facts.poweroff.mask == UINT32_MAX);
    CHECK(facts.reboot.address == 0 && facts.finisher == 0);
}

static void names_a_hart_that_does_not_fit(void)
{
    struct tree t;
    struct fdt_facts facts;
    start_tree(&t);
    begin_cpus(&t);
    add_cpu(&t, "cpu@40", 64, "okay");
    end(&t);
    finish_tree(&t);
    CHECK(read_copy(&t, STRINGS_AT + t.strings, &facts));
    CHECK(facts.hart_beyond && facts.harts == 0 && facts.ram.size == 0);
}

static void refuses_cells_it_cannot_read(void)
{
    struct tree t;
    struct fdt_facts facts;
    t = (struct tree){.at = FDT_HEADER_BYTES};
    begin(&t, "");
    property_cells(&t, "#address-cells", (const uint32_t[]){3}, 1);
    finish_tree(&t);
    CHECK(!read_copy(&t, STRINGS_AT + t.strings, &facts));
}

static void refuses_a_property_behind_a_child(void)
{
    struct tree t;
    struct fdt_facts facts;
    start_tree(&t);
    begin(&t, "memory");
    begin(&t, "child");
    end(&t);
    property_cells(&t, "reg", (const uint32_t[]){0, RAM_BASE, 0, 0x1000}, 4);
    end(&t);
    finish_tree(&t);
    CHECK(!read_copy(&t, STRINGS_AT + t.strings, &facts));
}

static void refuses_more_memory_than_it_can_remember(void)
{
    struct tree t;
    struct fdt_facts facts;
    for (uint32_t nodes = FDT_MAX_RAM; nodes <= FDT_MAX_RAM + 1; nodes++) {
        start_tree(&t);
        for (uint32_t i = 0; i < nodes; i++)
            add_memory(&t, "memory@80000000", RAM_BASE + i * 0x10000, 0x1000);
        finish_tree(&t);
        CHECK(read_copy(&t, STRINGS_AT + t.strings, &facts) == (nodes == FDT_MAX_RAM));
    }
}

static void refuses_endless_nesting(void)
{
    struct tree t;
    struct fdt_facts facts;
    start_tree(&t);
    for (unsigned i = 0; i < FDT_MAX_DEPTH; i++)
        begin(&t, "n");
    for (unsigned i = 0; i < FDT_MAX_DEPTH; i++)
        end(&t);
    finish_tree(&t);
    CHECK(!read_copy(&t, STRINGS_AT + t.strings, &facts));
}

static void refuses_every_truncation(void)
{
    struct tree t;
    struct fdt_facts facts;
    usual_tree(&t);
    uint32_t full = STRINGS_AT + t.strings;
    for (uint32_t len = 0; len < full; len++)
        CHECK(!read_copy(&t, len, &facts)); /* the header says more than there is */
    for (uint32_t len = FDT_HEADER_BYTES; len < t.at; len++) {
        put32(&t, 4, len); /* the header says what there is: no end token is left */
        CHECK(!read_copy(&t, len, &facts));
    }
}

/* Any answer is fine, as long as only the blob is read and RAM and harts stay what some property could say. */
static void survives_every_damaged_byte(void)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct tree t;
    struct fdt_facts facts;
    usual_tree(&t);
    uint32_t full = STRINGS_AT + t.strings, accepted = 0;
    for (uint32_t i = 0; i < full; i++) {
        uint8_t saved = t.bytes[i];
        for (unsigned v = 0; v < sizeof(values); v++) {
            t.bytes[i] = values[v];
            accepted += read_copy(&t, full, &facts);
        }
        t.bytes[i] = saved;
    }
    CHECK(accepted > 0 && accepted < 5 * full);
}

/* --- the editor ------------------------------------------------------------------------------------------- */

static const struct fdt_reserved wanted[] = {
    {.name = "monitor", .span = {.base = RAM_BASE, .size = 0x200000}},
    {.name = "window", .span = {.base = 0x84000000, .size = 0x400000}},
};

struct edited {
    uint8_t bytes[8192];
    uint32_t size;
    struct fdt tree;
};

/* Edit into exactly `max` bytes, and look at what came out. */
static bool edit_copy(const struct tree *t, size_t len, uint32_t max, struct edited *e)
{
    uint8_t *from = malloc(len), *to = malloc(max != 0 ? max : 1);
    struct fdt tree;
    memcpy(from, t->bytes, len);
    e->size = fdt_open(&tree, from, len) ? fdt_edit(&tree, wanted, 2, to, max) : 0;
    bool ok = e->size != 0 && e->size <= max && e->size <= sizeof(e->bytes);
    if (ok)
        memcpy(e->bytes, to, e->size);
    free(from);
    free(to);
    return ok && fdt_open(&e->tree, e->bytes, e->size) && e->tree.size == e->size;
}

/* How often a node of this name begins at this depth. */
static unsigned nodes(const struct fdt *tree, const char *name, uint32_t depth)
{
    struct fdt_cursor c = fdt_walk(tree);
    unsigned found = 0;
    struct fdt_item i;
    for (i = fdt_next(&c); i.kind < FDT_ITEM_TREE_END; i = fdt_next(&c))
        found += i.kind == FDT_ITEM_NODE && i.depth == depth && fdt_is(i.name, name);
    CHECK(i.kind == FDT_ITEM_TREE_END);
    return found;
}

/* How often the node of this name has the property, with these bytes. */
static unsigned properties(const struct fdt *tree, const char *node, const char *name, const void *value,
                           uint32_t count)
{
    struct fdt_cursor c = fdt_walk(tree);
    unsigned found = 0;
    bool inside = false;
    for (struct fdt_item i = fdt_next(&c); i.kind < FDT_ITEM_TREE_END; i = fdt_next(&c)) {
        if (i.kind == FDT_ITEM_NODE)
            inside = fdt_is(i.name, node);
        if (inside && i.kind == FDT_ITEM_PROPERTY && fdt_is(i.name, name))
            found += i.value.count == count && (count == 0 || memcmp(i.value.at, value, count) == 0);
    }
    return found;
}

static void check_reservations(const struct fdt *tree)
{
    static const uint8_t monitor[] = {0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0};
    static const uint8_t window[] = {0, 0, 0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0};
    CHECK(nodes(tree, "reserved-memory", 2) == 1);
    CHECK(nodes(tree, "monitor@80000000", 3) == 1);
    CHECK(nodes(tree, "window@84000000", 3) == 1);
    CHECK(properties(tree, "monitor@80000000", "reg", monitor, 16) == 1);
    CHECK(properties(tree, "window@84000000", "reg", window, 16) == 1);
    CHECK(properties(tree, "monitor@80000000", "no-map", NULL, 0) == 1);
    CHECK(properties(tree, "window@84000000", "no-map", NULL, 0) == 1);
}

static void reserves_memory_and_hides_devices(void)
{
    struct tree t;
    struct edited e;
    struct fdt_facts facts;
    usual_tree(&t);
    CHECK(edit_copy(&t, STRINGS_AT + t.strings, 8192, &e));
    check_reservations(&e.tree);
    CHECK(properties(&e.tree, "reserved-memory", "ranges", NULL, 0) == 1);
    CHECK(nodes(&e.tree, "poweroff", 2) == 0 && nodes(&e.tree, "reboot", 2) == 0);
    CHECK(properties(&e.tree, "clint@2000000", "status", "disabled", sizeof("disabled")) == 1);
    CHECK(properties(&e.tree, "clint@2000000", "status", "okay", sizeof("okay")) == 0);
    /* Everything else is still there. */
    CHECK(nodes(&e.tree, "test@100000", 3) == 1 && nodes(&e.tree, "cpu@2", 3) == 1 && nodes(&e.tree, "soc", 2) == 1);
    CHECK(properties(&e.tree, "cpu@1", "status", "okay", sizeof("okay")) == 1);
    CHECK(fdt_read(&e.tree, RAM_BASE, &facts));
    CHECK(facts.harts == 3 && facts.ram.size == 0x8000000 && facts.uart.base == 0x10000000);
    CHECK(facts.mswis == 0 && facts.poweroff.address == 0);
}

static void edits_its_own_output_to_the_same(void)
{
    struct tree t, again = {0};
    struct edited first, second;
    usual_tree(&t);
    CHECK(edit_copy(&t, STRINGS_AT + t.strings, 8192, &first) && first.size <= sizeof(again.bytes));
    memcpy(again.bytes, first.bytes, first.size);
    CHECK(edit_copy(&again, first.size, 8192, &second));
    check_reservations(&second.tree);
    CHECK(second.tree.structure.end - second.tree.structure.start ==
          first.tree.structure.end - first.tree.structure.start);
}

static void start_reserved_memory(struct tree *t, uint32_t address_cells, uint32_t size_cells)
{
    start_tree(t);
    begin(t, "reserved-memory");
    property_cells(t, "#address-cells", &address_cells, 1);
    property_cells(t, "#size-cells", &size_cells, 1);
    property_bytes(t, "ranges", NULL, 0);
    begin(t, "mmode@80000000");
    property_cells(t, "reg", (const uint32_t[]){0x80000000, 0x40000}, 2);
    end(t);
    end(t);
    finish_tree(t);
}

static void adds_to_reserved_memory_that_is_there(void)
{
    static const uint8_t monitor[] = {0x80, 0, 0, 0, 0, 0x20, 0, 0};
    struct tree t;
    struct edited e;
    start_reserved_memory(&t, 1, 1);
    CHECK(edit_copy(&t, STRINGS_AT + t.strings, 8192, &e));
    CHECK(nodes(&e.tree, "reserved-memory", 2) == 1 && nodes(&e.tree, "mmode@80000000", 3) == 1);
    CHECK(properties(&e.tree, "monitor@80000000", "reg", monitor, 8) == 1);
    start_reserved_memory(&t, 3, 1); /* cells that cannot be written */
    CHECK(!edit_copy(&t, STRINGS_AT + t.strings, 8192, &e));
}

/* An address beyond 4 GiB does not fit one cell, and a size does not either. */
static void refuses_what_does_not_fit_the_cells(void)
{
    static const struct fdt_reserved high = {.name = "high", .span = {.base = UINT64_C(0x100000000), .size = 0x1000}};
    static const struct fdt_reserved large = {.name = "large", .span = {.base = 0x1000, .size = UINT64_C(0x100000000)}};
    struct tree t;
    struct fdt tree;
    uint8_t out[8192];
    start_reserved_memory(&t, 1, 1);
    CHECK(fdt_open(&tree, t.bytes, STRINGS_AT + t.strings));
    CHECK(fdt_edit(&tree, &high, 1, out, sizeof(out)) == 0 && fdt_edit(&tree, &large, 1, out, sizeof(out)) == 0);
    start_reserved_memory(&t, 2, 2);
    CHECK(fdt_open(&tree, t.bytes, STRINGS_AT + t.strings));
    CHECK(fdt_edit(&tree, &high, 1, out, sizeof(out)) != 0 && fdt_edit(&tree, &large, 1, out, sizeof(out)) != 0);
}

static void refuses_when_there_is_no_room(void)
{
    struct tree t;
    struct edited e;
    usual_tree(&t);
    CHECK(edit_copy(&t, STRINGS_AT + t.strings, 8192, &e));
    uint32_t needed = e.size;
    for (uint32_t max = 0; max < needed; max++)
        CHECK(!edit_copy(&t, STRINGS_AT + t.strings, max, &e));
    CHECK(edit_copy(&t, STRINGS_AT + t.strings, needed, &e));
}

/* Whatever comes out is a tree again; nothing outside of input and output is touched. */
static void edits_no_damaged_tree(void)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct tree t;
    struct edited e;
    struct fdt_facts facts;
    usual_tree(&t);
    uint32_t full = STRINGS_AT + t.strings, edited = 0;
    for (uint32_t i = 0; i < full; i++) {
        uint8_t saved = t.bytes[i];
        for (unsigned v = 0; v < sizeof(values); v++) {
            t.bytes[i] = values[v];
            bool readable = read_copy(&t, full, &facts);
            if (!edit_copy(&t, full, 6000, &e))
                continue;
            edited++;
            CHECK(nodes(&e.tree, "monitor@80000000", 3) >= 1);
            CHECK(!readable || fdt_read(&e.tree, RAM_BASE, &facts));
        }
        t.bytes[i] = saved;
    }
    for (uint32_t len = 0; len < full; len++)
        CHECK(!edit_copy(&t, len != 0 ? len : 1, 6000, &e));
    CHECK(edited > 0 && edited < 5 * full);
}

static bool keeps(const struct tree *t, uint64_t base, uint64_t size)
{
    struct fdt tree;
    struct fdt_facts facts;
    CHECK(fdt_open(&tree, t->bytes, STRINGS_AT + t->strings) && fdt_read(&tree, RAM_BASE, &facts));
    return fdt_keeps(&tree, &facts, 0x87000000, (struct fdt_span){.base = base, .size = size});
}

static void knows_what_memory_is_kept(void)
{
    struct tree t;
    usual_tree(&t);
    CHECK(!keeps(&t, 0x87fff000, 0x1000)); /* initial RAM disk: right before, one byte of it, right behind */
    CHECK(keeps(&t, 0x87fff000, 0x1001));
    CHECK(keeps(&t, 0x88000fff, 1));
    CHECK(!keeps(&t, 0x88001000, 0x1000));
    put32(&t, RESERVATIONS_AT + 4, 0x86000000);
    put32(&t, RESERVATIONS_AT + 12, 0x1000);
    CHECK(keeps(&t, 0x86000800, 1) && !keeps(&t, 0x86001000, 1));
    put32(&t, RESERVATIONS_AT + 4, 0x87000000); /* the tree's own */
    CHECK(!keeps(&t, 0x87000800, 1));
    start_reserved_memory(&t, 1, 1);
    CHECK(keeps(&t, 0x8003ffff, 1) && !keeps(&t, 0x80040000, 1));
}

int main(void)
{
    finds_ram_and_harts();
    finds_devices();
    finds_other_spellings();
    names_a_hart_that_does_not_fit();
    refuses_cells_it_cannot_read();
    refuses_a_property_behind_a_child();
    refuses_more_memory_than_it_can_remember();
    refuses_endless_nesting();
    refuses_every_truncation();
    survives_every_damaged_byte();
    reserves_memory_and_hides_devices();
    edits_its_own_output_to_the_same();
    adds_to_reserved_memory_that_is_there();
    refuses_what_does_not_fit_the_cells();
    refuses_when_there_is_no_room();
    edits_no_damaged_tree();
    knows_what_memory_is_kept();
    return test_finish();
}
