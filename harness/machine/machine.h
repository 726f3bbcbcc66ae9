/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated RISC-V machine: memory, harts with CSR files and PMP, two-stage address translation, and
 * translation caches that forget only when a correctly encoded fence tells them to.
 *
 * It is the second port of the monitor: hal_machine.c implements monitor/hal/hal.h on it, so one process can hold
 * any number of machines, each with its own monitor. Nobody executes instructions here: agents act on
 * architectural state (a load, a store, an ecall, a CSR access, a trap) and the machine applies the
 * architecture's rules to what they do.
 *
 * Physical memory map: monitor image, host RAM, window; each page-aligned, the first and the last naturally aligned
 * powers of two. Base addresses are constants, so that one trace gives the same addresses everywhere.
 *
 * Everything is deterministic: no clock, no pointer value and no uninitialised byte reaches a result.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_H
#define TOUCHSTONE_HARNESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/core/monitor.h"
#include "monitor/hal/hal.h"

#define MACHINE_MONITOR_BASE 0x80000000u
#define MACHINE_MONITOR_SIZE 0x00200000u
#define MACHINE_HOST_BASE 0x80200000u /* host RAM: from the end of the monitor image up to the window */
#define MACHINE_WINDOW_BASE 0x80800000u
#define MACHINE_MMIO_BASE 0x02000000u /* CLINT */
#define MACHINE_MMIO_SIZE 0x00010000u
#define MACHINE_UART_BASE 0x10000000u
#define MACHINE_VLENB 16u /* bytes of a vector register */
#define MACHINE_DEFAULT_HARTS 2u
#define MACHINE_DEFAULT_HOST_PAGES 1536u /* up to the window: one range of RAM, as on a real board */
#define MACHINE_DEFAULT_WINDOW_PAGES 1024u
#define MACHINE_ENTRY MACHINE_HOST_BASE /* where the boot hart enters the host */

/* How bus masters are kept out of closed memory. */
enum machine_iopmp {
    MACHINE_IOPMP_PRESENT, /* an IOPMP that takes what it is told */
    MACHINE_IOPMP_ABSENT,  /* none, and the platform's description accepts that */
    MACHINE_IOPMP_REFUSED, /* none, and it does not */
    MACHINE_IOPMP_STUCK    /* one entry, chosen by the seed, keeps what it held at power-on */
};

#define MACHINE_IOPMP_ENTRIES 8u

struct machine_config {
    uint32_t harts;        /* 1..MONITOR_MAX_HARTS */
    uint32_t host_pages;   /* host RAM from MACHINE_HOST_BASE */
    uint32_t window_pages; /* a power of two, at MACHINE_WINDOW_BASE; RAM between host RAM and window is absent */
    uint64_t seed;         /* what reset leaves in registers, unused PMP entries and memory */
    uint8_t iopmp;         /* enum machine_iopmp */
};

