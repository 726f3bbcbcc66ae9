/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CSR file: what each register keeps of a write, and which registers are windows onto others. csr_file.def has
 * the list; here are the rules of those registers that a mask does not describe. Nothing here asks who is reading:
 * that is csr_access.c.
 */
#include "harness/machine/internal.h"

#define STATUS_WRITABLE                                                                                                \
    (STATUS_SIE | STATUS_MIE | STATUS_SPIE | STATUS_MPIE | STATUS_SPP | STATUS_VS | STATUS_FS | STATUS_MPRV |          \
     STATUS_SUM | STATUS_MXR | STATUS_TVM | STATUS_TW | STATUS_TSR | STATUS_GVA | STATUS_MPV)
#define SSTATUS_WRITABLE (STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_VS | STATUS_FS | STATUS_SUM | STATUS_MXR)
#define SSTATUS_VISIBLE (SSTATUS_WRITABLE | STATUS_UXL_64 | STATUS_SD)
#define HSTATUS_WRITABLE                                                                                               \
    (HSTATUS_GVA | HSTATUS_SPV | HSTATUS_SPVP | UINT64_C(1) << 9 | HSTATUS_VTVM | HSTATUS_VTW | UINT64_C(1) << 22)
#define HSTATUS_VSXL_64 (UINT64_C(2) << 32)

#define ENVCFG_CBIE (UINT64_C(3) << 4)
#define ENVCFG_CBIE_RESERVED (UINT64_C(2) << 4)
#define SENVCFG_WRITABLE (UINT64_C(1) | ENVCFG_CBIE | UINT64_C(1) << 6 | UINT64_C(1) << 7)

#define ATP_MODE_SHIFT 60
#define ATP_ASID_AND_PPN ((UINT64_C(1) << 60) - 1)
#define HGATP_VMID_AND_PPN (UINT64_C(0x3fff) << 44 | ((UINT64_C(1) << 44) - 4))

#define VXSAT 0x1u
#define VCSR 0x7u

#define FFLAGS 0x1fu
#define FCSR 0xffu

/* --- status ----------------------------------------------------------------------------------------------------- */

static uint64_t with_dirty_summary(uint64_t status)
{
    bool dirty = (status & STATUS_FS) == STATUS_FS || (status & STATUS_VS) == STATUS_VS;

    return dirty ? status | STATUS_SD : status & ~STATUS_SD;
}

static void write_mstatus(struct machine *m, struct machine_hart *h, uint64_t v)
{
    uint64_t mpp = v & STATUS_MPP;

    (void)m;
    if (mpp == UINT64_C(2) << STATUS_MPP_SHIFT)
        mpp = h->csr[SLOT_mstatus] & STATUS_MPP; /* no such privilege level */
    v = (v & STATUS_WRITABLE) | mpp | STATUS_UXL_64 | STATUS_SXL_64;
    h->csr[SLOT_mstatus] = with_dirty_summary(v);
}

void csr_mstatus_write(struct machine *m, uint32_t h, uint64_t value)
{
    write_mstatus(m, &m->hart[h], value);
}

static uint64_t read_sstatus(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->csr[SLOT_mstatus] & SSTATUS_VISIBLE;
}

static void write_sstatus(struct machine *m, struct machine_hart *h, uint64_t v)
{
    write_mstatus(m, h, (h->csr[SLOT_mstatus] & ~SSTATUS_WRITABLE) | (v & SSTATUS_WRITABLE));
}

static void write_vsstatus(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_vsstatus] = with_dirty_summary((v & SSTATUS_WRITABLE) | STATUS_UXL_64);
}

static void write_hstatus(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_hstatus] = (v & HSTATUS_WRITABLE) | HSTATUS_VSXL_64;
}

/* --- interrupts ------------------------------------------------------------------------------------------------- */

static void write_mideleg(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_mideleg] = (v & IRQ_S_BITS) | IRQ_VS_BITS; /* those of a guest never go to M-mode */
}

