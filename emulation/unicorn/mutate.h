/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breaking a firmware on purpose, to see that the replay notices. Each mutation changes a few instructions of the
 * image in memory, as a mistake in the source would; the file is never written.
 */
#ifndef TOUCHSTONE_UNICORN_MUTATE_H
#define TOUCHSTONE_UNICORN_MUTATE_H

#include "emulation/unicorn/firmware_image.h"

/*
 * Apply one mutation, `kind` and its argument (NULL when it takes none):
 *
 *   drop-csr NAME   the world switch leaves a CSR out: neither saved nor loaded
 *   drop-fld N      f<N> is not loaded when a guest is entered
 *   drop-fsd N      f<N> is not saved when a guest exits
 *   swap-fp         loads and stores of floating-point registers are exchanged in save and load
 *   drop-ld N       x<N> is not loaded on the way out of the monitor
 *   drop-sd N       x<N> is not saved on the way in
 *   drop-fence NAME sfence.vma, hfence.gvma or hfence.vvma: none is executed anywhere
 *   leak-fcsr       a guest's fcsr goes to a PMP register that no entry uses: legal in each state, but it tells of the guest
 *   drop-sc         the world switch does not break the LR/SC reservation
 *   drop-wipe       the stack of the hart is left as it is when a guest leaves
 *   return SYMBOL   a function returns at once
 *   nop WHERE       one instruction does nothing; WHERE is an address, SYMBOL or SYMBOL+OFFSET
 *   swap A B        the loads or stores at two addresses exchange their offsets (one argument: "A B")
 *
 * False, with a one-line reason, when the image has nothing to apply it to.
 */
bool mutate(struct firmware_image *fw, const char *kind, const char *argument, char *why, size_t why_size);

/* Does the mutation take an argument? -1 when there is no such mutation. */
int mutation_arguments(const char *kind);

#endif
