/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the simulated machine: what its files share with each other and with nobody else.
 *
 * Memory is one mapping per machine: monitor, host RAM and window, with inaccessible pages between them, so that
 * an access beyond any of the three stops the process. Frames are numbered: host RAM first, then the window.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_INTERNAL_H
#define TOUCHSTONE_HARNESS_MACHINE_INTERNAL_H

#include <setjmp.h>

#include "harness/machine/fail_points.h"
#include "harness/machine/machine.h"
#include "harness/machine/mmode.h"

/* Numbers of CSRs that the machine itself looks at. */
#define CSR_STIMECMP 0x14du
#define CSR_SATP 0x180u
#define CSR_HGATP 0x680u
#define CSR_VSATP 0x280u

/* One slot in machine_hart.csr per stored CSR of csr_file.def. */
enum csr_slot {
#define CSR_PLAIN(name, number, writable) SLOT_##name,
#define CSR_RULED(name, number) SLOT_##name,
#define CSR_VIEW(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"
    SLOT_COUNT
};
_Static_assert(SLOT_COUNT <= MACHINE_CSR_SLOTS, "every stored CSR has a slot");

/* mstatus; sstatus and vsstatus have those of its bits that a supervisor may see. */
#define STATUS_SIE (UINT64_C(1) << 1)
#define STATUS_MIE (UINT64_C(1) << 3)
#define STATUS_SPIE (UINT64_C(1) << 5)
#define STATUS_MPIE (UINT64_C(1) << 7)
#define STATUS_SPP (UINT64_C(1) << 8)
#define STATUS_MPP_SHIFT 11
#define STATUS_MPP (UINT64_C(3) << STATUS_MPP_SHIFT)
#define STATUS_VS (UINT64_C(3) << 9)
#define STATUS_FS (UINT64_C(3) << 13)
#define STATUS_MPRV (UINT64_C(1) << 17)
#define STATUS_SUM (UINT64_C(1) << 18)
#define STATUS_MXR (UINT64_C(1) << 19)
#define STATUS_TVM (UINT64_C(1) << 20)
#define STATUS_TW (UINT64_C(1) << 21)
#define STATUS_TSR (UINT64_C(1) << 22)
#define STATUS_UXL_64 (UINT64_C(2) << 32)
#define STATUS_SXL_64 (UINT64_C(2) << 34)
#define STATUS_GVA (UINT64_C(1) << 38)
#define STATUS_MPV (UINT64_C(1) << 39)
#define STATUS_SD (UINT64_C(1) << 63)

#define HSTATUS_GVA (UINT64_C(1) << 6)
#define HSTATUS_SPV (UINT64_C(1) << 7)
#define HSTATUS_SPVP (UINT64_C(1) << 8)
#define HSTATUS_VTVM (UINT64_C(1) << 20)
#define HSTATUS_VTW (UINT64_C(1) << 21)

#define ENVCFG_STCE (UINT64_C(1) << 63)
#define STATEEN_SE0 (UINT64_C(1) << 63)
#define STATEEN_ENVCFG (UINT64_C(1) << 62)
#define COUNTER_TM (UINT64_C(1) << 1)

#define TRAP_INTERRUPT (UINT64_C(1) << 63)
enum { IRQ_SSI = 1, IRQ_VSSI = 2, IRQ_MSI = 3, IRQ_STI = 5, IRQ_VSTI = 6, IRQ_SEI = 9, IRQ_VSEI = 10 };
#define IRQ_BIT(n) (UINT64_C(1) << (n))
#define IRQ_S_BITS (IRQ_BIT(IRQ_SSI) | IRQ_BIT(IRQ_STI) | IRQ_BIT(IRQ_SEI))
#define IRQ_VS_BITS (IRQ_BIT(IRQ_VSSI) | IRQ_BIT(IRQ_VSTI) | IRQ_BIT(IRQ_VSEI))

