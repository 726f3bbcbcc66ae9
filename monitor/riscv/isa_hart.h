/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of instruction-set extensions on the hart itself: what is closed to guests, what is switched off, what is there
 * to be exchanged. isa_state.h judges names in the device tree; here only the hardware is believed.
 */
#ifndef TOUCHSTONE_RISCV_ISA_HART_H
#define TOUCHSTONE_RISCV_ISA_HART_H

#include <stdbool.h>
#include <stdint.h>

/* isa_probe.S: does this hart have Smstateen, and debug triggers? */
bool riscv_has_stateen(void);
bool riscv_has_triggers(void);

/* Not 0: every hart has Smstateen, and hal_csr_swap exchanges WORLD_CSRS_STATEEN. */
extern uint32_t riscv_stateen;

/*
 * Bytes of a vector register of this hart; 0 when it has no vector unit, or one that is too long for the room that a vCPU
 * has: such a unit stays closed to guests.
 */
uint32_t isa_hart_vlenb(void);

/*
 * Prepare this hart: triggers off, mstateen open for the host (what a guest may reach is in hstateen, which is
 * exchanged). On the boot hart, `first`, it is found out what there is; every other hart must have the same, `vlenb`
 * bytes of vector register included. Returns NULL, or what differs.
 */
const char *isa_hart_setup(bool first, uint32_t vlenb);

#endif
