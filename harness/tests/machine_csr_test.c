/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: registers keep of a write what the architecture lets them keep, views show the registers behind them, and a
 * world reaches exactly what its mode may reach, with the right trap when it may not.
 */
#include "harness/tests/machine_host.h"

enum csr {
    FFLAGS = 0x001,
    FRM = 0x002,
    FCSR = 0x003,
    SSTATUS = 0x100,
    SIE = 0x104,
    STVEC = 0x105,
    SCOUNTEREN = 0x106,
    SENVCFG = 0x10a,
    SSCRATCH = 0x140,
    SEPC = 0x141,
    SIP = 0x144,
    STIMECMP = 0x14d,
    SATP = 0x180,
    VSSTATUS = 0x200,
    VSIE = 0x204,
    VSTVEC = 0x205,
    VSSCRATCH = 0x240,
    VSIP = 0x244,
    VSTIMECMP = 0x24d,
    VSATP = 0x280,
    MSTATUS = 0x300,
    MISA = 0x301,
    MEDELEG = 0x302,
    MIDELEG = 0x303,
    MIE = 0x304,
    MCOUNTEREN = 0x306,
    MENVCFG = 0x30a,
    MIP = 0x344,
    HSTATUS = 0x600,
    HEDELEG = 0x602,
    HIDELEG = 0x603,
    HIE = 0x604,
    HTIMEDELTA = 0x605,
    HCOUNTEREN = 0x606,
    HGEIE = 0x607,
    HENVCFG = 0x60a,
    HIP = 0x644,
    HVIP = 0x645,
    HGATP = 0x680,
    CYCLE = 0xc00,
    TIME = 0xc01,
    HPM3 = 0xc03,
    HGEIP = 0xe12,
    MVENDORID = 0xf11,
    MHARTID = 0xf14,
    PMPCFG0 = 0x3a0
};

#define STCE (UINT64_C(1) << 63)

static struct machine *m;

static uint64_t rd(unsigned csr)
{
    return machine_csr_read(m, 0, csr);
}

static void wr(unsigned csr, uint64_t value)
{
    machine_csr_write(m, 0, csr, value);
}

static uint64_t keeps(unsigned csr, uint64_t value)
{
    wr(csr, value);
    return rd(csr);
}

/* --- WARL ------------------------------------------------------------------------------------------------------- */

static void masks(void)
{
    machine_reset(m);
    CHECK_EQ(keeps(MEDELEG, UINT64_MAX), 0xf0b7ff);
    CHECK_EQ(keeps(MIDELEG, UINT64_MAX), 0x666);
    CHECK_EQ(keeps(MIDELEG, 0), 0x444);
    CHECK_EQ(keeps(HEDELEG, UINT64_MAX), 0xb1ff);
    CHECK_EQ(keeps(HIDELEG, UINT64_MAX), 0x444);
    CHECK_EQ(keeps(HVIP, UINT64_MAX), 0x444);
    CHECK_EQ(keeps(HGEIE, UINT64_MAX), 0);
    CHECK_EQ(keeps(MIE, UINT64_MAX), 0xeee);
    CHECK_EQ(keeps(HCOUNTEREN, UINT64_MAX), 0xffffffff);
    CHECK_EQ(keeps(SEPC, UINT64_MAX), UINT64_MAX - 1);
    CHECK_EQ(keeps(0x999, 5), 0);
    CHECK_EQ(keeps(MISA, 0), UINT64_C(0x80000000003411ad));
    CHECK_EQ(machine_csr_read(m, 1, MHARTID), 1);

    CHECK_EQ(keeps(STVEC, 0x1001), 0x1001);
    CHECK_EQ(keeps(STVEC, 0x2002), 0x1001);
    CHECK_EQ(keeps(VSTVEC, 0x3000), 0x3000);
    CHECK_EQ(keeps(VSTVEC, 0x2003), 0x3000);

    CHECK_EQ(keeps(SENVCFG, UINT64_MAX), 0xf1);
    CHECK_EQ(keeps(SENVCFG, 0x20), 0); /* CBIE = 2 is reserved */
    wr(MENVCFG, 0);
    CHECK_EQ(keeps(HENVCFG, UINT64_MAX), 0xf1);
    wr(MENVCFG, STCE);
    CHECK_EQ(rd(HENVCFG), STCE | 0xf1);
}

