/* SPDX-License-Identifier: Apache-2.0 */
/* The host's answers; see host_reply.h. */
#include "monitor/crossing/host_reply.h"

#include "monitor/core/region_change.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

static struct nonconf_addr register_slot(const struct hart *h, uint64_t reg)
{
    return (struct nonconf_addr){h->shmem.value + NACL_GPR_OFFSET(reg)};
}

static uint64_t mailbox_read(struct hart *h, uint64_t reg)
{
    uint64_t value;
    hal_untrusted_read(h, &value, register_slot(h, reg), sizeof(value));
    return value;
}

static int64_t plausible_error(uint64_t value)
{
    int64_t error = (int64_t)value;
    return error <= SBI_SUCCESS && error >= SBI_ERR_NO_SHMEM ? error : SBI_ERR_FAILED;
}

static uint64_t extended(uint64_t value, unsigned width, bool sign)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * width);
    bool negative = (value >> (8 * width - 1) & 1) != 0;
    return sign && negative ? value | ~mask : value & mask;
}

static void finish_load(struct hart *h, struct vcpu *v, const struct pending_op *op)
{
    const uint64_t zero = 0;
    uint64_t value = extended(mailbox_read(h, REG_A0), op->width, op->sign);
    hal_untrusted_write(h, register_slot(h, REG_A0), &zero, sizeof(zero));
    if (op->rd != 0)
        v->ctx.x[op->rd] = value;
    v->ctx.pc += op->insn_len;
}

static void finish_call(struct hart *h, const struct pending_op *op)
{
    int64_t error = plausible_error(mailbox_read(h, REG_A0));
    uint64_t value = mailbox_read(h, REG_A1);
    uint64_t allowed = value < op->limit ? value : op->limit;
    vcpu_complete_call(h, error, error == SBI_SUCCESS ? allowed : 0);
}

static int64_t finish_change(struct hart *h, const struct pending_op *op)
{
    enum region_change change = op->kind == PENDING_SHARE ? REGION_SHARE : REGION_UNSHARE;
    int64_t answer = plausible_error(mailbox_read(h, REG_A0));
    bool accepted = answer == SBI_SUCCESS;
    bool gives_memory = accepted && change == REGION_SHARE && vcpu_tvm(h)->promoted;
    struct hpa memory = {gives_memory ? mailbox_read(h, REG_A1) : 0};
    int64_t error = region_change_finish(h, change, (struct gpa){op->gpa}, op->len, accepted, memory);
    if (error == SBI_SUCCESS)
        vcpu_complete_call(h, answer, 0);
    return error;
}

int64_t host_reply_take(struct hart *h)
{
    struct vcpu *v = vcpu_current(h);
    const struct pending_op op = v->pending;
    int64_t error = SBI_SUCCESS;
    switch (op.kind) {
    case PENDING_MMIO_LOAD: finish_load(h, v, &op); break;
    case PENDING_MMIO_STORE: v->ctx.pc += op.insn_len; break;
    case PENDING_ECALL: finish_call(h, &op); break;
    case PENDING_SHARE:
    case PENDING_UNSHARE: error = finish_change(h, &op); break;
    default: break;
    }
    if (error == SBI_SUCCESS)
        v->pending = (struct pending_op){.kind = PENDING_NONE};
    return error;
}
