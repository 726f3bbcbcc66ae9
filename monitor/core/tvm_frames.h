/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that a TVM holds and does not use yet: its pool of page tables, donated by add_tvm_page_table_pages, and the
 * reserve of a promoted TVM, from which come both its memory and its tables. Nothing else feeds a TVM's tables: one TVM
 * cannot use up what belongs to another. Every function here is called with the slot lock held and takes pages_lock.
 */
#ifndef TOUCHSTONE_CORE_TVM_FRAMES_H
#define TOUCHSTONE_CORE_TVM_FRAMES_H

#include "monitor/core/tvm.h"

/* Scrub a frame that is TABLE_POOL of this TVM and put it into the pool. */
void tvm_pool_add(struct hart *h, struct tvm *t, struct conf_page page);

/* Scrub a frame that this TVM owns, make it RESERVE and put it into the reserve. */
void tvm_reserve_add(struct hart *h, struct tvm *t, struct conf_page page);

/* Take a zeroed frame for a page table, from the pool, else from the reserve. The caller has checked that one is left. */
struct conf_page tvm_take_table(struct hart *h, struct tvm *t);

/* Take a zeroed frame of the reserve as DATA. The caller has checked that one is left. */
struct conf_page tvm_take_data(struct hart *h, struct tvm *t);

#endif
