/* SPDX-License-Identifier: Apache-2.0 */
/* The exit record; see exit_record.h. */
#include "monitor/crossing/exit_record.h"

#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

#define CSR_VSIE 0x204u
#define CSR_VSTIMECMP 0x24du
#define CSR_HTIMEDELTA 0x605u
#define CSR_HTVAL 0x643u
#define CSR_HVIP 0x645u
#define CSR_HTINST 0x64au

#define SHOWN_REGISTERS 8u /* a0..a7 */

/* Loads and stores with a0 as the register, rs1 = x0 and offset 0; the width code goes in bits 14:12. */
#define INSN_LOAD_A0 0x00000503u
#define INSN_STORE_A0 0x00a00023u
#define INSN_WIDTH_SHIFT 12u
#define INSN_WIDTH_UNSIGNED 4u

struct exit_record exit_host_interrupt(uint64_t interrupt)
{
    return (struct exit_record){.scause = CAUSE_INTERRUPT | interrupt, .value = EXIT_RUNNABLE, .next = VCPU_RUNNABLE};
}

struct exit_record exit_page_fault(uint64_t cause, struct gpa page)
{
    return (struct exit_record){
        .scause = cause, .htval = page.value >> 2, .value = EXIT_RUNNABLE, .next = VCPU_RUNNABLE};
}

struct exit_record exit_wfi(void)
{
    return (struct exit_record){.scause = CAUSE_VIRTUAL_INSTRUCTION,
                                .stval = INSN_WFI,
                                .htinst = INSN_WFI,
                                .value = EXIT_RUNNABLE,
                                .next = VCPU_RUNNABLE};
}

struct exit_record exit_fatal(uint64_t cause)
{
    /* Which machine-level interrupt it was is none of the host's business. */
    uint64_t shown = (cause & CAUSE_INTERRUPT) != 0 ? CAUSE_INTERRUPT : cause;
    return (struct exit_record){.scause = shown, .value = EXIT_NOT_RUNNABLE, .next = VCPU_DEAD};
}

/* --- device accesses -------------------------------------------------------------------------------------------- */

/* log2 of 1, 2, 4 or 8. */
static uint32_t width_code(unsigned width)
{
    return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
}

static struct exit_record exit_mmio(uint64_t cause, struct gpa gpa)
{
    return (struct exit_record){
        .scause = cause, .stval = gpa.value & 3, .htval = gpa.value >> 2, .value = EXIT_RUNNABLE, .next = VCPU_BLOCKED};
}

struct exit_record exit_mmio_load(struct gpa gpa, unsigned width, bool sign)
{
    struct exit_record record = exit_mmio(CAUSE_GUEST_LOAD_PAGE_FAULT, gpa);
    uint32_t code = width_code(width) | (sign || width == sizeof(uint64_t) ? 0 : INSN_WIDTH_UNSIGNED);
    record.htinst = INSN_LOAD_A0 | code << INSN_WIDTH_SHIFT;
    return record;
}

struct exit_record exit_mmio_store(struct gpa gpa, unsigned width, uint64_t value)
{
    struct exit_record record = exit_mmio(CAUSE_GUEST_STORE_PAGE_FAULT, gpa);
    record.htinst = INSN_STORE_A0 | width_code(width) << INSN_WIDTH_SHIFT;
    record.a[0] = value & (UINT64_MAX >> (64 - 8 * width));
    return record;
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

static struct exit_record exit_ecall(const struct sbi_args *args, unsigned shown, uint64_t value, uint32_t next)
{
    struct exit_record record = {.scause = CAUSE_ECALL_VS, .value = value, .next = next};
    for (unsigned i = 0; i < shown; i++)
        record.a[i] = args->a[i];
    record.a[6] = COVE_FID(args->fid);
    record.a[7] = args->eid;
    return record;
}

struct exit_record exit_ecall_forwarded(const struct sbi_args *args, unsigned shown)
{
    return exit_ecall(args, shown, EXIT_RUNNABLE, VCPU_BLOCKED);
}

struct exit_record exit_ecall_notified(const struct sbi_args *args, unsigned shown)
{
    return exit_ecall(args, shown, EXIT_RUNNABLE, VCPU_RUNNABLE);
}

struct exit_record exit_ecall_suspend(const struct sbi_args *args)
{
    return exit_ecall(args, 0, EXIT_RUNNABLE, VCPU_SUSPENDED);
}

struct exit_record exit_ecall_stop(const struct sbi_args *args)
{
    return exit_ecall(args, 0, EXIT_NOT_RUNNABLE, VCPU_STOPPED);
}

struct exit_record exit_ecall_reset(const struct sbi_args *args)
{
    return exit_ecall(args, 2, EXIT_NOT_RUNNABLE, VCPU_DEAD);
}

struct exit_record exit_tvm_dead(void)
{
    struct sbi_args reset = {.eid = SBI_EID_SRST};
    return exit_ecall_reset(&reset);
}

struct decision decide_notified(struct hart *h, const struct sbi_args *args, unsigned shown)
{
    vcpu_complete_call(h, SBI_SUCCESS, 0);
    return decide_exit(exit_ecall_notified(args, shown));
}

struct decision decide_forwarded(struct hart *h, const struct sbi_args *args, unsigned shown, struct pending_op op)
{
    vcpu_current(h)->pending = op;
    return decide_exit(exit_ecall_forwarded(args, shown));
}

/* --- to the host ------------------------------------------------------------------------------------------------ */

static void mailbox_write(struct hart *h, unsigned offset, uint64_t value)
{
    hal_untrusted_write(h, (struct nonconf_addr){h->shmem.value + offset}, &value, sizeof(value));
}

void exit_record_apply(struct hart *h, const struct vcpu *v, const struct exit_record *record)
{
    const uint64_t *csr = v->ctx.csr;
    h->host.x[REG_A0] = SBI_SUCCESS;
    h->host.x[REG_A1] = record->value;
    hal_csr_write(h, WORLD_SLOT_scause, record->scause);
    hal_csr_write(h, WORLD_SLOT_stval, record->stval);
    /* The mailbox is set: a vCPU does not start without one, and a hart in a guest cannot take it away. */
    for (unsigned i = 0; i < SHOWN_REGISTERS; i++)
        mailbox_write(h, NACL_GPR_OFFSET(REG_A0 + i), record->a[i]);
    mailbox_write(h, NACL_CSR_OFFSET(CSR_HTVAL), record->htval);
    mailbox_write(h, NACL_CSR_OFFSET(CSR_HTINST), record->htinst);
    mailbox_write(h, NACL_CSR_OFFSET(CSR_HVIP), 0);
    /* vsie is the guest's part of mie, one bit lower. */
    mailbox_write(h, NACL_CSR_OFFSET(CSR_VSIE), (csr[WORLD_SLOT_mie] & IRQ_GUEST_BITS) >> 1);
    mailbox_write(h, NACL_CSR_OFFSET(CSR_VSTIMECMP), csr[WORLD_SLOT_vstimecmp]);
    mailbox_write(h, NACL_CSR_OFFSET(CSR_HTIMEDELTA), csr[WORLD_SLOT_htimedelta]);
}
