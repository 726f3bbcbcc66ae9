/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of what the monitor's records say, read without calling the monitor, and the names of what is in them.
 */
#include "harness/cli/matrix.h"

#include <stdlib.h>
#include <string.h>

bool view_create(struct machine_view *v, uint32_t max_frames)
{
    memset(v, 0, sizeof(*v));
    v->page = calloc(max_frames, 1);
    return v->page != NULL;
}

void view_destroy(struct machine_view *v)
{
    free(v->page);
    v->page = NULL;
}

static void take_tvm(struct tvm_view *out, const struct machine *m, uint32_t index)
{
    const struct tvm_slot *slot = &m->monitor->tvm[index];
    struct tvm t;

    if (slot->state == TVM_ABSENT) {
        /* The rest of an absent slot is never looked at, so it need not be cleared. */
        out->state = TVM_ABSENT;
        out->id = 0;
        out->running = 0;
        out->region_count = 0;
        return;
    }
    out->state = slot->state;
    out->id = slot->id;
    out->running = slot->running;
    const uint8_t *bytes =
        machine_peek(m, m->monitor->platform.window_base + (uint64_t)slot->frame.index * PAGE_SIZE, sizeof(t));

    if (bytes == NULL)
        return;
    memcpy(&t, bytes, sizeof(t));
    out->region_count = t.region_count < TVM_MAX_REGIONS ? t.region_count : TVM_MAX_REGIONS;
    memcpy(out->region, t.region, sizeof(out->region));
    memcpy(out->vcpu, t.vcpu, sizeof(out->vcpu));
}

/* The oldest fence version that a hart may still be at. A hart that is stopped fences before it starts. */
static uint64_t oldest_seen(const struct monitor *m)
{
    uint64_t oldest = UINT64_MAX;

    for (uint32_t i = 0; i < m->platform.harts; i++) {
        if (m->hart[i].hsm_state != SBI_HSM_STOPPED && m->fence.seen[i] < oldest)
            oldest = m->fence.seen[i];
    }
    return oldest;
}

void view_take(struct machine_view *v, const struct machine *m)
{
    const struct monitor *monitor = m->monitor;
    uint64_t oldest = oldest_seen(monitor);

    v->frames = monitor->platform.window_pages;
    for (uint32_t i = 0; i < v->frames; i++) {
        const struct page_record *r = &monitor->page[i];
        bool fenced = r->state == PAGE_CONVERTING && r->version < oldest;

        v->page[i] = fenced ? (uint8_t)PAGE_CONF_FREE : r->state;
    }
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        take_tvm(&v->tvm[i], m, i);
    for (uint32_t i = 0; i < MONITOR_MAX_HARTS; i++) {
        v->hsm[i] = monitor->hart[i].hsm_state;
        v->tvm_slot[i] = monitor->hart[i].tvm_slot;
        v->vcpu_id[i] = monitor->hart[i].vcpu_id;
    }
    v->halted = m->halted;
}

uint32_t view_slot(const struct machine_view *v, uint64_t id)
{
    uint32_t i = 0;

    while (i < MONITOR_MAX_TVMS && (id == 0 || v->tvm[i].id != id))
        i++;
    return i;
}

int view_region_at(const struct tvm_view *t, uint64_t gpa)
{
    for (uint32_t i = 0; i < t->region_count; i++) {
        const struct region *r = &t->region[i];

        if (gpa >= r->base && gpa - r->base < r->len)
            return (int)r->type;
    }
    return -1;
}

#define NAME_OF(table, index)                                                                                          \
    ((index) < sizeof(table) / sizeof((table)[0]) && (table)[index] != NULL ? (table)[index] : "?")

const char *view_page_name(uint32_t state)
{
    static const char *const names[] = {
        [PAGE_NONCONF] = "NONCONF",       [PAGE_CONVERTING] = "CONVERTING", [PAGE_CONF_FREE] = "CONF_FREE",
        [PAGE_TVM_ROOT] = "TVM_ROOT",     [PAGE_TVM_STATE] = "TVM_STATE",   [PAGE_VCPU_STATE] = "VCPU_STATE",
        [PAGE_TABLE_POOL] = "TABLE_POOL", [PAGE_TABLE] = "TABLE",           [PAGE_DATA] = "DATA",
        [PAGE_BLOCKED] = "BLOCKED",       [PAGE_RESERVE] = "RESERVE",       [PAGE_BUSY] = "BUSY"};

    return NAME_OF(names, state);
}

const char *view_tvm_name(uint32_t state)
{
    static const char *const names[] = {
        [TVM_ABSENT] = "ABSENT", [TVM_INITIALIZING] = "INITIALIZING", [TVM_RUNNABLE] = "RUNNABLE", [TVM_DEAD] = "DEAD"};

    return NAME_OF(names, state);
}

const char *view_vcpu_name(uint32_t state)
{
    static const char *const names[] = {
        [VCPU_ABSENT] = "ABSENT", [VCPU_STOPPED] = "STOPPED", [VCPU_RUNNABLE] = "RUNNABLE",  [VCPU_RUNNING] = "RUNNING",
        [VCPU_DEAD] = "DEAD",     [VCPU_BLOCKED] = "BLOCKED", [VCPU_SUSPENDED] = "SUSPENDED"};

    return NAME_OF(names, state);
}

const char *view_region_name(int type)
{
    static const char *const names[] = {[REGION_CONFIDENTIAL] = "confidential",
                                        [REGION_CONFIDENTIAL_REMOVABLE] = "confidential-removable",
                                        [REGION_SHARED] = "shared",
                                        [REGION_SHARED_REMOVABLE] = "shared-removable",
                                        [REGION_MMIO] = "mmio"};

    return type < 0 ? "none" : NAME_OF(names, (uint32_t)type);
}

const char *view_hsm_name(uint64_t state)
{
    static const char *const names[] = {[SBI_HSM_STARTED] = "STARTED",        [SBI_HSM_STOPPED] = "STOPPED",
                                        [SBI_HSM_START_PENDING] = "STARTING", [SBI_HSM_STOP_PENDING] = "STOPPING",
                                        [SBI_HSM_SUSPENDED] = "SUSPENDED",    [SBI_HSM_SUSPEND_PENDING] = "SUSPENDING",
                                        [SBI_HSM_RESUME_PENDING] = "RESUMING"};

    return NAME_OF(names, state);
}
