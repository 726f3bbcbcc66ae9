/* SPDX-License-Identifier: Apache-2.0 */
/* What M-mode's instructions do to the machine; see mmode.h. */
#include "harness/machine/mmode.h"

#include "harness/machine/internal.h"

#define CSR_PMPCFG0 0x3a0u
#define CSR_PMPCFG2 0x3a2u
#define CSR_PMPADDR0 0x3b0u
#define CSR_MIP 0x344u
#define ALL_FENCES (MMODE_SFENCE_VMA | MMODE_HFENCE_GVMA | MMODE_HFENCE_VVMA)

uint8_t *mmode_image(struct machine *m)
{
    return m->private->arena;
}

/* --- CSRs ------------------------------------------------------------------------------------------------------- */

static bool is_pmpcfg(unsigned csr)
{
    return csr == CSR_PMPCFG0 || csr == CSR_PMPCFG2;
}

static bool is_pmpaddr(unsigned csr)
{
    return csr >= CSR_PMPADDR0 && csr < CSR_PMPADDR0 + PMP_ENTRIES;
}

/* Registers of a unit exist while the unit is on. */
static bool unit_is_off(const struct machine_hart *hart, unsigned csr)
{
    uint64_t status = hart->csr[SLOT_mstatus];
    bool float_csr = csr >= 0x001 && csr <= 0x003;
    bool vector_csr = csr == 0x008 || csr == 0x009 || csr == 0x00a || csr == 0x00f || (csr >= 0xc20 && csr <= 0xc22);

    return (float_csr && (status & STATUS_FS) == 0) || (vector_csr && (status & STATUS_VS) == 0);
}

static uint64_t pmpcfg_read(const struct machine_hart *hart, unsigned csr)
{
    unsigned first = csr == CSR_PMPCFG0 ? 0 : 8;
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)hart->pmpcfg[first + i] << 8 * i;
    return value;
}

bool mmode_csr_read(const struct machine *m, uint32_t h, unsigned csr, uint64_t *value)
{
    const struct machine_hart *hart = &m->hart[h];

    if (is_pmpcfg(csr))
        *value = pmpcfg_read(hart, csr);
    else if (is_pmpaddr(csr))
        *value = hart->pmpaddr[csr - CSR_PMPADDR0];
    else if (!csr_exists(csr) || unit_is_off(hart, csr))
        return false;
    else
        *value = machine_csr_read(m, h, csr);
    return true;
}

/* An entry changed: the fences so far were for another one. */
static void pmp_entry(struct machine *m, uint32_t h, unsigned index, uint8_t config, uint64_t addr)
{
    if (!pmp_write(m, h, index, config, addr))
        return;
    m->hart[h].pmp_unfenced = true;
    m->private->hart[h].fences_seen = 0;
}

bool mmode_csr_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value)
{
    struct machine_hart *hart = &m->hart[h];

    if (is_pmpcfg(csr)) {
        unsigned first = csr == CSR_PMPCFG0 ? 0 : 8;
        for (unsigned i = 0; i < 8; i++)
            pmp_entry(m, h, first + i, (uint8_t)(value >> 8 * i), hart->pmpaddr[first + i]);
    } else if (is_pmpaddr(csr)) {
        pmp_entry(m, h, csr - CSR_PMPADDR0, hart->pmpcfg[csr - CSR_PMPADDR0], value);
    } else if (!csr_exists(csr) || csr >> 10 == 3 || unit_is_off(hart, csr)) {
        return false;
    } else if (csr == CSR_HGATP) {
        csr_hgatp_write(m, h, value);
        m->private->hart[h].fences_seen = 0;
    } else {
        machine_csr_write(m, h, csr, value);
    }
    return true;
}

uint64_t mmode_csr_base(const struct machine *m, uint32_t h, unsigned csr, uint64_t value)
{
    const struct machine_hart *hart = &m->hart[h];

    return csr == CSR_MIP ? hart->csr[SLOT_mip] | (hart->csr[SLOT_hvip] & IRQ_BIT(IRQ_VSSI)) : value;
}

uint64_t mmode_vset(struct machine *m, uint32_t h, uint64_t wanted, uint64_t vtype)
{
    vector_type_write(&m->hart[h], vtype, wanted);
    return m->hart[h].vl;
}

/* --- fences ----------------------------------------------------------------------------------------------------- */

