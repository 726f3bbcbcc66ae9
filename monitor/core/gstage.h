/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second-stage tables of a TVM: Sv39x4, Sv48x4 or Sv57x4 with leaves of 4 KiB and 2 MiB. Tables live in frames that the
 * host donated, are never shared and never seen by the host, and stay linked, even empty, until the TVM is destroyed.
 *
 * A leaf is readable, writable and user, with A and D set; data leaves are executable too, shared leaves never. A leaf is
 * put where none is, and from then on only blocked, unblocked or removed: it never changes what it points to.
 *
 *   bits     present leaf     blocked or leaving leaf
 *   0        V = 1            0
 *   8..9     0                1 blocked by the host, 2 leaving (taken out by the monitor, translations being forgotten)
 *   54..63   0                fence version at which it was blocked, modulo 1024
 */
#ifndef TOUCHSTONE_CORE_GSTAGE_H
#define TOUCHSTONE_CORE_GSTAGE_H

#include "monitor/core/tvm.h"

#define LARGE_SIZE ((uint64_t)LARGE_PAGES * PAGE_SIZE)

/* First guest-physical address that `mode` cannot translate: 2^41, 2^50, 2^59. */
uint64_t gstage_gpa_limit(uint32_t mode);

/* hgatp value that selects the tables of this TVM. */
uint64_t gstage_hgatp(const struct monitor *m, const struct tvm *t);

/*
 * What the tables say about one guest-physical page. A blocked leaf keeps everything but its V bit, and the version of
 * the TVM's fence at which it was blocked, modulo 1024 (an age computed from it is never more than the true one).
 */
enum leaf_kind { LEAF_NONE = 0, LEAF_DATA, LEAF_SHARED, LEAF_DATA_BLOCKED, LEAF_SHARED_BLOCKED, LEAF_DATA_LEAVING };

struct gstage_leaf {
    enum leaf_kind kind;
    bool large;               /* the page is part of a 2 MiB leaf */
    struct conf_page frame;   /* LEAF_DATA, _BLOCKED, _LEAVING: the frame behind this very page */
    struct nonconf_addr host; /* LEAF_SHARED, LEAF_SHARED_BLOCKED: the host page behind this very page */
    uint32_t version;         /* blocked: see above */
    uint64_t span;            /* size of what was found: the leaf, or the aligned hole that no table covers */
};

/* The leaf at `gpa` (valid, any alignment). Slot lock held. */
struct gstage_leaf gstage_lookup(const struct monitor *m, const struct tvm *t, struct gpa gpa);

/* Is there a leaf at `gpa` (valid, any alignment), present or not? Slot lock held. */
bool gstage_is_mapped(const struct monitor *m, const struct tvm *t, struct gpa gpa);

/*
 * Is there no leaf in [gpa, gpa + len)? The range is valid. Slot lock held.
 * Work: bounded by the entries of the tables that the TVM has, since holes without tables are passed over.
 */
bool gstage_range_empty(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t len);

/*
 * How many table frames must be taken to map [gpa, gpa + count pages) by 4 KiB leaves, or by 2 MiB leaves? A 2 MiB leaf
 * in the range counts, for splitting it takes a table. The range is valid. Work: one walk per level and per 2 MiB of the
 * range. Slot lock held.
 */
uint64_t gstage_tables_needed(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t count);
uint64_t gstage_tables_needed_large(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint64_t count);

/*
 * Map one frame at `gpa`, which is valid, page-aligned and without a leaf, taking tables (tvm_take_table). The caller has
 * made sure that they suffice and that the frame is DATA of this TVM; records its place in the page record.
 * Slot lock held; takes pages_lock.
 */
void gstage_map(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page page);

/*
 * Map 512 frames at `gpa`, both aligned to 2 MiB: by one leaf, or, where a table of 4 KiB leaves is linked already, by
 * the 512 leaves of that table. Otherwise as gstage_map.
 */
void gstage_map_large(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page first);

/* Map host memory, 4 KiB or 2 MiB of it, never executable. Otherwise as gstage_map and gstage_map_large. */
void gstage_map_shared(struct hart *h, struct tvm *t, struct gpa gpa, struct nonconf_addr host, bool large);

/*
 * Have a table of 4 KiB leaves at `gpa`, taking tables; a 2 MiB leaf there, present or blocked, is split into 512 leaves
 * that say the same. The caller has made sure that tables suffice. Slot lock held; takes pages_lock.
 */
void gstage_make_table(struct hart *h, struct tvm *t, struct gpa gpa);

/*
 * Changes of the whole leaf at `gpa` and of the records of its frames. block: present -> blocked at the current fence
 * version; leave: data, present or blocked -> leaving; unblock: blocked -> present, as it was. Translations that harts
 * hold are the caller's concern. Slot lock held; takes pages_lock.
 */
void gstage_block(struct hart *h, struct tvm *t, struct gpa gpa);
void gstage_leave(struct hart *h, struct tvm *t, struct gpa gpa);
void gstage_unblock(struct hart *h, struct tvm *t, struct gpa gpa);

/* Remove the whole leaf at `gpa`. What becomes of its frames is the caller's concern. Slot lock held. */
void gstage_clear(struct hart *h, struct tvm *t, struct gpa gpa);

#endif
