/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory of the simulated machine, and how it goes back to what it was: every writer marks the frames it
 * touches, and a reset copies only those. The monitor's own memory is written by the monitor without telling anybody,
 * so it is copied whole; it is small.
 *
 * Memory of one machine:  | monitor | hole | host RAM | hole | window | hole |   (holes are inaccessible)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"
#include "monitor/core/tvm.h"

#define HOLE_BYTES 65536u
#define CACHE_LINE 64u

static size_t round_to_page(size_t bytes)
{
    return (bytes + PAGE_MASK) & ~(size_t)PAGE_MASK;
}

/*
 * Bytes that are left free in front of the monitor, so that its page records begin with a line of the cache: they are most of
 * what is read at each step. In a firmware image they are where they are.
 */
static size_t room_in_front(const struct machine *m)
{
    return m->private->port != NULL ? 0 : -offsetof(struct monitor, page) % CACHE_LINE;
}

static bool make_accessible(uint8_t *at, size_t bytes)
{
    return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0;
}

static void fill_window(struct machine *m)
{
    for (uint32_t frame = m->config.host_pages; frame < m->private->frames; frame++)
        memory_frame_to_boot(m, frame, memory_frame(m, frame));
}

bool memory_create(struct machine *m)
{
    struct machine_private *p = m->private;
    size_t host_bytes = (size_t)m->config.host_pages * PAGE_SIZE;
    size_t window_bytes = (size_t)m->config.window_pages * PAGE_SIZE;

    p->monitor_bytes = p->port != NULL ? MACHINE_MONITOR_SIZE : monitor_size(m->config.window_pages);
    p->frames = m->config.host_pages + m->config.window_pages;
    size_t front = room_in_front(m);
    size_t monitor_room = round_to_page(front + p->monitor_bytes);
    p->mapping_size = monitor_room + host_bytes + window_bytes + 3 * (size_t)HOLE_BYTES;
    void *mapping = mmap(NULL, p->mapping_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    uint8_t *first = p->mapping = mapping;
    uint8_t *host = first + monitor_room + HOLE_BYTES;
    uint8_t *window = host + host_bytes + HOLE_BYTES;
    if (!make_accessible(first, monitor_room) || !make_accessible(host, host_bytes) ||
        !make_accessible(window, window_bytes))
        return false;
    p->arena = first + front;
    m->monitor = (struct monitor *)(void *)(p->arena + (p->port != NULL ? p->port->monitor_at : 0));
    m->host_ram = host;
    m->window = window;
    sanitize_forbid(first, front);
    sanitize_forbid(p->arena + p->monitor_bytes, monitor_room - front - p->monitor_bytes);

    p->frame_flags = calloc(p->frames, 1);
    p->kept = calloc(p->frames, 1);
    p->dirty = calloc(p->frames, sizeof(*p->dirty));
    p->changed = calloc(m->config.window_pages, sizeof(*p->changed));
    p->host_changed = calloc(m->config.host_pages, sizeof(*p->host_changed));
    p->guard = calloc(m->config.window_pages, 1);
    p->guarded = calloc(m->config.window_pages, sizeof(*p->guarded));
    p->monitor_at_boot = malloc(p->monitor_bytes);
    /* Mapped rather than allocated: frames that are not kept need no memory here. */
    void *snapshot = mmap(NULL, host_bytes + window_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    p->snapshot = snapshot == MAP_FAILED ? NULL : snapshot;
    if (p->frame_flags == NULL || p->kept == NULL || p->dirty == NULL || p->changed == NULL ||
        p->host_changed == NULL || p->guard == NULL || p->guarded == NULL || p->monitor_at_boot == NULL ||
        p->snapshot == NULL)
        return false;
    fill_window(m);
    return true;
}

void memory_destroy(struct machine *m)
{
    struct machine_private *p = m->private;

    if (p->mapping != NULL) {
        sanitize_allow(p->mapping, p->mapping_size);
        munmap(p->mapping, p->mapping_size);
    }
    if (p->snapshot != NULL)
        munmap(p->snapshot, (size_t)p->frames * PAGE_SIZE);
    free(p->frame_flags);
    free(p->kept);
    free(p->dirty);
    free(p->changed);
    free(p->host_changed);
    free(p->guard);
    free(p->guarded);
    free(p->monitor_at_boot);
}

uint8_t *memory_frame(const struct machine *m, uint32_t frame)
{
    if (frame < m->config.host_pages)
        return m->host_ram + (size_t)frame * PAGE_SIZE;
    return m->window + (size_t)(frame - m->config.host_pages) * PAGE_SIZE;
}

static uint8_t *kept_frame(const struct machine *m, uint32_t frame)
{
    return m->private->snapshot + (size_t)frame * PAGE_SIZE;
}

void memory_frame_to_boot(const struct machine *m, uint32_t frame, uint8_t *to)
{
    if (m->private->kept[frame] != 0)
        memcpy(to, kept_frame(m, frame), PAGE_SIZE);
    else if (frame < m->config.host_pages)
        memset(to, 0, PAGE_SIZE);
    else
        fill_frame(to, m->config.seed, frame - m->config.host_pages, m->private->window_bits);
}

void memory_mark_new(struct machine *m, uint32_t frame, uint8_t flags)
{
    struct machine_private *p = m->private;
    uint8_t before = p->frame_flags[frame];

    if ((before & FRAME_DIRTY) == 0)
        p->dirty[p->dirty_count++] = frame;
    if ((flags & ~before & FRAME_CHANGED) != 0 && frame < m->config.host_pages)
        p->host_changed[p->host_changed_count++] = frame;
    else if ((flags & ~before & FRAME_CHANGED) != 0)
        p->changed[p->changed_count++] = frame - m->config.host_pages;
    p->frame_flags[frame] = before | flags | FRAME_DIRTY;
}

bool memory_points_to_window(const struct machine *m, const void *p, size_t len)
{
    uintptr_t at = (uintptr_t)p;
    uintptr_t start = (uintptr_t)m->window;
    size_t bytes = (size_t)m->config.window_pages * PAGE_SIZE;

    return at >= start && at - start <= bytes && len <= bytes - (at - start);
}

bool memory_mark_pointer(struct machine *m, const void *p, size_t len)
{
    if (len == 0)
        return true;
    if (memory_points_to_window(m, p, len)) {
        size_t offset = (size_t)((const uint8_t *)p - m->window);
        for (size_t frame = offset >> PAGE_SHIFT; frame <= (offset + len - 1) >> PAGE_SHIFT; frame++)
            memory_mark_window(m, (uint32_t)frame);
        return true;
    }
    uintptr_t at = (uintptr_t)p;
    uintptr_t start = (uintptr_t)m->host_ram;
    size_t bytes = (size_t)m->config.host_pages * PAGE_SIZE;
    if (at < start || at - start > bytes || len > bytes - (at - start))
        return false;
    size_t offset = at - start;
    for (size_t frame = offset >> PAGE_SHIFT; frame <= (offset + len - 1) >> PAGE_SHIFT; frame++)
        memory_mark_host(m, (uint32_t)frame);
    return true;
}

bool memory_snapshot(struct machine *m)
{
    struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->dirty_count; i++) {
        uint32_t frame = p->dirty[i];
        memcpy(kept_frame(m, frame), memory_frame(m, frame), PAGE_SIZE);
        p->kept[frame] = 1;
        p->frame_flags[frame] = 0;
    }
    p->dirty_count = 0;
    p->changed_count = 0;
    p->host_changed_count = 0;
    memcpy(p->monitor_at_boot, p->arena, p->monitor_bytes);
    return true;
}

void memory_window_vary(struct machine *m, uint64_t bits)
{
    struct machine_private *p = m->private;
    uint64_t word;

    p->window_bits ^= bits;
    for (uint32_t frame = m->config.host_pages; frame < p->frames; frame++) {
        if (p->kept[frame] == 0)
            continue;
        for (size_t i = 0; i < PAGE_SIZE; i += sizeof(word)) {
            memcpy(&word, kept_frame(m, frame) + i, sizeof(word));
            word ^= bits;
            memcpy(kept_frame(m, frame) + i, &word, sizeof(word));
        }
    }
    fill_window(m);
}

void memory_mark_all(struct machine *m)
{
    for (uint32_t i = 0; i < m->config.host_pages; i++)
        memory_mark_host(m, i);
    for (uint32_t i = 0; i < m->config.window_pages; i++)
        memory_mark_window(m, i);
}

void memory_restore_frames(struct machine *m)
{
    struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->dirty_count; i++) {
        uint32_t frame = p->dirty[i];
        memory_frame_to_boot(m, frame, memory_frame(m, frame));
        p->frame_flags[frame] = 0;
    }
    p->dirty_count = 0;
    p->changed_count = 0;
    p->host_changed_count = 0;
}

