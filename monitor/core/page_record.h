/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page records: one per window frame, saying whose it is and what it is used for.
 *
 *   NONCONF     -> CONVERTING                          convert_pages
 *   CONVERTING  -> CONF_FREE                           implied once every hart has fenced past `version`
 *   CONF_FREE   -> TVM_ROOT, TVM_STATE, VCPU_STATE,
 *                  TABLE_POOL, DATA                    donation to a TVM
 *   TABLE_POOL  -> TABLE                               a mapping needs a table
 *   DATA       <-> BLOCKED                             tvm_invalidate_pages, tvm_validate_pages
 *   BLOCKED     -> CONF_FREE                           tvm_remove_pages, once the TVM's fence has passed
 *   RESERVE     -> DATA, TABLE                         memory of a promoted TVM, on first touch
 *   DATA -> BLOCKED -> RESERVE                         ... and when it is shared in place
 *   CONF_FREE   -> BUSY -> owned                       promote_to_tvm, while it copies
 *   owned       -> CONF_FREE                           destroy_tvm
 *   CONF_FREE   -> BUSY -> NONCONF                     reclaim_pages, scrubbed while BUSY
 *
 * A frame has one owner and one use at any time. A frame is scrubbed, or wholly overwritten, before anybody but
 * the monitor can read it in its new use.
 */
#ifndef TOUCHSTONE_CORE_PAGE_RECORD_H
#define TOUCHSTONE_CORE_PAGE_RECORD_H

#include "monitor/core/monitor.h"

/*
 * Can this frame be handed out: CONF_FREE, or CONVERTING with the fence completed?
 * Must be called with pages_lock held.
 */
bool page_record_is_free(const struct monitor *m, struct conf_page page);

/* The same for a run of frames. Must be called with pages_lock held. */
bool page_records_are_free(const struct monitor *m, struct conf_page first, uint32_t count);

/*
 * Give a run of free frames to TVM slot `owner` for `use` (PAGE_TVM_ROOT .. PAGE_RESERVE).
 * Must be called with pages_lock held, after page_records_are_free said yes under the same hold.
 */
void page_records_claim(struct monitor *m, struct conf_page first, uint32_t count, enum page_state use, uint32_t owner);

/* Set one record to a state that has neither owner nor link nor number. Must be called with pages_lock held. */
void page_record_set(struct monitor *m, struct conf_page page, enum page_state state);

/*
 * Return every frame that TVM slot `owner` holds to CONF_FREE, contents as they are.
 * Must be called with pages_lock held; nothing may use the frames any more.
 */
void page_records_release_owner(struct monitor *m, uint32_t owner);

#endif
