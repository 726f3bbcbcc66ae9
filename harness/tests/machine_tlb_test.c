/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: a translation that was used once stays, whatever happens to tables, PMP and roots, until a fence whose
 * operands cover it; and a fence whose operands do not cover it, or are encoded wrongly, changes nothing.
 */
#include "harness/tests/machine_tables.h"

#define ASID 5u
#define VMID 9u
#define VA UINT64_C(0x40003000)
#define GPA UINT64_C(0x90005000)
#define FIRST HOST(500)  /* what the page maps to at first */
#define SECOND HOST(501) /* what it maps to after the tables changed */

static struct machine *m;

static void distinct_contents(void)
{
    set_word(m, FIRST, 1);
    set_word(m, SECOND, 2);
}

/* Does a load at VA still see what was mapped first? */
static bool remembers(void)
{
    struct access_result r = load(m, VA);

    CHECK(r.ok);
    return r.value == 1;
}

/* --- the host's own translation --------------------------------------------------------------------------------- */

static struct tables host_tables;

/* Use VA mapped to FIRST, then change the table to SECOND behind the cache. */
static void host_case(unsigned level)
{
    uint64_t size = UINT64_C(1) << (12 + 9 * level);

    machine_reset(m);
    distinct_contents();
    host_tables = tables_new(m, 8, false, 64);
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&host_tables, ASID));
    if (level == 0) {
        tables_map(&host_tables, VA, FIRST, 0, PTE_ALL & ~PTE_U);
        CHECK_EQ(load(m, VA).value, 1);
        tables_map(&host_tables, VA, SECOND, 0, PTE_ALL & ~PTE_U);
        return;
    }
    /* A superpage over FIRST; VA is chosen so that it lands there. */
    uint64_t base = HOST(0) & ~(size - 1);
    tables_map(&host_tables, VA & ~(size - 1), base, level, PTE_ALL & ~PTE_U);
    CHECK(load(m, VA).ok);
}

static void sfence_operands(void)
{
    static const struct {
        bool all_va, all_asid;
        uint64_t va, asid;
        bool forgets;
    } cases[] = {
        {true, true, 0, 0, true},
        {false, true, VA, 0, true},
        {false, true, VA + 0x7ff, 0, true},
        {true, false, 0, ASID, true},
        {false, false, VA, ASID, true},
        {false, true, VA + 0x1000, 0, false},
        {false, true, VA >> 2, 0, false},
        {false, true, VA >> 12, 0, false},
        {true, false, 0, ASID + 1, false},
        {false, false, VA, ASID + 1, false},
        {false, false, VA - 1, ASID, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        host_case(0);
        CHECK(remembers());
        machine_sfence_vma(m, 0, cases[i].all_va, cases[i].va, cases[i].all_asid, cases[i].asid);
        CHECK(remembers() == !cases[i].forgets);
    }
    /* Fences for guests do not touch the host's translations. */
    host_case(0);
    machine_hfence_gvma(m, 0, true, 0, true, 0);
    machine_hfence_vvma(m, 0, true, 0, true, 0);
    CHECK(remembers());
    /* A fence on another hart is no fence here. */
    machine_sfence_vma(m, 1, true, 0, true, 0);
    CHECK(remembers());
    /* Another address space does not see the entry, and does not remove it. */
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&host_tables, ASID + 1));
    CHECK_EQ(load(m, VA).value, 2);
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&host_tables, ASID));
    CHECK(remembers());
}

/* One leaf covers many pages: a fence for any address of it is a fence for all of it. */
static void superpages_fall_whole(void)
{
    host_case(1);
    const uint32_t *valid = &m->hart[0].tlb_valid;
    CHECK(*valid != 0);
    uint32_t lowest = *valid & -*valid;
    const struct tlb_entry *e = &m->hart[0].tlb[__builtin_ctz(*valid)];
    CHECK(e->va_page == VA >> 12 && e->va_shift == 21);
    machine_sfence_vma(m, 0, false, VA + 0x200000, true, 0);
    CHECK((*valid & lowest) != 0);
    machine_sfence_vma(m, 0, false, (VA & ~UINT64_C(0x1fffff)) + 0x1ff000, true, 0);
    CHECK((*valid & lowest) == 0);
}

