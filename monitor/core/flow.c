/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a trap: take it apart, route it, apply the decision. The only place that changes worlds.
 */
#include "monitor/core/ipi.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/world_switch.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

static struct sbi_args read_args(const struct world_ctx *frame)
{
    struct sbi_args args;
    for (unsigned i = 0; i < 6; i++)
        args.a[i] = frame->x[REG_A0 + i];
    args.fid = frame->x[REG_A6];
    args.eid = frame->x[REG_A7];
    return args;
}

static struct decision host_trap(struct hart *h, const struct trap *t)
{
    if (t->cause == (CAUSE_INTERRUPT | IRQ_MSI)) {
        ipi_serve(h);
        return decide_resume();
    }
    if (t->cause == CAUSE_ECALL_HS) {
        struct sbi_args args = read_args(h->frame);
        return host_route(h, &args);
    }
    return host_unexpected_trap(h, t);
}

static struct decision guest_trap(struct hart *h, const struct trap *t)
{
    if (t->cause == (CAUSE_INTERRUPT | IRQ_MSI)) {
        ipi_serve(h);
        return decide_resume();
    }
    if (t->cause == CAUSE_ECALL_VS) {
        struct sbi_args args = read_args(h->frame);
        return guest_route(h, &args);
    }
    return guest_exception(h, t);
}

static void enter_guest(struct hart *h)
{
    struct vcpu *v = vcpu_current(h);
    /* The run call is over for the host as far as its pc goes; a0 and a1 come with the exit. */
    h->host.pc += ECALL_LENGTH;
    world_enter_guest(h, v);
}

/* Park the guest, show the host the record, and only then let another hart have the vCPU. */
static void exit_to_host(struct hart *h, const struct exit_record *record)
{
    struct vcpu *v = vcpu_current(h);
    world_exit_guest(h, v);
    exit_record_apply(h, v, record);
    vcpu_release(h, record->next);
}

/* A guest runs next on this hart, unless another vCPU of its TVM wants it out. */
static void return_to_guest(struct hart *h)
{
    if (!vcpu_serve_requests(h))
        return;
    struct exit_record dead = exit_tvm_dead();
    exit_to_host(h, &dead);
}

void monitor_trap(struct hart *h, const struct trap *t)
{
    bool from_guest = h->tvm_slot != HART_NO_TVM;
    struct decision d = from_guest ? guest_trap(h, t) : host_trap(h, t);
    switch (d.kind) {
    case DECISION_RESULT:
        h->frame->x[REG_A0] = (uint64_t)d.error;
        h->frame->x[REG_A1] = d.value;
        h->frame->pc += ECALL_LENGTH;
        break;
    case DECISION_RESUME:
    case DECISION_STOP_HART: break;
    case DECISION_ENTER_GUEST: enter_guest(h); break;
    case DECISION_EXIT_HOST: exit_to_host(h, &d.exit); break;
    }
    if (h->tvm_slot != HART_NO_TVM)
        return_to_guest(h);
}
