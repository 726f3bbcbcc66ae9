/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation by the tables: one stage for the host (satp), two for a guest (vsatp, then hgatp), in Sv39, Sv48,
 * Sv57 and their x4 forms. Table reads are checked by PMP as S-mode loads. Accessed and dirty bits are never set by
 * the hardware: a leaf that lacks them faults (no Svadu). Reserved bits fault (no Svnapot, no Svpbmt).
 */
#include <string.h>

#include "harness/machine/internal.h"

#define PTE_V 0x01u
#define PTE_R 0x02u
#define PTE_W 0x04u
#define PTE_X 0x08u
#define PTE_U 0x10u
#define PTE_A 0x40u
#define PTE_D 0x80u
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK ((UINT64_C(1) << 44) - 1)
#define PTE_RESERVED (UINT64_C(0x3ff) << 54)

#define ATP_MODE_SHIFT 60
#define ATP_PPN_MASK ((UINT64_C(1) << 44) - 1)
#define VPN_BITS 9u

/* mtinst of a fault on an implicit 64-bit table read (priv. spec, pseudoinstructions). */
#define TINST_TABLE_READ 0x3000u

enum stage_outcome {
    STAGE_OK,
    STAGE_PAGE_FAULT,  /* the tables do not map it */
    STAGE_ACCESS_FAULT /* a table could not be read */
};

/* Leaf that one stage ended at. */
struct leaf {
    uint64_t pte;
    uint64_t pa;   /* translated address */
    uint8_t shift; /* log2 of what the leaf covers */
};

uint64_t cause_access_fault(enum access_kind kind)
{
    return kind == ACCESS_FETCH ? 1 : kind == ACCESS_LOAD ? 5 : 7;
}

uint64_t cause_page_fault(enum access_kind kind)
{
    return kind == ACCESS_FETCH ? 12 : kind == ACCESS_LOAD ? 13 : 15;
}

uint64_t cause_guest_page_fault(enum access_kind kind)
{
    return kind == ACCESS_FETCH ? 20 : kind == ACCESS_LOAD ? 21 : 23;
}

/* Levels of a translation mode (8, 9, 10: Sv39, Sv48, Sv57). */
static unsigned mode_levels(uint64_t mode)
{
    return (unsigned)mode - 5;
}

static bool read_pte(const struct machine *m, uint32_t h, uint64_t pa, uint64_t *pte)
{
    const uint8_t *at = machine_peek(m, pa, 8);

    if (at == NULL || (pmp_access(m, h, pa, 8) & PMP_R) == 0)
        return false;
    /* The hardware reads an entry at once, and the monitor may be writing it. */
    *pte = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
    return true;
}

/* May the walk go on below this entry, is it a leaf, or is it invalid? */
enum pte_kind { PTE_INVALID, PTE_TABLE, PTE_LEAF };

static enum pte_kind classify(uint64_t pte)
{
    if ((pte & PTE_V) == 0 || (pte & PTE_RESERVED) != 0)
        return PTE_INVALID;
    if ((pte & (PTE_R | PTE_W)) == PTE_W)
        return PTE_INVALID;
    if ((pte & (PTE_R | PTE_X)) != 0)
        return PTE_LEAF;
    return (pte & (PTE_D | PTE_A | PTE_U)) == 0 ? PTE_TABLE : PTE_INVALID;
}

/* The leaf's address for `addr`; false for a superpage that is not aligned to its size. */
static bool leaf_address(uint64_t pte, unsigned level, uint64_t addr, struct leaf *leaf)
{
    uint64_t ppn = pte >> PTE_PPN_SHIFT & PTE_PPN_MASK;
    uint64_t low = (UINT64_C(1) << VPN_BITS * level) - 1;

    if ((ppn & low) != 0)
        return false;
    leaf->pte = pte;
    leaf->shift = (uint8_t)(PAGE_SHIFT + VPN_BITS * level);
    leaf->pa = ppn << PAGE_SHIFT | (addr & ((UINT64_C(1) << leaf->shift) - 1));
    return true;
}

