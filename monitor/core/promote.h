/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a TVM in one step out of a virtual machine that the host has set up in its own memory (deployment model 3).
 *
 * Host tables are copied page by page into a frame of the window and only the copy is parsed; each page that they map is
 * copied into a frame of its own, two aliases into two frames. What follows, the device tree and the measurement, looks
 * at those copies alone: the host may change its memory at any moment and gains nothing.
 *
 * All memory comes from frames that are free. While the TVM is built they are PAGE_BUSY and nobody else can reach them,
 * so no lock is held over the work, and a failure at any point gives every frame back as it was, scrubbed. Only when
 * nothing can fail any more does the TVM appear in the table, under a fresh id.
 *
 * A promoted TVM never asks for memory again: confidential memory is what the device tree calls memory, plus what the
 * host had mapped elsewhere; all its page tables exist from the start, and its reserve holds a frame for each page that
 * is not mapped yet. So guests cannot exhaust each other, and memory that nobody declared is never there.
 *
 * Bounded: at most as many pages and as many host table pages are copied as the window has frames, and the device tree
 * has at most FDT_MAX_BYTES. That is also the latency of the call, which is not interrupted: copying and hashing
 * dominate it, `ci/bench` reports pages per second.
 */
#ifndef TOUCHSTONE_CORE_PROMOTE_H
#define TOUCHSTONE_CORE_PROMOTE_H

#include "monitor/core/tvm.h"

/*
 * Supervisor registers that the boot vCPU starts with, in the order in which they are measured:
 * PROMOTE_CSR(csr number, name).
 */
#define PROMOTE_CSRS(PROMOTE_CSR)                                                                                      \
    PROMOTE_CSR(0x200, vsstatus)                                                                                       \
    PROMOTE_CSR(0x204, vsie)                                                                                           \
    PROMOTE_CSR(0x205, vstvec)                                                                                         \
    PROMOTE_CSR(0x240, vsscratch)                                                                                      \
    PROMOTE_CSR(0x241, vsepc)                                                                                          \
    PROMOTE_CSR(0x242, vscause)                                                                                        \
    PROMOTE_CSR(0x243, vstval)                                                                                         \
    PROMOTE_CSR(0x244, vsip)                                                                                           \
    PROMOTE_CSR(0x24d, vstimecmp)                                                                                      \
    PROMOTE_CSR(0x280, vsatp)

enum promote_csr {
#define PROMOTE_CSR_INDEX(number, name) PROMOTE_##name,
    PROMOTE_CSRS(PROMOTE_CSR_INDEX)
#undef PROMOTE_CSR_INDEX
        PROMOTE_CSR_COUNT
};

/* What the host asks for: every input of the call, read once. */
struct promote_request {
    uint64_t hgatp; /* the host's tables of the VM */
    struct gpa fdt; /* 8-byte aligned */
    uint64_t entry;
    bool has_identity;
    struct nonconf_addr identity; /* TVM_IDENTITY_SIZE bytes */
    uint64_t x[32];
    uint64_t csr[PROMOTE_CSR_COUNT];
};

/*
 * Make a TVM from the VM that `request` describes. SUCCESS: it is RUNNABLE, *id is its id, its boot vCPU is RUNNABLE
 * and all others are STOPPED.
 * INVALID_ADDRESS: no device tree in mapped memory at request->fdt. OUT_OF_MEMORY: not enough free frames, or more host
 * tables than the window has frames. FAILED: the host's tables, the device tree or a register image is malformed or
 * names memory that is not the host's; or a table of the monitor (regions, TVMs) is full. On an error nothing has
 * changed, apart from what free frames hold. No lock may be held.
 *
 * Measurement. Register 4: each mapped page that is not all zero, by ascending guest-physical address. Register 5, a
 * word each: entry, x0..x31 and PROMOTE_CSRS as the boot vCPU starts with them (so x10 = 0 and x11 is the address of the
 * device tree), number of vCPUs, number of regions, base and length of each region.
 */
int64_t promote_tvm(struct hart *h, const struct promote_request *request, uint64_t *id);

/* --- between the files of promote ----------------------------------------------------------------------------- */

/* A TVM that is being built. Only the hart that builds it knows of it. */
struct promotion {
    struct hart *h;
    struct conf_page object; /* TVM_STATE_PAGES */
    struct tvm *t;           /* in `object` */
    uint32_t taken;          /* last frame that was taken, or CONF_PAGE_NONE; linked through page_record.link */
    uint32_t taken_count;
    uint32_t scanned; /* no frame from here to the end of the window is looked at again for a single frame */
    uint32_t mapped;  /* pages that were copied */
    uint32_t vcpus;
};

/*
 * Take `count` (a power of two) consecutive free frames aligned to their number, from the end of the window, for a later
 * `use` (PAGE_TVM_ROOT..PAGE_RESERVE, or PAGE_BUSY: given back when the call ends). They are PAGE_BUSY, and scrubbed
 * unless they will be overwritten. False when there are none. Takes pages_lock for one scan of the records.
 */
bool promote_take(struct promotion *p, uint32_t count, enum page_state use, struct conf_page *first);

/* Frames of the window that are certainly not left any more; an early answer to requests that cannot be served. */
bool promote_exceeds(const struct promotion *p, uint64_t pages);

/* Give back every frame, scrubbed and in the state it had. */
void promote_roll_back(struct promotion *p);

/* Nothing can fail any more: each frame gets its use in slot p->t->slot. */
void promote_commit_frames(struct promotion *p);

/* Link all tables on the way to `gfn`, and map `page` there when it is not NULL. False when frames are used up. */
bool promote_map(struct promotion *p, uint64_t gfn, const struct conf_page *page);

/* The first mapped guest frame at or above *gfn, with its frame. False when there is none. */
bool promote_next(const struct promotion *p, uint64_t *gfn, struct conf_page *page);

/* Copy all memory that the host's tables map. Errors as promote_tvm. */
int64_t promote_copy_memory(struct promotion *p, uint64_t hgatp);

/* Read the device tree out of the copied memory: its memory becomes regions of the TVM, its CPUs p->vcpus. */
int64_t promote_read_fdt(struct promotion *p, struct gpa fdt);

#endif