/* What a PMP entry covers, decoded when it is written. */
struct pmp_range {
    uint64_t first, last; /* both included; first > last when the entry matches nothing */
    uint8_t perm;
};

/* What waits for the monitor on a hart: see disturb.c. */
struct race {
    bool armed;
    bool counts; /* by number of reads, and flips; else by address, and stores */
    uint32_t skip, word;
    uint64_t address, value;
};

struct waiting_fault {
    bool armed;
    uint32_t skip;
};

struct disturbance {
    bool active;
    uint32_t races;
    struct race race[MACHINE_RACES];
    struct waiting_fault fault[MACHINE_FAULTS];
    struct fail_watch fail;
};

/* A store of another core that came between two reads of the monitor. */
#define MACHINE_RACED 8u
struct raced {
    uint64_t address;
    uint8_t before[8], after[8];
};

/* Per hart, restored by a reset like struct machine_hart. */
struct hart_private {
    struct pmp_range pmp[PMP_ENTRIES];
    bool busy;             /* inside monitor_trap or monitor_hart_wake */
    uint8_t lock_ranks;    /* under a scheduler: a bit per rank of a lock that is held */
    uint64_t fences;       /* hal_fence_all since power-on */
    uint64_t fetch_fences; /* hal_fence_i since power-on */
    uint8_t fences_seen;   /* of the three that a changed PMP entry or hgatp asks for, one by one: mmode.h */
    bool closing;          /* is being closed off: boot, start or resume */
    uint16_t pmp_failed;   /* bit per PMP entry that did not take what was written last */
    bool copies_repeat;
    struct disturbance disturbance;
};

/* How harts share the monitor. */
enum machine_mode {
    MACHINE_SEQUENTIAL, /* one works to its end before the next one moves */
    MACHINE_FIBERS,     /* a scheduler chooses at each yield point: schedule.h */
    MACHINE_THREADS     /* each hart is a thread of the process: threads.h */
};

/* Frame flags. */
#define FRAME_DIRTY 1u   /* differs from the snapshot, perhaps */
#define FRAME_CHANGED 2u /* written since machine_changes_clear, or memory_host_changes_clear */

struct machine_private {
    void *mapping; /* all of it, of which the monitor's memory begins at `arena` */
    size_t mapping_size;
    uint8_t *arena;
    size_t monitor_bytes;
    uint32_t frames;      /* host RAM and window */
    uint8_t *snapshot;    /* contents right after boot of the frames that boot has written, at their places, */
    uint8_t *kept;        /* which are those where this is 1 */
    uint64_t window_bits; /* in which all others of the window differ from what the seed says */
    uint8_t *monitor_at_boot;
    uint8_t *frame_flags;
    uint32_t *dirty;
    uint32_t dirty_count;
    uint32_t *changed;
    uint32_t changed_count;
    uint32_t *host_changed;
    uint32_t host_changed_count;
    uint8_t *guard;    /* per window frame, see redzone.c */
    uint32_t *guarded; /* frames that have one: open ones from the front, closed ones from the back */
    uint32_t guarded_open, guarded_closed;
    struct hart_private hart[MONITOR_MAX_HARTS];
    struct hart_private hart_at_boot[MONITOR_MAX_HARTS];
    struct machine *at_boot; /* copy of the public part */
    enum machine_mode mode;
    struct schedule *schedule;     /* MACHINE_FIBERS */
    const struct mmode_port *port; /* who executes M-mode; NULL: the monitor that is linked in */
    bool violated;                 /* somebody has taken machine.violation to write to it */
    struct raced raced[MACHINE_RACED];
    uint32_t raced_count;
};

/* --- memory.c --------------------------------------------------------------------------------------------------- */

bool memory_create(struct machine *m);
void memory_destroy(struct machine *m);

/* Undo what was written to host RAM and window since memory_create or the last snapshot. */
void memory_restore_frames(struct machine *m);

