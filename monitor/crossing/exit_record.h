/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TVM exit shows the host: the one place where values cross from guest to host (cove-abi, exit table).
 *
 *   exit                 scause             stval  htval     htinst  a0..a7               value  vCPU afterwards
 *   host interrupt       1<<63 | 1, 5 or 9  0      0         0       0                    0      RUNNABLE
 *   page fault           20, 21 or 23       0      page >> 2 0       0                    0      RUNNABLE
 *   MMIO load            21                 GPA&3  GPA >> 2  load    0                    0      BLOCKED
 *   MMIO store           23                 GPA&3  GPA >> 2  store   a0 = the bytes       0      BLOCKED
 *   forwarded call       10                 0      0         0       shown args, a6, a7   0      BLOCKED
 *   notified call        10                 0      0         0       shown args, a6, a7   0      RUNNABLE
 *   hart suspend         10                 0      0         0       a6, a7               0      SUSPENDED
 *   wait for interrupt   22                 insn   0         insn    0                    0      RUNNABLE
 *   hart stop            10                 0      0         0       a6, a7               1      STOPPED
 *   system reset         10                 0      0         0       type, reason, a6, a7 1      DEAD
 *   fatal trap           cause              0      0         0       0                    1      DEAD
 *
 * A vCPU that leaves because another vCPU reset the system shows a reset too, with type and reason 0. a6 is the function
 * number without anything else that the guest put there. htinst of an MMIO exit is the access with register a0,
 * whatever register the guest used, and no offset.
 *
 * scause and stval are CSRs of the calling hart, the rest are words of its mailbox, all of them written on every exit.
 * vsie, vstimecmp and htimedelta are shown too, as scheduling hints; hvip is shown as 0. a0 = SUCCESS and a1 = value.
 * All other registers of the host are as it left them, and floating-point and vector registers are zero.
 */
#ifndef TOUCHSTONE_CROSSING_EXIT_RECORD_H
#define TOUCHSTONE_CROSSING_EXIT_RECORD_H

#include "monitor/core/vcpu.h"

#define EXIT_RUNNABLE 0u     /* value: the vCPU may be run again */
#define EXIT_NOT_RUNNABLE 1u /* value: it may not */

/* Constructors: the only records that exist. */
struct exit_record exit_host_interrupt(uint64_t interrupt);
struct exit_record exit_page_fault(uint64_t cause, struct gpa page);
struct exit_record exit_wfi(void);
struct exit_record exit_fatal(uint64_t cause);
struct exit_record exit_tvm_dead(void);

/* `width` is 1, 2, 4 or 8 bytes; `sign` whether the load extends its sign; of `value` only width bytes are shown. */
struct exit_record exit_mmio_load(struct gpa gpa, unsigned width, bool sign);
struct exit_record exit_mmio_store(struct gpa gpa, unsigned width, uint64_t value);

/* Calls. Of the arguments only the first `shown` appear, the others are 0. */
struct exit_record exit_ecall_forwarded(const struct sbi_args *args, unsigned shown);
struct exit_record exit_ecall_notified(const struct sbi_args *args, unsigned shown);
struct exit_record exit_ecall_suspend(const struct sbi_args *args);
struct exit_record exit_ecall_stop(const struct sbi_args *args);
struct exit_record exit_ecall_reset(const struct sbi_args *args);

/*
 * Decisions of guest calls that leave the TVM, for the vCPU that runs on this hart.
 *
 * decide_notified: the call is done, SUCCESS and 0 are in the guest's registers, and the host hears of it.
 * decide_forwarded: the call waits for the host's answer; `op` says what the host may answer (crossing/host_reply.h).
 */
struct decision decide_notified(struct hart *h, const struct sbi_args *args, unsigned shown);
struct decision decide_forwarded(struct hart *h, const struct sbi_args *args, unsigned shown, struct pending_op op);

/*
 * Show `record` and the hints of the parked guest `v` to the host of this hart. The host's context is h->host,
 * not loaded yet as far as scause and stval go: they are written to the processor here. Nothing is read back.
 */
void exit_record_apply(struct hart *h, const struct vcpu *v, const struct exit_record *record);

#endif
