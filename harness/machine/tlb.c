/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation caches. An entry holds the end of a whole translation for one 4 KiB page, with what PMP allowed when it
 * was made, and stays until a fence whose operands cover it, whatever happens to tables, PMP or hgatp meanwhile.
 * That is the least that the architecture grants, so a fence that is missing or wrongly encoded shows.
 *
 * An entry of a guest combines both stages: it falls to a fence of either stage that covers it. An entry without
 * first-stage translation does not depend on any first-stage table: only fences for the G-stage touch it, and for V=0,
 * where PMP results are all it holds, only sfence.vma of all address spaces.
 */
#include "harness/machine/internal.h"

#define ATP_MODE_SHIFT 60
#define ATP_ASID_SHIFT 44
#define VMID_MASK 0x3fffu

uint16_t tlb_vmid_now(const struct machine_hart *hart)
{
    return (uint16_t)(hart->csr[SLOT_hgatp] >> ATP_ASID_SHIFT & VMID_MASK);
}

struct tlb_space tlb_space_now(const struct machine *m, uint32_t h)
{
    const struct machine_hart *hart = &m->hart[h];
    uint64_t root = hart->virt ? hart->csr[SLOT_vsatp] : hart->csr[SLOT_satp];
    struct tlb_space space = {.virt = hart->virt, .bare = root >> ATP_MODE_SHIFT == 0};

    if (!space.bare)
        space.asid = (uint16_t)(root >> ATP_ASID_SHIFT);
    if (space.virt)
        space.vmid = tlb_vmid_now(hart);
    return space;
}

static bool in_space(const struct tlb_entry *e, struct tlb_space space)
{
    return e->virt == space.virt && e->bare == space.bare && e->asid == space.asid && e->vmid == space.vmid;
}

const struct tlb_entry *tlb_find(const struct machine *m, uint32_t h, struct tlb_space space, uint64_t va_page)
{
    const struct machine_hart *hart = &m->hart[h];

    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1) {
        const struct tlb_entry *e = &hart->tlb[__builtin_ctz(rest)];
        if (e->va_page == va_page && in_space(e, space))
            return e;
    }
    return NULL;
}

void tlb_fill(struct machine *m, uint32_t h, const struct tlb_entry *entry)
{
    struct machine_hart *hart = &m->hart[h];
    struct tlb_space space = {.virt = entry->virt, .bare = entry->bare, .asid = entry->asid, .vmid = entry->vmid};
    struct tlb_entry *old = (struct tlb_entry *)tlb_find(m, h, space, entry->va_page);

    /* One entry per page: which of two the hardware would use is nobody's to choose. */
    if (old == NULL) {
        old = &hart->tlb[hart->tlb_next];
        hart->tlb_valid |= UINT32_C(1) << hart->tlb_next;
        hart->tlb_next = (hart->tlb_next + 1) % MACHINE_TLB_ENTRIES;
    }
    *old = *entry;
}

void tlb_fence_all(struct machine *m, uint32_t h)
{
    struct machine_hart *hart = &m->hart[h];

    /*
     * hfence.gvma x0, x0 takes the entries here of every VMID. Hardware may keep the stages apart, and then those of the
     * first stage are left to hfence.vvma, which means the VMID of this moment only.
     */
    if (hart->guest_vmid == tlb_vmid_now(hart))
        hart->guest_cached = false;
    hart->tlb_valid = 0;
}

/* Does the leaf that covers `page` cover address `addr` too? */
static bool leaf_covers(uint64_t page, uint8_t shift, uint64_t addr)
{
    return shift >= 64 || (page << PAGE_SHIFT) >> shift == addr >> shift;
}

/* Forget first-stage entries that match the operands, among those that `virt` and `vmid` select. */
static void fence_first_stage(struct machine *m, uint32_t h, bool virt, uint16_t vmid, bool all_va, uint64_t va,
                              bool all_asid, uint64_t asid)
{
    struct machine_hart *hart = &m->hart[h];

    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1) {
        const struct tlb_entry *e = &hart->tlb[__builtin_ctz(rest)];
        if (e->virt != virt || (virt && e->vmid != vmid))
            continue;
        if (e->bare && (virt || !all_asid))
            continue; /* no first-stage table, no address space */
        if (!all_asid && e->asid != (uint16_t)asid)
            continue;
        if (!all_va && !(e->bare ? e->va_page == va >> PAGE_SHIFT : leaf_covers(e->va_page, e->va_shift, va)))
            continue;
        hart->tlb_valid &= ~(rest & -rest);
    }
}

void machine_sfence_vma(struct machine *m, uint32_t h, bool all_va, uint64_t va, bool all_asid, uint64_t asid)
{
    fence_first_stage(m, h, m->hart[h].virt, tlb_vmid_now(&m->hart[h]), all_va, va, all_asid, asid);
}

void machine_hfence_vvma(struct machine *m, uint32_t h, bool all_va, uint64_t va, bool all_asid, uint64_t asid)
{
    fence_first_stage(m, h, true, tlb_vmid_now(&m->hart[h]), all_va, va, all_asid, asid);
}

void machine_hfence_gvma(struct machine *m, uint32_t h, bool all_gpa, uint64_t gpa_shifted, bool all_vmid,
                         uint64_t vmid)
{
    struct machine_hart *hart = &m->hart[h];

    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1) {
        const struct tlb_entry *e = &hart->tlb[__builtin_ctz(rest)];
        if (!e->virt)
            continue;
        if (!all_vmid && e->vmid != (vmid & VMID_MASK))
            continue;
        /* rs1 holds the guest-physical address shifted right by two: an unshifted one names another page. */
        if (!all_gpa && !leaf_covers(e->gpa_page, e->gpa_shift, gpa_shifted << 2))
            continue;
        hart->tlb_valid &= ~(rest & -rest);
    }
}