void memory_restore(struct machine *m)
{
    struct machine_private *p = m->private;

    memory_restore_frames(m);
    memcpy(p->arena, p->monitor_at_boot, p->monitor_bytes);
}

/* --- inspection ------------------------------------------------------------------------------------------------- */

static bool within(uint64_t pa, uint64_t len, uint64_t base, uint64_t size)
{
    return pa >= base && pa - base < size && len <= size - (pa - base);
}

bool machine_is_host_ram(const struct machine *m, uint64_t pa, uint64_t len)
{
    return within(pa, len, MACHINE_HOST_BASE, (uint64_t)m->config.host_pages * PAGE_SIZE);
}

bool machine_is_window(const struct machine *m, uint64_t pa, uint64_t len)
{
    return within(pa, len, MACHINE_WINDOW_BASE, (uint64_t)m->config.window_pages * PAGE_SIZE);
}

const uint8_t *machine_peek(const struct machine *m, uint64_t pa, uint64_t len)
{
    if (machine_is_host_ram(m, pa, len))
        return m->host_ram + (pa - MACHINE_HOST_BASE);
    if (machine_is_window(m, pa, len))
        return m->window + (pa - MACHINE_WINDOW_BASE);
    return NULL;
}

const struct tvm *machine_tvm_object(const struct machine *m, uint32_t slot)
{
    uint64_t frame = m->monitor->tvm[slot].frame.index;

    return (const void *)machine_peek(m, MACHINE_WINDOW_BASE + frame * PAGE_SIZE, sizeof(struct tvm));
}