static void status_registers(void)
{
    machine_reset(m);
    uint64_t fixed = UINT64_C(10) << 32;
    CHECK_EQ(keeps(MSTATUS, 0), fixed);
    CHECK_EQ(keeps(MSTATUS, UINT64_MAX), UINT64_C(0x800000ca007e7faa));
    /* There is no privilege level 2: the field keeps what it had. */
    wr(MSTATUS, UINT64_C(1) << 11);
    CHECK_EQ(keeps(MSTATUS, UINT64_C(2) << 11), fixed | UINT64_C(1) << 11);
    /* SD summarises FS and VS. */
    CHECK_EQ(keeps(MSTATUS, UINT64_C(1) << 9), fixed | UINT64_C(1) << 9);
    CHECK_EQ(keeps(MSTATUS, UINT64_C(3) << 9), fixed | UINT64_C(3) << 9 | UINT64_C(1) << 63);
    CHECK_EQ(keeps(MSTATUS, UINT64_C(2) << 13), fixed | UINT64_C(2) << 13);
    CHECK_EQ(keeps(MSTATUS, UINT64_C(3) << 13), fixed | UINT64_C(3) << 13 | UINT64_C(1) << 63);

    /* sstatus is a part of mstatus. */
    wr(MSTATUS, 0);
    CHECK_EQ(keeps(SSTATUS, UINT64_MAX), UINT64_C(0x80000002000c6722));
    CHECK_EQ(rd(MSTATUS), UINT64_C(0x8000000a000c6722));
    wr(MSTATUS, UINT64_MAX);
    wr(SSTATUS, 0);
    CHECK_EQ(rd(MSTATUS), UINT64_C(0xca00721888));
    CHECK_EQ(keeps(VSSTATUS, UINT64_MAX), UINT64_C(0x80000002000c6722));
    CHECK_EQ(keeps(VSSTATUS, 0), UINT64_C(2) << 32);
    CHECK_EQ(keeps(HSTATUS, UINT64_MAX), UINT64_C(2) << 32 | 0x7003c0);
}

static void translation_roots(void)
{
    const uint64_t sv39 = UINT64_C(8) << 60;
    const uint64_t sv57 = UINT64_C(10) << 60;

    machine_reset(m);
    CHECK_EQ(keeps(SATP, sv39 | 5), sv39 | 5);
    CHECK_EQ(keeps(SATP, UINT64_C(11) << 60 | 6), sv39 | 5);
    CHECK_EQ(keeps(SATP, UINT64_C(1) << 60), sv39 | 5);
    CHECK_EQ(keeps(SATP, sv57 | UINT64_C(0xffff) << 44), sv57 | UINT64_C(0xffff) << 44);
    CHECK_EQ(keeps(VSATP, sv39 | 7), sv39 | 7);
    CHECK_EQ(keeps(HGATP, sv39 | UINT64_C(0xffff) << 44 | 0xfff), sv39 | UINT64_C(0x3fff) << 44 | 0xffc);
    CHECK_EQ(keeps(HGATP, UINT64_C(15) << 60), sv39 | UINT64_C(0x3fff) << 44 | 0xffc);
    CHECK_EQ(keeps(HGATP, 0), 0);
}

/* --- views ------------------------------------------------------------------------------------------------------ */

