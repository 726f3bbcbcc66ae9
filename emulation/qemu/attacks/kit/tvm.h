/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TVMs of attacks: built step by step from frames in a row, run, and asked for what they say. Each set-up call must
 * succeed, else the attack ends as broken.
 *
 * Frames of a TVM, counted from its first, a multiple of 4: 0..3 root, 4..5 state, 6..7 vCPUs, 8..11 tables, then free
 * for the attack.
 */
#ifndef TOUCHSTONE_QEMU_ATTACK_TVM_H
#define TOUCHSTONE_QEMU_ATTACK_TVM_H

#include "emulation/qemu/payload.h"

enum { FRAME_ROOT = 0, FRAME_STATE = 4, FRAME_VCPU = 6, FRAME_TABLES = 8, FRAME_FREE = 12 };

enum {
    COVH_CONVERT = 1,
    COVH_RECLAIM = 2,
    COVH_GLOBAL_FENCE = 3,
    COVH_LOCAL_FENCE = 4,
    COVH_CREATE_TVM = 5,
    COVH_FINALIZE = 6,
    COVH_PROMOTE = 7,
    COVH_DESTROY = 8,
    COVH_ADD_REGION = 9,
    COVH_ADD_TABLES = 10,
    COVH_ADD_MEASURED = 11,
    COVH_ADD_ZERO = 12,
    COVH_ADD_SHARED = 13,
    COVH_CREATE_VCPU = 14,
    COVH_RUN = 15,
    COVH_TVM_FENCE = 16,
    COVH_INVALIDATE = 17,
    COVH_VALIDATE = 18,
    COVH_REMOVE = 19,
};

struct tvm_layout {
    uint32_t frame;  /* the first */
    uint32_t frames; /* to convert: at least FRAME_FREE */
};

struct tvm {
    uint64_t id;
    struct tvm_layout at;
};

/* Guest-physical map: where the guest's block is copied to, and its data, given by the attack. */
#define TVM_CODE UINT64_C(0x80000000)
#define TVM_DATA UINT64_C(0x80100000)
#define TVM_MEMORY_SIZE UINT64_C(0x00200000) /* from TVM_CODE on */

struct answer covh(uint64_t fid, const uint64_t args[6]);

/* Convert frames and fence this hart; no other may run. */
void frames_convert(uint32_t frame, uint32_t count);

/* Up to a TVM with tables and a region [TVM_CODE, + TVM_MEMORY_SIZE), not finalized. */
void tvm_create(struct tvm *tvm, const struct tvm_layout *at);

/* Copy `pages` pages of the host to frames at `dest`, mapped at `gpa`. */
void tvm_add_measured(const struct tvm *tvm, const uint64_t *from, uint64_t dest, uint32_t pages, uint64_t gpa);

#endif