/* Remember the present contents as what memory_restore brings back. */
bool memory_snapshot(struct machine *m);
void memory_restore(struct machine *m);

/*
 * For a machine that was just made, or reset: at power-on, now and after each reset, all words of the window differ in
 * `bits` from what the seed says.
 */
void memory_window_vary(struct machine *m, uint64_t bits);

/*
 * Registers of all harts (`hart`: what of them is private), devices, counters and console become those of `was`, which has as many
 * harts. Memory, the monitor, races that were prepared and input of the console are left to the caller.
 */
void machine_take_state(struct machine *m, const struct machine *was, const struct hart_private *hart);

/* Contents of a frame now; and at the snapshot, which are written to `to`, aligned as frames are or at least as vectors. */
uint8_t *memory_frame(const struct machine *m, uint32_t frame);
void memory_frame_to_boot(const struct machine *m, uint32_t frame, uint8_t *to);

/* Slow path of the two below. */
void memory_mark_new(struct machine *m, uint32_t frame, uint8_t flags);

static inline void memory_mark_host(struct machine *m, uint32_t host_frame)
{
    if (m->private->frame_flags[host_frame] != (FRAME_DIRTY | FRAME_CHANGED))
        memory_mark_new(m, host_frame, FRAME_DIRTY | FRAME_CHANGED);
}

static inline void memory_mark_window(struct machine *m, uint32_t window_frame)
{
    uint32_t frame = m->config.host_pages + window_frame;
    if (m->private->frame_flags[frame] != (FRAME_DIRTY | FRAME_CHANGED))
        memory_mark_new(m, frame, FRAME_DIRTY | FRAME_CHANGED);
}

/* Forget which frames of host memory were written; private.host_changed has them. */
void memory_host_changes_clear(struct machine *m);

/* Mark everything, so that no later mark changes anything. */
void memory_mark_all(struct machine *m);

/* Mark whatever frames [p, p + len) of host RAM or window touches. False when it is neither. */
bool memory_mark_pointer(struct machine *m, const void *p, size_t len);

/* Is [p, p + len) within the window as the process sees it? */
bool memory_points_to_window(const struct machine *m, const void *p, size_t len);

/* --- fill.c ----------------------------------------------------------------------------------------------------- */

/* What a frame of the window holds at power-on by the machine's seed, with all words changed in `bits`. */
void fill_frame(uint8_t *to, uint64_t seed, uint32_t window_frame, uint64_t bits);

/* --- redzone.c -------------------------------------------------------------------------------------------------- */

/* The monitor is given these window frames: it may touch them, and not their neighbours. */
void redzone_open(struct machine *m, uint32_t first, uint32_t count);

/* The monitor is done: all of the window is open again. */
void redzone_end(struct machine *m);

/* Around code that is not the monitor's and may look anywhere. */
void redzone_lift(struct machine *m);
void redzone_restore(struct machine *m);

/* --- csr.c ------------------------------------------------------------------------------------------------------ */

/* hal_csr_swap without its event: save all of both lists, then load them, in their order. */
void csr_swap(struct machine *m, uint32_t h, uint64_t *save, const uint64_t *load);
uint64_t csr_world_read(const struct machine *m, uint32_t h, unsigned slot);
void csr_world_write(struct machine *m, uint32_t h, unsigned slot, uint64_t value);

/* mip as the hart sees it: latched bits, hvip, timers, machine software interrupt. */
uint64_t csr_interrupts_pending(const struct machine *m, uint32_t h);

/* hal_hgatp_write without its event, and with what the machine remembers about it. */
void csr_hgatp_write(struct machine *m, uint32_t h, uint64_t value);

void csr_mstatus_write(struct machine *m, uint32_t h, uint64_t value);

/* What vsetvl leaves behind: an unsupported vtype becomes vill with vl = 0. */
void vector_type_write(struct machine_hart *hart, uint64_t vtype, uint64_t wanted);

/* Does csr_file.def have this number? */
bool csr_exists(unsigned csr);

