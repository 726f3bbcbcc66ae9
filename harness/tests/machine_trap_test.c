/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise: a trap reaches whom the delegation registers name, with the registers that the architecture gives it, and
 * a hart takes the pending interrupt that it should.
 *
 * The monitor here is the small one of machine_small_monitor.h.
 */
#include "harness/tests/machine_small_monitor.h"

enum csr {
    STVEC = 0x105,
    SEPC = 0x141,
    SCAUSE = 0x142,
    STVAL = 0x143,
    SSTATUS = 0x100,
    VSSTATUS = 0x200,
    VSTVEC = 0x205,
    VSEPC = 0x241,
    VSCAUSE = 0x242,
    VSTVAL = 0x243,
    MSTATUS = 0x300,
    MEDELEG = 0x302,
    MIDELEG = 0x303,
    MIE = 0x304,
    MIP = 0x344,
    HSTATUS = 0x600,
    HEDELEG = 0x602,
    HIDELEG = 0x603,
    HVIP = 0x645,
    HTVAL = 0x643,
    HTINST = 0x64a
};

#define SIE_BIT 0x2u
#define MIE_BIT 0x8u
#define MPIE_BIT 0x80u
#define SPIE_BIT 0x20u
#define SPP_BIT 0x100u
#define GVA (UINT64_C(1) << 38)

/* --- the machine under test ------------------------------------------------------------------------------------- */

static struct machine *m;

static uint64_t rd(unsigned csr)
{
    return machine_csr_read(m, 0, csr);
}

static void wr(unsigned csr, uint64_t value)
{
    machine_csr_write(m, 0, csr, value);
}

static void fresh(bool virt, enum privilege priv)
{
    machine_reset(m);
    traps = 0;
    wakes = 0;
    wake_starts = false;
    act = NULL;
    for (unsigned i = 1; i < 32; i++)
        m->hart[0].x[i] = 1000 + i;
    m->hart[0].pc = 0x5554;
    m->hart[0].virt = virt;
    m->hart[0].priv = priv;
    wr(MSTATUS, 0);
    wr(HSTATUS, 0);
    wr(VSSTATUS, 0);
    wr(STVEC, 0x10000);
    wr(VSTVEC, 0x20000);
    wr(MEDELEG, 0);
    wr(HEDELEG, 0);
    wr(MIDELEG, 0);
    wr(HIDELEG, 0);
    wr(MIE, 0);
    wr(MIP, 0);
    wr(HVIP, 0);
}

static enum trap_taker raise(uint64_t cause)
{
    return machine_trap(m, 0, &(struct trap){.cause = cause, .tval = 0x7777, .tval2 = 0x888, .tinst = 0x3000});
}

static void delegation(void)
{
    for (unsigned cause = 0; cause < 24; cause++) {
        for (unsigned mode = 0; mode < 4; mode++) {
            bool virt = (mode & 1) != 0;
            enum privilege priv = (mode & 2) != 0 ? PRIV_S : PRIV_U;
            fresh(virt, priv);
            CHECK_EQ(raise(cause), TAKEN_BY_MONITOR);

            fresh(virt, priv);
            wr(MEDELEG, UINT64_C(1) << cause);
            bool delegable = rd(MEDELEG) != 0;
            CHECK_EQ(raise(cause), delegable ? TAKEN_BY_HOST : TAKEN_BY_MONITOR);

            fresh(virt, priv);
            wr(MEDELEG, UINT64_C(1) << cause);
            wr(HEDELEG, UINT64_C(1) << cause);
            enum trap_taker expected = delegable ? TAKEN_BY_HOST : TAKEN_BY_MONITOR;
            if (delegable && virt && rd(HEDELEG) != 0)
                expected = TAKEN_BY_GUEST;
            CHECK_EQ(raise(cause), expected);

            fresh(virt, priv);
            wr(HEDELEG, UINT64_C(1) << cause); /* counts only after medeleg */
            CHECK_EQ(raise(cause), TAKEN_BY_MONITOR);
        }
    }
}