/* --- a guest's translation -------------------------------------------------------------------------------------- */

static struct tables vs_tables, g_tables;

static void guest_case(bool vs_stage)
{
    machine_reset(m);
    distinct_contents();
    g_tables = tables_new(m, 9, true, 64);
    tables_map(&g_tables, GPA, FIRST, 0, PTE_ALL);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g_tables, VMID));
    machine_csr_write(m, 0, CSR_VSATP, 0);
    if (vs_stage) {
        vs_tables = tables_new(m, 8, false, 128);
        tables_map(&vs_tables, VA, GPA, 0, PTE_ALL & ~PTE_U);
        for (uint64_t frame = 128; frame < vs_tables.next; frame++)
            tables_map(&g_tables, HOST(frame), HOST(frame), 0, PTE_ALL);
        machine_csr_write(m, 0, CSR_VSATP, tables_atp(&vs_tables, ASID));
    } else {
        tables_map(&g_tables, VA, FIRST, 0, PTE_ALL);
    }
    m->hart[0].virt = true;
    CHECK_EQ(load(m, VA).value, 1);
    /* Both stages change behind the cache, so that forgetting by either shows the second page. */
    tables_map(&g_tables, vs_stage ? GPA : VA, SECOND, 0, PTE_ALL);
}

static void gvma_operands(void)
{
    static const struct {
        bool all_gpa, all_vmid;
        uint64_t shifted, vmid;
        bool forgets;
    } cases[] = {
        {true, true, 0, 0, true},
        {false, true, GPA >> 2, 0, true},
        {false, true, (GPA + 0xabc) >> 2, 0, true},
        {true, false, 0, VMID, true},
        {true, false, 0, VMID | 0x4000, true}, /* bits above VMIDLEN do not count */
        {false, false, GPA >> 2, VMID, true},
        {false, true, GPA, 0, false}, /* not shifted */
        {false, true, GPA >> 12, 0, false},
        {false, true, VA >> 2, 0, false}, /* a virtual address */
        {false, true, (GPA + 0x1000) >> 2, 0, false},
        {true, false, 0, VMID + 1, false},
        {false, false, GPA >> 2, VMID + 1, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        guest_case(true);
        CHECK(remembers());
        machine_hfence_gvma(m, 0, cases[i].all_gpa, cases[i].shifted, cases[i].all_vmid, cases[i].vmid);
        CHECK(remembers() == !cases[i].forgets);
    }
}

static void vvma_operands(void)
{
    static const struct {
        bool all_va, all_asid;
        uint64_t va, asid;
        bool forgets;
    } cases[] = {
        {true, true, 0, 0, true},          {false, true, VA, 0, true},    {true, false, 0, ASID, true},
        {false, false, VA, ASID, true},    {false, true, GPA, 0, false},  {false, true, VA >> 2, 0, false},
        {true, false, 0, ASID + 1, false}, {true, false, 0, VMID, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        guest_case(true);
        machine_hfence_vvma(m, 0, cases[i].all_va, cases[i].va, cases[i].all_asid, cases[i].asid);
        CHECK(remembers() == !cases[i].forgets);
        /* The guest's own sfence.vma is the same thing. */
        guest_case(true);
        machine_sfence_vma(m, 0, cases[i].all_va, cases[i].va, cases[i].all_asid, cases[i].asid);
        CHECK(remembers() == !cases[i].forgets);
    }

    /* hfence.vvma means the VMID that hgatp names at that moment, and no other. */
    guest_case(true);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g_tables, VMID + 1));
    machine_hfence_vvma(m, 0, true, 0, true, 0);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g_tables, VMID));
    CHECK(remembers());
    /* Without first-stage tables there is nothing that it orders. */
    guest_case(false);
    machine_hfence_vvma(m, 0, true, 0, true, 0);
    CHECK(remembers());
    machine_hfence_gvma(m, 0, false, VA >> 2, false, VMID);
    CHECK(!remembers());
    /* sfence.vma of the host is not a fence for guests. */
    guest_case(true);
    m->hart[0].virt = false;
    machine_sfence_vma(m, 0, true, 0, true, 0);
    m->hart[0].virt = true;
    CHECK(remembers());
}