static uint64_t read_mip(const struct machine *m, const struct machine_hart *h)
{
    uint64_t pending = h->csr[SLOT_mip] | h->csr[SLOT_hvip];

    if (machine_msip(m, (uint32_t)(h - m->hart)))
        pending |= IRQ_BIT(IRQ_MSI);
    if ((h->csr[SLOT_menvcfg] & ENVCFG_STCE) == 0)
        return pending;
    if (h->csr[SLOT_stimecmp] <= machine_time(m))
        pending |= IRQ_BIT(IRQ_STI);
    if ((h->csr[SLOT_henvcfg] & ENVCFG_STCE) != 0 &&
        h->csr[SLOT_vstimecmp] <= machine_time(m) + h->csr[SLOT_htimedelta])
        pending |= IRQ_BIT(IRQ_VSTI);
    return pending;
}

uint64_t csr_interrupts_pending(const struct machine *m, uint32_t h)
{
    return read_mip(m, &m->hart[h]);
}

/* The slot of mip holds what is latched: SSIP, and the lines that stand for a passed timer and an outside device. */
static void write_mip(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_mip] = v & IRQ_S_BITS;
    h->csr[SLOT_hvip] = (h->csr[SLOT_hvip] & ~IRQ_BIT(IRQ_VSSI)) | (v & IRQ_BIT(IRQ_VSSI));
}

static uint64_t read_sie(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->csr[SLOT_mie] & h->csr[SLOT_mideleg] & IRQ_S_BITS;
}

static void write_sie(struct machine *m, struct machine_hart *h, uint64_t v)
{
    uint64_t mine = h->csr[SLOT_mideleg] & IRQ_S_BITS;

    (void)m;
    h->csr[SLOT_mie] = (h->csr[SLOT_mie] & ~mine) | (v & mine);
}

static uint64_t read_sip(const struct machine *m, const struct machine_hart *h)
{
    return read_mip(m, h) & h->csr[SLOT_mideleg] & IRQ_S_BITS;
}

static void write_sip(struct machine *m, struct machine_hart *h, uint64_t v)
{
    uint64_t mine = h->csr[SLOT_mideleg] & IRQ_BIT(IRQ_SSI); /* the others follow their sources */

    (void)m;
    h->csr[SLOT_mip] = (h->csr[SLOT_mip] & ~mine) | (v & mine);
}

static uint64_t read_hie(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->csr[SLOT_mie] & IRQ_VS_BITS;
}

static void write_hie(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_mie] = (h->csr[SLOT_mie] & ~IRQ_VS_BITS) | (v & IRQ_VS_BITS);
}

static uint64_t read_hip(const struct machine *m, const struct machine_hart *h)
{
    return read_mip(m, h) & IRQ_VS_BITS;
}

static void write_hip(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_hvip] = (h->csr[SLOT_hvip] & ~IRQ_BIT(IRQ_VSSI)) | (v & IRQ_BIT(IRQ_VSSI));
}

/* A guest sees its interrupts, where delegated, under the supervisor's numbers: one less. */
static uint64_t read_vsie(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return (h->csr[SLOT_mie] & h->csr[SLOT_hideleg]) >> 1;
}

static void write_vsie(struct machine *m, struct machine_hart *h, uint64_t v)
{
    uint64_t mine = h->csr[SLOT_hideleg];

    (void)m;
    h->csr[SLOT_mie] = (h->csr[SLOT_mie] & ~mine) | (v << 1 & mine);
}

static uint64_t read_vsip(const struct machine *m, const struct machine_hart *h)
{
    return (read_mip(m, h) & h->csr[SLOT_hideleg]) >> 1;
}

static void write_vsip(struct machine *m, struct machine_hart *h, uint64_t v)
{
    uint64_t mine = h->csr[SLOT_hideleg] & IRQ_BIT(IRQ_VSSI);

    (void)m;
    h->csr[SLOT_hvip] = (h->csr[SLOT_hvip] & ~mine) | (v << 1 & mine);
}