static void interrupt_views(void)
{
    machine_reset(m);
    wr(MIDELEG, 0x222);
    wr(MIE, UINT64_MAX);
    CHECK_EQ(rd(SIE), 0x222);
    CHECK_EQ(rd(HIE), 0x444);
    wr(SIE, 0x20);
    CHECK_EQ(rd(MIE), 0xccc | 0x20);
    wr(HIE, 0x40);
    CHECK_EQ(rd(MIE), 0x888 | 0x20 | 0x40);
    /* What M-mode keeps, the supervisor neither sees nor changes. */
    wr(MIDELEG, 0);
    CHECK_EQ(rd(SIE), 0);
    wr(SIE, UINT64_MAX);
    CHECK_EQ(rd(MIE), 0x888 | 0x20 | 0x40);

    /* The guest's view is shifted, and only of what was delegated to it. */
    wr(HIDELEG, 0x404);
    wr(HIE, 0x444);
    CHECK_EQ(rd(VSIE), 0x202);
    wr(VSIE, 0);
    CHECK_EQ(rd(HIE), 0x40);
    wr(VSIE, UINT64_MAX);
    CHECK_EQ(rd(HIE), 0x444);

    wr(MIP, 0);
    wr(HVIP, 0x444);
    CHECK_EQ(rd(MIP) & 0x444, 0x444);
    CHECK_EQ(rd(HIP), 0x444);
    CHECK_EQ(rd(VSIP), 0x202);
    wr(HIP, 0); /* only VSSIP is writable there */
    CHECK_EQ(rd(HVIP), 0x440);
    wr(VSIP, 0x2);
    CHECK_EQ(rd(HVIP), 0x444);
    wr(HIDELEG, 0);
    wr(VSIP, 0);
    CHECK_EQ(rd(HVIP), 0x444);

    machine_set_pending(m, 0, 1, true);
    machine_set_pending(m, 0, 9, true);
    machine_set_pending(m, 0, 3, true); /* not a line of the host */
    wr(MIDELEG, 0x222);
    CHECK_EQ(rd(SIP), 0x202);
    wr(SIP, 0); /* SEIP follows its line */
    CHECK_EQ(rd(SIP), 0x200);
    machine_set_pending(m, 0, 9, false);
    CHECK_EQ(rd(SIP), 0);
    CHECK_EQ(rd(MIP) & 8, 0);
    hal_ipi_send(&m->monitor->hart[1], 0);
    CHECK_EQ(rd(MIP) & 8, 8);
}

static void timers(void)
{
    machine_reset(m);
    wr(MENVCFG, STCE);
    wr(HENVCFG, STCE);
    wr(MIP, 0);
    wr(HVIP, 0);
    wr(STIMECMP, m->time + 10);
    wr(HTIMEDELTA, 100);
    wr(VSTIMECMP, m->time + 105);
    CHECK_EQ(rd(MIP), 0);
    machine_advance(m, 5);
    CHECK_EQ(rd(MIP), 0x40);
    machine_advance(m, 5);
    CHECK_EQ(rd(MIP), 0x60);
    wr(HENVCFG, 0);
    CHECK_EQ(rd(MIP), 0x20);
    wr(STIMECMP, UINT64_MAX);
    CHECK_EQ(rd(MIP), 0);
    /* A line that stands for a passed timer goes with the next setting of it. */
    machine_set_pending(m, 0, 5, true);
    CHECK_EQ(rd(MIP), 0x20);
    wr(STIMECMP, UINT64_MAX);
    CHECK_EQ(rd(MIP), 0);
}

static void floating_point_views(void)
{
    machine_reset(m);
    wr(FCSR, 0xfff);
    CHECK_EQ(rd(FCSR), 0xff);
    wr(FRM, 2);
    CHECK_EQ(rd(FCSR), 0x5f);
    wr(FFLAGS, 1);
    CHECK_EQ(rd(FCSR), 0x41);
    CHECK_EQ(rd(FRM), 2);
}

/* --- who may ---------------------------------------------------------------------------------------------------- */

enum mode { HS, HU, VS, VU };

static void set_mode(enum mode mode)
{
    m->hart[0].virt = mode == VS || mode == VU;
    m->hart[0].priv = mode == HS || mode == VS ? PRIV_S : PRIV_U;
}

/* Cause with which a read and a write are refused; 0: allowed. */
static uint64_t read_cause(unsigned csr)
{
    struct trap t = {0};
    uint64_t value;

    if (machine_csr_access_read(m, 0, csr, &value, &t))
        return 0;
    CHECK_EQ(t.tval, (uint64_t)csr << 20 | 0x2573);
    return t.cause;
}

static uint64_t write_cause(unsigned csr)
{
    struct trap t = {0};

    if (machine_csr_access_write(m, 0, csr, 0, &t))
        return 0;
    CHECK_EQ(t.tval, (uint64_t)csr << 20 | 0x51073);
    return t.cause;
}

