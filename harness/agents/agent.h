/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the agents: what one operation needs while it is carried out, and how outcomes become a step_result.
 *
 * An agent only does what its place in the machine allows: it loads registers, accesses memory, executes an ecall or a
 * CSR instruction, raises a trap that the hardware could raise there. It never looks into the monitor; the one
 * exception is the address of the host's own mailbox, which the host knows because it registered it.
 */
#ifndef TOUCHSTONE_HARNESS_AGENT_H
#define TOUCHSTONE_HARNESS_AGENT_H

#include "harness/agents/world.h"

#define REG_COUNT 32u
#define A0 10u
#define A1 11u
#define A6 16u
#define A7 17u

/* CSR numbers that agents and oracles name. */
#define CSR_SSTATUS 0x100u
#define CSR_SSCRATCH 0x140u
#define CSR_SEPC 0x141u
#define CSR_SCAUSE 0x142u
#define CSR_STVAL 0x143u
#define CSR_SATP 0x180u
#define CSR_VSTVEC 0x205u
#define CSR_VSEPC 0x241u
#define CSR_VSCAUSE 0x242u
#define CSR_VSTVAL 0x243u
#define CSR_HSTATUS 0x600u

#define TRAP_INTERRUPT (UINT64_C(1) << 63)

/* One operation on its way. */
struct agent_step {
    struct world *w;
    struct machine *m;
    uint32_t hart;
    const struct trace_op *op;
    uint64_t a[8]; /* arguments, handles resolved */
    struct step_result *result;
};

/* Operations of the host on a hart that runs host code. */
void host_agent(struct agent_step *s);

/* Operations of the guest on a hart that runs a guest. */
void guest_agent(struct agent_step *s);

/* A bus master that is no hart: OP_DEVICE_READ and OP_DEVICE_WRITE (device_agent.c). */
void device_agent(struct agent_step *s);

/* OP_GUEST_EXEC: the guest executes one instruction that accesses memory (guest_exec.c). */
void guest_exec(struct agent_step *s);

/* OP_HOST_FDT: the host writes a device tree into its memory (host_fdt.c). */
void host_fdt(struct agent_step *s);

/* Set a register by its number in OP_HOST_REG and OP_GUEST_REG, in the world that runs on the hart. */
void agent_set_register(struct agent_step *s, uint64_t number, uint64_t value);

/*
 * Write bytes as a run of stores of the host would, one store per frame asking for permission. `len` is a multiple of
 * 8, and so is the address. False when one faulted; the result shows it.
 */
bool host_put(struct agent_step *s, uint64_t address, const uint8_t *bytes, uint64_t len);

/* What happens to a hart whoever runs on it: interrupts, time, console input, what disturbs the monitor's next work. */
void environment(struct agent_step *s);

/*
 * Give every register that the guest which was just entered left at zero a secret-looking value, so that any of them
 * is recognised where it must not appear (harness/agents/marker.h).
 */
void guest_plant_markers(struct world *w, uint32_t hart);

/* Does hart `h` execute host or guest code, so that an operation on it means something? */
bool agent_hart_runs(const struct machine *m, uint32_t h);

/* Deliver the trap of a failed access and report what became of it. */
void agent_take_trap(struct agent_step *s, const struct trap *t);

/*
 * Report what the acting hart shows after somebody took a trap from the host, or from the guest, which was at pc_before.
 * `t` is the exception that the guest raised; NULL for an ecall or an interrupt.
 */
void agent_see_host(struct agent_step *s, enum trap_taker taker, bool ecall);
void agent_see_guest(struct agent_step *s, enum trap_taker taker, bool ecall, uint64_t pc_before, const struct trap *t);

/*
 * Exceptions that the architecture leaves to implementations, or to later extensions beyond 63: a processor may raise
 * them, so the monitor must not take one for another by looking at few bits.
 */
static inline bool agent_custom_cause(uint64_t cause)
{
    return (cause >= 24 && cause <= 31) || (cause >= 48 && cause < TRAP_INTERRUPT);
}

/* Report a value. */
static inline void agent_see_value(struct agent_step *s, uint64_t value)
{
    s->result->kind = EXPECT_VALUE;
    s->result->value = value;
}

/*
 * Ecall with a0..a5 and the function and extension words, in the mode the hart is in. Counts the call and collects the
 * handle of a TVM that it created.
 */
enum trap_taker agent_ecall(struct agent_step *s, const uint64_t args[6], uint64_t fid, uint64_t eid);

#endif