/* PTE permission bits as PMP_R, PMP_W, PMP_X; write only when the dirty bit is set. */
static uint8_t pte_perm(uint64_t pte)
{
    uint8_t perm = (uint8_t)(pte >> 1 & (PMP_R | PMP_W | PMP_X));

    return (pte & PTE_D) != 0 ? perm : perm & (uint8_t)~PMP_W;
}

static bool allows(uint8_t perm, enum access_kind kind, bool mxr)
{
    switch (kind) {
    case ACCESS_LOAD: return (perm & PMP_R) != 0 || (mxr && (perm & PMP_X) != 0);
    case ACCESS_STORE: return (perm & PMP_W) != 0;
    case ACCESS_FETCH: return (perm & PMP_X) != 0;
    }
    return false;
}

/* --- G-stage ---------------------------------------------------------------------------------------------------- */

/* Translate a guest-physical address. `mxr` counts only for explicit loads. */
static enum stage_outcome g_stage(const struct machine *m, uint32_t h, uint64_t gpa, enum access_kind kind, bool mxr,
                                  struct leaf *leaf)
{
    uint64_t hgatp = m->hart[h].csr[SLOT_hgatp];
    uint64_t mode = hgatp >> ATP_MODE_SHIFT;
    uint64_t table = (hgatp & ATP_PPN_MASK) << PAGE_SHIFT;

