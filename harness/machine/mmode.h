/* SPDX-License-Identifier: Apache-2.0 */
/*
 * M-mode of the simulated machine for somebody who executes its instructions. By default the monitor that is linked
 * into the process serves the machine's traps, through hal_machine.c. A port takes its place: it is handed every trap
 * that M-mode takes, with the CSRs as the hardware leaves them, and what it executes acts on the machine by the
 * functions here: CSRs, fences, mret, wfi, devices, stores. Harts, agents, translation and oracles stay the same, so
 * that two machines that differ in their M-mode only can be compared.
 *
 * Nothing here leaves the caller by a jump but mmode_give_up and mmode_relax, so that the rest may be called out of an
 * emulator's callbacks.
 */
#ifndef TOUCHSTONE_HARNESS_MMODE_H
#define TOUCHSTONE_HARNESS_MMODE_H

#include "harness/machine/machine.h"

struct mmode_port {
    void *data;
    uint64_t monitor_at; /* offset of its struct monitor from MACHINE_MONITOR_BASE */

    /* Bring all harts up from power-on: hart 0 ends in the host at MACHINE_ENTRY, the others parked. */
    void (*boot)(void *data, struct machine *m);

    /* Hart `h` has just trapped to M-mode, at mtvec. Execute until it returns to a world or waits. */
    void (*trap)(void *data, struct machine *m, uint32_t h);

    /* Hart `h`, which waits, has an interrupt that ends the wait. Likewise. */
    void (*wake)(void *data, struct machine *m, uint32_t h);

    /* Remember what M-mode keeps outside of memory and machine; go back to it. */
    void (*save)(void *data, struct machine *m);
    void (*reset)(void *data, struct machine *m);

    /* The machine goes away. */
    void (*close)(void *data);
};

/*
 * A machine whose M-mode is `port`, booted. NULL on a bad configuration, lack of memory or when the boot ended in
 * mmode_give_up. The machine owns the port and closes it, in that case too.
 */
struct machine *machine_create_on(const struct machine_config *config, const struct mmode_port *port);

/* The memory at MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE bytes. */
uint8_t *mmode_image(struct machine *m);

/* CSR access of M-mode. False: the instruction is illegal, because there is no such CSR or its unit is off. */
bool mmode_csr_read(const struct machine *m, uint32_t h, unsigned csr, uint64_t *value);
bool mmode_csr_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value);

/*
 * What csrrs and csrrc change: the value read, but for mip, where what follows a source outside of the register is not
 * written back.
 */
uint64_t mmode_csr_base(const struct machine *m, uint32_t h, unsigned csr, uint64_t value);

/* Fences with both operands x0, executed in M-mode. */
enum mmode_fence { MMODE_SFENCE_VMA = 1, MMODE_HFENCE_GVMA = 2, MMODE_HFENCE_VVMA = 4 };
void mmode_fence(struct machine *m, uint32_t h, enum mmode_fence fence);

/* An exception inside M-mode at `pc`. Returns where the hart goes on. */
uint64_t mmode_exception(struct machine *m, uint32_t h, uint64_t cause, uint64_t tval, uint64_t pc);

/* mret to a world: mode, pc and status of the hart. False, with nothing done, when mstatus leads to M-mode. */
bool mmode_mret(struct machine *m, uint32_t h);

/* wfi: from now on the hart waits, until wake is called. */
void mmode_wait(struct machine *m, uint32_t h);

/* vsetvl: take `vtype` and as many of `wanted` elements as it allows. Returns vl, 0 for a type that the unit lacks. */
uint64_t mmode_vset(struct machine *m, uint32_t h, uint64_t wanted, uint64_t vtype);

/* The bytes [pa, pa + len) of host RAM or window are about to be stored to. */
void mmode_stores(struct machine *m, uint64_t pa, uint64_t len);

/*
 * What a trace has prepared for the work of M-mode (machine_race_word, machine_race_read, machine_fault): told around each
 * call that reads host memory, before each that writes it, and before each write of a PMP entry. The last one changes
 * what the entry is to take when the hardware fails.
 */
void mmode_host_read_begins(struct machine *m, uint32_t h, uint64_t pa, uint64_t len);
void mmode_host_read_ends(struct machine *m, uint32_t h, uint64_t pa, uint64_t len);
void mmode_host_write_begins(struct machine *m, uint64_t pa, uint64_t len);
void mmode_pmp_write_begins(struct machine *m, uint32_t h, unsigned index, uint8_t *config, uint64_t *addr);

/* Devices: software interrupt of a hart, console, end of the machine. */
void mmode_msip(struct machine *m, uint32_t target, bool pending);
void mmode_console_put(struct machine *m, uint8_t byte);
bool mmode_console_ready(const struct machine *m);
uint8_t mmode_console_get(struct machine *m);
void mmode_reset(struct machine *m, uint32_t type, uint32_t reason);

/* The hart is in a wait loop: let every other hart that can take its software interrupt serve it now. */
void mmode_relax(struct machine *m, uint32_t h);

/* M-mode cannot go on: a violation that stops the machine. Does not return. */
_Noreturn void mmode_give_up(struct machine *m, uint32_t h, const char *why);

#endif
