/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests between harts, carried by the machine software interrupt.
 *
 * A request is posted first and the interrupt raised after it; the target takes the interrupt back first and
 * collects requests after it: none is lost. A fence is waited for by ticket: it is complete when the target has fenced
 * after it was asked for, or is not executing anything. Who waits serves its own requests and tickets meanwhile, so
 * harts that wait for each other all go on.
 */
#ifndef TOUCHSTONE_CORE_IPI_H
#define TOUCHSTONE_CORE_IPI_H

#include "monitor/core/monitor.h"

/* A set of harts: bit n for hart n. */
struct hart_set {
    uint32_t bits;
};

/*
 * Harts named by an SBI (mask, base) pair. False when the pair names a hart that does not exist.
 * base == SBI_ALL_HARTS names every hart.
 */
bool hart_set_from_sbi(const struct monitor *m, uint64_t mask, uint64_t base, struct hart_set *out);

/* Raise the host's software interrupt on every started hart of the set. */
void ipi_send_ssip(struct hart *h, struct hart_set targets);

/*
 * Fence every started hart of the set and return when all have: `kind` is IPI_REQUEST_FENCE or IPI_REQUEST_FENCE_I.
 * No lock may be held.
 */
void ipi_remote_fence(struct hart *h, struct hart_set targets, uint32_t kind);

/* Make every hart of the set trap, so that it looks for requests of its vCPU. They were posted before. */
void ipi_kick(struct hart *h, struct hart_set targets);

/* Serve the machine software interrupt of this hart. */
void ipi_serve(struct hart *h);

#endif
