/* SPDX-License-Identifier: Apache-2.0 */
/* CSRs of the modelled hart; see csr_model.h. */
#include "emulation/unicorn/csr_model.h"

#include <stddef.h>

const struct csr_info csr_table[CSR_SLOTS] = {
#define ALL_BITS UINT64_MAX
#define CSR(number_, name_, class_, implemented_, host_own_, guest_own_, native_)                                      \
    [SLOT_##name_] = {.name = #name_,                                                                                  \
                      .number = (number_),                                                                             \
                      .class = CLASS_##class_,                                                                         \
                      .implemented = (implemented_),                                                                   \
                      .host_own = (host_own_),                                                                         \
                      .guest_own = (guest_own_),                                                                       \
                      .native = (native_)},
#include "emulation/unicorn/csr_classes.def"
};

/* Slot plus one by CSR number, so that numbers without a slot are 0. */
static const uint8_t slot_plus_one[4096] = {
#define CSR(number, name, class, implemented, host_own, guest_own, native) [(number)] = SLOT_##name + 1,
#include "emulation/unicorn/csr_classes.def"
};

_Static_assert(CSR_SLOTS < 255, "slot_plus_one has byte elements");

#define XL_64 UINT64_C(2)
#define STATUS_UXL (XL_64 << 32)
#define STATUS_SXL (XL_64 << 34)
#define HSTATUS_VSXL (XL_64 << 32)
#define SSTATUS_VIEW (UINT64_C(0x80000003000de762))
#define S_INTERRUPTS UINT64_C(0x2222)
#define VS_INTERRUPTS UINT64_C(0x444)
#define HS_INTERRUPTS (VS_INTERRUPTS | UINT64_C(0x1000))
#define INTERRUPT_MSIP UINT64_C(0x8)
#define FROM_MENVCFG UINT64_C(0xc000000000000000)
#define MENVCFG_STCE (UINT64_C(1) << 63)
#define HVIP_VSTIP UINT64_C(0x40)
/* rv64 with A, C, D, F, H, I, M, S, U, V. */
#define MISA_VALUE (UINT64_C(2) << 62 | 0x3411ad)

/* What time reads: it stands still, so that runs are repeatable. */
#define SOME_TIME UINT64_C(0x123456789a)

#define SATP_MODE(v) ((v) >> 60)
#define HGATP_MODE (UINT64_C(0xf) << 60)
#define HGATP_IMPLEMENTED (HGATP_MODE | UINT64_C(0x3fff) << 44 | (((UINT64_C(1) << 44) - 1) & ~UINT64_C(3)))

#define PMP_ENTRY_COUNT 16u
#define PMP_LOCK 0x80u
#define PMP_MATCH 0x18u
#define PMP_TOR 0x08u
#define PMP_NA4 0x10u

int csr_slot_of(unsigned number)
{
    return number < 4096 ? (int)slot_plus_one[number] - 1 : -1;
}

void csr_reset(struct csr_file *f, uint64_t hartid)
{
    *f = (struct csr_file){.mode = MODE_M};
    f->value[SLOT_misa] = MISA_VALUE;
    f->value[SLOT_mhartid] = hartid;
    f->value[SLOT_mstatus] = STATUS_SXL | STATUS_UXL;
    f->value[SLOT_vsstatus] = STATUS_UXL;
    f->value[SLOT_hstatus] = HSTATUS_VSXL;
    f->value[SLOT_mideleg] = HS_INTERRUPTS; /* hard-wired with H */
    f->value[SLOT_time] = SOME_TIME;
    f->value[SLOT_stimecmp] = UINT64_MAX;
    f->value[SLOT_vstimecmp] = UINT64_MAX;
    f->value[SLOT_vtype] = VTYPE_VILL;
    f->value[SLOT_vlenb] = VECTOR_BYTES;
}

static uint64_t with_sd(uint64_t status)
{
    bool dirty = (status & STATUS_FS) == STATUS_FS || (status & STATUS_VS) == STATUS_VS;
    return dirty ? status | STATUS_SD : status;
}

static uint64_t pending(const struct csr_file *f)
{
    uint64_t msip = f->msip != NULL && (*f->msip & 1) != 0 ? INTERRUPT_MSIP : 0;
    return f->value[SLOT_mip] | f->value[SLOT_hvip] | msip;
}

