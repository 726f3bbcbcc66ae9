/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked constructors of address types. These functions are the only way from a number that the host chose to
 * memory that the monitor will touch. All arithmetic is by subtraction from known bounds, so nothing wraps.
 */
#ifndef TOUCHSTONE_CORE_ADDRESS_H
#define TOUCHSTONE_CORE_ADDRESS_H

#include "monitor/core/monitor.h"

/*
 * Is every byte of [base, base + len) host-usable RAM, and base a multiple of `align` (a power of two)? len > 0.
 * Host-usable RAM is RAM without the monitor image and without the window: window frames are closed to the host
 * whatever their state. On success *out names the range. No lock needed: the memory map never changes.
 */
bool nonconf_range(const struct monitor *m, struct hpa base, uint64_t len, uint64_t align, struct nonconf_addr *out);

/*
 * Is [base, base + count pages) a page-aligned run of window frames? count > 0. On success *out is the first frame.
 * Says nothing about the state of the frames.
 */
bool window_run(const struct monitor *m, struct hpa base, uint64_t count, struct conf_page *out);

/* Physical address of a window frame. */
uint64_t conf_page_address(const struct monitor *m, struct conf_page page);

/* The n-th frame after `first`; the caller knows that it lies in the window. */
static inline struct conf_page conf_page_next(struct conf_page first, uint32_t n)
{
    return (struct conf_page){first.index + n};
}

/*
 * Is `count` a number of 4 KiB units whose size in bytes is representable, and not zero? The scalar half of every
 * check of a (base, count) pair.
 */
static inline bool page_count_valid(uint64_t count)
{
    return count != 0 && count <= UINT64_MAX / PAGE_SIZE;
}

#endif