static void write_stimecmp(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_stimecmp] = v;
    h->csr[SLOT_mip] &= ~IRQ_BIT(IRQ_STI); /* a timer set anew has not passed */
}

/* --- environment ------------------------------------------------------------------------------------------------ */

/* CBIE has a reserved value, which reads back as zero. */
static uint64_t legal_envcfg(uint64_t v)
{
    return (v & ENVCFG_CBIE) == ENVCFG_CBIE_RESERVED ? v & ~ENVCFG_CBIE : v;
}

static void write_senvcfg(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_senvcfg] = legal_envcfg(v & SENVCFG_WRITABLE);
}

static void write_henvcfg(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_henvcfg] = legal_envcfg(v & (SENVCFG_WRITABLE | ENVCFG_STCE));
}

/* What M-mode does not grant reads as zero, whatever is stored. */
static uint64_t read_henvcfg(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->csr[SLOT_henvcfg] & (SENVCFG_WRITABLE | (h->csr[SLOT_menvcfg] & ENVCFG_STCE));
}

static void write_menvcfg(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->csr[SLOT_menvcfg] = legal_envcfg(v & (SENVCFG_WRITABLE | ENVCFG_STCE));
}

/* --- trap vectors and translation roots ------------------------------------------------------------------------- */

/* Direct and vectored are the modes; a write of another is ignored. */
static void write_vector(uint64_t *tvec, uint64_t v)
{
    if ((v & 2) == 0)
        *tvec = v;
}

static void write_stvec(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    write_vector(&h->csr[SLOT_stvec], v);
}

static void write_vstvec(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    write_vector(&h->csr[SLOT_vstvec], v);
}

/* Bare, or one of the three widths; a write of another mode is ignored whole. */
static bool atp_mode_exists(uint64_t v)
{
    uint64_t mode = v >> ATP_MODE_SHIFT;

    return mode == 0 || (mode >= GSTAGE_SV39X4 && mode <= GSTAGE_SV57X4);
}

static void write_atp(uint64_t *atp, uint64_t v, uint64_t fields)
{
    if (atp_mode_exists(v))
        *atp = v & (UINT64_C(0xf) << ATP_MODE_SHIFT | fields);
}

static void write_satp(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    write_atp(&h->csr[SLOT_satp], v, ATP_ASID_AND_PPN);
}

static void write_vsatp(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    write_atp(&h->csr[SLOT_vsatp], v, ATP_ASID_AND_PPN);
}

/* 14 bits of VMID; the root is 16 KiB aligned. */
static void write_hgatp(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    write_atp(&h->csr[SLOT_hgatp], v, HGATP_VMID_AND_PPN);
}

/* --- the rest --------------------------------------------------------------------------------------------------- */

static uint64_t read_time(const struct machine *m, const struct machine_hart *h)
{
    (void)h;
    return machine_time(m);
}

static void write_time(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m, (void)h, (void)v;
}

static uint64_t read_mhartid(const struct machine *m, const struct machine_hart *h)
{
    return (uint64_t)(h - m->hart);
}

static void write_mhartid(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m, (void)h, (void)v;
}

static uint64_t read_fcsr(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->fcsr & FCSR;
}

static void write_fcsr(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->fcsr = v & FCSR;
}

static uint64_t read_fflags(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->fcsr & FFLAGS;
}

static void write_fflags(struct machine *m, struct machine_hart *h, uint64_t v)
{
    write_fcsr(m, h, (h->fcsr & ~(uint64_t)FFLAGS) | (v & FFLAGS));
}

static uint64_t read_frm(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->fcsr >> 5 & 7;
}

static void write_frm(struct machine *m, struct machine_hart *h, uint64_t v)
{
    write_fcsr(m, h, (h->fcsr & FFLAGS) | (v & 7) << 5);
}

/* --- vector ----------------------------------------------------------------------------------------------------- */

