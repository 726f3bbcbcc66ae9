/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs: the register state of a TVM's virtual hart, in one window frame that the host donated.
 *
 * While a vCPU runs, its frame is the trap frame of its hart (struct hart.frame), and the registers of
 * WORLD_CSRS are in the processor; at every other time all of it is here.
 */
#ifndef TOUCHSTONE_CORE_VCPU_H
#define TOUCHSTONE_CORE_VCPU_H

#include "monitor/core/tvm.h"

/* What a vCPU waits for, set when it exits and taken when it is run again. At most one at a time. */
enum pending_kind {
    PENDING_NONE = 0,
    PENDING_MMIO_LOAD,  /* the value comes in the mailbox slot a0 */
    PENDING_MMIO_STORE, /* nothing is read */
    PENDING_ECALL,      /* a0 and a1 come in the mailbox and are filtered by what was called */
    PENDING_SHARE,      /* region [gpa, gpa + len) becomes shared, or stays confidential */
    PENDING_UNSHARE     /* the reverse */
};

struct pending_op {
    uint32_t kind;     /* enum pending_kind */
    uint8_t rd;        /* MMIO load: destination register */
    uint8_t width;     /* MMIO: bytes, 1, 2, 4 or 8 */
    bool sign;         /* MMIO load: sign-extend */
    uint8_t insn_len;  /* MMIO: bytes of the instruction, added to pc when it completes */
    uint64_t eid, fid; /* forwarded ecall */
    uint64_t limit;    /* forwarded ecall: largest a1 that makes sense */
    uint64_t gpa, len; /* share, unshare */
};

/* Vector registers and CSRs as the unit has them; v holds 32 registers of platform.vlenb bytes. */
struct vector_state {
    uint64_t vstart, vcsr, vl, vtype;
    uint8_t v[32 * VECTOR_VLENB_MAX];
};

_Static_assert(offsetof(struct vector_state, vstart) == VECTOR_VSTART_OFFSET, "assembler offset");
_Static_assert(offsetof(struct vector_state, vcsr) == VECTOR_VCSR_OFFSET, "assembler offset");
_Static_assert(offsetof(struct vector_state, vl) == VECTOR_VL_OFFSET, "assembler offset");
_Static_assert(offsetof(struct vector_state, vtype) == VECTOR_VTYPE_OFFSET, "assembler offset");
_Static_assert(offsetof(struct vector_state, v) == VECTOR_V_OFFSET, "assembler offset");

struct vcpu {
    struct world_ctx ctx;
    uint32_t id;
    uint32_t tvm_slot;
    struct pending_op pending;
    uint64_t allowed_interrupts; /* hvip bits that the host may raise in this vCPU */
    uint64_t resume_pc;          /* suspended, non-retentive: where it goes on, with a1 = resume_opaque */
    uint64_t resume_opaque;
    bool resume_fresh; /* suspended, non-retentive */
    struct vector_state vector;
};

_Static_assert(sizeof(struct vcpu) <= (size_t)TVM_VCPU_STATE_PAGES * PAGE_SIZE, "struct vcpu fits its donated frame");

/* The vCPU in a frame. The caller knows that the frame is the VCPU_STATE of a vCPU it may use. */
struct vcpu *vcpu_object(const struct monitor *m, struct conf_page frame);

/* The vCPU that runs on this hart. */
struct vcpu *vcpu_current(const struct hart *h);

/* The TVM of the vCPU that this hart has claimed, not locked: for what never changes, and for the vCPU's own requests. */
struct tvm *vcpu_tvm(const struct hart *h);

/*
 * Fill a frame with the reset state: all registers zero, supervisor mode, translation off, interrupts off, timer never,
 * nothing pending, no interrupt allowed. Slot lock held.
 */
void vcpu_reset(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint32_t id);

/* Reset a vCPU and let it begin at `pc` with a0 = its id and a1 = `opaque`. Slot lock held. */
void vcpu_start(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint64_t pc, uint64_t opaque);

/*
 * vCPUs that an SBI (mask, base) pair names: bit n for vCPU n. False when it names one that does not exist. base ==
 * SBI_ALL_HARTS names all that do. Slot lock held.
 */
bool vcpu_set_from_sbi(const struct tvm *t, uint64_t mask, uint64_t base, uint64_t *set);

/*
 * Claim vCPU `vcpu_id` of TVM `id` for this hart, so that no other hart can run it or destroy the TVM until
 * vcpu_release. INVALID_PARAM: no such TVM or vCPU, or not to be run now. NO_SHMEM: the host could not be shown an exit.
 */
int64_t vcpu_claim(struct hart *h, uint64_t id, uint64_t vcpu_id);

/* The vCPU that this hart has claimed is parked: it goes to state `next`, and is not to be touched any more. */
void vcpu_release(struct hart *h, uint32_t next);

/*
 * Make the claimed vCPU ready to enter: wake it afresh if it suspended itself so, set what is the monitor's to choose,
 * and raise of the interrupts that the host has in hvip those that the vCPU allows. The host's registers are live.
 */
void vcpu_prepare(struct hart *h);

/*
 * The vCPU that runs on this hart wants to wait for an interrupt. False when there is one that only the monitor knows of:
 * its software interrupt is pending and enabled, or just being asked for; it must not leave then, for nobody would wake
 * it. True: whoever asks something of it from now on tells the host.
 */
bool vcpu_fall_asleep(struct hart *h);

/*
 * Serve what other vCPUs asked of the one that runs on this hart, its registers being live. True when it has to leave.
 * Called before each return to the guest: a request that comes later raises an interrupt that brings the hart back.
 */
bool vcpu_serve_requests(struct hart *h);

/*
 * Set again everything in the context that is the monitor's to choose, whatever the last run left in it: privilege,
 * delegation, interrupt enables, counters, environment. Called before each entry.
 */
void vcpu_normalise(const struct monitor *m, const struct tvm *t, struct vcpu *v);

/* The ecall of the guest that runs on this hart is done: result in a0 and a1, pc behind it. */
void vcpu_complete_call(struct hart *h, int64_t error, uint64_t value);

/*
 * Deliver an exception to the guest that runs on this hart, as the hardware would have delivered it to VS-mode:
 * vsepc, vscause, vstval, the SPP/SPIE/SIE stack of vsstatus, pc from vstvec, supervisor mode.
 */
void vcpu_inject_exception(struct hart *h, uint64_t cause, uint64_t tval);

#endif