static void access_by_mode(void)
{
    static const struct {
        unsigned csr;
        uint64_t cause[4]; /* HS, U, VS, VU */
    } rows[] = {
        {SSCRATCH, {0, 2, 0, 22}},   {SENVCFG, {0, 2, 0, 22}},  {HSTATUS, {0, 2, 22, 22}},   {HGATP, {0, 2, 22, 22}},
        {VSSTATUS, {0, 2, 22, 22}},  {VSATP, {0, 2, 22, 22}},   {MSTATUS, {2, 2, 2, 2}},     {MIDELEG, {2, 2, 2, 2}},
        {PMPCFG0, {2, 2, 2, 2}},     {MVENDORID, {2, 2, 2, 2}}, {0x800, {2, 2, 2, 2}},       {0x5c0, {2, 2, 2, 2}},
        {SATP, {0, 2, 0, 22}},       {STIMECMP, {0, 2, 0, 22}}, {VSTIMECMP, {0, 2, 22, 22}}, {SIE, {0, 2, 0, 22}},
        {SCOUNTEREN, {0, 2, 0, 22}},
    };

    machine_reset(m);
    wr(MENVCFG, STCE);
    wr(HENVCFG, STCE);
    wr(MCOUNTEREN, 7);
    wr(HCOUNTEREN, 7);
    wr(HSTATUS, 0);
    wr(0x60c, UINT64_C(1) << 62); /* hstateen0: senvcfg for guests */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned mode = HS; mode <= VU; mode++) {
            set_mode((enum mode)mode);
            CHECK_EQ(read_cause(rows[i].csr), rows[i].cause[mode]);
            CHECK_EQ(write_cause(rows[i].csr), rows[i].cause[mode]);
        }
    }
    set_mode(HS);
    CHECK_EQ(read_cause(HGEIP), 0);
    CHECK_EQ(write_cause(HGEIP), 2);
    set_mode(VS);
    CHECK_EQ(read_cause(HGEIP), 22);
    CHECK_EQ(write_cause(HGEIP), 2);
}

static void counters(void)
{
    machine_reset(m);
    for (unsigned bits = 0; bits < 8; bits++) {
        bool mc = bits & 1, hc = bits & 2, sc = bits & 4;
        wr(MCOUNTEREN, mc ? 7 : 0);
        wr(HCOUNTEREN, hc ? 7 : 0);
        wr(SCOUNTEREN, sc ? 7 : 0);
        set_mode(HS);
        CHECK_EQ(read_cause(TIME), mc ? 0 : 2);
        set_mode(HU);
        CHECK_EQ(read_cause(CYCLE), mc && sc ? 0 : 2);
        set_mode(VS);
        CHECK_EQ(read_cause(TIME), !mc ? 2 : hc ? 0 : 22);
        set_mode(VU);
        CHECK_EQ(read_cause(TIME), !mc ? 2 : hc && sc ? 0 : 22);
        CHECK_EQ(write_cause(TIME), 2);
        set_mode(VS);
        CHECK_EQ(read_cause(HPM3), 2);
    }
    struct trap t;
    uint64_t host, guest;
    wr(HTIMEDELTA, 1000);
    set_mode(HS);
    CHECK(machine_csr_access_read(m, 0, TIME, &host, &t));
    set_mode(VS);
    CHECK(machine_csr_access_read(m, 0, TIME, &guest, &t));
    CHECK_EQ(guest, host + 1000);
}

