/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps: who takes one, what the taker's registers show, and the way into the monitor and out of it.
 *
 * Harts run to completion: while the monitor works for one hart the others stand still, except where it waits for
 * them (hal_relax), and after it is done, when every machine software interrupt that it raised is served. On the way
 * out of the monitor the state that a world is about to run with is judged.
 */
#include <string.h>

#include "harness/machine/internal.h"
#include "harness/machine/sanitize.h"

#define MSI_ROUNDS 16u /* a software interrupt that is still pending after so many services is never taken back */

#define IRQ_NUMBER(cause) ((cause) & ~TRAP_INTERRUPT)

/* --- to the host or to the guest -------------------------------------------------------------------------------- */

static uint64_t vector(uint64_t tvec, uint64_t cause)
{
    uint64_t base = tvec & ~UINT64_C(3);
    bool vectored = (tvec & 3) == 1 && (cause & TRAP_INTERRUPT) != 0;

    return vectored ? base + 4 * IRQ_NUMBER(cause) : base;
}

/* Does mtval hold an address of the guest's own virtual space? */
static bool tval_is_guest_address(uint64_t cause)
{
    static const uint32_t address_causes = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 |
                                           1u << 12 | 1u << 13 | 1u << 15 | 1u << 20 | 1u << 21 | 1u << 23;

    return cause < 32 && (address_causes >> cause & 1) != 0;
}

/* The SIE/SPIE/SPP stack of sstatus or vsstatus, as a trap moves it. */
static uint64_t push_status(uint64_t status, enum privilege from)
{
    uint64_t pushed = status & ~(STATUS_SIE | STATUS_SPIE | STATUS_SPP);

    pushed |= (status & STATUS_SIE) != 0 ? STATUS_SPIE : 0;
    pushed |= from == PRIV_S ? STATUS_SPP : 0;
    return pushed;
}

static void deliver_to_guest(struct machine_hart *hart, const struct trap *t)
{
    /* A guest sees its own interrupts under the supervisor's numbers. */
    uint64_t cause = (t->cause & TRAP_INTERRUPT) != 0 ? t->cause - 1 : t->cause;

    hart->csr[SLOT_vsepc] = hart->pc;
    hart->csr[SLOT_vscause] = cause;
    hart->csr[SLOT_vstval] = t->tval;
    hart->csr[SLOT_vsstatus] = push_status(hart->csr[SLOT_vsstatus], hart->priv);
    hart->priv = PRIV_S;
    hart->pc = vector(hart->csr[SLOT_vstvec], cause);
}

static void deliver_to_host(struct machine *m, uint32_t h, const struct trap *t)
{
    struct machine_hart *hart = &m->hart[h];
    uint64_t hstatus = hart->csr[SLOT_hstatus] & ~(HSTATUS_SPV | HSTATUS_GVA);

    hart->csr[SLOT_sepc] = hart->pc;
    hart->csr[SLOT_scause] = t->cause;
    hart->csr[SLOT_stval] = t->tval;
    hart->csr[SLOT_htval] = t->tval2;
    hart->csr[SLOT_htinst] = t->tinst;
    if (hart->virt) {
        hstatus = (hstatus & ~HSTATUS_SPVP) | HSTATUS_SPV;
        hstatus |= hart->priv == PRIV_S ? HSTATUS_SPVP : 0;
        hstatus |= tval_is_guest_address(t->cause) ? HSTATUS_GVA : 0;
    }
    hart->csr[SLOT_hstatus] = hstatus;
    hart->csr[SLOT_mstatus] = push_status(hart->csr[SLOT_mstatus], hart->priv);
    hart->virt = false;
    hart->priv = PRIV_S;
    hart->pc = vector(hart->csr[SLOT_stvec], t->cause);
    if (m->monitor->hart[h].tvm_slot != HART_NO_TVM)
        violation_record(m, h, VIOLATION_WORLD_STATE, "a trap of a guest was delegated to the host");
}

