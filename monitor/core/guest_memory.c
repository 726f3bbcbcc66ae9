/* SPDX-License-Identifier: Apache-2.0 */
/* Software walks of guest memory; see guest_memory.h. */
#include "monitor/core/guest_memory.h"

#include "monitor/core/gstage.h"
#include "monitor/core/pte.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/hal/hal.h"

#define SATP_PPN_MASK ((UINT64_C(1) << 44) - 1)
#define SV39_LEVELS 3u
#define PTE_RESERVED (UINT64_MAX << PTE_HIGH_SHIFT) /* memory types are off, larger naturally aligned pages unknown */

#define PARCEL 2u /* instructions come in units of so many bytes */

struct reader {
    const struct monitor *m;
    const struct tvm *t;
    uint64_t vsatp;
    bool user;
};

/* The bytes at a guest-physical address up to the end of its page, or NULL unless they are confidential and present. */
static const uint8_t *confidential_at(const struct reader *r, struct gpa at)
{
    struct gpa page = {at.value & ~(uint64_t)PAGE_MASK};
    if (!tvm_gpa_range_valid(r->t, page, PAGE_SIZE))
        return NULL;
    struct gstage_leaf leaf = gstage_lookup(r->m, r->t, page);
    if (leaf.kind != LEAF_DATA)
        return NULL;
    const uint8_t *bytes = hal_conf_ro(r->m, leaf.frame, 1);
    return bytes + (at.value & PAGE_MASK);
}

static bool read_entry(const struct reader *r, struct gpa at, uint64_t *entry)
{
    const uint8_t *bytes = confidential_at(r, at);
    if (bytes == NULL)
        return false;
    *entry = __atomic_load_n((const uint64_t *)(const void *)bytes, __ATOMIC_RELAXED);
    return (*entry & PTE_V) != 0 && (*entry & (PTE_R | PTE_W)) != PTE_W && (*entry & PTE_RESERVED) == 0;
}

/* May the guest execute from this leaf, which covers `span` bytes? */
static bool leaf_allows_fetch(const struct reader *r, uint64_t entry, uint64_t span)
{
    uint64_t base = entry >> PTE_PPN_SHIFT << PAGE_SHIFT;
    bool user = (entry & PTE_U) != 0;
    return (entry & PTE_X) != 0 && (entry & PTE_A) != 0 && user == r->user && (base & (span - 1)) == 0;
}

/* First stage, for a fetch at `va`. At most five levels. */
static bool translate_fetch(const struct reader *r, uint64_t va, struct gpa *out)
{
    uint64_t mode = r->vsatp >> SATP_MODE_SHIFT;
    out->value = va;
    if (mode == SATP_MODE_BARE)
        return true;
    if (mode < SATP_MODE_SV39 || mode > SATP_MODE_SV57)
        return false;
    unsigned levels = SV39_LEVELS + (unsigned)(mode - SATP_MODE_SV39);
    uint64_t upper = va >> (PAGE_SHIFT + PTE_TABLE_BITS * levels - 1);
    if (upper != 0 && upper != UINT64_MAX >> (PAGE_SHIFT + PTE_TABLE_BITS * levels - 1))
        return false;

    uint64_t table = (r->vsatp & SATP_PPN_MASK) << PAGE_SHIFT;
    for (unsigned level = levels; level-- > 0;) {
        unsigned shift = PAGE_SHIFT + PTE_TABLE_BITS * level;
        uint64_t index = va >> shift & ((1u << PTE_TABLE_BITS) - 1);
        uint64_t entry;
        if (!read_entry(r, (struct gpa){table + index * sizeof(entry)}, &entry))
            return false;
        uint64_t base = entry >> PTE_PPN_SHIFT << PAGE_SHIFT;
        uint64_t span = UINT64_C(1) << shift;
        if ((entry & (PTE_R | PTE_X)) != 0) {
            out->value = base | (va & (span - 1));
            return leaf_allows_fetch(r, entry, span);
        }
        if ((entry & (PTE_U | PTE_A | PTE_D)) != 0)
            return false;
        table = base;
    }
    return false;
}

static bool fetch_parcel(const struct reader *r, uint64_t va, uint32_t *parcel)
{
    struct gpa at;
    if (!translate_fetch(r, va, &at))
        return false;
    const uint8_t *bytes = confidential_at(r, at);
    if (bytes == NULL)
        return false;
    *parcel = __atomic_load_n((const uint16_t *)(const void *)bytes, __ATOMIC_RELAXED);
    return true;
}

bool guest_fetch(struct hart *h, uint32_t *insn)
{
    uint64_t pc = h->frame->pc;
    uint32_t low = 0;
    uint32_t high = 0;
    struct tvm *t = tvm_lock_current(h);
    struct reader r = {.m = h->monitor,
                       .t = t,
                       .vsatp = hal_vsatp_read(h),
                       .user = (h->frame->status & MSTATUS_MPP_MASK) != MSTATUS_MPP_S};
    bool fetched = fetch_parcel(&r, pc, &low);
    if (fetched && (low & 3) == 3)
        fetched = fetch_parcel(&r, pc + PARCEL, &high);
    tvm_unlock(h, t);
    *insn = low | high << 16;
    return fetched;
}