uint64_t csr_get(const struct csr_file *f, enum csr_slot slot)
{
    const uint64_t *v = f->value;
    switch (slot) {
    case SLOT_fflags: return v[SLOT_fcsr] & 0x1f;
    case SLOT_frm: return v[SLOT_fcsr] >> 5 & 0x7;
    case SLOT_vxsat: return v[SLOT_vcsr] & 0x1;
    case SLOT_vxrm: return v[SLOT_vcsr] >> 1 & 0x3;
    case SLOT_mstatus:
    case SLOT_vsstatus: return with_sd(v[slot]);
    case SLOT_sstatus: return with_sd(v[SLOT_mstatus]) & SSTATUS_VIEW;
    case SLOT_sie: return v[SLOT_mie] & v[SLOT_mideleg] & S_INTERRUPTS;
    case SLOT_hie: return v[SLOT_mie] & HS_INTERRUPTS;
    case SLOT_vsie: return (v[SLOT_mie] & v[SLOT_hideleg] & VS_INTERRUPTS) >> 1;
    case SLOT_mip: return pending(f);
    case SLOT_sip: return pending(f) & v[SLOT_mideleg] & S_INTERRUPTS;
    case SLOT_hip: return pending(f) & HS_INTERRUPTS;
    case SLOT_vsip: return (pending(f) & v[SLOT_hideleg] & VS_INTERRUPTS) >> 1;
    case SLOT_henvcfg: return v[slot] & ~(FROM_MENVCFG & ~v[SLOT_menvcfg]);
    case SLOT_hstateen0: return v[slot] & v[SLOT_mstateen0];
    case SLOT_hstateen1: return v[slot] & v[SLOT_mstateen1];
    case SLOT_hstateen2: return v[slot] & v[SLOT_mstateen2];
    case SLOT_hstateen3: return v[slot] & v[SLOT_mstateen3];
    default: return v[slot];
    }
}

static uint64_t replace(uint64_t old, uint64_t new, uint64_t bits)
{
    return (old & ~bits) | (new &bits);
}

/* Is the translation mode one that this hart has: Bare, Sv39, Sv48 or Sv57 (x4)? */
static bool mode_known(uint64_t satp)
{
    uint64_t mode = SATP_MODE(satp);
    return mode == 0 || (mode >= 8 && mode <= 10);
}

static uint64_t pmp_config(const struct csr_file *f, unsigned entry)
{
    uint64_t word = f->value[entry < 8 ? SLOT_pmpcfg0 : SLOT_pmpcfg2];
    return word >> (8 * (entry % 8)) & 0xff;
}

static void pmp_changed(struct csr_file *f)
{
    f->pmp_needs_sfence = true;
    f->pmp_needs_hfence_g = true;
}

static void write_pmpcfg(struct csr_file *f, enum csr_slot slot, uint64_t new)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t old_byte = f->value[slot] >> shift & 0xff;
        uint64_t new_byte = new >> shift & 0x9f;
        bool reserved = (new_byte & (PERM_R | PERM_W)) == PERM_W;
        if ((old_byte & PMP_LOCK) != 0 || reserved || old_byte == new_byte)
            continue;
        f->value[slot] = replace(f->value[slot], new_byte << shift, UINT64_C(0xff) << shift);
        pmp_changed(f);
    }
}

static void write_pmpaddr(struct csr_file *f, enum csr_slot slot, uint64_t new)
{
    unsigned entry = (unsigned)(slot - SLOT_pmpaddr0);
    uint64_t next = entry + 1 < PMP_ENTRY_COUNT ? pmp_config(f, entry + 1) : 0;
    bool next_locks = (next & PMP_LOCK) != 0 && (next & PMP_MATCH) == PMP_TOR;
    if ((pmp_config(f, entry) & PMP_LOCK) != 0 || next_locks)
        return;
    if (f->value[slot] != (new &PMPADDR_BITS))
        pmp_changed(f);
    f->value[slot] = new &PMPADDR_BITS;
}

