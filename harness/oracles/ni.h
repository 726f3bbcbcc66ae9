/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, noninterference: what the host sees does not depend on what a guest keeps to itself.
 *
 * A second world, the twin, performs the same operations with other guest secrets: other values in the registers that
 * a guest did not choose for a call, in its floating-point registers and in what it stores to its own memory. After
 * each operation everything the host can see is compared: registers and CSRs of harts that run the host, host memory,
 * console, where each hart is, answers, and the amount of work the monitor did. A difference is a leak, whatever way
 * it came: no oracle had to know that way.
 *
 * The dual, in the same twin: what a guest sees does not depend on what the host keeps to itself. At every run the twin's
 * host has other values in registers and mailbox words that a run does not take, in bits in which no secret of a guest
 * differs. A register that the guest is entered with differs in them only if it came from the host. Declared inputs are
 * equal in both worlds: arguments, answers, memory that is shared or measured, time, interrupts.
 *
 * What a guest shows the host on purpose (arguments of a forwarded call, the value of a store to an emulated device)
 * may differ where the guest's own register did; the twin's word is then made equal, so that both hosts go on alike.
 */
#ifndef TOUCHSTONE_HARNESS_NI_H
#define TOUCHSTONE_HARNESS_NI_H

#include "harness/agents/world.h"

/* What the secrets of the twin differ in. Bit 0 stays: a word that is no page-table entry must not become one. */
#define NI_REGISTER_SECRET UINT64_C(0x0000000000a5c3e0)
#define NI_MEMORY_SECRET UINT64_C(0x5a3cc3a500000000)

/* What the host's own values differ in while a guest runs: bits of neither of these. */
#define NI_HOST_SECRET UINT64_C(0xa5c33c5aff5a3c1c)
_Static_assert((NI_HOST_SECRET & (NI_REGISTER_SECRET | NI_MEMORY_SECRET)) == 0, "who differs can be told apart");

/* Remember the registers of hart `h` in both worlds before an operation of it. */
void ni_before(struct world *w, uint32_t h);

/*
 * The world has performed `op` on hart `h`, and its agents saw `mine`: let the twin do the same, and compare. As long as no
 * guest has run there is no secret, and both worlds are one: the twin waits, and catches up when a guest is entered.
 */
void ni_step(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine);

/* Back to the beginning. */
void ni_reset(struct world *w);

/* ni_host.c: the parts of the two that are about the host's own values. */
void ni_host_before(struct world *w, uint32_t h, const struct trace_op *op);
void ni_host_left(struct world *w, uint32_t acting);
void ni_host_after(struct world *w, uint32_t h, bool was_guest, const struct step_result *mine,
                   const struct step_result *twin);

#endif
