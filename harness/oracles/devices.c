/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, devices: no bus master reaches the monitor image, the machine-mode devices or the window.
 *
 * On a machine with an IOPMP that works, its entries say so at every moment, probed at every edge of every entry, and no
 * access of a device gets there. Where there is none, or where it did not take what the monitor wrote, devices reach
 * what they like. Then the promise is that no TVM exists, unless whoever integrates the platform has accepted the risk.
 */
#include "harness/oracles/oracle.h"

#include <string.h>

struct range {
    uint64_t base, size;
    const char *name;
};

#define RANGES 3u

static void closed_ranges(const struct world *w, struct range out[RANGES])
{
    out[0] = (struct range){MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE, "monitor"};
    out[1] = (struct range){MACHINE_MMIO_BASE, MACHINE_MMIO_SIZE, "machine-mode devices"};
    out[2] = (struct range){MACHINE_WINDOW_BASE, (uint64_t)w->machine->config.window_pages * PAGE_SIZE, "window"};
}

static void probe(struct world *w, const struct range *r, uint64_t at)
{
    if (at < r->base || at - r->base >= r->size)
        return;
    uint8_t perm = machine_iopmp_check(w->machine, at & ~UINT64_C(3), 4);
    if (perm != 0)
        oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "device", "IOPMP lets devices %s%s at 0x%llx in the %s",
                      (perm & PMP_R) != 0 ? "read" : "",
                      (perm & PMP_W) != 0 ? ((perm & PMP_R) != 0 ? " and write" : "write") : "", (unsigned long long)at,
                      r->name);
}

static void check_entries(struct world *w)
{
    const struct machine *m = w->machine;
    struct range range[RANGES];

    closed_ranges(w, range);
    for (unsigned i = 0; i < RANGES; i++) {
        probe(w, &range[i], range[i].base);
        probe(w, &range[i], range[i].base + range[i].size - 4);
        for (unsigned entry = 0; entry < MACHINE_IOPMP_ENTRIES; entry++) {
            uint64_t ones = m->iopmpaddr[entry] & ~(m->iopmpaddr[entry] + 1);
            uint64_t first = (m->iopmpaddr[entry] & ~ones) << 2;
            probe(w, &range[i], first);
            probe(w, &range[i], first + ((ones + 1) << 3));
        }
    }
}

/* The verdict depends on the entries alone, and is kept across resets. */
static void check_entries_if_changed(struct world *w)
{
    const struct machine *m = w->machine;
    struct iopmp_verdict *good = &w->oracle_state->iopmp;

    if (good->known && memcmp(good->config, m->iopmpcfg, sizeof(good->config)) == 0 &&
        memcmp(good->addr, m->iopmpaddr, sizeof(good->addr)) == 0)
        return;
    check_entries(w);
    good->known = !w->finding.found;
    memcpy(good->config, m->iopmpcfg, sizeof(good->config));
    memcpy(good->addr, m->iopmpaddr, sizeof(good->addr));
}

static void check_no_tvm(struct world *w)
{
    const struct monitor *m = w->machine->monitor;

    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        if (m->tvm[i].state != TVM_ABSENT)
            oracle_report(w, ORACLE_OWN, S0_CONFIDENTIALITY, "device",
                          "TVM slot %u is in use, and nothing keeps devices out of its memory", i);
}

void devices_after(struct world *w)
{
    switch ((enum machine_iopmp)w->machine->config.iopmp) {
    case MACHINE_IOPMP_PRESENT:
        check_entries_if_changed(w);
        if (w->device_reached)
            oracle_report(w, ORACLE_OWN, w->overrun ? S1_ISOLATION : S0_CONFIDENTIALITY, "device",
                          "a device %s what is closed to it", w->overrun ? "wrote to" : "read");
        return;
    case MACHINE_IOPMP_REFUSED:
    case MACHINE_IOPMP_STUCK:
        if (w->oracle_state->entered)
            check_no_tvm(w);
        return;
    case MACHINE_IOPMP_ABSENT: return;
    }
}

void devices_audit(struct world *w)
{
    w->oracle_state->iopmp.known = false;
    if (w->machine->config.iopmp == MACHINE_IOPMP_PRESENT)
        check_entries_if_changed(w);
    else if (w->machine->config.iopmp != MACHINE_IOPMP_ABSENT)
        check_no_tvm(w);
}
