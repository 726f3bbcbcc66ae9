/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's reader of device trees, on the host: it finds RAM and harts in well-formed trees, and no damaged one
 * makes it touch a byte outside of the blob (each copy has its exact size, so a sanitizer sees that).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/tests/test.h"
#include "monitor/riscv/fdt.h"

/* The reader is part of the firmware only; it is compiled into this test as it is. */
#include "monitor/riscv/fdt.c"

#define RAM_BASE 0x80000000u
#define STRINGS_AT 2048u

/* --- writing trees ---------------------------------------------------------------------------------------- */

struct tree {
    uint8_t bytes[4096];
    uint32_t at;      /* end of the structure block */
    uint32_t strings; /* bytes of names */
};

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
}

static void finish_tree(struct tree *t)
{
    end(t);
    add32(t, FDT_END);
    put32(t, 0, FDT_MAGIC);
    put32(t, 4, STRINGS_AT + t->strings);
    put32(t, 8, FDT_HEADER_BYTES);
    put32(t, 12, STRINGS_AT);
    put32(t, 20, 17);
    put32(t, 24, 16);
    put32(t, 32, t->strings);
    put32(t, 36, t->at - FDT_HEADER_BYTES);
}

/* Two harts, a third one disabled, RAM at the wanted base and elsewhere. */
static void usual_tree(struct tree *t)
{
    start_tree(t);
    begin(t, "chosen");
    property_text(t, "bootargs", "cpu@7 memory@80000000");
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
    begin(t, "soc");
    begin(t, "cpu@5");
    property_cells(t, "reg", (const uint32_t[]){5}, 1);
    end(t);
    end(t);
    finish_tree(t);
}

/* Read an exact copy of the first `len` bytes, so that nothing beyond them can be touched unnoticed. */
static bool read_copy(const struct tree *t, size_t len, struct fdt_facts *facts)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    memcpy(copy, t->bytes, len);
    bool ok = fdt_read(copy, len, RAM_BASE, facts);
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
    CHECK(facts.ram_size == 0x8000000);
    CHECK(facts.harts == 3);
    CHECK(!facts.hart_beyond);
    CHECK(facts.size == STRINGS_AT + t.strings);
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
    CHECK(facts.hart_beyond && facts.harts == 0 && facts.ram_size == 0);
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

int main(void)
{
    finds_ram_and_harts();
    names_a_hart_that_does_not_fit();
    refuses_cells_it_cannot_read();
    refuses_endless_nesting();
    refuses_every_truncation();
    survives_every_damaged_byte();
    return test_finish();
}
