/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: translation follows the tables in one and two stages, in every mode, and refuses with the cause and the
 * numbers that the hardware reports.
 */
#include "harness/tests/machine_tables.h"

#define PAGE HOST(500)
#define MAGIC UINT64_C(0xfeedface)

static struct machine *m;

static void fence(void)
{
    hal_fence_all(&m->monitor->hart[0]);
}

static void check_fault(struct access_result r, uint64_t cause, uint64_t va, uint64_t tval2, uint64_t tinst)
{
    CHECK(!r.ok);
    CHECK_EQ(r.trap.cause, cause);
    CHECK_EQ(r.trap.tval, va);
    CHECK_EQ(r.trap.tval2, tval2);
    CHECK_EQ(r.trap.tinst, tinst);
}

/* Fault causes for load, store and fetch of one address. */
static void check_faults(uint64_t va, uint64_t load_cause, uint64_t store_cause, uint64_t fetch_cause, uint64_t tval2)
{
    fence();
    check_fault(machine_access(m, 0, va, ACCESS_LOAD, 8, 0), load_cause, va, tval2, 0);
    check_fault(machine_access(m, 0, va, ACCESS_STORE, 8, 0), store_cause, va, tval2, 0);
    check_fault(machine_access(m, 0, va, ACCESS_FETCH, 4, 0), fetch_cause, va, tval2, 0);
}

/* What the page allows with these flags: PMP bits. */
static uint8_t allowed(struct tables *t, uint64_t va, uint64_t pa, uint64_t flags)
{
    tables_map(t, va, pa, 0, flags);
    fence();
    uint8_t perm = machine_access(m, 0, va, ACCESS_LOAD, 8, 0).ok ? PMP_R : 0;
    perm |= machine_access(m, 0, va, ACCESS_STORE, 8, MAGIC).ok ? PMP_W : 0;
    perm |= machine_access(m, 0, va, ACCESS_FETCH, 4, 0).ok ? PMP_X : 0;
    return perm;
}

/* --- one stage -------------------------------------------------------------------------------------------------- */

static void one_stage(unsigned mode)
{
    unsigned width = 12 + 9 * (mode - 5);
    uint64_t va = (UINT64_C(1) << (width - 2)) + 0x7000;

    machine_reset(m);
    set_word(m, PAGE, MAGIC);
    struct tables t = tables_new(m, mode, false, 64);
    tables_map(&t, va, PAGE, 0, PTE_ALL & ~PTE_U);
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&t, 0));
    CHECK_EQ(load(m, va).value, MAGIC);
    CHECK_EQ(load(m, va + 8).value, 0);
    check_faults(va + 0x1000, 13, 15, 12, 0);

    /* The upper half is its own; what is not canonical is nowhere. */
    uint64_t upper = ~UINT64_C(0) << (width - 1);
    tables_map(&t, upper, PAGE, 0, PTE_ALL & ~PTE_U);
    CHECK_EQ(load(m, upper).value, MAGIC);
    check_faults(va | UINT64_C(1) << (width - 1), 13, 15, 12, 0);
    check_faults(va | UINT64_C(1) << 62, 13, 15, 12, 0);

    /* Superpages of each level, aligned or refused. */
    for (unsigned level = 1; level <= 2; level++) {
        uint64_t size = UINT64_C(1) << (12 + 9 * level);
        uint64_t base = va + level * (UINT64_C(1) << 31);
        base &= ~(size - 1);
        tables_map(&t, base, PAGE & ~(size - 1), level, PTE_ALL & ~PTE_U);
        CHECK_EQ(load(m, base + (PAGE & (size - 1))).value, MAGIC);
        tables_map(&t, base, (PAGE & ~(size - 1)) + 0x1000, level, PTE_ALL & ~PTE_U);
        fence();
        check_fault(load(m, base), 13, base, 0, 0);
    }
    machine_csr_write(m, 0, CSR_SATP, 0);
    CHECK_EQ(load(m, PAGE).value, MAGIC);
}

