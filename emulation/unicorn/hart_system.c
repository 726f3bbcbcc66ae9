/* SPDX-License-Identifier: Apache-2.0 */
/* System instructions on the model; see emulated_hart.h. */
#include "emulation/unicorn/hart_internal.h"

#include <stdio.h>
#include <string.h>

#include "monitor/riscv/layout.h"

uint64_t hart_read_x(struct emulated_hart *h, unsigned n)
{
    uint64_t value = 0;
    if (n != 0)
        uc_reg_read(h->uc, UC_RISCV_REG_X0 + (int)n, &value);
    return value;
}

void hart_write_x(struct emulated_hart *h, unsigned n, uint64_t value)
{
    if (n != 0)
        uc_reg_write(h->uc, UC_RISCV_REG_X0 + (int)n, &value);
}

void hart_take_exception(struct emulated_hart *h, const struct site *s, uint64_t cause)
{
    struct csr_trap trap = {.cause = cause, .tval = s->insn};
    h->regs.pc = csr_take_trap(&h->csr, &trap, s->pc);
    h->redirected = true;
    uc_emu_stop(h->uc);
}

static void stop_unclassified(struct emulated_hart *h, const struct site *s)
{
    char text[sizeof(h->stop_text)];
    snprintf(text, sizeof(text), "CSR 0x%03x is in no class of csr_classes.def: nobody has decided whose it is",
             s->csr);
    hart_end_run(h, STOP_UNCLASSIFIED, s->pc, text);
}

#define CSR_MISA 0x301u

/* The stack of this hart; only C code writes PMP registers. */
static void watch_stack(struct emulated_hart *h)
{
    uint64_t id = h->csr.value[SLOT_mhartid], sp = hart_read_x(h, 2);
    uint64_t end = h->stacks + (id + 1) * RISCV_STACK_SLOT;
    if (h->stacks != 0 && (sp > end || end - sp >= RISCV_STACK_SIZE || sp % 16 != 0))
        h->off_stack = true;
}

static bool execute_csr(struct emulated_hart *h, const struct site *s, uint64_t *old)
{
    bool reads = s->op != OP_WRITE || s->rd != 0;
    uint64_t operand = s->immediate ? s->rs1 : hart_read_x(h, s->rs1);
    enum csr_result result = reads ? csr_read(&h->csr, s->csr, old) : CSR_DONE;
    if (result == CSR_DONE && s->writes) {
        uint64_t value = s->op == OP_WRITE ? operand : s->op == OP_SET ? *old | operand : *old & ~operand;
        result = csr_write(&h->csr, s->csr, value);
    }
    if (result == CSR_UNCLASSIFIED)
        stop_unclassified(h, s);
    if (result == CSR_ILLEGAL)
        hart_take_exception(h, s, 2);
    return result == CSR_DONE;
}

bool hart_execute_csr(struct emulated_hart *h, const struct site *s, uint64_t *old)
{
    uint64_t before = h->csr.value[SLOT_mstatus];
    if (s->writes && s->csr >= 0x3b0 && s->csr < 0x3c0)
        watch_stack(h);
    if (h->before_c != NULL && s->csr == CSR_MISA) {
        h->before_c(h);
        h->before_c = NULL;
    }
    bool done = execute_csr(h, s, old);
    if (h->booting > 0)
        h->booting--; /* the first instructions bring order into what the stage before left */
    else if (done)
        csr_watch_status(&h->csr, before, s->csr == 0x305);
    return done;
}

static uint64_t execute_lr(struct emulated_hart *h, const struct site *s)
{
    uint64_t address = hart_read_x(h, s->rs1);
    const void *at = hart_peek(h, address, s->wide ? 8 : 4);
    if (at == NULL) {
        hart_end_run(h, STOP_UNMAPPED, s->pc, "load-reserved outside of RAM");
        return 0;
    }
    int32_t word;
    int64_t value;
    memcpy(&word, at, sizeof(word));
    value = word;
    if (s->wide)
        memcpy(&value, at, sizeof(value));
    h->csr.reserved = true;
    h->csr.reserved_at = address;
    return (uint64_t)value;
}

static uint64_t execute_sc(struct emulated_hart *h, const struct site *s)
{
    uint64_t address = hart_read_x(h, s->rs1);
    uint64_t value = hart_read_x(h, s->rs2);
    uint32_t size = s->wide ? 8 : 4;
    bool success = h->csr.reserved && h->csr.reserved_at == address;
    h->csr.reserved = false;
    if (success) {
        void *at = hart_touch(h, address, size);
        if (at == NULL) {
            hart_end_run(h, STOP_UNMAPPED, s->pc, "store-conditional outside of RAM");
            return 0;
        }
        memcpy(at, &value, size);
        hart_record_store(h, address, size, value);
    }
    return success ? 0 : 1;
}

void hart_execute_fence(struct emulated_hart *h, const struct site *s)
{
    /* A fence with operands covers only a part: it does not count as the fence that a world switch needs. */
    if (s->rs1 != 0 || s->rs2 != 0)
        return;
    if (s->kind == SITE_SFENCE_VMA)
        csr_sfence_all(&h->csr);
    if (s->kind == SITE_HFENCE_GVMA)
        csr_hfence_g_all(&h->csr);
    if (s->kind == SITE_HFENCE_VVMA)
        csr_hfence_v_all(&h->csr);
}

void hart_execute_mret(struct emulated_hart *h, const struct site *s)
{
    if (h->slow)
        memcpy(h->csr_before_leaving, h->csr.value, sizeof(h->csr_before_leaving));
    h->regs.pc = csr_mret(&h->csr);
    if (h->csr.mode == MODE_M) {
        h->redirected = true;
        uc_emu_stop(h->uc);
        return;
    }
    hart_end_run(h, STOP_WORLD, s->pc, "");
}

void hart_execute_pause(struct emulated_hart *h, const struct site *s)
{
    if (h->pause_ends)
        hart_end_run(h, STOP_PAUSED, s->pc, "the hart waits for another one");
}

void hart_execute_last(struct emulated_hart *h, const struct site *s)
{
    char text[sizeof(h->stop_text)];
    if (s->kind == SITE_WFI) {
        hart_end_run(h, STOP_PARKED, s->pc, "the hart waits for an interrupt");
        return;
    }
    snprintf(text, sizeof(text), "instruction 0x%08x is none that a world switch executes", s->insn);
    hart_end_run(h, STOP_UNSUPPORTED, s->pc, text);
}

uint64_t hart_execute(struct emulated_hart *h, const struct site *s)
{
    uint64_t old = 0;
    switch (s->kind) {
    case SITE_CSR: hart_execute_csr(h, s, &old); break;
    case SITE_MRET: hart_execute_mret(h, s); break;
    case SITE_SFENCE_VMA:
    case SITE_HFENCE_GVMA:
    case SITE_HFENCE_VVMA: hart_execute_fence(h, s); break;
    case SITE_LR: return execute_lr(h, s);
    case SITE_SC: return execute_sc(h, s);
    case SITE_VECTOR: return hart_execute_vector(h, s);
    case SITE_PAUSE: hart_execute_pause(h, s); break;
    case SITE_WFI:
    case SITE_OTHER: hart_execute_last(h, s); break;
    }
    return old;
}