bool machine_read(const struct machine *m, uint64_t pa, void *dst, uint64_t len)
{
    const uint8_t *at = machine_peek(m, pa, len);

    if (at != NULL)
        sanitize_racy_read(dst, at, len);
    return at != NULL;
}

bool machine_poke(struct machine *m, uint64_t pa, const void *src, uint64_t len)
{
    const uint8_t *at = machine_peek(m, pa, len);

    if (at == NULL)
        return false;
    if (len == 0)
        return true;
    memory_mark_pointer(m, at, len);
    sanitize_racy_write((machine_is_window(m, pa, len) ? m->window + (pa - MACHINE_WINDOW_BASE)
                                                       : m->host_ram + (pa - MACHINE_HOST_BASE)),
                        src, len);
    return true;
}

uint32_t machine_changes(const struct machine *m, const uint32_t **frames)
{
    *frames = m->private->changed;
    return m->private->changed_count;
}

uint32_t machine_dirty_frames(const struct machine *m)
{
    return m->private->dirty_count;
}

void machine_changes_clear(struct machine *m)
{
    struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->changed_count; i++)
        p->frame_flags[m->config.host_pages + p->changed[i]] &= (uint8_t)~FRAME_CHANGED;
    p->changed_count = 0;
}

void memory_host_changes_clear(struct machine *m)
{
    struct machine_private *p = m->private;

    for (uint32_t i = 0; i < p->host_changed_count; i++)
        p->frame_flags[p->host_changed[i]] &= (uint8_t)~FRAME_CHANGED;
    p->host_changed_count = 0;
}
