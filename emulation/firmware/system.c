/* SPDX-License-Identifier: Apache-2.0 */
/* System instructions of the firmware, executed on the simulated machine. */
#include <string.h>

#include "emulation/firmware/internal.h"

#define CSR_MIP 0x344u
#define ILLEGAL_INSTRUCTION 2u

static bool inside(struct code_range range, uint64_t pc)
{
    return pc >= range.start && pc < range.end;
}

/* An exception inside M-mode: to mtvec, as the hardware does. */
static void illegal(struct binary *b, const struct site *s)
{
    b->hart[b->running].pc = mmode_exception(b->m, b->running, ILLEGAL_INSTRUCTION, s->insn, s->pc);
    binary_stop(b, STOP_REDIRECT);
}

/*
 * A hart that is about to wait sees no interrupt before its wfi: it may arrive just then. That way each wait is one
 * that the machine ends, as it is for the monitor that is linked in.
 */
static uint64_t as_seen_by_waiting_hart(struct binary_hart *ctx, uint64_t pending)
{
    bool woken = ctx->woken;

    ctx->woken = false;
    return woken ? pending : 0;
}

static void execute_csr(struct binary *b, const struct site *s)
{
    struct machine *m = b->m;
    uint32_t h = b->running;
    uint64_t operand = s->immediate ? s->rs1 : binary_x(b, s->rs1);
    bool reads = s->op != OP_WRITE || s->rd != 0;
    uint64_t old = 0;

    if (reads && !mmode_csr_read(m, h, s->csr, &old)) {
        illegal(b, s);
        return;
    }
    if (s->writes) {
        uint64_t base = mmode_csr_base(m, h, s->csr, old);
        uint64_t value = s->op == OP_WRITE ? operand : s->op == OP_SET ? base | operand : base & ~operand;
        if (!mmode_csr_write(m, h, s->csr, value)) {
            illegal(b, s);
            return;
        }
    }
    if (s->csr == CSR_MIP && inside(b->park, s->pc))
        old = as_seen_by_waiting_hart(&b->hart[h], old);
    binary_set_x(b, s->rd, old);
}

static void execute_fence(struct binary *b, const struct site *s, enum mmode_fence fence)
{
    if (s->rs1 != 0 || s->rs2 != 0)
        binary_fail(b, s->pc, "a fence with operands, which this machine does not execute in M-mode");
    else
        mmode_fence(b->m, b->running, fence);
}

static void execute_mret(struct binary *b, const struct site *s)
{
    if (mmode_mret(b->m, b->running))
        binary_stop(b, STOP_WORLD);
    else
        binary_fail(b, s->pc, "mret to M-mode");
}

static void execute_wfi(struct binary *b, const struct site *s)
{
    b->hart[b->running].pc = s->pc + 4;
    if (inside(b->dead, s->pc) && !machine_halted(b->m)) {
        const struct machine *m = b->m;
        uint32_t shown = m->console_len < 100 ? m->console_len : 100;
        binary_fail(b, s->pc, "the firmware stops a hart: %.*s", (int)shown,
                    (const char *)m->console + (m->console_len - shown));
        return;
    }
    mmode_wait(b->m, b->running);
    binary_stop(b, STOP_WAITS);
}

static void execute_lr(struct binary *b, const struct site *s)
{
    struct binary_hart *ctx = &b->hart[b->running];
    uint64_t address = binary_x(b, s->rs1);
    const uint8_t *at = binary_memory(b, address, s->wide ? 8 : 4);
    int32_t word;
    int64_t value;

    if (at == NULL) {
        binary_fail(b, s->pc, "load-reserved at 0x%llx", (unsigned long long)address);
        return;
    }
    memcpy(&word, at, sizeof(word));
    value = word;
    if (s->wide)
        memcpy(&value, at, sizeof(value));
    binary_set_x(b, s->rd, (uint64_t)value);
    ctx->reserved = true;
    ctx->reserved_at = address;
}

static void execute_sc(struct binary *b, const struct site *s)
{
    struct binary_hart *ctx = &b->hart[b->running];
    uint64_t address = binary_x(b, s->rs1);
    uint64_t value = binary_x(b, s->rs2);
    uint64_t size = s->wide ? 8 : 4;
    uint8_t *at = binary_memory(b, address, size);
    bool success = ctx->reserved && ctx->reserved_at == address;

    ctx->reserved = false;
    if (at == NULL) {
        binary_fail(b, s->pc, "store-conditional at 0x%llx", (unsigned long long)address);
        return;
    }
    if (success) {
        memcpy(at, &value, size);
        mmode_stores(b->m, address, size);
    }
    binary_set_x(b, s->rd, success ? 0 : 1);
}

void system_execute(struct binary *b, uint64_t pc)
{
    const struct site *s = firmware_site(b->fw, pc);

    if (s == NULL) {
        binary_fail(b, pc, "an ecall inside the monitor");
        return;
    }
    switch (s->kind) {
    case SITE_CSR: execute_csr(b, s); break;
    case SITE_MRET: execute_mret(b, s); break;
    case SITE_SFENCE_VMA: execute_fence(b, s, MMODE_SFENCE_VMA); break;
    case SITE_HFENCE_GVMA: execute_fence(b, s, MMODE_HFENCE_GVMA); break;
    case SITE_HFENCE_VVMA: execute_fence(b, s, MMODE_HFENCE_VVMA); break;
    case SITE_LR: execute_lr(b, s); break;
    case SITE_SC: execute_sc(b, s); break;
    case SITE_WFI: execute_wfi(b, s); break;
    case SITE_PAUSE:
        b->hart[b->running].pc = pc + 4;
        binary_stop(b, STOP_RELAX);
        break;
    case SITE_VECTOR:
        if (!vector_execute(b, s->insn))
            illegal(b, s);
        break;
    case SITE_OTHER: binary_fail(b, pc, "instruction 0x%08x is none that a monitor executes", s->insn); break;
    }
}