static void into_the_guest(void)
{
    fresh(true, PRIV_U);
    wr(MEDELEG, 1u << 13);
    wr(HEDELEG, 1u << 13);
    wr(VSSTATUS, SIE_BIT);
    CHECK_EQ(raise(13), TAKEN_BY_GUEST);
    CHECK_EQ(rd(VSEPC), 0x5554);
    CHECK_EQ(rd(VSCAUSE), 13);
    CHECK_EQ(rd(VSTVAL), 0x7777);
    CHECK_EQ(rd(VSSTATUS) & (SIE_BIT | SPIE_BIT | SPP_BIT), SPIE_BIT);
    CHECK_EQ(m->hart[0].pc, 0x20000);
    CHECK_EQ(m->hart[0].priv, PRIV_S);
    CHECK(m->hart[0].virt);
    CHECK_EQ(raise(13), TAKEN_BY_GUEST); /* from VS-mode, interrupts off */
    CHECK_EQ(rd(VSSTATUS) & (SIE_BIT | SPIE_BIT | SPP_BIT), SPP_BIT);
    CHECK_EQ(traps, 0);

    /* Its interrupts arrive under the supervisor's number and vector. */
    fresh(true, PRIV_S);
    wr(HIDELEG, 0x444);
    wr(VSTVEC, 0x20001);
    wr(VSSTATUS, SIE_BIT);
    CHECK_EQ(raise(IRQ | 6), TAKEN_BY_GUEST);
    CHECK_EQ(rd(VSCAUSE), IRQ | 5);
    CHECK_EQ(m->hart[0].pc, 0x20000 + 4 * 5);
}

static void into_the_host(void)
{
    fresh(false, PRIV_U);
    wr(MEDELEG, 1u << 8);
    wr(MSTATUS, SIE_BIT);
    m->monitor->hart[0].tvm_slot = HART_NO_TVM;
    CHECK_EQ(machine_ecall(m, 0), TAKEN_BY_HOST);
    CHECK_EQ(rd(SEPC), 0x5554);
    CHECK_EQ(rd(SCAUSE), 8);
    CHECK_EQ(rd(STVAL), 0);
    CHECK_EQ(rd(SSTATUS) & (SIE_BIT | SPIE_BIT | SPP_BIT), SPIE_BIT);
    CHECK_EQ(rd(HSTATUS) & 0x1c0, 0);
    CHECK_EQ(m->hart[0].pc, 0x10000);

    /* From a guest: V goes off, hstatus says where it came from and whose address stval holds. */
    fresh(true, PRIV_S);
    wr(MEDELEG, 1u << 21 | 1u << 22);
    CHECK_EQ(raise(21), TAKEN_BY_HOST);
    CHECK(!m->hart[0].virt);
    CHECK_EQ(rd(HSTATUS) & 0x1c0, 0x1c0); /* GVA, SPV, SPVP */
    CHECK_EQ(rd(HTVAL), 0x888);
    CHECK_EQ(rd(HTINST), 0x3000);
    CHECK_EQ(rd(SSTATUS) & SPP_BIT, SPP_BIT);
    fresh(true, PRIV_U);
    wr(MEDELEG, 1u << 22);
    wr(HSTATUS, 0x1c0);
    CHECK_EQ(raise(22), TAKEN_BY_HOST);
    CHECK_EQ(rd(HSTATUS) & 0x1c0, 0x080); /* no address; user mode */
    CHECK_EQ(rd(SSTATUS) & SPP_BIT, 0);

    fresh(false, PRIV_S);
    wr(MIDELEG, 0x222);
    wr(STVEC, 0x10001);
    CHECK_EQ(raise(IRQ | 9), TAKEN_BY_HOST);
    CHECK_EQ(m->hart[0].pc, 0x10000 + 4 * 9);
    CHECK_EQ(rd(SCAUSE), IRQ | 9);
    wr(MEDELEG, 1u << 2);
    CHECK_EQ(raise(2), TAKEN_BY_HOST);
    CHECK_EQ(m->hart[0].pc, 0x10000); /* exceptions are never vectored */
}

static void ecalls_name_their_mode(void)
{
    fresh(false, PRIV_U);
    machine_ecall(m, 0);
    CHECK_EQ(seen.cause, 8);
    fresh(false, PRIV_S);
    machine_ecall(m, 0);
    CHECK_EQ(seen.cause, 9);
    fresh(true, PRIV_U);
    machine_ecall(m, 0);
    CHECK_EQ(seen.cause, 8);
    fresh(true, PRIV_S);
    machine_ecall(m, 0);
    CHECK_EQ(seen.cause, 10);
}

static void rewrite_frame(struct hart *h)
{
    for (unsigned i = 1; i < 32; i++)
        h->frame->x[i] = 2000 + i;
    h->frame->pc = 0x9999;
    h->frame->status = MPP(0) | SPIE_BIT;
}