static void leaf_bits(void)
{
    const uint64_t va = 0x5000;
    const uint64_t ad = PTE_V | PTE_A | PTE_D;

    machine_reset(m);
    struct tables t = tables_new(m, 8, false, 64);
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&t, 0));
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_R), PMP_R);
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_R | PTE_W), PMP_R | PMP_W);
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_X), PMP_X);
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_W), 0);
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_W | PTE_X), 0);
    CHECK_EQ(allowed(&t, va, PAGE, ad & ~PTE_V), 0);
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL & ~PTE_U), PMP_R | PMP_W | PMP_X);
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL & ~PTE_U & ~PTE_D), PMP_R | PMP_X);
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL & ~PTE_U & ~PTE_A), 0);
    for (unsigned bit = 54; bit < 64; bit++)
        CHECK_EQ(allowed(&t, va, PAGE, (PTE_ALL & ~PTE_U) | UINT64_C(1) << bit), 0);
    /* The last level has no tables below it. */
    CHECK_EQ(allowed(&t, va, PAGE, PTE_V), 0);

    /* User pages: never fetched by the supervisor, loaded only with SUM; supervisor pages are not for users. */
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL), 0);
    machine_csr_write(m, 0, CSR_MSTATUS, machine_csr_read(m, 0, CSR_MSTATUS) | UINT64_C(1) << 18);
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL), PMP_R | PMP_W);
    m->hart[0].priv = PRIV_U;
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL), PMP_R | PMP_W | PMP_X);
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL & ~PTE_U), 0);
    m->hart[0].priv = PRIV_S;
    /* A cached user page does not open for the supervisor when SUM goes away. */
    CHECK_EQ(allowed(&t, va, PAGE, PTE_ALL), PMP_R | PMP_W);
    machine_csr_write(m, 0, CSR_MSTATUS, machine_csr_read(m, 0, CSR_MSTATUS) & ~(UINT64_C(1) << 18));
    CHECK_EQ(load(m, va).trap.cause, 13);
    /* MXR makes executable pages readable. */
    machine_csr_write(m, 0, CSR_MSTATUS, machine_csr_read(m, 0, CSR_MSTATUS) | UINT64_C(1) << 19);
    CHECK_EQ(allowed(&t, va, PAGE, ad | PTE_X), PMP_R | PMP_X);
    machine_csr_write(m, 0, CSR_MSTATUS, machine_csr_read(m, 0, CSR_MSTATUS) & ~(UINT64_C(1) << 19));

    /* Bits that only leaves have, in a table entry. */
    uint64_t inner = tables_entry(&t, va, 1);
    allowed(&t, va, PAGE, PTE_ALL & ~PTE_U);
    set_word(m, inner, word_at(m, inner) | PTE_A);
    check_faults(va, 13, 15, 12, 0);
}

/* Tables that the hart may not read, and memory that is not there: access faults of the original kind. */
static void unreadable(void)
{
    machine_reset(m);
    struct tables t = tables_new(m, 8, false, 64);
    tables_map(&t, 0x5000, PAGE, 0, PTE_ALL & ~PTE_U);
    tables_map(&t, 0x6000, WINDOW(0), 0, PTE_ALL & ~PTE_U);
    tables_map(&t, 0x7000, MACHINE_WINDOW_BASE + UINT64_C(4096) * m->config.window_pages, 0, PTE_ALL & ~PTE_U);
    tables_map(&t, 0x8000, MACHINE_UART_BASE, 0, PTE_ALL & ~PTE_U);
    machine_csr_write(m, 0, CSR_SATP, tables_atp(&t, 0));
    check_faults(0x6000, 5, 7, 1, 0);
    check_faults(0x7000, 5, 7, 1, 0);
    CHECK(load(m, 0x8000).ok);
    CHECK(machine_access(m, 0, 0x8000, ACCESS_STORE, 1, 'x').ok);
    /* The middle table in the window. */
    set_word(m, t.root, WINDOW(4) >> 12 << 10 | PTE_V);
    check_faults(0x5000, 5, 7, 1, 0);
    machine_csr_write(m, 0, CSR_SATP, UINT64_C(8) << 60 | MACHINE_MONITOR_BASE >> 12);
    check_faults(0x5000, 5, 7, 1, 0);
}

