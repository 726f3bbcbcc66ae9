/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second-stage tables of a TVM: Sv39x4, Sv48x4 or Sv57x4, 4 KiB leaves, readable, writable and executable, always
 * with U, A and D set. Tables live in frames that the host donated, are never shared and never seen by the host.
 * A present leaf is never replaced.
 */
#ifndef TOUCHSTONE_CORE_GSTAGE_H
#define TOUCHSTONE_CORE_GSTAGE_H

#include "monitor/core/tvm.h"

/* First guest-physical address that `mode` cannot translate: 2^41, 2^50, 2^59. */
uint64_t gstage_gpa_limit(uint32_t mode);

/* hgatp value that selects the tables of this TVM. */
uint64_t gstage_hgatp(const struct monitor *m, const struct tvm *t);

/*
 * What the tables say about one guest-physical page. A blocked leaf keeps everything but its V bit, and the version of
 * the TVM's fence at which it was blocked, modulo 1024 (an age computed from it is never more than the true one).
 */
enum leaf_kind { LEAF_NONE = 0, LEAF_DATA, LEAF_SHARED, LEAF_DATA_BLOCKED, LEAF_SHARED_BLOCKED };

struct gstage_leaf {
    enum leaf_kind kind;
    bool large;               /* the page is part of a 2 MiB leaf */
    struct conf_page frame;   /* LEAF_DATA, LEAF_DATA_BLOCKED: the frame behind this very page */
    struct nonconf_addr host; /* LEAF_SHARED, LEAF_SHARED_BLOCKED: the host page behind this very page */
    uint32_t version;         /* blocked: see above */
};

/* The leaf at `gpa` (valid, any alignment). Slot lock held. */
struct gstage_leaf gstage_lookup(const struct monitor *m, const struct tvm *t, struct gpa gpa);

/* Is the page at `gpa` (valid, any alignment) mapped? Slot lock held. */
bool gstage_is_mapped(const struct monitor *m, const struct tvm *t, struct gpa gpa);

/*
 * How many table frames must be taken from the pool to map [gpa, gpa + count pages)? The range is valid.
 * Work: one table step per level and per 2 MiB of the range. Slot lock held.
 */
uint32_t gstage_tables_needed(const struct monitor *m, const struct tvm *t, struct gpa gpa, uint32_t count);

/*
 * Map one frame at `gpa`, which is valid, page-aligned and not mapped, taking tables from the pool. The caller has
 * made sure that the pool suffices and that the frame is DATA of this TVM; records its place in the page record.
 * Slot lock held; takes pages_lock.
 */
void gstage_map(struct hart *h, struct tvm *t, struct gpa gpa, struct conf_page page);

#endif
