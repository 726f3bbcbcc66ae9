/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TVMs: the table of slots, and the object behind a slot.
 *
 * Life: ABSENT -create_tvm-> INITIALIZING -finalize_tvm-> RUNNABLE, ABSENT -promote_to_tvm-> RUNNABLE,
 * RUNNABLE -guest's system reset-> DEAD, any -destroy_tvm-> ABSENT. The object lives in TVM_STATE_PAGES window frames
 * that the host donated. A slot's id is never reused, so a stale id finds nothing.
 * Everything in a TVM is protected by the lock of its slot.
 */
#ifndef TOUCHSTONE_CORE_TVM_H
#define TOUCHSTONE_CORE_TVM_H

#include "monitor/core/measure.h"
#include "monitor/core/monitor.h"

/*
 * A guest turns confidential memory into shared memory and back with the host's consent; between the guest's call and
 * the host's answer the range is removable: the host may take its pages out (cove-abi, regions).
 */
enum region_type {
    REGION_CONFIDENTIAL = 0,
    REGION_CONFIDENTIAL_REMOVABLE = 1,
    REGION_SHARED = 2,
    REGION_SHARED_REMOVABLE = 3,
    REGION_MMIO = 4 /* accesses are shown to the host, who emulates a device */
};

/*
 * Guest-physical range, page-aligned. The list of a TVM is sorted and disjoint. Neighbours that are both confidential or
 * both shared are merged. Removable regions are not: each is the range of one pending change, so that its end needs no
 * new entry. Nor are MMIO regions: what a guest declared as two devices, it can remove one at a time.
 */
struct region {
    uint64_t base;
    uint64_t len;
    uint32_t type; /* enum region_type */
    uint32_t zero;
};

enum vcpu_state {
    VCPU_ABSENT = 0,
    VCPU_STOPPED = 1,  /* created, never started, or stopped */
    VCPU_RUNNABLE = 2, /* idle: run_tvm_vcpu enters it */
    VCPU_RUNNING = 3,  /* on a hart */
    VCPU_DEAD = 4,     /* took a fatal trap; only destroy_tvm follows */
    VCPU_BLOCKED = 5,  /* waits for the host's answer to its pending operation; run_tvm_vcpu brings it */
    VCPU_SUSPENDED = 6 /* suspended itself; run_tvm_vcpu wakes it */
};

/* Requests of one vCPU to another, bits of vcpu_slot.request. A vCPU that enters has fenced: it needs no fence bits. */
#define VCPU_REQUEST_VSSIP 0x1u /* raise its supervisor software interrupt */
#define VCPU_REQUEST_LEAVE 0x2u /* the TVM is dead: leave the hart */

struct vcpu_slot {
    uint32_t state;         /* enum vcpu_state; slot lock */
    struct conf_page frame; /* struct vcpu */
    uint32_t hart;          /* VCPU_RUNNING: on which; slot lock */
    bool falls_asleep;      /* VCPU_RUNNING: leaves its hart to wait, and looks at no request any more; slot lock */
    uint32_t request;       /* shared word, VCPU_REQUEST_* */
    uint64_t fence_version; /* VCPU_RUNNING: tvm_fence.current when it entered; slot lock */
};

/*
 * The fence of one TVM: a page that was blocked at version v may be removed when no vCPU runs that entered at v or
 * before. Only exits count: a hart forgets all translations whenever it changes worlds.
 */
struct tvm_fence {
    uint64_t current;
    uint32_t running_current;  /* vCPUs on a hart that entered at `current` */
    uint32_t running_previous; /* ... that entered before it */
};

struct tvm {
    uint64_t id;
    uint32_t slot;
    uint32_t vmid;
    uint32_t gstage_mode;
    struct conf_page root; /* first of TVM_ROOT_PAGES */
    uint32_t pool_head;    /* first free page-table frame or CONF_PAGE_NONE; linked through page_record.link */
    uint32_t pool_count;
    uint32_t region_count;
    bool promoted;         /* made by promote_to_tvm: its memory comes from its reserve, pages are shared in place */
    uint32_t reserve_head; /* promoted: first PAGE_RESERVE frame or CONF_PAGE_NONE; linked through page_record.link */
    uint32_t reserve_count;
    struct tvm_fence fence;
    uint64_t htimedelta;
    struct region
        region[TVM_MAX_REGIONS + 1]; /* the last one is spare, for an insertion that may join its neighbours */
    struct vcpu_slot vcpu[TVM_MAX_VCPUS];
    struct measurement pages;  /* register 4: content and place of measured pages */
    struct measurement config; /* register 5: entry point and argument */
    uint8_t identity[TVM_IDENTITY_SIZE];
};

_Static_assert(sizeof(struct tvm) <= (size_t)TVM_STATE_PAGES * PAGE_SIZE, "struct tvm fits its donated frames");

/*
 * A slot without a TVM, or MONITOR_MAX_TVMS when there is none. Only a holder of create_lock fills slots, so that it
 * stays free until the lock is released. Must be called with create_lock held, and no slot lock.
 */
uint32_t tvm_free_slot(struct hart *h);

/*
 * Find the TVM that `id` names and lock its slot. NULL when there is none, with nothing locked; the caller
 * unlocks with tvm_unlock. The pointer is valid while the lock is held.
 */
struct tvm *tvm_lock(struct hart *h, uint64_t id);
void tvm_unlock(struct hart *h, const struct tvm *t);

/* Lock the TVM whose vCPU runs on this hart. */
struct tvm *tvm_lock_current(struct hart *h);

/* The slot of a TVM. Its members are protected by its lock. */
struct tvm_slot *tvm_slot_of(struct monitor *m, const struct tvm *t);

/*
 * Is [gpa, gpa + len) page-aligned, not wrapping and within the guest-physical width? len > 0 and page-aligned.
 */
bool tvm_gpa_range_valid(const struct tvm *t, struct gpa gpa, uint64_t len);

/* The region that contains the whole range, or NULL. The range is valid. Slot lock held. */
const struct region *tvm_region_containing(const struct tvm *t, struct gpa gpa, uint64_t len);

/* Does the range share an address with any region? The range is valid. Slot lock held. */
bool tvm_region_overlaps(const struct tvm *t, struct gpa gpa, uint64_t len);

/* Insert a region that overlaps none. False, changing nothing, when the table is full. Slot lock held. */
bool tvm_region_insert(struct tvm *t, struct gpa gpa, uint64_t len, enum region_type type);

/*
 * Give a range that lies in one region another type, cutting the region where the range ends within it. False, changing
 * nothing, when the table has no room for the cuts; a range that is a whole region always succeeds. Slot lock held.
 */
bool tvm_region_retype(struct tvm *t, struct gpa gpa, uint64_t len, enum region_type type);

/* Remove every MMIO region that shares an address with the range, which is valid. Slot lock held. */
void tvm_region_remove_mmio(struct tvm *t, struct gpa gpa, uint64_t len);

#endif