static uint64_t read_vstart(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vstart;
}

static void write_vstart(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->vstart = v & (8 * MACHINE_VLENB - 1);
}

static uint64_t read_vcsr(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vcsr & VCSR;
}

static void write_vcsr(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m;
    h->vcsr = v & VCSR;
}

static uint64_t read_vxsat(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vcsr & VXSAT;
}

static void write_vxsat(struct machine *m, struct machine_hart *h, uint64_t v)
{
    write_vcsr(m, h, (h->vcsr & ~(uint64_t)VXSAT) | (v & VXSAT));
}

static uint64_t read_vxrm(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vcsr >> 1 & 3;
}

static void write_vxrm(struct machine *m, struct machine_hart *h, uint64_t v)
{
    write_vcsr(m, h, (h->vcsr & VXSAT) | (v & 3) << 1);
}

/* Set by vset instructions only. */
static uint64_t read_vl(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vl;
}

static void write_vl(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m, (void)h, (void)v;
}

static uint64_t read_vtype(const struct machine *m, const struct machine_hart *h)
{
    (void)m;
    return h->vtype;
}

static void write_vtype(struct machine *m, struct machine_hart *h, uint64_t v)
{
    (void)m, (void)h, (void)v;
}

/* --- state enable ----------------------------------------------------------------------------------------------- */

