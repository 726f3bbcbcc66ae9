/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device tree in host memory, as a hypervisor would prepare it for a guest that it is about to promote: cpus and one
 * range of memory, in the flattened format (Devicetree specification, version 17).
 */
#include <string.h>

#include "harness/agents/agent.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_VERSION 17u
#define FDT_COMPATIBLE 16u
#define FDT_HEADER 40u
#define FDT_RESERVATIONS 16u /* the terminating entry alone */
#define TOKEN_NODE 1u
#define TOKEN_NODE_END 2u
#define TOKEN_PROPERTY 3u
#define TOKEN_END 9u

#define MAX_CPUS 128u
#define MAX_BYTES (32u * 1024u) /* MAX_CPUS nodes need two thirds of it */

struct tree {
    uint8_t bytes[MAX_BYTES];
    uint32_t len;
};

/* Names of properties, in the order of the strings block. */
static const char strings[] = "#address-cells\0#size-cells\0device_type\0reg\0status\0riscv,isa\0mmu-type\0model";

static uint32_t string_offset(const char *name)
{
    uint32_t at = 0;

    while (strcmp(strings + at, name) != 0)
        at += (uint32_t)strlen(strings + at) + 1;
    return at;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add32(struct tree *t, uint32_t value)
{
    put32(t->bytes + t->len, value);
    t->len += 4;
}

static void add_padded(struct tree *t, const void *bytes, uint32_t len)
{
    memcpy(t->bytes + t->len, bytes, len);
    t->len = (t->len + len + 3) & ~3u; /* the rest is zero already */
}

static void begin_node(struct tree *t, const char *name)
{
    add32(t, TOKEN_NODE);
    add_padded(t, name, (uint32_t)strlen(name) + 1);
}

static void add_property(struct tree *t, const char *name, const void *value, uint32_t len)
{
    add32(t, TOKEN_PROPERTY);
    add32(t, len);
    add32(t, string_offset(name));
    add_padded(t, value, len);
}

static void add_text(struct tree *t, const char *name, const char *value)
{
    add_property(t, name, value, (uint32_t)strlen(value) + 1);
}

static void add_cells(struct tree *t, const char *name, const uint32_t *cells, uint32_t count)
{
    uint8_t value[16];

    for (uint32_t i = 0; i < count; i++)
        put32(value + 4 * i, cells[i]);
    add_property(t, name, value, 4 * count);
}

static void add_cell(struct tree *t, const char *name, uint32_t value)
{
    add_cells(t, name, &value, 1);
}

static void add_cpu(struct tree *t, uint32_t id)
{
    char name[16];

    snprintf(name, sizeof(name), "cpu@%x", id);
    begin_node(t, name);
    add_text(t, "device_type", "cpu");
    add_cell(t, "reg", id);
    add_text(t, "status", "okay");
    add_text(t, "riscv,isa", "rv64imafdc");
    add_text(t, "mmu-type", "riscv,sv48");
    add32(t, TOKEN_NODE_END);
}

static void add_memory(struct tree *t, uint64_t base, uint64_t size)
{
    const uint32_t reg[4] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32), (uint32_t)size};
    char name[32];

    snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
    begin_node(t, name);
    add_text(t, "device_type", "memory");
    add_cells(t, "reg", reg, 4);
    add32(t, TOKEN_NODE_END);
}

static void add_structure(struct tree *t, uint32_t cpus, uint64_t base, uint64_t size)
{
    begin_node(t, "");
    add_cell(t, "#address-cells", 2);
    add_cell(t, "#size-cells", 2);
    add_text(t, "model", "touchstone guest");
    begin_node(t, "cpus");
    add_cell(t, "#address-cells", 1);
    add_cell(t, "#size-cells", 0);
    for (uint32_t i = 0; i < cpus; i++)
        add_cpu(t, i);
    add32(t, TOKEN_NODE_END);
    add_memory(t, base, size);
    add32(t, TOKEN_NODE_END);
    add32(t, TOKEN_END);
}

void host_fdt(struct agent_step *s)
{
    static const uint32_t fields[] = {
        FDT_MAGIC, 0, FDT_HEADER + FDT_RESERVATIONS, 0, FDT_HEADER, FDT_VERSION, FDT_COMPATIBLE, 0, sizeof(strings), 0};
    uint32_t cpus = s->a[1] < MAX_CPUS ? (uint32_t)s->a[1] : MAX_CPUS;
    struct tree t;

    memset(&t, 0, sizeof(t));
    t.len = FDT_HEADER + FDT_RESERVATIONS;
    add_structure(&t, cpus, s->a[2], s->a[3]);
    uint32_t names = t.len;
    add_padded(&t, strings, sizeof(strings));
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        put32(t.bytes + 4 * i, fields[i]);
    put32(t.bytes + 4, t.len); /* total size */
    put32(t.bytes + 12, names);
    put32(t.bytes + 36, names - FDT_HEADER - FDT_RESERVATIONS); /* size of the structure block */
    host_put(s, s->a[0] & ~UINT64_C(7), t.bytes, (t.len + 7) & ~UINT64_C(7));
}