static void alignment(void)
{
    machine_reset(m);
    set_word(m, PAGE, UINT64_C(0x8877665544332211));
    set_word(m, PAGE + 4088, UINT64_C(0xabcd) << 48);
    set_word(m, PAGE + 4096, 0x1234);
    for (unsigned width = 1; width <= 8; width *= 2) {
        CHECK_EQ(machine_access(m, 0, PAGE, ACCESS_LOAD, width, 0).value,
                 UINT64_C(0x8877665544332211) & (width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1));
        if (width == 1)
            continue;
        check_fault(machine_access(m, 0, PAGE + width / 2, ACCESS_LOAD, width, 0), 4, PAGE + width / 2, 0, 0);
        check_fault(machine_access(m, 0, PAGE + width / 2, ACCESS_STORE, width, 0), 6, PAGE + width / 2, 0, 0);
    }
    machine_access(m, 0, PAGE + 2, ACCESS_STORE, 2, UINT64_C(0xffff0000));
    CHECK_EQ(word_at(m, PAGE), UINT64_C(0x8877665500002211));
    check_fault(machine_access(m, 0, PAGE + 1, ACCESS_FETCH, 2, 0), 0, PAGE + 1, 0, 0);
    /* An instruction across two pages is both of them. */
    CHECK_EQ(machine_access(m, 0, PAGE + 4094, ACCESS_FETCH, 4, 0).value, 0x1234abcd);
    hal_pmp_write(&m->monitor->hart[0], 3, PMP_NAPOT | PMP_R, (PAGE + 4096) >> 2 | 0x1ff);
    fence();
    check_fault(machine_access(m, 0, PAGE + 4094, ACCESS_FETCH, 4, 0), 1, PAGE + 4096, 0, 0);
}

/* --- two stages ------------------------------------------------------------------------------------------------- */

#define GPA UINT64_C(0x90005000)

static void g_stage(unsigned mode)
{
    unsigned width = 12 + 9 * (mode - 5) + 2;
    uint64_t top = (UINT64_C(1) << width) - 0x1000;

    machine_reset(m);
    set_word(m, PAGE, MAGIC);
    struct tables g = tables_new(m, mode, true, 64);
    tables_map(&g, GPA, PAGE, 0, PTE_ALL);
    tables_map(&g, top, PAGE, 0, PTE_ALL);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g, 3));
    machine_csr_write(m, 0, CSR_VSATP, 0);
    m->hart[0].virt = true;
    CHECK_EQ(load(m, GPA).value, MAGIC);
    CHECK_EQ(load(m, top).value, MAGIC);
    CHECK_EQ(load(m, GPA + 0x1010).trap.tval2, (GPA + 0x1010) >> 2);
    check_faults(GPA + 0x1000, 21, 23, 20, (GPA + 0x1000) >> 2);
    check_faults(top + 0x1000, 21, 23, 20, (top + 0x1000) >> 2);
    check_faults(UINT64_C(1) << 62, 21, 23, 20, UINT64_C(1) << 60);

    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL), PMP_R | PMP_W | PMP_X);
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL & ~PTE_X), PMP_R | PMP_W);
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL & ~PTE_U), 0);
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL & ~PTE_A), 0);
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL & ~PTE_D), PMP_R | PMP_X);
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL | UINT64_C(1) << 61), 0);
    m->hart[0].priv = PRIV_U;
    CHECK_EQ(allowed(&g, GPA, PAGE, PTE_ALL), PMP_R | PMP_W | PMP_X);
    m->hart[0].priv = PRIV_S;

    uint64_t huge = UINT64_C(0xc0000000);
    tables_map(&g, huge, PAGE & ~UINT64_C(0x1fffff), 1, PTE_ALL);
    CHECK_EQ(load(m, huge + (PAGE & 0x1fffff)).value, MAGIC);
    tables_map(&g, huge, (PAGE & ~UINT64_C(0x1fffff)) + 0x1000, 1, PTE_ALL);
    check_faults(huge, 21, 23, 20, huge >> 2);

    /* PMP has the last word, and it is not a guest-page fault. */
    tables_map(&g, GPA, WINDOW(0), 0, PTE_ALL);
    check_faults(GPA, 5, 7, 1, 0);
    /* A table in closed memory: an access fault of the original kind. */
    machine_csr_write(m, 0, CSR_HGATP, (uint64_t)mode << 60 | WINDOW(0) >> 12);
    check_faults(GPA, 5, 7, 1, 0);
}