static void switches_that_close(void)
{
    machine_reset(m);
    wr(MENVCFG, STCE);
    wr(HENVCFG, STCE);
    wr(MCOUNTEREN, 7);
    wr(HCOUNTEREN, 7);
    wr(MSTATUS, UINT64_C(1) << 20); /* TVM */
    set_mode(HS);
    CHECK_EQ(read_cause(SATP), 2);
    CHECK_EQ(read_cause(HGATP), 2);
    CHECK_EQ(read_cause(VSATP), 0);
    set_mode(VS);
    CHECK_EQ(read_cause(SATP), 0);
    wr(HSTATUS, UINT64_C(1) << 20); /* VTVM */
    CHECK_EQ(read_cause(SATP), 22);
    CHECK_EQ(read_cause(SSCRATCH), 0);
    wr(HENVCFG, 0);
    CHECK_EQ(write_cause(STIMECMP), 22);
    wr(HENVCFG, STCE);
    wr(HCOUNTEREN, 5);
    CHECK_EQ(write_cause(STIMECMP), 22);
    wr(MCOUNTEREN, 5);
    CHECK_EQ(write_cause(STIMECMP), 2);
    wr(MCOUNTEREN, 7);
    wr(MENVCFG, 0);
    CHECK_EQ(write_cause(STIMECMP), 2);
    set_mode(HS);
    CHECK_EQ(write_cause(STIMECMP), 2);
    CHECK_EQ(write_cause(VSTIMECMP), 2);

    wr(MSTATUS, 0);
    CHECK_EQ(write_cause(FCSR), 2);
    wr(MSTATUS, UINT64_C(1) << 13);
    CHECK_EQ(write_cause(FCSR), 0);
    CHECK_EQ(rd(MSTATUS) >> 13 & 3, 3); /* dirty now */
    wr(VSSTATUS, 0);
    set_mode(VS);
    CHECK_EQ(read_cause(FCSR), 2);
    wr(VSSTATUS, UINT64_C(1) << 13);
    CHECK_EQ(write_cause(FRM), 0);
    CHECK_EQ(rd(VSSTATUS) >> 13 & 3, 3);
}

/* A guest that writes a supervisor register writes the guest's. */
static void redirection(void)
{
    static const unsigned pairs[][2] = {{SSTATUS, VSSTATUS}, {STVEC, VSTVEC},      {SSCRATCH, VSSCRATCH},
                                        {SEPC, 0x241},       {0x142, 0x242},       {0x143, 0x243},
                                        {SATP, VSATP},       {STIMECMP, VSTIMECMP}};
    struct trap t;
    uint64_t value;

    machine_reset(m);
    wr(MENVCFG, STCE);
    wr(HENVCFG, STCE);
    wr(MCOUNTEREN, 7);
    wr(HCOUNTEREN, 7);
    wr(HSTATUS, 0);
    wr(HIDELEG, 0x444);
    set_mode(VS);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint64_t host = rd(pairs[i][0]);
        uint64_t mine = UINT64_C(8) << 60 | 0x40100;
        CHECK(machine_csr_access_write(m, 0, pairs[i][0], mine, &t));
        CHECK_EQ(rd(pairs[i][0]), host);
        CHECK(machine_csr_access_read(m, 0, pairs[i][0], &value, &t));
        CHECK_EQ(rd(pairs[i][1]), value);
        CHECK(value != host);
    }
    wr(MIE, 0);
    CHECK(machine_csr_access_write(m, 0, SIE, 0x222, &t));
    CHECK_EQ(rd(MIE), 0x444);
    /* These two have one copy for everybody. */
    CHECK(machine_csr_access_write(m, 0, SCOUNTEREN, 3, &t));
    CHECK_EQ(rd(SCOUNTEREN), 3);
    CHECK(!machine_csr_access_write(m, 0, SENVCFG, 1, &t));
    CHECK_EQ(t.cause, 22); /* closed by hstateen0 */
    wr(0x60c, UINT64_C(1) << 62);
    CHECK(machine_csr_access_write(m, 0, SENVCFG, 1, &t));
    CHECK_EQ(rd(SENVCFG), 1);
    CHECK(!machine_csr_access_read(m, 0, 0x10c, &value, &t));
    CHECK_EQ(t.cause, 22); /* sstateen0: hstateen0.SE0 */
    wr(0x30c, 0);
    CHECK_EQ(rd(0x60c), 0);
    CHECK(!machine_csr_access_write(m, 0, SENVCFG, 1, &t));
    CHECK_EQ(t.cause, 2); /* closed by mstateen0 for everybody */
}