    if (mode == 0) {
        *leaf = (struct leaf){.pte = PTE_R | PTE_W | PTE_X | PTE_D, .pa = gpa, .shift = 64};
        return STAGE_OK;
    }
    unsigned levels = mode_levels(mode);
    unsigned width = PAGE_SHIFT + VPN_BITS * levels + 2; /* the root is four pages: two bits more */
    if (gpa >> width != 0)
        return STAGE_PAGE_FAULT;
    for (unsigned level = levels; level-- > 0;) {
        uint64_t index = gpa >> (PAGE_SHIFT + VPN_BITS * level);
        if (level != levels - 1)
            index &= (1u << VPN_BITS) - 1;
        uint64_t pte;
        if (!read_pte(m, h, table + index * 8, &pte))
            return STAGE_ACCESS_FAULT;
        switch (classify(pte)) {
        case PTE_INVALID: return STAGE_PAGE_FAULT;
        case PTE_TABLE: table = (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_SHIFT; continue;
        case PTE_LEAF: break;
        }
        /* Every access of a guest counts as a user access here. */
        if ((pte & PTE_U) == 0 || (pte & PTE_A) == 0 || !leaf_address(pte, level, gpa, leaf))
            return STAGE_PAGE_FAULT;
        return allows(pte_perm(pte), kind, mxr) ? STAGE_OK : STAGE_PAGE_FAULT;
    }
    return STAGE_PAGE_FAULT;
}

/* --- first stage and the whole ---------------------------------------------------------------------------------- */

/* What a walk is for. */
struct request {
    const struct machine *m;
    uint32_t h;
    uint64_t va;
    enum access_kind kind;
    bool virt;
    struct walk_result *out;
};

static bool fail(const struct request *r, struct trap trap)
{
    r->out->ok = false;
    r->out->trap = trap;
    return false;
}

/* Report what stopped the G-stage at `gpa`. */
static bool fail_g_stage(const struct request *r, enum stage_outcome outcome, uint64_t gpa, uint64_t tinst)
{
    struct trap trap = {.cause = cause_access_fault(r->kind), .tval = r->va};

    if (outcome == STAGE_PAGE_FAULT)
        trap =
            (struct trap){.cause = cause_guest_page_fault(r->kind), .tval = r->va, .tval2 = gpa >> 2, .tinst = tinst};
    return fail(r, trap);
}

static bool fail_first_stage(const struct request *r)
{
    return fail(r, (struct trap){.cause = cause_page_fault(r->kind), .tval = r->va});
}

static bool canonical(uint64_t va, unsigned width)
{
    int64_t top = (int64_t)va >> (width - 1);

    return top == 0 || top == -1;
}

/* Do privilege, SUM and the U bit of a first-stage leaf go together? */
static bool user_bit_fits(const struct machine_hart *hart, uint64_t status, uint64_t pte, enum access_kind kind)
{
    bool user_page = (pte & PTE_U) != 0;

    if (hart->priv == PRIV_U)
        return user_page;
    return !user_page || (kind != ACCESS_FETCH && (status & STATUS_SUM) != 0);
}

/* Read a first-stage table entry: its address is guest-physical when V=1. */
static bool read_first_stage_pte(const struct request *r, uint64_t addr, uint64_t *pte)
{
    if (r->virt) {
        struct leaf leaf;
        enum stage_outcome outcome = g_stage(r->m, r->h, addr, ACCESS_LOAD, false, &leaf);
        if (outcome != STAGE_OK)
            return fail_g_stage(r, outcome, addr, TINST_TABLE_READ);
        addr = leaf.pa;
    }
    if (!read_pte(r->m, r->h, addr, pte))
        return fail(r, (struct trap){.cause = cause_access_fault(r->kind), .tval = r->va});
    return true;
}

/* First stage by tables: fills `leaf`, whose address is guest-physical when V=1. */
static bool first_stage(const struct request *r, uint64_t root, struct leaf *leaf)
{
    const struct machine_hart *hart = &r->m->hart[r->h];
    uint64_t status = hart->csr[r->virt ? SLOT_vsstatus : SLOT_mstatus];
    bool mxr = ((status | hart->csr[SLOT_mstatus]) & STATUS_MXR) != 0;
    unsigned levels = mode_levels(root >> ATP_MODE_SHIFT);
    uint64_t table = (root & ATP_PPN_MASK) << PAGE_SHIFT;

    if (!canonical(r->va, PAGE_SHIFT + VPN_BITS * levels))
        return fail_first_stage(r);
    for (unsigned level = levels; level-- > 0;) {
        uint64_t index = r->va >> (PAGE_SHIFT + VPN_BITS * level) & ((1u << VPN_BITS) - 1);
        uint64_t pte;
        if (!read_first_stage_pte(r, table + index * 8, &pte))
            return false;
        switch (classify(pte)) {
        case PTE_INVALID: return fail_first_stage(r);
        case PTE_TABLE: table = (pte >> PTE_PPN_SHIFT & PTE_PPN_MASK) << PAGE_SHIFT; continue;
        case PTE_LEAF: break;
        }
        if ((pte & PTE_A) == 0 || !user_bit_fits(hart, status, pte, r->kind) ||
            !leaf_address(pte, level, r->va, leaf) || !allows(pte_perm(pte), r->kind, mxr))
            return fail_first_stage(r);
        return true;
    }
    return fail_first_stage(r);
}

struct walk_result walk(const struct machine *m, uint32_t h, uint64_t va, enum access_kind kind)
{
    const struct machine_hart *hart = &m->hart[h];
    struct walk_result out = {.ok = true};
    struct request r = {.m = m, .h = h, .va = va, .kind = kind, .virt = hart->virt, .out = &out};
    struct tlb_space space = tlb_space_now(m, h);
    uint64_t root = hart->csr[r.virt ? SLOT_vsatp : SLOT_satp];
    struct leaf first = {.pte = PTE_R | PTE_W | PTE_X | PTE_D | PTE_U, .pa = va, .shift = 64};
    struct leaf second = {.pte = PTE_R | PTE_W | PTE_X | PTE_D, .shift = 64};

    if (!space.bare && !first_stage(&r, root, &first))
        return out;
    second.pa = first.pa;
    if (r.virt) {
        bool mxr = (hart->csr[SLOT_mstatus] & STATUS_MXR) != 0;
        enum stage_outcome outcome = g_stage(m, h, first.pa, kind, mxr, &second);
        if (outcome != STAGE_OK) {
            fail_g_stage(&r, outcome, first.pa, 0);
            return out;
        }
    }
    out.pa = second.pa;
    out.entry = (struct tlb_entry){
        .virt = space.virt,
        .user = (first.pte & PTE_U) != 0,
        .bare = space.bare,
        .asid = space.asid,
        .vmid = space.vmid,
        .va_page = va >> PAGE_SHIFT,
        .gpa_page = first.pa >> PAGE_SHIFT,
        .pa_page = second.pa >> PAGE_SHIFT,
        .va_shift = first.shift,
        .gpa_shift = second.shift,
        .perm = pte_perm(first.pte) & pte_perm(second.pte),
    };
    return out;
}
