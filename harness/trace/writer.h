/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What chapters are written with (sequences.c): single operations that fit the state so far, and small steps that many
 * chapters have in common.
 */
#ifndef TOUCHSTONE_HARNESS_TRACE_WRITER_H
#define TOUCHSTONE_HARNESS_TRACE_WRITER_H

#include "harness/trace/generate.h"

#define NO_RUN UINT32_MAX

struct writer {
    struct sequence *q;
    struct aim aim; /* aims from the state after what has been written */
    unsigned spoil; /* of 100 operations */
    unsigned drop;  /* of 100 operations */
};

/* Write one operation: canonical, sometimes spoiled or left out. */
void writer_op(struct writer *w, struct trace_op op);

/* A call of the host with arguments that fit. */
struct trace_op writer_host_call(struct writer *w, uint8_t hart, uint16_t id);

/* The same, written. */
void writer_call(struct writer *w, uint8_t hart, uint16_t id);

/* An operation with plain numbers. */
void writer_plain(struct writer *w, uint8_t hart, uint8_t code, uint64_t a0, uint64_t a1);

/* Does the hart run? */
bool writer_hart_runs(const struct writer *w, uint8_t hart);

/* The host takes a hart back from its guest by an interrupt, and serves it. */
void writer_take_back(struct writer *w, uint8_t hart);

/* A hart that runs host code; hart 0 is taken out of its guest when there is none. */
uint8_t writer_host_hart(struct writer *w);

/* A hart that runs a guest, or -1. */
int writer_guest_hart(const struct writer *w);

/* A global fence, and every hart that runs follows it. */
void writer_fences(struct writer *w, uint8_t hart);

/* Frames that are free to be donated; converts some when there are none. NO_RUN when the window is exhausted. */
uint32_t writer_free_run(struct writer *w, uint8_t hart, uint32_t count, uint32_t align);

/* Donate frames as page tables. */
void writer_tables(struct writer *w, uint8_t hart, uint32_t tvm, uint32_t first, uint32_t count);

/* Run a vCPU, with a mailbox on the hart and no interrupt waiting there. */
void writer_run_vcpu(struct writer *w, uint8_t hart, uint32_t tvm, uint64_t vcpu);

/* Run vCPU 0. */
void writer_run(struct writer *w, uint8_t hart, uint32_t tvm);

/* A hart that runs a guest, entering a runnable TVM first when there is none; -1 when no TVM is that far. */
int writer_entered_hart(struct writer *w);

/* The guest loads, stores or fetches eight bytes. */
void writer_guest_access(struct writer *w, uint8_t hart, uint8_t code, uint64_t gpa);

/* A call of the guest with arguments that fit. */
struct trace_op writer_guest_call(struct writer *w, uint8_t hart, uint16_t id);

/* chapters_memory.c */

/* A guest shares a page with the host, both use it, and sometimes it takes it back. */
void chapter_share(struct writer *w);

/* The host takes pages away that the guest did not offer, gives them back, or tries to remove them. */
void chapter_block(struct writer *w);

/* A guest declares a device, uses it, and the host emulates it. */
void chapter_device(struct writer *w);

/* chapters_promote.c */

/* Several vCPUs of one guest: started, woken and stopped by each other, on several harts. */
void chapter_vcpus(struct writer *w);

/* The host has an ordinary virtual machine of a few pages, and asks the monitor to make it confidential. */
void chapter_promote(struct writer *w);

#endif
