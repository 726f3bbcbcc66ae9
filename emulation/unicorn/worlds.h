/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random register states that a world can really have: every general and floating-point register, and of each CSR
 * the bits that the world can write itself (csr_classes.def), with values that the hardware can hold.
 */
#ifndef TOUCHSTONE_UNICORN_WORLDS_H
#define TOUCHSTONE_UNICORN_WORLDS_H

#include "emulation/unicorn/emulated_hart.h"
#include "emulation/unicorn/prng.h"

/* The host runs on `h`: let it do what it likes with its registers. It is in HS-mode afterwards. */
void world_random_host(struct emulated_hart *h, struct prng *r);

/*
 * A guest runs on `h`: let it do what it likes. What the exit record shows (enabled interrupts, timer) and the
 * privilege mode come from `shown`, everything else from `secret`, so two states with the same `shown` may differ in
 * everything that the host must not learn.
 */
void world_random_guest(struct emulated_hart *h, struct prng *shown, struct prng *secret);

/* Fill one page of guest memory. */
void world_random_page(struct emulated_hart *h, uint64_t address, struct prng *secret);

#endif
