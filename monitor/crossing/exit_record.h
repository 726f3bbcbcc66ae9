/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TVM exit shows the host: the one place where values cross from guest to host.
 *
 *   exit                     scause              stval  htval           htinst  value
 *   host interrupt           1<<63 | 1, 5 or 9   0      0               0       0
 *   confidential page fault  20, 21 or 23        0      page GPA >> 2   0       0
 *   wait for interrupt       22                  insn   0               insn    0
 *   fatal trap               cause               0      0               0       1
 *
 * scause and stval are CSRs of the calling hart, htval and htinst words of its mailbox. vsie, vstimecmp and
 * htimedelta are shown in the mailbox on every exit, as scheduling hints. a0 = SUCCESS and a1 = value. All other
 * registers of the host are as it left them, and floating-point registers are zero.
 */
#ifndef TOUCHSTONE_CROSSING_EXIT_RECORD_H
#define TOUCHSTONE_CROSSING_EXIT_RECORD_H

#include "monitor/core/vcpu.h"

#define EXIT_RUNNABLE 0u     /* value: the vCPU may be run again */
#define EXIT_NOT_RUNNABLE 1u /* value: it may not */

/* Constructors: the only records that exist. */
struct exit_record exit_host_interrupt(uint64_t interrupt);
struct exit_record exit_confidential_fault(uint64_t cause, struct gpa page);
struct exit_record exit_wfi(void);
struct exit_record exit_fatal(uint64_t cause);

/*
 * Show `record` and the hints of the parked guest `v` to the host of this hart. The host's context is h->host,
 * not loaded yet as far as scause and stval go: they are written to the processor here. Nothing is read back.
 */
void exit_record_apply(struct hart *h, const struct vcpu *v, const struct exit_record *record);

#endif