/* --- into the monitor ------------------------------------------------------------------------------------------- */

/* Where the trap entry saves: only the host context of the hart or a window frame can be meant. */
static struct world_ctx *checked_frame(struct machine *m, uint32_t h)
{
    struct hart *mh = &m->monitor->hart[h];
    struct world_ctx *frame = mh->frame;

    if (frame != &mh->host && (!memory_points_to_window(m, frame, sizeof(*frame)) || ((uintptr_t)frame & 7) != 0))
        violation_unwind(m, h, VIOLATION_BAD_ACCESS, "the trap frame is neither the host's nor in the window");
    return frame;
}

/* The trap entry writes to a vCPU's frame in the window, and the monitor goes on using it. */
static void give_frame(struct machine *m, const struct world_ctx *frame)
{
    size_t offset = (size_t)((const uint8_t *)frame - m->window);
    uint32_t first = (uint32_t)(offset >> PAGE_SHIFT);
    uint32_t last = (uint32_t)((offset + sizeof(*frame) - 1) >> PAGE_SHIFT);

    for (uint32_t i = first; i <= last; i++)
        memory_mark_window(m, i);
    redzone_open(m, first, last - first + 1);
}

/* What the hardware does when M-mode takes a trap. */
static void raise_to_machine(struct machine *m, uint32_t h, const struct trap *t)
{
    struct machine_hart *hart = &m->hart[h];
    uint64_t status = hart->csr[SLOT_mstatus] & ~(STATUS_MPP | STATUS_MPV | STATUS_MPIE | STATUS_GVA);

    status |= (status & STATUS_MIE) != 0 ? STATUS_MPIE : 0;
    status &= ~STATUS_MIE;
    status |= (uint64_t)hart->priv << STATUS_MPP_SHIFT;
    if (hart->virt)
        status |= STATUS_MPV | (tval_is_guest_address(t->cause) ? STATUS_GVA : 0);
    csr_mstatus_write(m, h, status);
    hart->csr[SLOT_mepc] = hart->pc;
    hart->csr[SLOT_mcause] = t->cause;
    hart->csr[SLOT_mtval] = t->tval;
    hart->csr[SLOT_mtval2] = t->tval2;
    hart->csr[SLOT_mtinst] = t->tinst;
}

/* What the assembly of a real trap entry does. */
static void store_world(struct machine *m, uint32_t h)
{
    struct machine_hart *hart = &m->hart[h];
    struct world_ctx *frame = checked_frame(m, h);

    if (frame != &m->monitor->hart[h].host)
        give_frame(m, frame);
    memcpy(&frame->x[1], &hart->x[1], 31 * sizeof(frame->x[0]));
    frame->pc = hart->pc;
    frame->status = hart->csr[SLOT_mstatus];
}

/* --- out of the monitor ----------------------------------------------------------------------------------------- */

static void judge_world(struct machine *m, uint32_t h, bool host_guest)
{
    const struct machine_hart *hart = &m->hart[h];
    bool tvm = m->monitor->hart[h].tvm_slot != HART_NO_TVM;

    if (hart->pmp_unfenced)
        violation_record(m, h, VIOLATION_PMP_UNFENCED, "a PMP entry changed and no fence followed");
    if (hart->hgatp_unfenced)
        violation_record(m, h, VIOLATION_HGATP_UNFENCED, "hgatp changed and no fence followed");
    if (hart->guest_cached && !hart->virt)
        violation_record(m, h, VIOLATION_HGATP_UNFENCED, "the host was entered with a TVM's VMID not fenced");
    if (hart->virt && !tvm && !host_guest)
        violation_record(m, h, VIOLATION_WORLD_STATE, "V=1 entered while no TVM is on the hart");
    if (!hart->virt && tvm)
        violation_record(m, h, VIOLATION_WORLD_STATE, "the host was entered while a TVM is on the hart");
}

