/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch; see world_switch.h. */
#include "monitor/core/world_switch.h"

#include "monitor/core/isolation.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

/*
 * Exceptions that the host takes itself: everything but its ecalls to the monitor. Access faults too: a host
 * that touches the window faults by itself, without the monitor's help.
 */
#define HOST_EXCEPTIONS 0xf0b5ffu
#define HOST_MIE IRQ_BIT(IRQ_MSI)

void world_enter_guest(struct hart *h, struct vcpu *v)
{
    hal_csr_swap(h, &h->host, &v->ctx);
    h->host.csr[WORLD_SLOT_HGATP] = hal_hgatp_read(h);
    h->host.csr[WORLD_SLOT_VSATP] = hal_vsatp_read(h);

    /* vsatp stays off until the guest's hgatp is in force and old translations are gone. */
    hal_vsatp_write(h, 0);
    hal_hgatp_write(h, v->ctx.csr[WORLD_SLOT_HGATP]);
    isolation_open_window(h);
    hal_fence_all(h);
    hal_fence_i(h);
    hal_vsatp_write(h, v->ctx.csr[WORLD_SLOT_VSATP]);

    hal_fp_load(h, &v->ctx);
    if (h->monitor->platform.vlenb != 0)
        hal_vector_load(h, &v->vector);
    h->frame = &v->ctx;
}

void world_exit_guest(struct hart *h, struct vcpu *v)
{
    v->ctx.csr[WORLD_SLOT_VSATP] = hal_vsatp_read(h);
    hal_fp_save(h, &v->ctx);
    hal_fp_zero(h);
    if (h->monitor->platform.vlenb != 0) {
        hal_vector_save(h, &v->vector);
        hal_vector_zero(h);
    }
    hal_csr_swap(h, &v->ctx, &h->host);

    isolation_close_window(h);
    /* hfence.vvma covers the VMID in hgatp only: once for the guest's, once for the host's. */
    hal_fence_all(h);
    hal_vsatp_write(h, 0);
    hal_hgatp_write(h, h->host.csr[WORLD_SLOT_HGATP]);
    hal_fence_all(h);
    hal_vsatp_write(h, h->host.csr[WORLD_SLOT_VSATP]);
    h->frame = &h->host;
}

void world_start_host(struct hart *h, uint64_t entry, uint64_t opaque)
{
    struct world_ctx *ctx = &h->host;
    struct world_ctx discarded;
    *ctx = (struct world_ctx){0};
    ctx->x[REG_A0] = h->id;
    ctx->x[REG_A1] = opaque;
    ctx->pc = entry;
    ctx->status = MSTATUS_MPP_S | MSTATUS_SXL_64 | MSTATUS_UXL_64;
    ctx->csr[WORLD_SLOT_medeleg] = HOST_EXCEPTIONS;
    ctx->csr[WORLD_SLOT_mideleg] = IRQ_HOST_BITS | IRQ_GUEST_BITS;
    ctx->csr[WORLD_SLOT_mie] = HOST_MIE;
    ctx->csr[WORLD_SLOT_hstatus] = HSTATUS_VSXL_64;
    ctx->csr[WORLD_SLOT_vsstatus] = SSTATUS_UXL_64;
    ctx->csr[WORLD_SLOT_vstimecmp] = UINT64_MAX;

    hal_csr_swap(h, &discarded, ctx);
    hal_vsatp_write(h, 0);
    hal_hgatp_write(h, 0);
    hal_fp_zero(h);
    if (h->monitor->platform.vlenb != 0)
        hal_vector_zero(h);
    hal_fence_all(h);
    hal_fence_i(h);
    h->frame = ctx;
}