static void into_the_monitor_and_back(void)
{
    fresh(false, PRIV_S);
    wr(MSTATUS, SIE_BIT | MPV | MPP(3) | MIE_BIT);
    uint64_t time = m->time;
    CHECK_EQ(raise(21), TAKEN_BY_MONITOR);
    CHECK_EQ(m->time, time + 1);
    CHECK_EQ(seen.cause, 21);
    CHECK_EQ(seen.tval, 0x7777);
    CHECK_EQ(seen.tval2, 0x888);
    CHECK_EQ(seen.tinst, 0x3000);
    CHECK_EQ(rd(0x342), 21);
    for (unsigned i = 1; i < 32; i++)
        CHECK_EQ(seen_frame.x[i], 1000 + i);
    CHECK_EQ(seen_frame.x[0], 0);
    CHECK_EQ(seen_frame.pc, 0x5554);
    CHECK_EQ(seen_frame.status & (MPP(3) | MPV | GVA | SIE_BIT), MPP(1) | SIE_BIT);
    CHECK_EQ(seen_frame.status & (MIE_BIT | MPIE_BIT), MPIE_BIT);
    CHECK_EQ(rd(MSTATUS) & (MIE_BIT | MPIE_BIT), MIE_BIT | MPIE_BIT);
    /* Untouched frame, untouched world. */
    CHECK_EQ(m->hart[0].pc, 0x5554);
    CHECK_EQ(m->hart[0].priv, PRIV_S);
    CHECK(!m->hart[0].virt);
    CHECK_EQ(m->hart[0].x[17], 1017);
    CHECK_EQ(rd(SSTATUS) & SIE_BIT, SIE_BIT);
    CHECK_EQ(rd(MSTATUS) & (MPP(3) | MPV), 0); /* mret leaves U in MPP */

    fresh(true, PRIV_U);
    raise(21);
    CHECK_EQ(seen_frame.status & (MPP(3) | MPV | GVA), MPV | GVA);
    CHECK(m->hart[0].virt);
    CHECK_EQ(m->hart[0].priv, PRIV_U);
    CHECK_EQ(m->violation.kind, VIOLATION_NONE); /* a VM of the host's own */

    fresh(false, PRIV_S);
    act = rewrite_frame;
    raise(2);
    CHECK_EQ(m->hart[0].x[31], 2031);
    CHECK_EQ(m->hart[0].x[0], 0);
    CHECK_EQ(m->hart[0].pc, 0x9998);
    CHECK_EQ(m->hart[0].priv, PRIV_U);
}

/* --- interrupts ------------------------------------------------------------------------------------------------- */

/* Which interrupt is taken, 0 if none. */
static uint64_t taken(void)
{
    switch (machine_take_interrupt(m, 0)) {
    case TAKEN_BY_HOST: return rd(SCAUSE) & ~IRQ;
    case TAKEN_BY_GUEST: return (rd(VSCAUSE) & ~IRQ) + 1;
    case TAKEN_BY_MONITOR: return seen.cause & ~IRQ;
    case TAKEN_BY_NOBODY: return 0;
    }
    return 0;
}

static void enables(void)
{
    /* The supervisor's: off by sie, off by SIE in S-mode, always on in U-mode and in a guest. */
    for (unsigned irq = 1; irq <= 9; irq += 4) {
        fresh(false, PRIV_S);
        wr(MIDELEG, 0x222);
        machine_set_pending(m, 0, irq, true);
        wr(MSTATUS, SIE_BIT);
        CHECK_EQ(taken(), 0);
        wr(MIE, 0x222);
        wr(MSTATUS, 0);
        CHECK_EQ(taken(), 0);
        wr(MSTATUS, SIE_BIT);
        CHECK_EQ(taken(), irq);
        fresh(false, PRIV_U);
        wr(MIDELEG, 0x222);
        wr(MIE, 0x222);
        machine_set_pending(m, 0, irq, true);
        CHECK_EQ(taken(), irq);
        fresh(true, PRIV_S);
        wr(MIDELEG, 0x222);
        wr(MIE, 0x222);
        machine_set_pending(m, 0, irq, true);
        CHECK_EQ(taken(), irq);
        CHECK_EQ(traps, 0);
        /* Not delegated: M-mode's, whatever the supervisor masked. */
        fresh(false, PRIV_S);
        wr(MIE, 0x222);
        machine_set_pending(m, 0, irq, true);
        CHECK_EQ(taken(), irq);
        CHECK_EQ(traps, 1);
        machine_set_pending(m, 0, irq, false);
        CHECK_EQ(taken(), 0);
    }

    /* The guest's: only while it runs, and there as vsstatus says. */
    fresh(false, PRIV_U);
    wr(MIE, 0x444);
    wr(HIDELEG, 0x444);
    wr(HVIP, 0x444);
    CHECK_EQ(taken(), 0);
    m->hart[0].virt = true;
    CHECK_EQ(taken(), 10);
    fresh(true, PRIV_S);
    wr(MIE, 0x444);
    wr(HIDELEG, 0x444);
    wr(HVIP, 0x40);
    CHECK_EQ(taken(), 0);
    wr(VSSTATUS, SIE_BIT);
    CHECK_EQ(taken(), 6);
    /* Not delegated to the guest: the host's. */
    fresh(true, PRIV_S);
    wr(MIE, 0x444);
    wr(HVIP, 0x40);
    CHECK_EQ(taken(), 6);
    CHECK_EQ(rd(SCAUSE), IRQ | 6);
}