void trap_return_from_machine(struct machine *m, uint32_t h, uint64_t status, uint64_t pc)
{
    struct machine_hart *hart = &m->hart[h];

    hart->pc = pc & ~UINT64_C(1);
    hart->priv = (enum privilege)((status & STATUS_MPP) >> STATUS_MPP_SHIFT);
    hart->virt = (status & STATUS_MPV) != 0;
    status = (status & ~STATUS_MIE) | ((status & STATUS_MPIE) != 0 ? STATUS_MIE : 0);
    csr_mstatus_write(m, h, (status & ~(STATUS_MPP | STATUS_MPV)) | STATUS_MPIE);
}

/* mret with the registers of whatever frame the hart points to now. */
static void load_world(struct machine *m, uint32_t h)
{
    const struct world_ctx *frame = checked_frame(m, h);
    uint64_t status = frame->status;

    sanitize_check_initialised(frame->x, sizeof(frame->x) + sizeof(frame->pc) + sizeof(frame->status));
    if ((status & STATUS_MPP) > ((uint64_t)PRIV_S << STATUS_MPP_SHIFT) || (status & (STATUS_MIE | STATUS_MPRV)) != 0)
        violation_unwind(m, h, VIOLATION_WORLD_STATE, "a world was to be entered with the status of M-mode");
    memcpy(&m->hart[h].x[1], &frame->x[1], 31 * sizeof(frame->x[0]));
    trap_return_from_machine(m, h, status, frame->pc);
}

/* A world runs on the hart from now on. */
static void begin_world(struct machine *m, uint32_t h, bool host_guest)
{
    struct machine_hart *hart = &m->hart[h];

    judge_world(m, h, host_guest);
    if (hart->virt && m->monitor->hart[h].tvm_slot != HART_NO_TVM) {
        hart->guest_cached = true;
        hart->guest_vmid = tlb_vmid_now(hart);
    }
}

/* Hart `h` has left the monitor: park it, or let the chosen world run. */
static void leave(struct machine *m, uint32_t h, bool host_guest)
{
    const struct mmode_port *port = m->private->port;

    if (m->private->mode != MACHINE_THREADS)
        m->in_monitor--;
    m->private->hart[h].busy = false;
    if (m->locks_held[h] != 0)
        violation_record(m, h, VIOLATION_LOCK, "the monitor left with a lock held");
    if (port == NULL && shared_load(&m->monitor->hart[h].hsm_state) != SBI_HSM_STARTED)
        m->hart[h].parked = true;
    if (m->hart[h].parked) {
        emit(m, EVENT_LEAVE_MONITOR, h, 0, 0, 0);
        return;
    }
    if (port == NULL)
        load_world(m, h);
    begin_world(m, h, host_guest);
    emit(m, EVENT_LEAVE_MONITOR, h, m->hart[h].virt, 0, 0);
}

static void enter(struct machine *m, uint32_t h, uint64_t cause)
{
    if (m->private->mode != MACHINE_THREADS)
        m->in_monitor++;
    m->private->hart[h].busy = true;
    tick(m, 1);
    emit(m, EVENT_ENTER_MONITOR, h, cause, 0, 0);
}

/* The monitor's work, in which what a trace has prepared may fail. */
static void run_monitor(struct machine *m, uint32_t h, const struct trap *t)
{
    struct fail_watch *watch = &m->private->hart[h].disturbance.fail;
    struct hart *mh = &m->monitor->hart[h];

    if (!watch->armed) {
        monitor_trap(mh, t);
        return;
    }
    struct fail_watch *before = fail_watch_set(watch);
    monitor_trap(mh, t);
    fail_watch_set(before);
}

