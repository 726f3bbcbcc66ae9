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

struct answer covh(uint64_t fid, const uint64_t args[6]);

/* Convert frames and fence this hart; no other may run. */
void frames_convert(uint32_t frame, uint32_t count);

/*
 * Up to a TVM with tables and one region, its own frames, not finalized. In TVMs of attacks guest-physical addresses
 * are physical ones: a guest that escaped from its second stage would find itself where it was.
 */
void tvm_create(struct tvm *tvm, const struct tvm_layout *at);

/* Copy `pages` pages of the host to frames at `dest`, mapped at `gpa`. */
void tvm_add_measured(const struct tvm *tvm, const uint64_t *from, uint64_t dest, uint32_t pages);

/* All that and the attack's guest: its block in the frames from FRAME_FREE on, one vCPU or two, ready to run. */
void tvm_with_guest(struct tvm *tvm, const struct tvm_layout *at, uint32_t vcpus, uint64_t argument);
#define GUEST_BLOCK(tvm) FRAME((tvm)->at.frame + FRAME_FREE)
#define GUEST_PAGES 2u

/* What the host sees of an exit. */
struct tvm_exit {
    int64_t error;
    uint64_t scause, stval, htval, htinst;
    uint64_t a[8];
};

/* Enter a vCPU on this hart, after the answer to its last exit, and come back with the next one. */
struct tvm_exit tvm_run(const struct tvm *tvm, uint64_t vcpu);
void mailbox_set(void);

/* Run it until it says a byte; ends the attack as broken when it leaves for another reason. */
uint8_t tvm_hear(const struct tvm *tvm, uint64_t vcpu);

/* Run a vCPU on another hart, and come back when it is inside for certain; help_end takes it out. */
struct tvm_work {
    const struct tvm *tvm;
    uint64_t vcpu;
    struct tvm_exit *exit;
};
void tvm_run_elsewhere(const struct tvm_work *w);

/* --- guests ------------------------------------------------------------------------------------------------------- */

/* Code and data of the guest: they refer to nothing outside of the block, and have no constants of their own. */
#define GUEST __attribute__((section(".guest.text"), noinline))
#define GUEST_DATA __attribute__((section(".guest.data")))

extern const uint8_t guest_entry[];
void guest_main(uint64_t vcpu, uint64_t argument);
void guest_say(uint64_t byte);

/* SECRET, made by instructions: the compiler would keep it outside of the block. */
static inline uint64_t guest_secret(void)
{
    uint64_t secret;
    __asm__ volatile("li %0, 0x5ec2e75ec2e75ec2" : "=r"(secret));
    return secret;
}

/* Say what came of a try: its cause, or GUEST_NO_TRAP. */
#define GUEST_NO_TRAP 0xffu
#define GUEST_INTERRUPTED 0x80u
#define guest_say_outcome(got)                                                                                         \
    guest_say((got).cause == UINT64_MAX ? GUEST_NO_TRAP : ((got).cause & 0x7f) | ((got).cause >> 63) << 7)

/* The verdict of a host on what its guest said: BLOCKED for one of two causes, SUCCEEDED when nothing stopped it. */
void must_hear(uint8_t said, uint8_t cause, uint8_t other_cause);

#endif
