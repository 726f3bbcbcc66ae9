/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sketch of the state that a trace leads to: which frames are whose, which TVMs live and how far they are, which
 * hart runs a guest. The mutator needs it to aim: a call with mostly right arguments gets past the first check and
 * into the code where mistakes live.
 *
 * It is a guess, made by looking at the operations only. Where it is wrong a mutation is merely less well aimed, so
 * it is kept simple: a call is taken to succeed when its main precondition seems to hold.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_SKETCH_H
#define TOUCHSTONE_HARNESS_TRACE_SKETCH_H

#include "harness/trace/ops.h"

#define SKETCH_PAGES 1024u /* frames of the window that are followed */
#define SKETCH_TVMS 8u
#define SKETCH_REGIONS 4u
#define SKETCH_MAPPED 16u
#define SKETCH_WRITES 16u

enum sketch_page {
    SKETCH_HOST = 0,
    SKETCH_CONVERTED, /* waits for a global fence to begin */
    SKETCH_FENCING,   /* waits for harts to follow it */
    SKETCH_FREE,
    SKETCH_ROOT,
    SKETCH_STATE,
    SKETCH_VCPU,
    SKETCH_TABLE,
    SKETCH_DATA
};

struct sketch_tvm {
    bool alive;
    bool runnable;
    uint8_t regions;
    uint8_t tables;   /* donated page-table pages */
    uint8_t mapped;   /* entries of gpa[] in use */
    uint64_t vcpus;   /* bit per created vCPU */
    uint64_t started; /* bit per vCPU that can run */
    bool promoted;
    bool blocked;    /* some of its pages are, and no fence of it began since */
    uint64_t change; /* range whose sharing was asked for last, and its length; 0: none */
    uint64_t change_len;
    uint64_t shared; /* range that was shared last, and its length */
    uint64_t shared_len;
    uint64_t lent;   /* handle of the host page that was shared with it last; 0: none */
    uint64_t device; /* range that was declared as a device last, and its length */
    uint64_t device_len;
    uint64_t region[SKETCH_REGIONS];
    uint64_t region_len[SKETCH_REGIONS];
    uint64_t gpa[SKETCH_MAPPED];      /* guest-physical pages that are mapped */
    uint32_t gpa_page[SKETCH_MAPPED]; /* and the window frame behind each */
};

/* Word in host memory that the trace wrote: where create_tvm parameters come from. */
struct sketch_write {
    bool used;
    uint64_t address; /* handle of ARG_RAM */
    uint8_t kind;
    uint64_t value;
};

struct sketch {
    uint8_t harts;
    uint32_t pages; /* window frames, at most SKETCH_PAGES are followed */
    uint8_t page[SKETCH_PAGES];
    uint8_t owner[SKETCH_PAGES];       /* TVM, where the page has one */
    uint32_t started;                  /* bit per hart that runs */
    uint32_t shmem;                    /* bit per hart with a registered mailbox */
    uint16_t pending[TRACE_MAX_HARTS]; /* host interrupts that wait on a hart: they take a guest off it at once */
    uint32_t fence_waits;              /* harts that have not followed the global fence */
    int8_t guest[TRACE_MAX_HARTS];     /* TVM that runs on a hart, -1 for the host */
    uint8_t vcpu[TRACE_MAX_HARTS];
    uint8_t tvms; /* created so far */
    struct sketch_tvm tvm[SKETCH_TVMS];
    struct sketch_write write[SKETCH_WRITES];
    uint32_t writes;
};

/* State before the first operation of `t`. */
void sketch_begin(struct sketch *s, const struct trace *t);

/* State after one more operation. */
void sketch_apply(struct sketch *s, const struct trace_op *op);

/* State after the first `count` operations of `t`. */
void sketch_run(struct sketch *s, const struct trace *t, uint32_t count);

/* Does the sketch say that this hart runs a guest? */
static inline bool sketch_in_guest(const struct sketch *s, uint8_t hart)
{
    return s->guest[hart] >= 0;
}

#endif