/* Off at either level closes the vector CSRs, a write makes both levels dirty; vl and vtype cannot be written. */
static void vector_access(void)
{
    static const unsigned numbers[] = {0x008, 0x009, 0x00a, 0x00f, 0xc20, 0xc21, 0xc22};
    const uint64_t on = UINT64_C(1) << 9, dirty = UINT64_C(3) << 9;

    machine_reset(m);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        set_mode(VS);
        wr(MSTATUS, 0);
        wr(VSSTATUS, on);
        CHECK_EQ(read_cause(numbers[i]), 2);
        wr(MSTATUS, on);
        wr(VSSTATUS, 0);
        CHECK_EQ(read_cause(numbers[i]), 2);
        wr(VSSTATUS, on);
        CHECK_EQ(read_cause(numbers[i]), 0);
        CHECK_EQ(write_cause(numbers[i]), numbers[i] >= 0xc00 ? 2 : 0);
        CHECK_EQ(rd(VSSTATUS) & dirty, numbers[i] >= 0xc00 ? on : dirty);
        CHECK_EQ(rd(MSTATUS) & dirty, numbers[i] >= 0xc00 ? on : dirty);
    }
    wr(0x00f, 7);
    CHECK_EQ(rd(0x009), 1);
    CHECK_EQ(rd(0x00a), 3);
    CHECK_EQ(keeps(0x008, UINT64_MAX), 0x7f);
    CHECK_EQ(rd(0xc22), 16);
}

/* Save and load go by the list, with the same rules. */
static void swap_follows_the_rules(void)
{
    static const unsigned number_of[WORLD_CSR_SWAPPED] = {
#define WORLD_CSR(index, number, name) number,
        WORLD_CSRS(WORLD_CSR)
#undef WORLD_CSR
    };
    static const unsigned stateen[] = {
#define WORLD_CSR(index, number, name) number, index,
        WORLD_CSRS_STATEEN(WORLD_CSR)
#undef WORLD_CSR
    };
    struct world_ctx save, load;
    uint64_t before[WORLD_CSR_SWAPPED];
    uint64_t legal[WORLD_CSR_SWAPPED];
    struct hart *h = &m->monitor->hart[0];

    /* What each register makes of a number, one at a time in the order of the list. */
    machine_reset(m);
    for (unsigned i = 0; i < WORLD_CSR_SWAPPED; i++) {
        load.csr[i] = (i + 1) * UINT64_C(0x0101010101010101);
        wr(number_of[i], load.csr[i]);
    }
    for (unsigned i = 0; i < sizeof(stateen) / sizeof(stateen[0]); i += 2)
        load.csr[stateen[i + 1]] = UINT64_C(1) << 63;
    for (unsigned i = 0; i < WORLD_CSR_SWAPPED; i++)
        legal[i] = rd(number_of[i]);

    machine_reset(m);
    for (unsigned i = 0; i < WORLD_CSR_SWAPPED; i++)
        before[i] = rd(number_of[i]);
    m->hart[0].reserved_set = true;
    hal_csr_swap(h, &save, &load);
    CHECK(!m->hart[0].reserved_set);
    for (unsigned i = 0; i < WORLD_CSR_SWAPPED; i++) {
        CHECK_EQ(save.csr[i], before[i]);
        CHECK_EQ(rd(number_of[i]), legal[i]);
        CHECK_EQ(hal_csr_read(h, i), legal[i]);
    }
    for (unsigned i = 0; i < sizeof(stateen) / sizeof(stateen[0]); i += 2) {
        CHECK_EQ(rd(stateen[i]), UINT64_C(1) << 63);
        CHECK_EQ(save.csr[stateen[i + 1]], 0);
    }

    /* And back: nothing of the other world is left. */
    struct world_ctx other;
    hal_csr_swap(h, &other, &save);
    for (unsigned i = 0; i < WORLD_CSR_SWAPPED; i++) {
        CHECK_EQ(other.csr[i], legal[i]);
        CHECK_EQ(rd(number_of[i]), before[i]);
    }
    hal_csr_write(h, WORLD_SLOT_vsepc, 0x1235);
    CHECK_EQ(rd(0x241), 0x1234);
}

int main(void)
{
    m = host_machine(2, 0);
    masks();
    status_registers();
    translation_roots();
    interrupt_views();
    timers();
    floating_point_views();
    vector_access();
    access_by_mode();
    counters();
    switches_that_close();
    redirection();
    swap_follows_the_rules();
    machine_destroy(m);
    return test_finish();
}