/* What M-mode does not grant reads as zero at the level below, whatever is stored. */
#define STATEEN(n, bits)                                                                                               \
    static uint64_t read_hstateen##n(const struct machine *m, const struct machine_hart *h)                            \
    {                                                                                                                  \
        (void)m;                                                                                                       \
        return h->csr[SLOT_hstateen##n] & h->csr[SLOT_mstateen##n];                                                    \
    }                                                                                                                  \
    static void write_hstateen##n(struct machine *m, struct machine_hart *h, uint64_t v)                               \
    {                                                                                                                  \
        (void)m;                                                                                                       \
        h->csr[SLOT_hstateen##n] = v & (bits);                                                                         \
    }
STATEEN(0, STATEEN_SE0 | STATEEN_ENVCFG)
STATEEN(1, STATEEN_SE0)
STATEEN(2, STATEEN_SE0)
STATEEN(3, STATEEN_SE0)

/* --- by name ---------------------------------------------------------------------------------------------------- */

/* Read and write functions of the registers that have none above. henvcfg and mip have their own read. */
#define STORED_READ(name)                                                                                              \
    static inline uint64_t read_##name(const struct machine *m, const struct machine_hart *h)                          \
    {                                                                                                                  \
        (void)m;                                                                                                       \
        return h->csr[SLOT_##name];                                                                                    \
    }
STORED_READ(stvec)
STORED_READ(senvcfg)
STORED_READ(stimecmp)
STORED_READ(satp)
STORED_READ(hstatus)
STORED_READ(hgatp)
STORED_READ(vsstatus)
STORED_READ(vstvec)
STORED_READ(vsatp)
STORED_READ(mstatus)
STORED_READ(mideleg)
STORED_READ(menvcfg)

#define CSR_PLAIN(name, number, writable)                                                                              \
    STORED_READ(name)                                                                                                  \
    static inline void write_##name(struct machine *m, struct machine_hart *h, uint64_t v)                             \
    {                                                                                                                  \
        (void)m;                                                                                                       \
        h->csr[SLOT_##name] = v & (writable);                                                                          \
    }
#define CSR_RULED(name, number)
#define CSR_VIEW(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"

/* --- by number -------------------------------------------------------------------------------------------------- */

uint64_t machine_csr_read(const struct machine *m, uint32_t h, unsigned csr)
{
    switch (csr) {
#define CSR_STATE(name, number)                                                                                        \
    case (number):                                                                                                     \
        return read_##name(m, &m->hart[h]);
#define CSR_PLAIN(name, number, writable) CSR_STATE(name, number)
#define CSR_RULED(name, number) CSR_STATE(name, number)
#define CSR_VIEW(name, number) CSR_STATE(name, number)
#define CSR_CONST(name, number, value)                                                                                 \
    case (number):                                                                                                     \
        return (value);
#include "harness/machine/csr_file.def"
#undef CSR_STATE
    default: return 0;
    }
}

void machine_csrs_of_host(const struct machine *m, uint32_t h, uint64_t *out)
{
#define CSR_OF_HOST(name, number) *out++ = read_##name(m, &m->hart[h]);
#include "harness/machine/csr_groups.def"
}

void machine_csrs_of_guest(const struct machine *m, uint32_t h, uint64_t *out)
{
#define CSR_OF_GUEST(name, number) *out++ = read_##name(m, &m->hart[h]);
#include "harness/machine/csr_groups.def"
}

void machine_csr_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value)
{
    switch (csr) {
#define CSR_STATE(name, number)                                                                                        \
    case (number):                                                                                                     \
        write_##name(m, &m->hart[h], value);                                                                           \
        return;
#define CSR_PLAIN(name, number, writable) CSR_STATE(name, number)
#define CSR_RULED(name, number) CSR_STATE(name, number)
#define CSR_VIEW(name, number) CSR_STATE(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"
#undef CSR_STATE
    default: return;
    }
}

void csr_hgatp_write(struct machine *m, uint32_t h, uint64_t value)
{
    struct machine_hart *hart = &m->hart[h];
    uint64_t before = hart->csr[SLOT_hgatp];

    write_hgatp(m, hart, value);
    if (hart->csr[SLOT_hgatp] == before)
        return;
    hart->hgatp_unfenced = true;
    /* The hart may walk ahead at any time: first-stage tables of one world through the G-stage of another. */
    if (hart->csr[SLOT_vsatp] >> ATP_MODE_SHIFT != 0)
        violation_record(m, h, VIOLATION_HGATP_UNFENCED, "hgatp changed while vsatp still translates");
}

bool csr_exists(unsigned csr)
{
    switch (csr) {
#define CSR_STATE(number)                                                                                              \
    case (number):                                                                                                     \
        return true;
#define CSR_PLAIN(name, number, writable) CSR_STATE(number)
#define CSR_RULED(name, number) CSR_STATE(number)
#define CSR_VIEW(name, number) CSR_STATE(number)
#define CSR_CONST(name, number, value) CSR_STATE(number)
#include "harness/machine/csr_file.def"
#undef CSR_STATE
    default: return false;
    }
}

/* --- the list that changes with the world ----------------------------------------------------------------------- */

void csr_swap(struct machine *m, uint32_t h, uint64_t *save, const uint64_t *load)
{
    struct machine_hart *hart = &m->hart[h];

#define WORLD_CSR(index, number, name) save[index] = read_##name(m, hart);
    WORLD_CSRS(WORLD_CSR)
    WORLD_CSRS_STATEEN(WORLD_CSR)
#undef WORLD_CSR
#define WORLD_CSR(index, number, name) write_##name(m, hart, load[index]);
    WORLD_CSRS(WORLD_CSR)
    WORLD_CSRS_STATEEN(WORLD_CSR)
#undef WORLD_CSR
}

uint64_t csr_world_read(const struct machine *m, uint32_t h, unsigned slot)
{
    switch (slot) {
#define WORLD_CSR(index, number, name)                                                                                 \
    case (index): return read_##name(m, &m->hart[h]);
        WORLD_CSRS(WORLD_CSR)
#undef WORLD_CSR
    default: return 0;
    }
}

void csr_world_write(struct machine *m, uint32_t h, unsigned slot, uint64_t value)
{
    switch (slot) {
#define WORLD_CSR(index, number, name)                                                                                 \
    case (index): write_##name(m, &m->hart[h], value); return;
        WORLD_CSRS(WORLD_CSR)
#undef WORLD_CSR
    default: return;
    }
}
