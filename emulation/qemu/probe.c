/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hypervisor must not be able to touch: the window, the monitor's image, the machine-mode interrupt controller.
 * Each address is loaded from, stored to and jumped to on the hart that runs this, and each must raise an access
 * fault that names the address. Memory just outside the window must stay usable, or the checks would prove nothing.
 */
#include "emulation/qemu/payload.h"

#define CAUSE_FETCH_ACCESS 1u
#define CAUSE_LOAD_ACCESS 5u
#define CAUSE_STORE_ACCESS 7u

static bool faults(const char *kind, uint64_t addr, uint64_t width, struct outcome got, uint64_t cause)
{
    bool passed = got.cause == UINT64_MAX;
    print("@probe h%d %s %x %d -> %s %x\n", (uint64_t)this_hart(), kind, addr, width, passed ? "value" : "trap",
          passed ? got.value : got.cause);
    return got.cause == cause && got.value == addr;
}

/* Everything that is closed: where, and how the checks are called. */
struct target {
    const char *load, *store, *fetch;
    uint64_t addr[4];
    unsigned count;
    uint64_t width; /* of loads and stores: devices answer some widths with a fault of their own */
};

static const struct target window = {
    .load = "loads from the window fault",
    .store = "stores to the window fault",
    .fetch = "fetches from the window fault",
    .addr = {WINDOW_BASE, WINDOW_BASE + 18 * PAGE + 8, /* where the first guest keeps its secrets */
             WINDOW_BASE + (uint64_t)WINDOW_PAGES / 2 * PAGE + 0x123, WINDOW_BASE + (uint64_t)WINDOW_PAGES *PAGE - 1},
    .count = 4,
    .width = 1,
};

static const struct target monitor = {
    .load = "loads from the monitor fault",
    .store = "stores to the monitor fault",
    .fetch = "fetches from the monitor fault",
    .addr = {MONITOR_BASE, MONITOR_BASE + 0x10000, MONITOR_BASE + MONITOR_SIZE - 1},
    .count = 3,
    .width = 1,
};

static const struct target clint = {
    .load = "loads from the interrupt controller fault",
    .store = "stores to the interrupt controller fault",
    .fetch = NULL, /* nobody can execute from a device: that fault would say nothing about the firmware */
    .addr = {CLINT_BASE, CLINT_BASE + 0xbff8},
    .count = 2,
    .width = 4,
};

static void probe(const struct target *t, const char *when)
{
    bool load = true, store = true, fetch = true;
    for (unsigned i = 0; i < t->count; i++) {
        /* Instructions lie at even addresses: the last byte is reached by the one before it. */
        uint64_t code = t->addr[i] & ~UINT64_C(1);
        load = faults("load", t->addr[i], t->width, probe_load(t->addr[i], t->width), CAUSE_LOAD_ACCESS) && load;
        store = faults("store", t->addr[i], t->width, probe_store(t->addr[i], t->width), CAUSE_STORE_ACCESS) && store;
        if (t->fetch != NULL)
            fetch = faults("fetch", code, 4, probe_fetch(code), CAUSE_FETCH_ACCESS) && fetch;
    }
    check_on_hart(load, when, t->load);
    check_on_hart(store, when, t->store);
    if (t->fetch != NULL)
        check_on_hart(fetch, when, t->fetch);
}

void probe_window(const char *when)
{
    probe(&window, when);
}

void probe_everything(const char *when)
{
    probe(&window, when);
    probe(&monitor, when);
    probe(&clint, when);

    uint64_t below = WINDOW_BASE - 1, above = WINDOW_BASE + (uint64_t)WINDOW_PAGES * PAGE;
    bool open = probe_load(below, 1).cause == UINT64_MAX && probe_store(below, 1).cause == UINT64_MAX &&
                probe_load(above, 1).cause == UINT64_MAX && probe_store(above, 1).cause == UINT64_MAX &&
                probe_load(MONITOR_BASE + MONITOR_SIZE, 1).cause == UINT64_MAX;
    check_on_hart(open, when, "memory beside the closed ranges is usable");
}
