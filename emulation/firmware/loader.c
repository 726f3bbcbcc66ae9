/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loader does before the firmware starts: a device tree that describes the simulated machine, and the structure
 * that names the next stage. Both lie at the end of host RAM, and are gone before the first operation of a trace.
 */
#include "emulation/firmware/internal.h"
#include "emulation/unicorn/device_tree.h"

#define ROOM_PAGES 16u /* of host RAM, for the tree as the firmware edits it */
#define INFO_OFFSET 0x8000u

#define INFO_MAGIC 0x4942534fu
#define INFO_VERSION 2u
#define INFO_MODE_S 1u
#define INFO_QUIET 1u

static void make_tree(struct device_tree *t, const struct machine *m)
{
    uint32_t ram = MACHINE_WINDOW_BASE - MACHINE_MONITOR_BASE + m->config.window_pages * PAGE_SIZE;

    device_tree_start(t);
    device_tree_begin(t, "");
    device_tree_cell_counts(t, 2, 2);
    device_tree_range(t, "memory@80000000", DEVICE_TREE_DEVICE_TYPE, "memory", MACHINE_MONITOR_BASE, ram);
    device_tree_range(t, "clint@2000000", DEVICE_TREE_COMPATIBLE, "riscv,clint0", CLINT_BASE, CLINT_SIZE);
    device_tree_range(t, "serial@10000000", DEVICE_TREE_COMPATIBLE, "ns16550a", UART_BASE, UART_SIZE);
    device_tree_range(t, "test@100000", DEVICE_TREE_COMPATIBLE, "sifive,test0", FINISHER_BASE, FINISHER_SIZE);
    device_tree_harts(t, m->config.harts);
    device_tree_end(t);
    device_tree_finish(t);
}

void loader_prepare(struct binary *b)
{
    static const uint64_t info[] = {INFO_MAGIC, INFO_VERSION, MACHINE_ENTRY, INFO_MODE_S, INFO_QUIET, 0};
    uint64_t at = MACHINE_HOST_BASE + (uint64_t)(b->m->config.host_pages - ROOM_PAGES) * PAGE_SIZE;
    struct device_tree tree;

    make_tree(&tree, b->m);
    machine_poke(b->m, at, tree.bytes, tree.at);
    machine_poke(b->m, at + INFO_OFFSET, info, sizeof(info));
    for (uint32_t h = 0; h < b->m->config.harts; h++) {
        b->hart[h].x[10] = h;
        b->hart[h].x[11] = at;
        b->hart[h].x[12] = at + INFO_OFFSET;
    }
}
