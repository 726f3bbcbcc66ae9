/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of this port share: the storage of the monitor, and the life of a hart outside of traps.
 *
 * A hart's life: _start -> riscv_boot_first or riscv_boot_other -> [parked until the host starts it] -> world ->
 * trap_entry -> riscv_trap -> trap_return -> world -> ...
 */
#ifndef TOUCHSTONE_RISCV_HART_H
#define TOUCHSTONE_RISCV_HART_H

#include "monitor/core/monitor.h"
#include "monitor/riscv/layout.h"

/* The one monitor of this machine. Zeroed by boot.S; its page records follow it. */
extern struct monitor g_monitor;

/* Stacks and guards, one slot per hart (layout.h). */
extern uint8_t riscv_stacks[RISCV_MAX_HARTS][RISCV_STACK_SLOT];

/* Not 0 once the monitor is initialised and the other harts may go on. */
extern uint32_t riscv_boot_stage;

/* C side of boot.S: bring the monitor up on the boot hart, or join it on another. */
_Noreturn void riscv_boot_first(uint64_t hart, uint64_t fdt, uint64_t info);
_Noreturn void riscv_boot_other(uint64_t hart);

/* boot.S: does this hart have Sstc? */
bool riscv_has_stimecmp(void);

/* Wait, closed off, until the host starts this hart; then *h->frame is where it goes on. */
void riscv_park_until_started(struct hart *h);

/* C side of trap_entry. The world's general state is in *h->frame; afterwards *h->frame is loaded. */
void riscv_trap(struct hart *h);

/* Write and compare the canary below the stack of hart `id`. */
void riscv_canary_set(uint32_t id);
bool riscv_canary_intact(uint32_t id);

/* C side of fatal_entry: a trap inside the monitor. */
_Noreturn void riscv_fatal_trap(uint64_t hart, uint64_t cause, uint64_t pc, uint64_t tval);

/* Report why this hart cannot go on, and stop it. Used before there is a struct hart. */
_Noreturn void riscv_refuse(uint64_t hart, const char *why);

/* trap.S: mtvec while a world runs; the way out, with mscratch set; the end of a hart. */
void trap_entry(void);
_Noreturn void trap_return(void);
_Noreturn void hart_stop(void);

#endif
