/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions that the device tree gives the harts, compared with isa_state.def: which of them has nobody listed? No
 * dependency on the machine: tested on the host. What the hart itself says is in isa_hart.h.
 */
#ifndef TOUCHSTONE_RISCV_ISA_STATE_H
#define TOUCHSTONE_RISCV_ISA_STATE_H

#include "monitor/core/fdt.h"

#define ISA_NAMES_BYTES 128u

/* Extensions that are not in isa_state.def, each once; every cpu node is looked at. */
struct isa_unlisted {
    uint32_t count;              /* different ones, as far as their names fitted, and one for every further mention */
    uint32_t length;             /* of `names`, without the zero at its end */
    char names[ISA_NAMES_BYTES]; /* separated by spaces; bytes that no name has are shown as '?' */
};

/*
 * Compare riscv,isa and riscv,isa-extensions of all cpu nodes. A tree that is damaged further on ends the comparison: the
 * reader of facts refuses it.
 */
void isa_state_check(const struct fdt *tree, struct isa_unlisted *unlisted);

#endif