/* --- what else stays -------------------------------------------------------------------------------------------- */

static void permission_of_pmp_stays(void)
{
    machine_reset(m);
    struct hart *h = &m->monitor->hart[0];
    CHECK(load(m, FIRST).ok);
    hal_pmp_write(h, 3, PMP_NAPOT, FIRST >> 2 | 0x1ff);
    CHECK(load(m, FIRST).ok);
    machine_sfence_vma(m, 0, true, 0, false, 0); /* one address space: a bare entry belongs to none */
    CHECK(load(m, FIRST).ok);
    machine_sfence_vma(m, 0, false, FIRST + 0x1000, true, 0);
    CHECK(load(m, FIRST).ok);
    machine_sfence_vma(m, 0, false, FIRST + 8, true, 0);
    CHECK_EQ(load(m, FIRST).trap.cause, 5);
    /* The refusal is cached as well. */
    hal_pmp_write(h, 3, 0, 0);
    CHECK(!load(m, FIRST).ok);
    hal_fence_all(h);
    CHECK(load(m, FIRST).ok);
}

/* A guest's page and the host's page of the same address are two, also where no identifier tells them apart. */
static void host_and_guest_do_not_mix(void)
{
    machine_reset(m);
    distinct_contents();
    g_tables = tables_new(m, 9, true, 64);
    tables_map(&g_tables, FIRST, SECOND, 0, PTE_ALL);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g_tables, 0));
    machine_csr_write(m, 0, CSR_VSATP, 0);
    CHECK_EQ(load(m, FIRST).value, 1);
    m->hart[0].virt = true;
    CHECK_EQ(load(m, FIRST).value, 2);
    m->hart[0].virt = false;
    CHECK_EQ(load(m, FIRST).value, 1);
}

static void full_fence_takes_everything(void)
{
    guest_case(true);
    hal_fence_all(&m->monitor->hart[1]);
    CHECK(remembers());
    hal_fence_all(&m->monitor->hart[0]);
    CHECK(!remembers());
    CHECK_EQ(m->hart[1].tlb_valid, 0);
}

/* The cache is bounded: the oldest of 33 pages goes, the others stay. */
static void oldest_entry_makes_room(void)
{
    machine_reset(m);
    hal_fence_all(&m->monitor->hart[0]);
    for (unsigned i = 0; i <= MACHINE_TLB_ENTRIES; i++)
        CHECK(load(m, HOST(100 + i)).ok);
    hal_pmp_write(&m->monitor->hart[0], 3, PMP_NAPOT, HOST(0) >> 2 | 0x3ffff);
    unsigned remembered = 0;
    for (unsigned i = MACHINE_TLB_ENTRIES; i > 0; i--)
        remembered += load(m, HOST(100 + i)).ok;
    CHECK_EQ(remembered, MACHINE_TLB_ENTRIES);
    CHECK(!load(m, HOST(100)).ok);
}

int main(void)
{
    m = host_machine(2, 0);
    sfence_operands();
    superpages_fall_whole();
    gvma_operands();
    vvma_operands();
    permission_of_pmp_stays();
    host_and_guest_do_not_mix();
    full_fence_takes_everything();
    oldest_entry_makes_room();
    machine_destroy(m);
    return test_finish();
}