/* --- pmp.c ------------------------------------------------------------------------------------------------------ */

/* Write an entry with its WARL rules. True when something changed. */
bool pmp_write(struct machine *m, uint32_t h, unsigned index, uint8_t config, uint64_t addr);

/* What one access of `len` bytes may do: the lowest matching entry must cover all of it. */
uint8_t pmp_access(const struct machine *m, uint32_t h, uint64_t pa, uint64_t len);

/* What every access within the page may do; false when that is not the same for all of the page. */
bool pmp_page(const struct machine *m, uint32_t h, uint64_t pa_page, uint8_t *perm);

/* --- iopmp.c ---------------------------------------------------------------------------------------------------- */

void iopmp_power_on(struct machine *m);
void iopmp_write(struct machine *m, unsigned index, uint8_t config, uint64_t addr);

/* --- disturb.c -------------------------------------------------------------------------------------------------- */

/* Around each access of the monitor to host memory, on a hart where something waits or has happened. */
void disturb_before_read(struct machine *m, uint32_t h, uint64_t address, uint64_t len);
void disturb_after_read(struct machine *m, uint32_t h, uint64_t address, uint64_t len);
void disturb_before_write(struct machine *m, uint64_t address, uint64_t len);

/* A write of a PMP entry: when the hardware fails, it takes the opposite. */
void disturb_pmp_write(struct machine *m, uint32_t h, unsigned index, uint8_t *config, uint64_t *addr);

/* Does this use of a place fail? Counts it. */
bool disturb_fails(struct machine *m, uint32_t h, enum machine_fault place);

/* --- tlb.c ------------------------------------------------------------------------------------------------------ */

/* What selects an entry besides the page: the mode of the hart now. */
struct tlb_space {
    bool virt;
    bool bare;
    uint16_t asid;
    uint16_t vmid;
};

struct tlb_space tlb_space_now(const struct machine *m, uint32_t h);
const struct tlb_entry *tlb_find(const struct machine *m, uint32_t h, struct tlb_space space, uint64_t va_page);
void tlb_fill(struct machine *m, uint32_t h, const struct tlb_entry *entry);

/* VMID that hgatp names now. */
uint16_t tlb_vmid_now(const struct machine_hart *hart);

/* sfence.vma, hfence.gvma and hfence.vvma, all with x0, x0. */
void tlb_fence_all(struct machine *m, uint32_t h);

/* --- walk.c ----------------------------------------------------------------------------------------------------- */

struct walk_result {
    bool ok;
    struct trap trap; /* when !ok */
    uint64_t pa;
    struct tlb_entry entry; /* what the hardware may cache; `pmp` is not filled in */
};

/* Translate `va` for an access of `kind` in the current mode of the hart. PMP is consulted for table reads only. */
struct walk_result walk(const struct machine *m, uint32_t h, uint64_t va, enum access_kind kind);

/* Cause of an access fault, page fault or guest-page fault for a kind of access. */
uint64_t cause_access_fault(enum access_kind kind);
uint64_t cause_page_fault(enum access_kind kind);
uint64_t cause_guest_page_fault(enum access_kind kind);

/* --- trap.c ----------------------------------------------------------------------------------------------------- */

/*
 * Run `boot` (monitor_boot_hart) on hart `h` with the same protection that traps have, then resume it or leave it parked.
 */
void trap_boot_hart(struct machine *m, uint32_t h, bool boot, uint64_t entry, uint64_t opaque);

/* Let the port boot all harts, with the same protection. */
void trap_boot_port(struct machine *m);

/* mret with this mstatus and mepc. The status does not lead to M-mode. */
void trap_return_from_machine(struct machine *m, uint32_t h, uint64_t status, uint64_t pc);

/* Hart `h` waits: let every other hart that can take its machine software interrupt serve it. */
void trap_serve_others(struct machine *m, uint32_t h);

