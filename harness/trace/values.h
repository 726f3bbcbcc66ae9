/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argument values: good ones for the state that the sketch shows, and bad ones of the kinds at which implementations
 * of such interfaces have gone wrong (off by one, edges of regions, wrong owner, stale handle, wrap-around, alias).
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_VALUES_H
#define TOUCHSTONE_HARNESS_TRACE_VALUES_H

#include "harness/trace/random.h"
#include "harness/trace/sketch.h"

/* Guest-physical layout that generated TVMs use. */
#define LAYOUT_REGION 0x80000000u
#define LAYOUT_REGION_LEN 0x200000u
#define LAYOUT_SECOND_REGION 0x90000000u
#define LAYOUT_DEVICE 0x10000000u                /* emulated by the host */
#define LAYOUT_MAILBOX(hart) (32u + 4u * (hart)) /* frame of host memory */
#define LAYOUT_SHARED 64u                        /* first of the frames that TVMs share */
#define LAYOUT_SHARED_FRAMES 16u
#define LAYOUT_FDT 3u /* page of the device tree in a virtual machine that is promoted */

/* What a generator aims with: randomness, the state before the operation, and the trace it belongs to. */
struct aim {
    struct random *r;
    const struct sketch *s;
    const struct trace *t;
    uint32_t at; /* operations of t before this place */
};

static inline void value_raw(struct trace_op *op, unsigned arg, uint64_t value)
{
    op->kind[arg] = ARG_RAW;
    op->a[arg] = value;
}

static inline void value_handle(struct trace_op *op, unsigned arg, uint8_t kind, uint32_t index, int32_t offset)
{
    op->kind[arg] = kind;
    op->a[arg] = trace_handle(index, offset);
}

/*
 * First of `count` consecutive frames in `state` (and of `owner`, if that is not negative), aligned to `align` frames;
 * CONF_PAGE_NONE-like UINT32_MAX when there are none. Mostly low frames, so that calls meet each other.
 */
uint32_t value_find_run(const struct aim *aim, uint8_t state, int owner, uint32_t count, uint32_t align);

/* A TVM that is alive and (not) runnable, or -1. */
int value_find_tvm(const struct aim *aim, bool runnable);

/* Next guest-physical page of the TVM's regions that nothing is mapped at, on average. */
uint64_t value_next_gpa(const struct aim *aim, const struct sketch_tvm *tvm, uint64_t page_size);

/* A good value for an argument of this kind, as far as one argument alone can be good. */
void value_good(const struct aim *aim, enum abi_arg_kind kind, struct trace_op *op, unsigned arg);

/* A bad value for an argument of this kind, starting from the one that is there. */
void value_bad(const struct aim *aim, enum abi_arg_kind kind, struct trace_op *op, unsigned arg);

/* A number at an edge: 0, 1, n-1, n, n+1, powers of two and their neighbours, all ones. */
uint64_t value_edge(struct random *r, uint64_t near);

/* An address for the guest of TVM `tvm` to touch: mapped, not mapped, or outside of every region. */
uint64_t value_guest_address(const struct aim *aim, const struct sketch_tvm *tvm);

/* An address for the host to touch: its own memory, and everything that it must not reach. */
void value_host_address(const struct aim *aim, struct trace_op *op, unsigned arg);

#endif