static void two_stages(void)
{
    const uint64_t va = 0x40003018;
    const uint64_t page_va = va & ~UINT64_C(0xfff);

    machine_reset(m);
    set_word(m, PAGE + 0x18, MAGIC);
    struct tables g = tables_new(m, 9, true, 64);
    struct tables vs = tables_new(m, 8, false, 128);
    tables_map(&vs, page_va, GPA, 0, PTE_ALL & ~PTE_U);
    tables_map(&g, GPA, PAGE, 0, PTE_ALL);
    for (uint64_t frame = 128; frame < vs.next; frame++)
        tables_map(&g, HOST(frame), HOST(frame), 0, PTE_ALL & ~PTE_W & ~PTE_X);
    machine_csr_write(m, 0, CSR_HGATP, tables_atp(&g, 3));
    machine_csr_write(m, 0, CSR_VSATP, tables_atp(&vs, 7));
    m->hart[0].virt = true;
    CHECK_EQ(load(m, va).value, MAGIC);
    const struct tlb_entry *e = NULL;
    for (unsigned i = 0; i < MACHINE_TLB_ENTRIES; i++)
        if ((m->hart[0].tlb_valid >> i & 1) != 0 && m->hart[0].tlb[i].virt)
            e = &m->hart[0].tlb[i];
    CHECK(e != NULL && e->asid == 7 && e->vmid == 3 && !e->bare && e->va_page == va >> 12 && e->gpa_page == GPA >> 12 &&
          e->pa_page == PAGE >> 12);

    /* First stage faults are the guest's own; those of the second name the guest-physical address. */
    check_faults(page_va + 0x1000, 13, 15, 12, 0);
    tables_map(&vs, page_va + 0x1000, GPA + 0x1000, 0, PTE_ALL & ~PTE_U);
    check_faults(page_va + 0x1020, 21, 23, 20, (GPA + 0x1020) >> 2);

    /* The lower of two permissions. */
    tables_map(&vs, page_va, GPA, 0, PTE_V | PTE_R | PTE_X | PTE_A | PTE_D);
    fence();
    CHECK_EQ(machine_access(m, 0, va, ACCESS_STORE, 8, 0).trap.cause, 15);
    tables_map(&vs, page_va, GPA, 0, PTE_ALL & ~PTE_U);
    tables_map(&g, GPA, PAGE, 0, PTE_ALL & ~PTE_W);
    fence();
    CHECK(load(m, va).ok);
    check_fault(machine_access(m, 0, va, ACCESS_STORE, 8, 0), 23, va, (GPA + 0x18) >> 2, 0);

    /* SUM and MXR of the guest are those of vsstatus. */
    tables_map(&vs, page_va, GPA, 0, PTE_ALL);
    fence();
    CHECK_EQ(load(m, va).trap.cause, 13);
    machine_csr_write(m, 0, CSR_VSSTATUS, UINT64_C(1) << 18);
    CHECK(load(m, va).ok);
    tables_map(&vs, page_va, GPA, 0, PTE_V | PTE_X | PTE_A);
    fence();
    CHECK_EQ(load(m, va).trap.cause, 13);
    machine_csr_write(m, 0, CSR_VSSTATUS, UINT64_C(1) << 19);
    CHECK(load(m, va).ok);

    /* A first-stage table that the second stage does not map: implicit access, with its pseudoinstruction. */
    uint64_t pte = tables_entry(&vs, page_va, 0);
    tables_map(&g, pte & ~UINT64_C(0xfff), 0, 0, 0);
    fence();
    check_fault(machine_access(m, 0, va, ACCESS_LOAD, 8, 0), 21, va, pte >> 2, 0x3000);
    check_fault(machine_access(m, 0, va, ACCESS_STORE, 8, 0), 23, va, pte >> 2, 0x3000);
    check_fault(machine_access(m, 0, va, ACCESS_FETCH, 4, 0), 20, va, pte >> 2, 0x3000);
    /* One that is mapped into closed memory. */
    tables_map(&g, pte & ~UINT64_C(0xfff), WINDOW(0), 0, PTE_ALL);
    check_faults(va, 5, 7, 1, 0);
}

int main(void)
{
    m = host_machine(1, 0);
    for (unsigned mode = 8; mode <= 10; mode++) {
        one_stage(mode);
        g_stage(mode);
    }
    leaf_bits();
    unreadable();
    alignment();
    two_stages();
    machine_destroy(m);
    return test_finish();
}