/* Is hart `h` outside of the monitor, and would it take its machine software interrupt now? Take it. */
bool trap_takes_msi(const struct machine *m, uint32_t h);

/* Is an interrupt pending that the host has enabled? It ends a suspension. */
bool trap_host_interrupt_pending(const struct machine *m, uint32_t h);
void trap_serve_msi(struct machine *m, uint32_t h);

/* --- schedule.c, when the mode is MACHINE_FIBERS ---------------------------------------------------------------- */

/* A yield point: perhaps another hart goes on, and this call returns when this one is chosen again. */
void schedule_yield(struct machine *m);

/*
 * The monitor, on whichever hart runs, is about to access memory: a yield point now and then when it is memory that harts
 * share. Does nothing without a scheduler. Only called by monitors that are compiled for it (concurrency/fine).
 */
void schedule_access(const void *at);

/* The same, in a wait loop: another hart goes on if one can. */
void schedule_relax(struct machine *m, uint32_t h);

/* Wait until nobody holds `l`, or return at once when this hart does; then it is noted as taken by `h`. */
void schedule_lock(struct machine *m, uint32_t h, const struct lock *l);

/* `l` was just released by `h`. */
void schedule_unlocked(struct machine *m, uint32_t h, const struct lock *l);

/* --- lock_order.c ----------------------------------------------------------------------------------------------- */

/* Place of a lock in the order of monitor/core/monitor.h: a higher rank is taken later. */
uint32_t lock_rank(const struct machine *m, const struct lock *l);

/* What people call it. */
void lock_describe(const struct machine *m, const struct lock *l, char *text, size_t max);

/* Hart `h` is about to take `l`: a violation that ends its work when it holds one of the same rank or of a higher one. */
void lock_check_order(struct machine *m, uint32_t h, const struct lock *l);

/* --- threads.c, when the mode is MACHINE_THREADS ---------------------------------------------------------------- */

/* Give way to other threads now and then, so that harts overlap on few processors as well. */
void threads_step(void);

void threads_lock(struct machine *m, uint32_t h, struct lock *l);
void threads_relax(struct machine *m, uint32_t h);

/* --- violation.c ------------------------------------------------------------------------------------------------ */

/* Keep the first violation. */
void violation_record(struct machine *m, uint32_t h, enum machine_violation_kind kind, const char *text);

/* Where violation_unwind goes to in this thread from now on, NULL for nowhere; returns where it went until now. */
jmp_buf *violation_unwind_to(jmp_buf *place);

/*
 * Record, stop the machine and leave the monitor at once. Outside the monitor there is nobody to return to: the
 * process ends.
 */
_Noreturn void violation_unwind(struct machine *m, uint32_t h, enum machine_violation_kind kind, const char *text);

/* Leave the monitor at once without a violation of one's own: another hart has stopped the machine. */
_Noreturn void violation_leave(void);

/* --- small helpers ---------------------------------------------------------------------------------------------- */

/* One more tick: harts that are threads pass it at the same time. */
static inline void tick(struct machine *m, uint64_t ticks)
{
    if (m->private->mode == MACHINE_THREADS)
        __atomic_fetch_add(&m->time, ticks, __ATOMIC_RELAXED);
    else
        m->time += ticks;
}

static inline void emit(struct machine *m, enum machine_event_kind kind, uint32_t h, uint64_t a, uint64_t b, uint64_t c)
{
    if (m->on_event == NULL)
        return;
    struct machine_event event = {.kind = kind, .hart = h, .a = a, .b = b, .c = c};
    redzone_lift(m);
    if (m->private->raced_count != 0)
        machine_races_hide(m);
    m->on_event(m->event_data, &event);
    if (m->private->raced_count != 0)
        machine_races_show(m);
    redzone_restore(m);
}

/* Deterministic junk: a different number for each (seed, n). */
static inline uint64_t junk(uint64_t seed, uint64_t n)
{
    uint64_t z = seed * 0xd1342543de82ef95u + (n + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