static void take_in_monitor(struct machine *m, uint32_t h, const struct trap *t)
{
    const struct mmode_port *port = m->private->port;
    struct hart *mh = &m->monitor->hart[h];
    bool host_guest = m->hart[h].virt && mh->tvm_slot == HART_NO_TVM; /* the host's own VM: nothing of ours */

    m->taken[h] = *t;
    enter(m, h, t->cause);
    raise_to_machine(m, h, t);
    if (port != NULL) {
        port->trap(port->data, m, h);
    } else {
        store_world(m, h);
        run_monitor(m, h, t);
    }
    leave(m, h, host_guest);
}

static void wake(struct machine *m, uint32_t h)
{
    const struct mmode_port *port = m->private->port;

    enter(m, h, TRAP_INTERRUPT | IRQ_MSI);
    m->private->hart[h].closing = true;
    if (port != NULL)
        port->wake(port->data, m, h);
    else if (monitor_hart_wake(&m->monitor->hart[h]))
        m->hart[h].parked = false;
    m->private->hart[h].closing = false;
    leave(m, h, false);
}

/* --- machine software interrupts -------------------------------------------------------------------------------- */

bool trap_host_interrupt_pending(const struct machine *m, uint32_t h)
{
    return (csr_interrupts_pending(m, h) & m->hart[h].csr[SLOT_mie] & (IRQ_S_BITS | IRQ_VS_BITS)) != 0;
}

/* A suspended hart wakes by what would end the host's wfi, too. */
static bool resumes(const struct machine *m, uint32_t h)
{
    return m->hart[h].parked && shared_load(&m->monitor->hart[h].hsm_state) == SBI_HSM_SUSPENDED &&
           trap_host_interrupt_pending(m, h);
}

bool trap_takes_msi(const struct machine *m, uint32_t h)
{
    const struct machine_hart *hart = &m->hart[h];

    if (m->private->hart[h].busy || machine_halted(m))
        return false;
    if (!machine_msip(m, h))
        return resumes(m, h);
    return hart->parked || (hart->csr[SLOT_mie] & IRQ_BIT(IRQ_MSI)) != 0;
}

static void serve_msi(struct machine *m, uint32_t h)
{
    if (m->hart[h].parked)
        wake(m, h);
    else
        take_in_monitor(m, h, &(struct trap){.cause = TRAP_INTERRUPT | IRQ_MSI});
}

void trap_serve_others(struct machine *m, uint32_t h)
{
    for (uint32_t i = 0; i < m->config.harts; i++) {
        if (i != h && trap_takes_msi(m, i))
            serve_msi(m, i);
    }
}

static void serve_all(struct machine *m)
{
    for (unsigned round = 0; round < MSI_ROUNDS; round++) {
        bool any = false;
        for (uint32_t i = 0; i < m->config.harts; i++) {
            if (!trap_takes_msi(m, i))
                continue;
            serve_msi(m, i);
            any = true;
        }
        if (!any)
            return;
    }
    violation_unwind(m, 0, VIOLATION_BUDGET, "a machine software interrupt is never taken back");
}

/* --- outermost entries ------------------------------------------------------------------------------------------ */

/* Something that runs monitor code on a hart. */
struct entry {
    void (*run)(struct machine *m, uint32_t h, const struct entry *entry);
    const struct trap *trap;
    bool boot;
    uint64_t pc, opaque;
};

/* The hart was torn out of the monitor, and in sequential mode those with it that it was waiting for. */
static void forget_work(struct machine *m, uint32_t h)
{
    bool alone = m->private->mode != MACHINE_SEQUENTIAL;

    if (m->private->mode != MACHINE_THREADS)
        m->in_monitor = 0;
    for (uint32_t i = alone ? h : 0; i < (alone ? h + 1 : m->config.harts); i++)
        m->private->hart[i].busy = false;
}

/* Run it, with a way back for violations that end it. */
static void outermost(struct machine *m, uint32_t h, const struct entry *entry)
{
    jmp_buf back;

    if (m->private->mode != MACHINE_THREADS)
        m->steps = 0;
    violation_unwind_to(&back);
    if (setjmp(back) == 0) {
        entry->run(m, h, entry);
        if (m->private->mode == MACHINE_SEQUENTIAL)
            serve_all(m); /* otherwise each hart serves its own */
    } else {
        fail_watch_set(NULL);
        forget_work(m, h);
    }
    redzone_end(m);
    violation_unwind_to(NULL);
}

