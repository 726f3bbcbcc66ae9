/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COVH promote_to_tvm: a VM that the host has prepared in its own memory becomes a TVM in one call. Here the inputs are
 * read, each once, and brought into a legal form; core/promote.h does the rest.
 *
 * An attestation payload (tap_addr) asks for an admission that only a verified payload can give. There is nothing yet
 * that verifies one, so a call that brings a payload is refused with AUTH and creates nothing.
 */
#include "monitor/core/address.h"
#include "monitor/core/promote.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"

#define FDT_ALIGN 8u
#define IDENTITY_ALIGN 64u
#define CSR_HGATP 0x680u
#define SSTATUS_VS (UINT64_C(3) << 9)
#define SSTATUS_FS (UINT64_C(3) << 13)
#define SSTATUS_SUM (UINT64_C(1) << 18)
#define SSTATUS_MXR (UINT64_C(1) << 19)
#define VSIP_SSIP (UINT64_C(1) << 1)

static uint64_t mailbox_read(struct hart *h, uint32_t offset)
{
    uint64_t value;
    hal_untrusted_read(h, &value, (struct nonconf_addr){h->shmem.value + offset}, sizeof(value));
    return value;
}

/* The registers as the boot vCPU will have them. False when vsatp names a mode that does not exist. */
static bool legalise(const struct hart *h, struct promote_request *r)
{
    uint64_t *csr = r->csr;
    uint64_t units = h->monitor->platform.vlenb != 0 ? SSTATUS_FS | SSTATUS_VS : SSTATUS_FS;
    uint64_t mode = csr[PROMOTE_vsatp] >> SATP_MODE_SHIFT;
    if (mode != SATP_MODE_BARE && (mode < SATP_MODE_SV39 || mode > SATP_MODE_SV57))
        return false;
    if (mode == SATP_MODE_BARE)
        csr[PROMOTE_vsatp] = 0;
    csr[PROMOTE_vsstatus] &= SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_SUM | SSTATUS_MXR | units;
    csr[PROMOTE_vsstatus] |= SSTATUS_UXL_64;
    csr[PROMOTE_vsie] &= IRQ_GUEST_BITS >> 1;
    csr[PROMOTE_vsip] &= VSIP_SSIP;
    csr[PROMOTE_vstvec] &= ~UINT64_C(2);
    csr[PROMOTE_vsepc] &= ~UINT64_C(1);
    r->x[0] = 0;
    r->x[REG_A0] = 0; /* the id of the boot vCPU */
    r->x[REG_A1] = r->fdt.value;
    return true;
}

static bool read_mailbox(struct hart *h, struct promote_request *r)
{
    static const uint16_t numbers[PROMOTE_CSR_COUNT] = {
#define PROMOTE_CSR_NUMBER(number, name) (number),
        PROMOTE_CSRS(PROMOTE_CSR_NUMBER)
#undef PROMOTE_CSR_NUMBER
    };
    for (uint32_t i = 0; i < 32; i++)
        r->x[i] = mailbox_read(h, NACL_GPR_OFFSET(i));
    for (uint32_t i = 0; i < PROMOTE_CSR_COUNT; i++)
        r->csr[i] = mailbox_read(h, NACL_CSR_OFFSET(numbers[i]));
    r->hgatp = mailbox_read(h, NACL_CSR_OFFSET(CSR_HGATP));
    if (r->hgatp == 0)
        r->hgatp = hal_hgatp_read(h);
    return legalise(h, r);
}

struct decision covh_promote_to_tvm(struct hart *h, const struct sbi_args *args)
{
    struct hpa identity = {args->a[3]};
    struct promote_request request = {.fdt = {args->a[0]}, .entry = args->a[2], .has_identity = identity.value != 0};
    uint64_t id = 0;
    if (!h->shmem_set)
        return decide_error(SBI_ERR_NO_SHMEM);
    if (request.has_identity &&
        !nonconf_range(h->monitor, identity, TVM_IDENTITY_SIZE, IDENTITY_ALIGN, &request.identity))
        return decide_error(SBI_ERR_INVALID_PARAM);
    if ((request.fdt.value & (FDT_ALIGN - 1)) != 0)
        return decide_error(SBI_ERR_INVALID_ADDRESS);
    if (args->a[1] != 0)
        return decide_error(SBI_ERR_AUTH);
    if (!read_mailbox(h, &request))
        return decide_error(SBI_ERR_FAILED);
    int64_t error = promote_tvm(h, &request, &id);
    return decide_result(error, id);
}