static void write_hgatp(struct csr_file *f, uint64_t new)
{
    uint64_t bits = mode_known(new) ? HGATP_IMPLEMENTED : HGATP_IMPLEMENTED & ~HGATP_MODE;
    f->hgatp_changed_under_vsatp |= SATP_MODE(f->value[SLOT_vsatp]) != 0;
    f->hgatp_needs_hfence_g = true;
    f->hgatp_needs_hfence_v = true;
    f->value[SLOT_hgatp] = replace(f->value[SLOT_hgatp], new, bits);
}

/* cbie has a reserved value. */
static uint64_t legal_envcfg(uint64_t old, uint64_t new, uint64_t implemented)
{
    bool reserved = (new &ENVCFG_CBIE) == UINT64_C(2) << 4;
    return replace(old, new, reserved ? implemented & ~ENVCFG_CBIE : implemented);
}

static uint64_t legal_mstatus(uint64_t old, uint64_t new, uint64_t implemented)
{
    bool reserved = (new &STATUS_MPP) == UINT64_C(2) << STATUS_MPP_SHIFT;
    return replace(old, new, reserved ? implemented & ~STATUS_MPP : implemented);
}

static uint64_t legal_hstatus(uint64_t old, uint64_t new, uint64_t implemented)
{
    bool beyond = (new &HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT > GUEST_FILES;
    return replace(old, new, beyond ? implemented & ~HSTATUS_VGEIN : implemented);
}

void csr_set(struct csr_file *f, enum csr_slot slot, uint64_t new)
{
    uint64_t *v = f->value;
    uint64_t implemented = csr_table[slot].implemented;
    if (csr_table[slot].class == CLASS_PMP) {
        if (slot == SLOT_pmpcfg0 || slot == SLOT_pmpcfg2)
            write_pmpcfg(f, slot, new);
        else
            write_pmpaddr(f, slot, new);
        return;
    }
    switch (slot) {
    case SLOT_fflags: v[SLOT_fcsr] = replace(v[SLOT_fcsr], new, 0x1f); break;
    case SLOT_frm: v[SLOT_fcsr] = replace(v[SLOT_fcsr], new << 5, 0xe0); break;
    case SLOT_vxsat: v[SLOT_vcsr] = replace(v[SLOT_vcsr], new, 0x1); break;
    case SLOT_vxrm: v[SLOT_vcsr] = replace(v[SLOT_vcsr], new << 1, 0x6); break;
    case SLOT_mstatus: v[slot] = legal_mstatus(v[slot], new, implemented); break;
    case SLOT_sstatus: v[SLOT_mstatus] = replace(v[SLOT_mstatus], new, csr_table[SLOT_vsstatus].implemented); break;
    case SLOT_sie: v[SLOT_mie] = replace(v[SLOT_mie], new, v[SLOT_mideleg] & S_INTERRUPTS); break;
    case SLOT_hie: v[SLOT_mie] = replace(v[SLOT_mie], new, HS_INTERRUPTS); break;
    case SLOT_vsie: v[SLOT_mie] = replace(v[SLOT_mie], new << 1, v[SLOT_hideleg] & VS_INTERRUPTS); break;
    case SLOT_mip:
        v[SLOT_mip] = replace(v[SLOT_mip], new, implemented);
        v[SLOT_hvip] = replace(v[SLOT_hvip], new, 0x4); /* VSSIP is one bit with two names */
        break;
    case SLOT_sip: v[SLOT_mip] = replace(v[SLOT_mip], new, v[SLOT_mideleg] & 0x2); break;
    case SLOT_hip: v[SLOT_hvip] = replace(v[SLOT_hvip], new, 0x4); break;
    case SLOT_vsip: v[SLOT_hvip] = replace(v[SLOT_hvip], new << 1, v[SLOT_hideleg] & 0x4); break;
    case SLOT_mtvec:
    case SLOT_stvec:
    case SLOT_vstvec:
        if ((new & 2) == 0)
            v[slot] = new;
        break;
    case SLOT_satp:
    case SLOT_vsatp:
        if (mode_known(new))
            v[slot] = new;
        break;
    case SLOT_hgatp: write_hgatp(f, new); break;
    case SLOT_hstatus: v[slot] = legal_hstatus(v[slot], new, implemented); break;
    case SLOT_menvcfg:
    case SLOT_henvcfg:
    case SLOT_senvcfg: v[slot] = legal_envcfg(v[slot], new, implemented); break;
    default: v[slot] = replace(v[slot], new, implemented); break;
    }
}

static bool is_float(int slot)
{
    return slot == SLOT_fflags || slot == SLOT_frm || slot == SLOT_fcsr;
}

static bool is_vector(int slot)
{
    return csr_table[slot].class == CLASS_VECTOR || slot == SLOT_vxsat || slot == SLOT_vxrm || slot == SLOT_vlenb;
}

bool csr_is_lacking(const struct csr_file *f, unsigned number)
{
    if (!f->lacks_stateen && !f->lacks_triggers && !f->lacks_sstc)
        return false;
    bool stateen = (number >= 0x30c && number <= 0x30f) || (number >= 0x60c && number <= 0x60f) || number == 0x10c;
    return (f->lacks_stateen && stateen) || (f->lacks_triggers && (number & 0xff0) == 0x7a0) ||
           (f->lacks_sstc && (number == 0x14d || number == 0x24d));
}

/* The field of mstatus that switches the CSR's unit on: FS, VS, or none. */
static uint64_t unit_of(int slot)
{
    return is_float(slot) ? STATUS_FS : is_vector(slot) ? STATUS_VS : 0;
}

/* The CSRs of a unit exist only while mstatus.FS or VS is not Off. */
static bool exists(const struct csr_file *f, int slot, unsigned number)
{
    uint64_t unit = unit_of(slot);
    bool off = unit != 0 && (f->value[SLOT_mstatus] & unit) == 0;
    return csr_table[slot].class != CLASS_ABSENT && !off && !csr_is_lacking(f, number);
}

enum csr_result csr_read(const struct csr_file *f, unsigned number, uint64_t *value)
{
    int slot = csr_slot_of(number);
    if (slot < 0)
        return CSR_UNCLASSIFIED;
    if (!exists(f, slot, number))
        return CSR_ILLEGAL;
    *value = csr_get(f, (enum csr_slot)slot);
    return CSR_DONE;
}

enum csr_result csr_write(struct csr_file *f, unsigned number, uint64_t value)
{
    int slot = csr_slot_of(number);
    bool read_only = number >> 10 == 3;
    if (slot < 0)
        return CSR_UNCLASSIFIED;
    if (!exists(f, slot, number) || read_only)
        return CSR_ILLEGAL;
    if (slot == SLOT_hvip && (f->value[SLOT_menvcfg] & MENVCFG_STCE) != 0)
        value =
            replace(value, f->value[slot], HVIP_VSTIP); /* as QEMU 10 does: M-mode does not reach it while Sstc is on */
    csr_set(f, (enum csr_slot)slot, value);
    f->value[SLOT_mstatus] |= unit_of(slot);
    return CSR_DONE;
}

void csr_sfence_all(struct csr_file *f)
{
    f->pmp_needs_sfence = false;
}

void csr_hfence_g_all(struct csr_file *f)
{
    f->pmp_needs_hfence_g = false;
    f->hgatp_needs_hfence_g = false;
}

void csr_hfence_v_all(struct csr_file *f)
{
    f->hgatp_needs_hfence_v = false;
}

bool csr_trap_reaches_m(const struct csr_file *f, uint64_t cause)
{
    uint64_t number = cause & ~INTERRUPT_BIT;
    if (f->mode == MODE_M || number > 63)
        return true;
    uint64_t delegated = f->value[(cause & INTERRUPT_BIT) != 0 ? SLOT_mideleg : SLOT_medeleg];
    return (delegated >> number & 1) == 0;
}

uint64_t csr_take_trap(struct csr_file *f, const struct csr_trap *trap, uint64_t pc)
{
    uint64_t *v = f->value;
    bool enabled = (v[SLOT_mstatus] & STATUS_MIE) != 0;
    uint64_t status = v[SLOT_mstatus] & ~(STATUS_MPP | STATUS_MPV | STATUS_GVA | STATUS_MPIE | STATUS_MIE);
    status |= (uint64_t)f->mode << STATUS_MPP_SHIFT;
    status |= f->virt ? STATUS_MPV : 0;
    status |= trap->gva ? STATUS_GVA : 0;
    status |= enabled ? STATUS_MPIE : 0;
    v[SLOT_mstatus] = status;
    f->status_at_trap = status;
    f->status_loaded = false;
    v[SLOT_mepc] = pc;
    v[SLOT_mcause] = trap->cause;
    v[SLOT_mtval] = trap->tval;
    v[SLOT_mtval2] = trap->tval2;
    v[SLOT_mtinst] = trap->tinst;
    f->mode = MODE_M;
    f->virt = false;

    uint64_t base = v[SLOT_mtvec] & ~UINT64_C(3);
    bool vectored = (v[SLOT_mtvec] & 1) != 0 && (trap->cause & INTERRUPT_BIT) != 0;
    return vectored ? base + 4 * (trap->cause & ~INTERRUPT_BIT) : base;
}

void csr_watch_status(struct csr_file *f, uint64_t before, bool may_follow)
{
    const uint64_t units = STATUS_FS | STATUS_VS | STATUS_SD;
    uint64_t now = f->value[SLOT_mstatus];
    if (f->status_loaded && !may_follow)
        f->status_misused = true;
    f->interruptible |= (now & STATUS_MIE) != 0;
    if (((before ^ now) & ~units & ~(before & STATUS_MIE)) == 0)
        return;
    f->status_loaded = true;
    f->units_left_open |= ((before ^ f->status_at_trap) & units & ~STATUS_SD) != 0;
}

uint64_t csr_mret(struct csr_file *f)
{
    uint64_t status = f->value[SLOT_mstatus];
    f->mode = (enum hart_mode)((status & STATUS_MPP) >> STATUS_MPP_SHIFT);
    f->virt = (status & STATUS_MPV) != 0 && f->mode != MODE_M;
    bool enabled = (status & STATUS_MPIE) != 0;
    status &= ~(STATUS_MPP | STATUS_MPV | STATUS_MIE);
    status |= STATUS_MPIE | (enabled ? STATUS_MIE : 0);
    if (f->mode != MODE_M)
        status &= ~STATUS_MPRV;
    f->value[SLOT_mstatus] = status;
    return f->value[SLOT_mepc];
}

/* First byte and length-1 of what entry `entry` matches; false when it is off. */
static bool pmp_range(const struct csr_file *f, unsigned entry, uint64_t *first, uint64_t *last)
{
    uint64_t addr = f->value[SLOT_pmpaddr0 + entry];
    switch (pmp_config(f, entry) & PMP_MATCH) {
    case 0: return false;
    case PMP_TOR: {
        uint64_t below = entry == 0 ? 0 : f->value[SLOT_pmpaddr0 + entry - 1];
        *first = below << 2;
        *last = (addr << 2) - 1;
        return addr > below;
    }
    case PMP_NA4:
        *first = addr << 2;
        *last = *first + 3;
        return true;
    default: {
        uint64_t ones = addr & ~(addr + 1); /* the run of ones at the bottom gives the size */
        *first = (addr & ~ones) << 2;
        *last = *first + (((ones << 1 | 1) << 2) | 3);
        return true;
    }
    }
}

/* What decides about the byte at `at`, and up to which byte not beyond `end` it is the same. */
static unsigned pmp_allows_at(const struct csr_file *f, uint64_t at, uint64_t *end)
{
    for (unsigned entry = 0; entry < PMP_ENTRY_COUNT; entry++) {
        uint64_t first, last;
        if (!pmp_range(f, entry, &first, &last))
            continue;
        if (first <= at && at <= last) {
            *end = last < *end ? last : *end;
            return (unsigned)pmp_config(f, entry) & 7u;
        }
        if (at < first && first <= *end)
            *end = first - 1;
    }
    return 0;
}

struct pmp_verdict csr_pmp_verdict(const struct csr_file *f, uint64_t base, uint64_t len)
{
    struct pmp_verdict verdict = {.every_byte = PERM_R | PERM_W | PERM_X, .some_byte = 0};
    uint64_t last = base + len - 1;
    for (uint64_t at = base;;) {
        uint64_t end = last;
        unsigned allowed = pmp_allows_at(f, at, &end);
        verdict.every_byte &= allowed;
        verdict.some_byte |= allowed;
        if (end == last)
            return verdict;
        at = end + 1;
    }
}
