/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loader does before the firmware starts: a device tree that describes the simulated machine, and the structure
 * that names the next stage. Both lie at the end of host RAM, and are gone before the first operation of a trace.
 */
#include <stdio.h>
#include <string.h>

#include "emulation/firmware/internal.h"

#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROPERTY 3u
#define FDT_END 9u
#define FDT_MAGIC 0xd00dfeedu
#define HEADER_BYTES 40u
#define STRUCTURE (HEADER_BYTES + 16u) /* behind a reservation map of one zero entry */
#define TREE_MAX 2048u

#define ROOM_PAGES 16u /* of host RAM, for the tree as the firmware edits it */
#define INFO_OFFSET 0x8000u

#define INFO_MAGIC 0x4942534fu
#define INFO_VERSION 2u
#define INFO_MODE_S 1u
#define INFO_QUIET 1u

static const char strings[] = "#address-cells\0#size-cells\0device_type\0reg\0status\0compatible";
enum { ADDRESS_CELLS = 0, SIZE_CELLS = 15, DEVICE_TYPE = 27, REG = 39, STATUS = 43, COMPATIBLE = 50 };

struct tree {
    uint8_t bytes[TREE_MAX];
    uint32_t at;
};

static void word(struct tree *t, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        t->bytes[t->at++] = (uint8_t)(value >> shift);
}

static void bytes(struct tree *t, const void *from, uint32_t size)
{
    memcpy(t->bytes + t->at, from, size);
    t->at = (t->at + size + 3) & ~3u;
}

static void begin(struct tree *t, const char *name)
{
    word(t, FDT_BEGIN_NODE);
    bytes(t, name, (uint32_t)strlen(name) + 1);
}

static void end(struct tree *t)
{
    word(t, FDT_END_NODE);
}

static void text(struct tree *t, uint32_t name, const char *value)
{
    word(t, FDT_PROPERTY);
    word(t, (uint32_t)strlen(value) + 1);
    word(t, name);
    bytes(t, value, (uint32_t)strlen(value) + 1);
}

static void cells(struct tree *t, uint32_t name, const uint32_t *value, uint32_t count)
{
    word(t, FDT_PROPERTY);
    word(t, 4 * count);
    word(t, name);
    for (uint32_t i = 0; i < count; i++)
        word(t, value[i]);
}

static void cell_counts(struct tree *t, uint32_t address, uint32_t size)
{
    cells(t, ADDRESS_CELLS, &address, 1);
    cells(t, SIZE_CELLS, &size, 1);
}

static void node(struct tree *t, const char *name, uint32_t kind, const char *what, uint32_t base, uint32_t size)
{
    const uint32_t range[] = {0, base, 0, size};

    begin(t, name);
    text(t, kind, what);
    cells(t, REG, range, 4);
    end(t);
}

static void make_tree(struct tree *t, const struct machine *m)
{
    uint32_t ram = MACHINE_WINDOW_BASE - MACHINE_MONITOR_BASE + m->config.window_pages * PAGE_SIZE;
    char name[16];

    *t = (struct tree){.at = STRUCTURE};
    begin(t, "");
    cell_counts(t, 2, 2);
    node(t, "memory@80000000", DEVICE_TYPE, "memory", MACHINE_MONITOR_BASE, ram);
    node(t, "clint@2000000", COMPATIBLE, "riscv,clint0", CLINT_BASE, CLINT_SIZE);
    node(t, "serial@10000000", COMPATIBLE, "ns16550a", UART_BASE, UART_SIZE);
    node(t, "test@100000", COMPATIBLE, "sifive,test0", FINISHER_BASE, FINISHER_SIZE);
    begin(t, "cpus");
    cell_counts(t, 1, 0);
    for (uint32_t h = 0; h < m->config.harts; h++) {
        snprintf(name, sizeof(name), "cpu@%u", (unsigned)h);
        begin(t, name);
        text(t, DEVICE_TYPE, "cpu");
        cells(t, REG, &h, 1);
        text(t, STATUS, "okay");
        end(t);
    }
    end(t);
    end(t);
    word(t, FDT_END);

    uint32_t structure = t->at - STRUCTURE;
    uint32_t strings_at = t->at;
    bytes(t, strings, sizeof(strings));
    uint32_t total = t->at;
    const uint32_t header[] = {FDT_MAGIC, total, STRUCTURE, strings_at,      HEADER_BYTES,
                               17,        16,    0,         sizeof(strings), structure};
    t->at = 0;
    for (unsigned i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        word(t, header[i]);
    t->at = total;
}

void loader_prepare(struct binary *b)
{
    static const uint64_t info[] = {INFO_MAGIC, INFO_VERSION, MACHINE_ENTRY, INFO_MODE_S, INFO_QUIET, 0};
    uint64_t at = MACHINE_HOST_BASE + (uint64_t)(b->m->config.host_pages - ROOM_PAGES) * PAGE_SIZE;
    struct tree tree;

    make_tree(&tree, b->m);
    machine_poke(b->m, at, tree.bytes, tree.at);
    machine_poke(b->m, at + INFO_OFFSET, info, sizeof(info));
    for (uint32_t h = 0; h < b->m->config.harts; h++) {
        b->hart[h].x[10] = h;
        b->hart[h].x[11] = at;
        b->hart[h].x[12] = at + INFO_OFFSET;
    }
}
