/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSR instructions as a world executes them: who may, what V=1 redirects, and which trap refuses. Follows the order
 * of the privileged specification: what does not exist, or is M-mode's, is illegal for everybody; what HS-mode could
 * do and a guest may not is a virtual instruction.
 */
#include "harness/machine/internal.h"

#define CAUSE_ILLEGAL 2u
#define CAUSE_VIRTUAL 22u

/* csrrs a0, csr, x0 and csrrw x0, csr, a0: what a trap shows as the instruction. */
#define INSN_CSRR_A0 0x2573u
#define INSN_CSRW_A0 0x51073u

enum verdict { ALLOWED, ILLEGAL, VIRTUAL };

struct attempt {
    const struct machine_hart *hart;
    unsigned csr;
    bool write;
};

/* Lowest privilege that the number grants: 0 U, 1 S, 2 HS, 3 M. */
static unsigned csr_level(unsigned csr)
{
    return csr >> 8 & 3;
}

static bool csr_read_only(unsigned csr)
{
    return csr >> 10 == 3;
}

static enum verdict check_floating_point(const struct attempt *a)
{
    if ((a->hart->csr[SLOT_mstatus] & STATUS_FS) == 0)
        return ILLEGAL;
    if (a->hart->virt && (a->hart->csr[SLOT_vsstatus] & STATUS_FS) == 0)
        return ILLEGAL;
    return ALLOWED;
}

static enum verdict check_vector(const struct attempt *a)
{
    if ((a->hart->csr[SLOT_mstatus] & STATUS_VS) == 0)
        return ILLEGAL;
    if (a->hart->virt && (a->hart->csr[SLOT_vsstatus] & STATUS_VS) == 0)
        return ILLEGAL;
    return ALLOWED;
}

static bool is_vector(unsigned csr)
{
    return (csr >= 0x008 && csr <= 0x00f) || (csr >= 0xc20 && csr <= 0xc22);
}

/* Registers that Smstateen guards: M-mode opens them for the levels below, HS-mode for a guest. */
static enum verdict check_state_enable(const struct attempt *a, uint64_t mstateen, uint64_t hstateen, uint64_t bit)
{
    if ((mstateen & bit) == 0)
        return ILLEGAL;
    return a->hart->virt && (hstateen & bit) == 0 ? VIRTUAL : ALLOWED;
}

/* cycle, time, instret: each level above may have closed them. */
static enum verdict check_counter(const struct attempt *a)
{
    const uint64_t *csr = a->hart->csr;
    uint64_t bit = UINT64_C(1) << (a->csr & 0x1f);

    if (a->write || (csr[SLOT_mcounteren] & bit) == 0)
        return ILLEGAL;
    if (a->hart->virt && (csr[SLOT_hcounteren] & bit) == 0)
        return VIRTUAL;
    if (a->hart->priv == PRIV_U && (csr[SLOT_scounteren] & bit) == 0)
        return a->hart->virt ? VIRTUAL : ILLEGAL;
    return ALLOWED;
}

/* stimecmp and vstimecmp need the time to be visible, and Sstc switched on, at each level above. */
static enum verdict check_timer(const struct attempt *a)
{
    const uint64_t *csr = a->hart->csr;

    if ((csr[SLOT_menvcfg] & ENVCFG_STCE) == 0 || (csr[SLOT_mcounteren] & COUNTER_TM) == 0)
        return ILLEGAL;
    if (a->hart->virt && ((csr[SLOT_henvcfg] & ENVCFG_STCE) == 0 || (csr[SLOT_hcounteren] & COUNTER_TM) == 0))
        return VIRTUAL;
    return ALLOWED;
}

static bool is_sstateen(unsigned csr)
{
    return csr >= 0x10c && csr <= 0x10f;
}

