/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of locks, as monitor/core/monitor.h has it, for machines under a scheduler: taken in this order, harts never wait
 * for each other in a circle. Without a scheduler the ORD oracle judges the same from events.
 */
#include <stdio.h>

#include "harness/machine/internal.h"

uint32_t lock_rank(const struct machine *m, const struct lock *l)
{
    const struct monitor *monitor = m->monitor;

    if (l == &monitor->create_lock)
        return 1;
    if (l == &monitor->pages_lock)
        return 3;
    return 2;
}

void lock_describe(const struct machine *m, const struct lock *l, char *text, size_t max)
{
    const struct monitor *monitor = m->monitor;

    if (l == &monitor->create_lock) {
        snprintf(text, max, "create_lock");
        return;
    }
    if (l == &monitor->pages_lock) {
        snprintf(text, max, "pages_lock");
        return;
    }
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        if (l == &monitor->tvm[i].lock) {
            snprintf(text, max, "the lock of TVM slot %u", (unsigned)i);
            return;
        }
    }
    snprintf(text, max, "a lock");
}

void lock_check_order(struct machine *m, uint32_t h, const struct lock *l)
{
    uint8_t held = m->private->hart[h].lock_ranks;
    uint32_t rank = lock_rank(m, l);
    char name[40], text[160];

    if (held >> rank == 0)
        return;
    lock_describe(m, l, name, sizeof(name));
    snprintf(text, sizeof(text), "%s was taken while a lock that comes %s was held", name,
             held >> rank == 1 ? "at the same place of the order" : "later in the order");
    violation_unwind(m, h, VIOLATION_LOCK, text);
}
