/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slow mode: the model executes each system instruction of the untouched text beside Unicorn. Where Unicorn has the
 * CSR, both results are compared in the bits that it implements in the same way; the firmware goes on with the
 * model's.
 */
#include "emulation/unicorn/hart_internal.h"

#include <stdio.h>

/* Compare what Unicorn put into rd with the model, where both have the bits; the firmware goes on with the model's. */
static void lockstep_compare(struct emulated_hart *h)
{
    h->lockstep = false;
    uint64_t got = hart_read_x(h, h->lockstep_rd);
    uint64_t difference = (got ^ h->lockstep_value) & h->lockstep_mask;
    if (h->lockstep_rd != 0 && difference != 0) {
        char text[sizeof(h->stop_text)];
        snprintf(text, sizeof(text), "CSR 0x%03x: Unicorn reads 0x%llx, the model 0x%llx", h->lockstep_site->csr,
                 (unsigned long long)got, (unsigned long long)h->lockstep_value);
        hart_end_run(h, STOP_DISAGREES, h->lockstep_site->pc, text);
    }
    if (got != h->lockstep_value)
        hart_write_x(h, h->lockstep_rd, h->lockstep_value);
}

void hart_lockstep_instruction(struct emulated_hart *h, uint64_t pc)
{
    if (h->lockstep)
        lockstep_compare(h);
    if (h->stop != STOP_NONE || h->redirected)
        return;
    const struct site *s = firmware_site(h->fw, pc);
    if (s == NULL)
        return;
    uint64_t old = 0;
    switch (s->kind) {
    case SITE_CSR:
        if (!hart_execute_csr(h, s, &old))
            break;
        h->lockstep = true;
        h->lockstep_site = s;
        h->lockstep_rd = s->rd;
        h->lockstep_value = old;
        h->lockstep_mask = csr_table[csr_slot_of(s->csr)].native;
        break;
    case SITE_LR:
        h->csr.reserved = true;
        h->csr.reserved_at = hart_read_x(h, s->rs1);
        break;
    case SITE_SC: h->csr.reserved = false; break;
    case SITE_SFENCE_VMA:
    case SITE_HFENCE_GVMA:
    case SITE_HFENCE_VVMA: hart_execute_fence(h, s); break;
    case SITE_MRET: hart_execute_mret(h, s); break;
    case SITE_PAUSE: hart_execute_pause(h, s); break;
    case SITE_VECTOR: break; /* Unicorn refuses it first */
    case SITE_WFI:
    case SITE_OTHER: hart_execute_last(h, s); break;
    }
}

void hart_lockstep_refused(struct emulated_hart *h, uint64_t pc)
{
    const struct site *s = firmware_site(h->fw, pc);
    if (s->kind == SITE_VECTOR) {
        uint64_t value = hart_execute_vector(h, s);
        if (vector_sets_x(s) && h->stop == STOP_NONE && !h->redirected)
            hart_write_x(h, s->rd, value);
        return;
    }
    /* The model has executed the instruction already. */
    if (h->lockstep && h->lockstep_mask != 0)
        hart_end_run(h, STOP_DISAGREES, pc, "Unicorn refuses a CSR that the model says it has");
    else if (h->lockstep)
        hart_write_x(h, h->lockstep_rd, h->lockstep_value);
    h->lockstep = false;
}

/* Registers of Unicorn that stand for slots of the model. */
static const struct {
    int reg;
    enum csr_slot slot;
} native_csrs[] = {
    {UC_RISCV_REG_MSTATUS, SLOT_mstatus},
    {UC_RISCV_REG_MEDELEG, SLOT_medeleg},
    {UC_RISCV_REG_MIDELEG, SLOT_mideleg},
    {UC_RISCV_REG_MIE, SLOT_mie},
    {UC_RISCV_REG_MIP, SLOT_mip},
    {UC_RISCV_REG_MTVEC, SLOT_mtvec},
    {UC_RISCV_REG_MCOUNTEREN, SLOT_mcounteren},
    {UC_RISCV_REG_MSCRATCH, SLOT_mscratch},
    {UC_RISCV_REG_MEPC, SLOT_mepc},
    {UC_RISCV_REG_MCAUSE, SLOT_mcause},
    {UC_RISCV_REG_MTVAL, SLOT_mtval},
    {UC_RISCV_REG_STVEC, SLOT_stvec},
    {UC_RISCV_REG_SCOUNTEREN, SLOT_scounteren},
    {UC_RISCV_REG_SSCRATCH, SLOT_sscratch},
    {UC_RISCV_REG_SEPC, SLOT_sepc},
    {UC_RISCV_REG_SCAUSE, SLOT_scause},
    {UC_RISCV_REG_STVAL, SLOT_stval},
};

void hart_lockstep_begin(struct emulated_hart *h)
{
    /* fcsr is writable through the interface only while FS is on. */
    uint64_t status = h->csr.value[SLOT_mstatus] | STATUS_FS;
    uc_reg_write(h->uc, UC_RISCV_REG_MSTATUS, &status);
    uc_reg_write(h->uc, UC_RISCV_REG_FCSR, &h->csr.value[SLOT_fcsr]);
    for (size_t i = 0; i < sizeof(native_csrs) / sizeof(native_csrs[0]); i++)
        uc_reg_write(h->uc, native_csrs[i].reg, &h->csr.value[native_csrs[i].slot]);
}

void hart_lockstep_end(struct emulated_hart *h)
{
    for (size_t i = 0; i < sizeof(native_csrs) / sizeof(native_csrs[0]); i++) {
        enum csr_slot slot = native_csrs[i].slot;
        uint64_t got = 0, want = h->csr_before_leaving[slot];
        uc_reg_read(h->uc, native_csrs[i].reg, &got);
        if (((got ^ want) & csr_table[slot].native) == 0)
            continue;
        h->stop = STOP_DISAGREES;
        snprintf(h->stop_text, sizeof(h->stop_text), "%s at the end: Unicorn has 0x%llx, the model 0x%llx",
                 csr_table[slot].name, (unsigned long long)got, (unsigned long long)want);
        return;
    }
}