/* A supervisor register, from any mode. */
static enum verdict check_supervisor(const struct attempt *a)
{
    if (a->hart->priv == PRIV_U)
        return a->hart->virt ? VIRTUAL : ILLEGAL;
    if (a->csr == 0x14d)
        return check_timer(a);
    const uint64_t *csr = a->hart->csr;
    if (a->csr == 0x10a)
        return check_state_enable(a, csr[SLOT_mstateen0], csr[SLOT_hstateen0], STATEEN_ENVCFG);
    if (is_sstateen(a->csr))
        return check_state_enable(a, csr[SLOT_mstateen0 + (a->csr & 3)], csr[SLOT_hstateen0 + (a->csr & 3)],
                                  STATEEN_SE0);
    if (a->csr != CSR_SATP)
        return ALLOWED;
    if (a->hart->virt)
        return (a->hart->csr[SLOT_hstatus] & HSTATUS_VTVM) != 0 ? VIRTUAL : ALLOWED;
    return (a->hart->csr[SLOT_mstatus] & STATUS_TVM) != 0 ? ILLEGAL : ALLOWED;
}

/* A hypervisor or VS register, from any mode. */
static enum verdict check_hypervisor(const struct attempt *a)
{
    if (a->hart->virt)
        return VIRTUAL;
    if (a->hart->priv == PRIV_U)
        return ILLEGAL;
    if (a->csr == 0x24d)
        return check_timer(a);
    if (a->csr == 0x60a && (a->hart->csr[SLOT_mstateen0] & STATEEN_ENVCFG) == 0)
        return ILLEGAL;
    if (a->csr >= 0x60c && a->csr <= 0x60f && (a->hart->csr[SLOT_mstateen0 + (a->csr & 3)] & STATEEN_SE0) == 0)
        return ILLEGAL;
    if (a->csr == CSR_HGATP && (a->hart->csr[SLOT_mstatus] & STATUS_TVM) != 0)
        return ILLEGAL;
    return ALLOWED;
}

static enum verdict check(const struct attempt *a)
{
    if (!csr_exists(a->csr) || csr_level(a->csr) == 3)
        return ILLEGAL;
    if (a->write && csr_read_only(a->csr))
        return ILLEGAL;
    if (is_vector(a->csr))
        return check_vector(a);
    switch (csr_level(a->csr)) {
    case 0: return csr_read_only(a->csr) ? check_counter(a) : check_floating_point(a);
    case 1: return check_supervisor(a);
    default: return check_hypervisor(a);
    }
}

/* The register that a guest reaches under a supervisor's name. scounteren, senvcfg, sstateen have no second copy. */
static unsigned redirect(const struct machine_hart *hart, unsigned csr)
{
    if (!hart->virt || csr_level(csr) != 1 || csr == 0x106 || csr == 0x10a || is_sstateen(csr))
        return csr;
    return csr + 0x100;
}

static bool refused(struct machine *m, uint32_t h, unsigned csr, bool write, struct trap *trap)
{
    struct attempt a = {.hart = &m->hart[h], .csr = csr & 0xfff, .write = write};
    enum verdict verdict = check(&a);

    if (verdict == ALLOWED)
        return false;
    *trap = (struct trap){
        .cause = verdict == VIRTUAL ? CAUSE_VIRTUAL : CAUSE_ILLEGAL,
        .tval = (uint64_t)a.csr << 20 | (write ? INSN_CSRW_A0 : INSN_CSRR_A0),
    };
    return true;
}

bool machine_csr_access_read(struct machine *m, uint32_t h, unsigned csr, uint64_t *value, struct trap *trap)
{
    if (refused(m, h, csr, false, trap))
        return false;
    *value = machine_csr_read(m, h, redirect(&m->hart[h], csr & 0xfff));
    if ((csr & 0xfff) == 0xc01 && m->hart[h].virt)
        *value += m->hart[h].csr[SLOT_htimedelta];
    return true;
}

bool machine_csr_access_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value, struct trap *trap)
{
    struct machine_hart *hart = &m->hart[h];

    if (refused(m, h, csr, true, trap))
        return false;
    machine_csr_write(m, h, redirect(hart, csr & 0xfff), value);
    if ((csr & 0xfff) >= 1 && (csr & 0xfff) <= 3) {
        machine_csr_write(m, h, 0x300, hart->csr[SLOT_mstatus] | STATUS_FS);
        if (hart->virt)
            machine_csr_write(m, h, 0x200, hart->csr[SLOT_vsstatus] | STATUS_FS);
    }
    if (is_vector(csr & 0xfff)) {
        machine_csr_write(m, h, 0x300, hart->csr[SLOT_mstatus] | STATUS_VS);
        if (hart->virt)
            machine_csr_write(m, h, 0x200, hart->csr[SLOT_vsstatus] | STATUS_VS);
    }
    return true;
}
