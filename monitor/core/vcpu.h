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

struct vcpu {
    struct world_ctx ctx;
    uint32_t id;
    uint32_t tvm_slot;
};

_Static_assert(sizeof(struct vcpu) <= (size_t)TVM_VCPU_STATE_PAGES * PAGE_SIZE, "struct vcpu fits its donated frame");

/* The vCPU in a frame. The caller knows that the frame is the VCPU_STATE of a vCPU it may use. */
struct vcpu *vcpu_object(const struct monitor *m, struct conf_page frame);

/* The vCPU that runs on this hart. */
struct vcpu *vcpu_current(const struct hart *h);

/*
 * Fill a scrubbed frame with the reset state: all registers zero, supervisor mode, translation off, interrupts off,
 * timer never. Slot lock held.
 */
void vcpu_reset(const struct monitor *m, const struct tvm *t, struct vcpu *v, uint32_t id);

/*
 * Set again everything in the context that is the monitor's to choose, whatever the last run left in it: privilege,
 * delegation, interrupt enables, counters, environment. Called before each entry.
 */
void vcpu_normalise(const struct monitor *m, const struct tvm *t, struct vcpu *v);

/*
 * Deliver an exception to the guest that runs on this hart, as the hardware would have delivered it to VS-mode:
 * vsepc, vscause, vstval, the SPP/SPIE/SIE stack of vsstatus, pc from vstvec, supervisor mode.
 */
void vcpu_inject_exception(struct hart *h, uint64_t cause, uint64_t tval);

#endif