static void highest_first(void)
{
    static const unsigned order[] = {9, 1, 5};

    fresh(false, PRIV_S);
    wr(MIE, 0xeee);
    for (unsigned i = 0; i < 3; i++)
        machine_set_pending(m, 0, order[i], true);
    m->msip[0] = true;
    CHECK_EQ(taken(), 3);
    CHECK(!m->msip[0]);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(taken(), order[i]);
        machine_set_pending(m, 0, order[i], false);
    }
    CHECK_EQ(taken(), 0);

    /* A guest's pending external interrupt does not go before the host's timer. */
    fresh(true, PRIV_U);
    wr(MIDELEG, 0x222);
    wr(HIDELEG, 0x444);
    wr(MIE, 0xeee);
    wr(HVIP, 0x400);
    machine_set_pending(m, 0, 5, true);
    CHECK_EQ(taken(), 5);
}

/* --- harts ------------------------------------------------------------------------------------------------------ */

static void ipi_to_other(struct hart *h)
{
    if (h->id == 0)
        hal_ipi_send(h, 1);
}

static void send_and_wait(struct hart *h)
{
    if (h->id != 0)
        return;
    hal_ipi_send(h, 1);
    CHECK_EQ(machine_csr_read(m, 1, MIP) & 8, 8);
    unsigned before = traps;
    hal_relax(h);
    CHECK_EQ(traps, before + 1);
    CHECK_EQ(machine_csr_read(m, 1, MIP) & 8, 0);
}

static void stop_hart(struct hart *h)
{
    h->hsm_state = SBI_HSM_STOPPED;
}

static void software_interrupts(void)
{
    /* A parked hart is woken, and starts when the monitor says so. */
    fresh(false, PRIV_S);
    CHECK(m->hart[1].parked);
    CHECK_EQ(machine_trap(m, 1, &(struct trap){.cause = 2}), TAKEN_BY_NOBODY);
    CHECK_EQ(machine_take_interrupt(m, 1), TAKEN_BY_NOBODY);
    CHECK(!machine_access(m, 1, HOST(0), ACCESS_LOAD, 8, 0).ok);
    act = ipi_to_other;
    raise(2);
    CHECK_EQ(wakes, 1);
    CHECK(m->hart[1].parked);
    wake_starts = true;
    raise(2);
    CHECK_EQ(wakes, 2);
    CHECK(!m->hart[1].parked);
    CHECK_EQ(m->hart[1].priv, PRIV_S);

    /* A running one takes it only when M-mode enabled it: after the sender is done, or while the sender waits. */
    machine_csr_write(m, 1, MIE, 0);
    raise(2);
    CHECK_EQ(traps, 3);
    CHECK(m->msip[1]);
    machine_csr_write(m, 1, MIE, 8);
    raise(2);
    CHECK_EQ(traps, 5);
    CHECK(!m->msip[1]);
    act = send_and_wait;
    raise(2);
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);

    act = stop_hart;
    raise(2);
    CHECK(m->hart[0].parked);
    CHECK_EQ(machine_ecall(m, 0), TAKEN_BY_NOBODY);
}

int main(void)
{
    m = host_machine(2, 0);
    delegation();
    into_the_guest();
    into_the_host();
    ecalls_name_their_mode();
    into_the_monitor_and_back();
    enables();
    highest_first();
    software_interrupts();
    machine_destroy(m);
    return test_finish();
}