enum privilege { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

enum access_kind { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* One cached translation. A host (V=0) entry with bare satp is cached too: PMP results live in the entry. */
struct tlb_entry {
    bool virt; /* V=1: entry of a guest (VS-stage and G-stage combined) */
    bool user; /* VS-stage/S-stage U bit; true-or-false only matters with translation on */
    bool bare; /* first stage was bare */
    uint16_t asid;
    uint16_t vmid;
    uint64_t va_page;  /* virtual page number */
    uint64_t gpa_page; /* guest-physical page number (V=1), else equal to pa_page */
    uint64_t pa_page;  /* physical page number */
    uint8_t va_shift;  /* log2 of what the first-stage leaf covers, 64 when bare: a fence for any part is for all */
    uint8_t gpa_shift; /* the same for the G-stage leaf */
    uint8_t perm;      /* what the page tables allow: PMP_R | PMP_W | PMP_X */
    uint8_t pmp;       /* what PMP allowed when the entry was made: PMP_R | PMP_W | PMP_X */
};

#define MACHINE_TLB_ENTRIES 32u /* bits of machine_hart.tlb_valid */

/*
 * CSRs that the model keeps; one slot each, in csr_file.def order (machine-internal). Access by number only,
 * through machine_csr_read and machine_csr_write, which apply aliases and WARL rules.
 */
#define MACHINE_CSR_SLOTS 72u

struct machine_hart {
    uint64_t x[32];
    uint64_t pc;
    uint64_t f[32];
    uint64_t fcsr;
    uint64_t vstart, vcsr, vl, vtype;
    uint8_t v[32 * MACHINE_VLENB];
    uint64_t csr[MACHINE_CSR_SLOTS];
    uint8_t pmpcfg[PMP_ENTRIES];
    uint64_t pmpaddr[PMP_ENTRIES];
    struct tlb_entry tlb[MACHINE_TLB_ENTRIES];
    uint32_t tlb_valid;  /* entries that are valid, as bits */
    uint32_t tlb_next;   /* round-robin victim */
    enum privilege priv; /* of the world that runs */
    bool virt;           /* V bit */
    bool parked;         /* in M-mode, waiting for a machine software interrupt */
    bool pmp_unfenced;   /* a PMP entry changed and no full fence followed */
    bool hgatp_unfenced; /* hgatp changed and no full G-stage fence followed */
    bool reserved_set;   /* LR reservation of the current world */
    bool guest_cached;   /* a TVM ran, and its first-stage translations were not fenced under its VMID since */
    uint16_t guest_vmid; /* that VMID */
};

/* What the monitor does to the machine, for oracles that judge order. */
enum machine_event_kind {
    EVENT_PMP_WRITE,   /* a: entry, b: config, c: address */
    EVENT_HGATP_WRITE, /* a: value */
    EVENT_VSATP_WRITE, /* a: value */
    EVENT_FENCE_ALL,
    EVENT_FENCE_I,
    EVENT_CSR_SWAP,
    EVENT_FP_SAVE,
    EVENT_FP_LOAD,
    EVENT_FP_ZERO,
    EVENT_VECTOR_SAVE,
    EVENT_VECTOR_LOAD,
    EVENT_VECTOR_ZERO,
    EVENT_SCRUB,           /* a: window frame */
    EVENT_UNTRUSTED_READ,  /* a: address, b: length */
    EVENT_UNTRUSTED_WRITE, /* a: address, b: length */
    EVENT_LOCK,            /* a: address of the lock inside struct monitor or struct tvm_slot, as an offset */
    EVENT_UNLOCK,
    EVENT_IPI,           /* a: target */
    EVENT_ENTER_MONITOR, /* a: cause */
    EVENT_LEAVE_MONITOR, /* a: 1 when a guest runs next */
    EVENT_RESET,         /* a: type, b: reason */
    EVENT_IOPMP_WRITE    /* a: entry, b: config, c: address */
};

struct machine_event {
    enum machine_event_kind kind;
    uint32_t hart;
    uint64_t a, b, c;
};

/*
 * A rule of the architecture or of the HAL contract was broken by the monitor. The first one since
 * machine_violation_clear is kept.
 */
enum machine_violation_kind {
    VIOLATION_NONE = 0,
    VIOLATION_FATAL,          /* hal_fatal */
    VIOLATION_LOCK,           /* lock taken twice, released by a stranger, or still held when the monitor left */
    VIOLATION_BUDGET,         /* one trap took more primitive steps than MACHINE_STEP_BUDGET */
    VIOLATION_BAD_ACCESS,     /* primitive called with an address outside what its contract allows */
    VIOLATION_PMP_UNFENCED,   /* lower privilege entered with a PMP change not fenced */
    VIOLATION_HGATP_UNFENCED, /* lower privilege entered with an hgatp change, or a TVM's VMID, not fenced */
    VIOLATION_WORLD_STATE,    /* lower privilege entered with a register file that belongs to no world */
    VIOLATION_DEADLOCK,       /* harts wait for each other's locks (only under a scheduler: schedule.h) */
    VIOLATION_WAKE_UP         /* a hart waits for what nobody is left to do (likewise) */
};

#define MACHINE_STEP_BUDGET 2000000u

struct machine_violation {
    enum machine_violation_kind kind;
    uint32_t hart;
    char text[160];
};

struct machine {
    struct machine_config config;
    struct monitor *monitor; /* monitor_size(config.window_pages) bytes; its page[] begins with a line of the cache */
    uint8_t *host_ram;       /* config.host_pages frames */
    uint8_t *window;         /* config.window_pages frames */
    struct machine_hart hart[MONITOR_MAX_HARTS];
    struct trap taken[MONITOR_MAX_HARTS]; /* the trap of each hart that M-mode took last */
    bool msip[MONITOR_MAX_HARTS];
    uint8_t iopmpcfg[MACHINE_IOPMP_ENTRIES];
    uint64_t iopmpaddr[MACHINE_IOPMP_ENTRIES];
    uint64_t time; /* advances by one per trap, or by machine_advance */
    bool halted;   /* a system reset was asked for: harts do nothing until machine_reset */
    uint32_t reset_type, reset_reason;
    uint32_t reset_count;
    uint64_t steps;      /* primitive calls in the current trap */
    uint32_t in_monitor; /* nesting of monitor_trap (a wait loop may serve another hart) */
    uint32_t locks_held[MONITOR_MAX_HARTS];
    struct machine_violation violation;