static void run_trap(struct machine *m, uint32_t h, const struct entry *entry)
{
    take_in_monitor(m, h, entry->trap);
}

static void run_boot(struct machine *m, uint32_t h, const struct entry *entry)
{
    enter(m, h, 0);
    if (!monitor_boot_hart(&m->monitor->hart[h], entry->boot, entry->pc, entry->opaque))
        violation_unwind(m, h, VIOLATION_FATAL, "the monitor refuses to boot a hart");
    m->hart[h].parked = !entry->boot;
    leave(m, h, false);
}

/* All harts at once: the port decides which of them executes when. */
static void run_port_boot(struct machine *m, uint32_t h, const struct entry *entry)
{
    const struct mmode_port *port = m->private->port;

    (void)entry;
    for (uint32_t i = 0; i < m->config.harts; i++)
        enter(m, i, 0);
    port->boot(port->data, m);
    for (uint32_t i = m->config.harts; i-- > 0;)
        leave(m, i, false);
    (void)h;
}

static void run_msi(struct machine *m, uint32_t h, const struct entry *entry)
{
    (void)entry;
    serve_msi(m, h);
}

void trap_serve_msi(struct machine *m, uint32_t h)
{
    outermost(m, h, &(struct entry){.run = run_msi});
}

void trap_boot_hart(struct machine *m, uint32_t h, bool boot, uint64_t entry, uint64_t opaque)
{
    outermost(m, h, &(struct entry){.run = run_boot, .boot = boot, .pc = entry, .opaque = opaque});
}

void trap_boot_port(struct machine *m)
{
    outermost(m, 0, &(struct entry){.run = run_port_boot});
}

/* Which of the three takes a trap that is raised in the current mode of the hart. */
static enum trap_taker taker_of(const struct machine_hart *hart, uint64_t cause)
{
    bool interrupt = (cause & TRAP_INTERRUPT) != 0;
    uint64_t number = IRQ_NUMBER(cause);
    uint64_t bit = number < 64 ? UINT64_C(1) << number : 0;

    if ((hart->csr[interrupt ? SLOT_mideleg : SLOT_medeleg] & bit) == 0)
        return TAKEN_BY_MONITOR;
    if (hart->virt && (hart->csr[interrupt ? SLOT_hideleg : SLOT_hedeleg] & bit) != 0)
        return TAKEN_BY_GUEST;
    return TAKEN_BY_HOST;
}

enum trap_taker machine_trap(struct machine *m, uint32_t h, const struct trap *t)
{
    struct machine_hart *hart = &m->hart[h];

    if (machine_halted(m) || hart->parked)
        return TAKEN_BY_NOBODY;
    enum trap_taker taker = taker_of(hart, t->cause);
    switch (taker) {
    case TAKEN_BY_GUEST:
        tick(m, 1);
        deliver_to_guest(hart, t);
        break;
    case TAKEN_BY_HOST:
        tick(m, 1);
        deliver_to_host(m, h, t);
        break;
    case TAKEN_BY_MONITOR:
    case TAKEN_BY_NOBODY: outermost(m, h, &(struct entry){.run = run_trap, .trap = t}); break;
    }
    return taker;
}

enum trap_taker machine_ecall(struct machine *m, uint32_t h)
{
    const struct machine_hart *hart = &m->hart[h];
    uint64_t cause = hart->priv == PRIV_U ? 8 : hart->virt ? 10 : 9;

    return machine_trap(m, h, &(struct trap){.cause = cause});
}

bool machine_in_guest(const struct machine *m, uint32_t h)
{
    return m->hart[h].virt && !m->hart[h].parked;
}
