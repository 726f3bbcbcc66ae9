/* SPDX-License-Identifier: Apache-2.0 */
/* The exit record; see exit_record.h. */
#include "monitor/crossing/exit_record.h"

#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

#define CSR_VSIE 0x204u
#define CSR_VSTIMECMP 0x24du
#define CSR_HTIMEDELTA 0x605u
#define CSR_HTVAL 0x643u
#define CSR_HTINST 0x64au

struct exit_record exit_host_interrupt(uint64_t interrupt)
{
    return (struct exit_record){.scause = CAUSE_INTERRUPT | interrupt, .value = EXIT_RUNNABLE};
}

struct exit_record exit_confidential_fault(uint64_t cause, struct gpa page)
{
    return (struct exit_record){.scause = cause, .htval = page.value >> 2, .value = EXIT_RUNNABLE};
}

struct exit_record exit_wfi(void)
{
    return (struct exit_record){
        .scause = CAUSE_VIRTUAL_INSTRUCTION, .stval = INSN_WFI, .htinst = INSN_WFI, .value = EXIT_RUNNABLE};
}

struct exit_record exit_fatal(uint64_t cause)
{
    return (struct exit_record){.scause = cause, .value = EXIT_NOT_RUNNABLE};
}

static void mailbox_write(struct hart *h, unsigned csr, uint64_t value)
{
    struct nonconf_addr slot = {h->shmem.value + NACL_CSR_OFFSET(csr)};
    hal_untrusted_write(h, slot, &value, sizeof(value));
}

void exit_record_apply(struct hart *h, const struct vcpu *v, const struct exit_record *record)
{
    const uint64_t *csr = v->ctx.csr;
    h->host.x[REG_A0] = SBI_SUCCESS;
    h->host.x[REG_A1] = record->value;
    hal_csr_write(h, WORLD_SLOT_scause, record->scause);
    hal_csr_write(h, WORLD_SLOT_stval, record->stval);
    /* The mailbox is set: a vCPU does not start without one, and a hart in a guest cannot take it away. */
    mailbox_write(h, CSR_HTVAL, record->htval);
    mailbox_write(h, CSR_HTINST, record->htinst);
    /* vsie is the guest's part of mie, one bit lower. */
    mailbox_write(h, CSR_VSIE, (csr[WORLD_SLOT_mie] & IRQ_GUEST_BITS) >> 1);
    mailbox_write(h, CSR_VSTIMECMP, csr[WORLD_SLOT_vstimecmp]);
    mailbox_write(h, CSR_HTIMEDELTA, csr[WORLD_SLOT_htimedelta]);
}