    /* Console: what the monitor printed since reset (bounded, then counted only), and input still to be read. */
    uint8_t console[4096];
    uint32_t console_len;
    uint64_t console_total;
    uint8_t input[64];
    uint32_t input_len, input_pos;

    /* Observer of events; may be NULL. */
    void (*on_event)(void *data, const struct machine_event *event);
    void *event_data;

    struct machine_private *private; /* snapshot, dirty tracking */
};

/* --- life ------------------------------------------------------------------------------------------------- */

/* Defaults above, seed 0. */
struct machine_config machine_default_config(void);

/*
 * Allocate a machine, boot the monitor on every hart (hart 0 enters the host at MACHINE_ENTRY, the others are
 * STOPPED) and take the snapshot that machine_reset restores. NULL on a bad configuration or lack of memory.
 */
struct machine *machine_create(const struct machine_config *config);
void machine_destroy(struct machine *m);

/* Back to the state right after machine_create; copies only frames that were written since. */
void machine_reset(struct machine *m);

/*
 * Make `to` what `from` is now, down to what its next reset restores; copies only frames that either has written since
 * its own. Observers stay. False, changing nothing, when the configurations differ, when somebody else executes M-mode
 * for one of them, when its harts overlap or when one is inside the monitor.
 */
bool machine_copy(struct machine *to, const struct machine *from);

/* --- what agents do --------------------------------------------------------------------------------------- */

/* Outcome of an access. */
struct access_result {
    bool ok;
    uint64_t value;   /* loaded value, zero-extended */
    struct trap trap; /* when !ok: what the hardware reports; cause decides who takes it */
};

/*
 * Access `width` (1, 2, 4, 8) bytes at `va` in the current mode of hart `h`: TLB, translation by satp or by
 * vsatp and hgatp, PMP. Does not deliver the trap. Misaligned accesses raise 4 or 6; fetch uses width 2 or 4.
 * Absent physical addresses raise an access fault; UART addresses read as 0 and swallow stores.
 */
struct access_result machine_access(struct machine *m, uint32_t h, uint64_t va, enum access_kind kind, unsigned width,
                                    uint64_t store_value);

/* Who took a trap. */
enum trap_taker { TAKEN_BY_HOST, TAKEN_BY_GUEST, TAKEN_BY_MONITOR, TAKEN_BY_NOBODY };

/*
 * Raise a trap (exception or interrupt) on hart `h`, which is in host or guest code: applies medeleg/mideleg and
 * hedeleg/hideleg, updates the taker's xepc, xcause, xtval, xstatus and pc as the architecture does; when M-mode
 * takes it, stores the registers in the frame, calls monitor_trap and resumes whatever it chose.
 * A hart that is parked or a halted machine ignores it (TAKEN_BY_NOBODY).
 */
enum trap_taker machine_trap(struct machine *m, uint32_t h, const struct trap *t);

/*
 * Ecall of the world that runs on `h` in its current mode with x registers as they are (cause 8, 9 or 10).
 */
enum trap_taker machine_ecall(struct machine *m, uint32_t h);

/* Take the highest-priority pending and enabled interrupt of `h`, if any. */
enum trap_taker machine_take_interrupt(struct machine *m, uint32_t h);

/* Set or clear host-side interrupt pending bits of a hart: 1 SSI, 5 STI (as if stimecmp had passed), 9 SEI. */
void machine_set_pending(struct machine *m, uint32_t h, unsigned interrupt, bool pending);

/*
 * CSR access by number in the current mode, as csrr/csrw do: V=1 redirection, privilege, counter-enable bits.
 * False and *trap filled (2 or 22) when it traps instead.
 */
bool machine_csr_access_read(struct machine *m, uint32_t h, unsigned csr, uint64_t *value, struct trap *trap);
bool machine_csr_access_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value, struct trap *trap);

/* Raw access to the modelled file with aliases and WARL rules, as M-mode sees it. Unknown CSRs read 0. */
uint64_t machine_csr_read(const struct machine *m, uint32_t h, unsigned csr);

/* All of a group of csr_groups.def at once, in its order: the same as reading one after the other. */
void machine_csrs_of_host(const struct machine *m, uint32_t h, uint64_t *out);
void machine_csrs_of_guest(const struct machine *m, uint32_t h, uint64_t *out);
void machine_csr_write(struct machine *m, uint32_t h, unsigned csr, uint64_t value);

/* Fences as an HS-mode host (or, for sfence, the running world) may execute them. Operands as the hardware takes them. */
void machine_sfence_vma(struct machine *m, uint32_t h, bool all_va, uint64_t va, bool all_asid, uint64_t asid);
void machine_hfence_vvma(struct machine *m, uint32_t h, bool all_va, uint64_t va, bool all_asid, uint64_t asid);
void machine_hfence_gvma(struct machine *m, uint32_t h, bool all_gpa, uint64_t gpa_shifted, bool all_vmid,
                         uint64_t vmid);

/* Let time pass. */
void machine_advance(struct machine *m, uint64_t ticks);

/*
 * A bus master that is no hart accesses `width` (1, 2, 4, 8) bytes at physical address `pa`: IOPMP decides. False when it
 * is refused, misaligned, or nothing is there. What is neither host RAM nor window reads as 0 and swallows stores.
 */
bool machine_device_access(struct machine *m, uint64_t pa, bool store, unsigned width, uint64_t *value);

/* What a bus master may do with the whole of [pa, pa+len): PMP_R | PMP_W | PMP_X. */
uint8_t machine_iopmp_check(const struct machine *m, uint64_t pa, uint64_t len);

/* --- disturbances, prepared for the next work of the monitor on a hart ------------------------------------------ */

/*
 * As soon as the monitor, on hart `h`, has read the word of host memory at `address`, another core stores `value` there;
 * or, after `skip` reads that pass, the word number `word` of the read (modulo its length) changes in the bits of `flip`.
 * At most MACHINE_RACES wait on a hart; what comes on top is ignored.
 */
#define MACHINE_RACES 4u
void machine_race_word(struct machine *m, uint32_t h, uint64_t address, uint64_t value);
void machine_race_read(struct machine *m, uint32_t h, uint32_t skip, uint32_t word, uint64_t flip);

/* Places where hardware may fail in a way that hal.h allows. */
enum machine_fault {
    MACHINE_FAULT_PMP, /* of a hart that starts or resumes: the entry takes the opposite of what is written */
    MACHINE_FAULTS
};

/* After `skip` uses that work, the next one at `place` on hart `h` fails. */
void machine_fault(struct machine *m, uint32_t h, enum machine_fault place, uint32_t skip);

bool machine_fault_waits(const struct machine *m, uint32_t h, enum machine_fault place);

/* Did a PMP entry of this hart not take what was written last? */
bool machine_pmp_failed(const struct machine *m, uint32_t h);

/* Nothing waits on hart `h` any more. Returns the function that machine_fail made fail meanwhile, or NULL. */
const char *machine_disturbance_end(struct machine *m, uint32_t h);

/*
 * The call on hart `h` may by its contract copy the same bytes more than once, and judge each copy by itself. A race then
 * ends before the bytes are copied again: what was there first is put back.
 */
void machine_copies_repeat(struct machine *m, uint32_t h, bool repeat);

/*
 * Host memory as if the stores of races so far came after the monitor's work, for observers; and as it is. Observers of
 * events are shown the former anyway. machine_races_settle: what is there now is what counts from here on.
 */
void machine_races_hide(struct machine *m);
void machine_races_show(struct machine *m);
void machine_races_settle(struct machine *m);

/* --- inspection, for oracles and agents that look without touching --------------------------------------- */

/* Is `pa` host RAM, a window frame? */
bool machine_is_host_ram(const struct machine *m, uint64_t pa, uint64_t len);
bool machine_is_window(const struct machine *m, uint64_t pa, uint64_t len);

/* Direct pointer to physical memory, or NULL when [pa, pa+len) is not within one RAM range. No dirty tracking: read only. */
const uint8_t *machine_peek(const struct machine *m, uint64_t pa, uint64_t len);

/* The monitor's object of the TVM in `slot`, where the slot says it is; NULL when that is not in the window. */
const struct tvm *machine_tvm_object(const struct machine *m, uint32_t slot);

/* Read physical memory, which other harts may be writing meanwhile. False if not RAM. */
bool machine_read(const struct machine *m, uint64_t pa, void *dst, uint64_t len);

/* Write physical memory behind everybody's back (a host core or a device), with dirty tracking. False if not RAM. */
bool machine_poke(struct machine *m, uint64_t pa, const void *src, uint64_t len);

/* What PMP of hart `h` allows in S/U mode for the whole of [pa, pa+len): PMP_R | PMP_W | PMP_X. */
uint8_t machine_pmp_check(const struct machine *m, uint32_t h, uint64_t pa, uint64_t len);

/* Does hart `h` run a guest now? */
bool machine_in_guest(const struct machine *m, uint32_t h);

/*
 * Window frames written since the last call of machine_changes_clear (by the monitor through hal_conf_rw and
 * hal_conf_scrub, or by guest stores): count, and indices in ascending order of first write.
 */
uint32_t machine_changes(const struct machine *m, const uint32_t **frames);
void machine_changes_clear(struct machine *m);

/* Frames of host memory and window that were written since the reset: what the next one restores. */
uint32_t machine_dirty_frames(const struct machine *m);

/*
 * 64-bit hash of everything that defines the state: memory that differs from the snapshot, harts, TLBs, monitor
 * (fields, never pointers or padding). Equal states give equal hashes in any process.
 */
uint64_t machine_state_hash(const struct machine *m);

/* The same without the contents of window frames that are free: nobody may rely on what they hold. */
uint64_t machine_owned_hash(const struct machine *m);

void machine_violation_clear(struct machine *m);

/*
 * What several harts look at when each of them is a thread (harness/machine/threads.h): a machine software interrupt, the
 * time, whether the machine has stopped.
 */
static inline bool machine_msip(const struct machine *m, uint32_t h)
{
    return __atomic_load_n(&m->msip[h], __ATOMIC_ACQUIRE);
}

static inline uint64_t machine_time(const struct machine *m)
{
    return __atomic_load_n(&m->time, __ATOMIC_RELAXED);
}

static inline bool machine_halted(const struct machine *m)
{
    return __atomic_load_n(&m->halted, __ATOMIC_RELAXED);
}

#endif