void mmode_fence(struct machine *m, uint32_t h, enum mmode_fence fence)
{
    struct machine_hart *hart = &m->hart[h];
    uint8_t *seen = &m->private->hart[h].fences_seen;
    bool virt = hart->virt;

    hart->virt = false; /* M-mode: sfence.vma means the host's translations */
    switch (fence) {
    case MMODE_SFENCE_VMA: machine_sfence_vma(m, h, true, 0, true, 0); break;
    case MMODE_HFENCE_GVMA: machine_hfence_gvma(m, h, true, 0, true, 0); break;
    case MMODE_HFENCE_VVMA:
        machine_hfence_vvma(m, h, true, 0, true, 0);
        if (hart->guest_vmid == tlb_vmid_now(hart))
            hart->guest_cached = false;
        break;
    }
    hart->virt = virt;
    *seen |= (uint8_t)fence;
    if (*seen == ALL_FENCES) {
        hart->pmp_unfenced = false;
        hart->hgatp_unfenced = false;
        *seen = 0;
    }
}

/* --- traps ------------------------------------------------------------------------------------------------------ */

uint64_t mmode_exception(struct machine *m, uint32_t h, uint64_t cause, uint64_t tval, uint64_t pc)
{
    struct machine_hart *hart = &m->hart[h];
    uint64_t status = hart->csr[SLOT_mstatus] & ~(STATUS_MPP | STATUS_MPV | STATUS_MPIE | STATUS_GVA);

    status |= (uint64_t)PRIV_M << STATUS_MPP_SHIFT | ((status & STATUS_MIE) != 0 ? STATUS_MPIE : 0);
    csr_mstatus_write(m, h, status & ~STATUS_MIE);
    hart->csr[SLOT_mepc] = pc;
    hart->csr[SLOT_mcause] = cause;
    hart->csr[SLOT_mtval] = tval;
    hart->csr[SLOT_mtval2] = 0;
    hart->csr[SLOT_mtinst] = 0;
    return hart->csr[SLOT_mtvec] & ~UINT64_C(3);
}

bool mmode_mret(struct machine *m, uint32_t h)
{
    struct machine_hart *hart = &m->hart[h];
    uint64_t status = hart->csr[SLOT_mstatus];

    if ((status & STATUS_MPP) > (uint64_t)PRIV_S << STATUS_MPP_SHIFT)
        return false;
    hart->parked = false;
    trap_return_from_machine(m, h, status & ~STATUS_MPRV, hart->csr[SLOT_mepc]);
    return true;
}

void mmode_wait(struct machine *m, uint32_t h)
{
    m->hart[h].parked = true;
}

/* --- memory and devices ----------------------------------------------------------------------------------------- */

void mmode_stores(struct machine *m, uint64_t pa, uint64_t len)
{
    const uint8_t *at = machine_peek(m, pa, len);

    if (at != NULL)
        memory_mark_pointer(m, at, len);
}

void mmode_host_read_begins(struct machine *m, uint32_t h, uint64_t pa, uint64_t len)
{
    if (m->private->raced_count != 0)
        disturb_before_read(m, h, pa, len);
}

void mmode_host_read_ends(struct machine *m, uint32_t h, uint64_t pa, uint64_t len)
{
    if (m->private->hart[h].disturbance.active)
        disturb_after_read(m, h, pa, len);
}

void mmode_host_write_begins(struct machine *m, uint64_t pa, uint64_t len)
{
    if (m->private->raced_count != 0)
        disturb_before_write(m, pa, len);
}

void mmode_pmp_write_begins(struct machine *m, uint32_t h, unsigned index, uint8_t *config, uint64_t *addr)
{
    if (index < PMP_ENTRIES)
        disturb_pmp_write(m, h, index, config, addr);
}

void mmode_msip(struct machine *m, uint32_t target, bool pending)
{
    if (target < m->config.harts)
        __atomic_store_n(&m->msip[target], pending, __ATOMIC_SEQ_CST);
}

void mmode_console_put(struct machine *m, uint8_t byte)
{
    if (m->console_len < sizeof(m->console))
        m->console[m->console_len++] = byte;
    m->console_total++;
}

bool mmode_console_ready(const struct machine *m)
{
    return m->input_pos < m->input_len;
}

uint8_t mmode_console_get(struct machine *m)
{
    return mmode_console_ready(m) ? m->input[m->input_pos++] : 0;
}

void mmode_reset(struct machine *m, uint32_t type, uint32_t reason)
{
    emit(m, EVENT_RESET, 0, type, reason, 0);
    __atomic_store_n(&m->halted, true, __ATOMIC_RELAXED);
    m->reset_type = type;
    m->reset_reason = reason;
    m->reset_count++;
}

void mmode_relax(struct machine *m, uint32_t h)
{
    trap_serve_others(m, h);
}

_Noreturn void mmode_give_up(struct machine *m, uint32_t h, const char *why)
{
    violation_unwind(m, h, VIOLATION_FATAL, why);
}
