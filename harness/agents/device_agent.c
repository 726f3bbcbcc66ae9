/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device under the host's control: a bus master that reads and writes physical memory by itself, whatever the harts
 * do and whichever of them the operation names. An IOPMP, where there is one, decides; a refused access shows nothing.
 *
 * Without an IOPMP a device reaches everything, and the monitor can promise nothing about what a device then does to its
 * image or to the window. Such a write ends what can be judged of a run: it is performed, and the world stands still.
 */
#include "harness/agents/agent.h"

/* Is it closed to devices, by the promise of the monitor? */
static bool closed(const struct machine *m, uint64_t pa)
{
    return pa - MACHINE_MONITOR_BASE < MACHINE_MONITOR_SIZE || pa - MACHINE_MMIO_BASE < MACHINE_MMIO_SIZE ||
           machine_is_window(m, pa, 1);
}

void device_agent(struct agent_step *s)
{
    bool store = s->op->op == OP_DEVICE_WRITE;
    uint64_t width = s->a[1];
    uint64_t value = s->a[2];

    if (width != 1 && width != 2 && width != 4)
        width = 8;
    if (!machine_device_access(s->m, s->a[0], store, (unsigned)width, &value))
        return;
    agent_see_value(s, store ? 0 : value);
    s->w->device_reached = closed(s->m, s->a[0]);
    s->w->overrun = s->w->device_reached && store;
}
