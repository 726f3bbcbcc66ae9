/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole state of a monitor, and the way of a trap through it.
 *
 * There is one struct monitor per machine and one struct hart per hart inside it; nothing else in the monitor
 * is mutable. TVM and vCPU objects live in window frames that the host donated (core/tvm.h, core/vcpu.h).
 *
 * A trap goes: port -> monitor_trap -> route -> handler (decode, check, commit) -> struct decision -> applied in
 * monitor_trap, which is the only place that changes worlds.
 *
 * Lock order: create_lock, then one tvm_slot.lock, then pages_lock. No lock is held while another hart is waited for.
 */
#ifndef TOUCHSTONE_CORE_MONITOR_H
#define TOUCHSTONE_CORE_MONITOR_H

#include "monitor/abi/sbi.h"
#include "monitor/core/types.h"
#include "monitor/hal/world_state.h"

/* G-stage formats, as in hgatp.MODE. */
#define GSTAGE_SV39X4 8u
#define GSTAGE_SV48X4 9u
#define GSTAGE_SV57X4 10u

/*
 * What the port found at boot and never changes afterwards. All ranges are page-aligned; monitor, window and mmio are
 * naturally aligned powers of two (one PMP entry each) that do not overlap. Host-usable RAM is
 * [ram_base, ram_base + ram_size) without monitor and window; the window may lie inside or outside that range.
 */
struct platform {
    uint64_t ram_base, ram_size;
    uint64_t monitor_base, monitor_size;
    uint64_t window_base;
    uint32_t window_pages;
    uint64_t mmio_base, mmio_size; /* machine-mode devices (CLINT): closed to both worlds; size 0 if none */
    uint32_t iopmp_entries; /* of the IOPMP, 4 or more are used; 0: there is none, and bus masters reach all memory */
    bool open_to_devices;   /* whoever integrates the platform accepts that there is none */
    uint32_t reserve_pages; /* the last frames of the window: free for promote_to_tvm from the start, never converted */
    uint32_t vlenb;         /* bytes of a vector register, at most VECTOR_VLENB_MAX; 0: no vector unit for guests */
    uint32_t harts;
    uint32_t gstage_mode; /* GSTAGE_*; the widest of Sv48x4 and Sv39x4 that the harts have */
    uint32_t vmid_bits;   /* implemented VMIDLEN */
    uint64_t mvendorid, marchid, mimpid;
    void *machine; /* the port's own data */
};

/* Use of a window frame. The legal transitions are listed in core/page_record.h. */
enum page_state {
    PAGE_NONCONF = 0,    /* the host's, though closed to it by the PMP window */
    PAGE_CONVERTING = 1, /* given up by the host at `version`; usable once every hart has fenced past it */
    PAGE_CONF_FREE = 2,  /* the monitor's to hand out; content unspecified until scrubbed */
    PAGE_TVM_ROOT = 3,   /* G-stage root of `owner` */
    PAGE_TVM_STATE = 4,  /* struct tvm of `owner` */
    PAGE_VCPU_STATE = 5, /* struct vcpu of `owner` */
    PAGE_TABLE_POOL = 6, /* page-table page of `owner`, not yet linked into its tables */
    PAGE_TABLE = 7,      /* page-table page of `owner`, linked */
    PAGE_DATA = 8,       /* guest memory of `owner`, mapped at `gfn` */
    PAGE_BLOCKED = 9,    /* guest memory of `owner`, its leaf at `gfn` made invalid by tvm_invalidate_pages */
    PAGE_RESERVE = 10,   /* held back for `owner`, a promoted TVM: later its memory or its page tables */
    PAGE_BUSY = 11       /* taken by one call in progress; nobody else may touch it */
};

/* One per window frame. */
struct page_record {
    uint8_t state; /* enum page_state */
    uint8_t owner; /* TVM slot for PAGE_TVM_ROOT..PAGE_RESERVE, else 0 */
    uint16_t zero;
    uint32_t link;    /* PAGE_TABLE_POOL, PAGE_RESERVE: next frame of the list or CONF_PAGE_NONE; else CONF_PAGE_NONE */
    uint64_t version; /* PAGE_CONVERTING: fence version at conversion; PAGE_BUSY: hart that took it; else 0 */
    uint64_t gfn;     /* PAGE_DATA, PAGE_BLOCKED: guest frame number; else 0 */
};

enum tvm_state { TVM_ABSENT = 0, TVM_INITIALIZING = 1, TVM_RUNNABLE = 2, TVM_DEAD = 3 };

/* Entry of the TVM table. Everything but the lock is protected by the lock. */
struct tvm_slot {
    struct lock lock;
    uint32_t state;         /* enum tvm_state */
    uint64_t id;            /* 0 while TVM_ABSENT; never reused */
    struct conf_page frame; /* first frame of struct tvm */
    uint32_t running;       /* vCPUs on a hart now */
};

/* Global fence: version counter and what each hart has seen. Protected by pages_lock. */
struct global_fence {
    uint64_t current;
    uint64_t seen[MONITOR_MAX_HARTS];
};

/* Requests to another hart, bits of hart.ipi_request. */
#define IPI_REQUEST_SSIP 0x1u    /* raise the host's software interrupt */
#define IPI_REQUEST_FENCE 0x2u   /* forget all translations */
#define IPI_REQUEST_FENCE_I 0x4u /* make fetches coherent */

struct hart {
    /* Offsets of the first three members and of `host` are known to the assembler (hal/world_state.h). */
    struct world_ctx *frame; /* context of the world that runs on this hart: &host or that of its vCPU */
    uint64_t stack;
    uint64_t spill;

    struct monitor *monitor;
    uint32_t id; /* hart id, smaller than platform.harts */

    struct world_ctx host; /* the host's registers: live general registers between traps, all of them during a TVM */

    /* vCPU on this hart; slot is UINT32_MAX while the host runs. */
    uint32_t tvm_slot;
    uint32_t vcpu_id;
    struct conf_page vcpu_frame;

    bool shmem_set;
    struct nonconf_addr shmem; /* NACL mailbox of this hart, 12 KiB of host memory */

    uint32_t hsm_state; /* enum sbi_hsm_state, shared word */
    uint64_t hsm_start; /* written by the starting hart before START_PENDING, or by this one before SUSPENDED */
    uint64_t hsm_opaque;
    bool hsm_fresh;        /* SUSPENDED: non-retentive, goes on at hsm_start and not where it was */
    uint32_t ipi_request;  /* shared word, IPI_REQUEST_* */
    uint32_t fence_wanted; /* shared word: fence requests made to this hart, modulo 2^32 */
    uint32_t fence_done;   /* shared word: last value of fence_wanted that this hart has fenced for */
};

#define HART_NO_TVM UINT32_MAX

#define MONITOR_DEVICES_CLOSED (UINT32_C(1) << 31)

struct monitor {
    struct platform platform;
    /* Shared word: bit per hart whose isolation is programmed and read back, and MONITOR_DEVICES_CLOSED for devices. */
    uint32_t closed;
    struct hart hart[MONITOR_MAX_HARTS];
    struct lock create_lock; /* next_tvm_id and the choice of a free slot */
    uint64_t next_tvm_id;
    struct tvm_slot tvm[MONITOR_MAX_TVMS];
    struct lock pages_lock; /* fence and page[] */
    struct global_fence fence;
    struct page_record page[]; /* platform.window_pages of them */
};

_Static_assert(offsetof(struct hart, frame) == HART_FRAME_OFFSET, "assembler offset");
_Static_assert(offsetof(struct hart, stack) == HART_STACK_OFFSET, "assembler offset");
_Static_assert(offsetof(struct hart, spill) == HART_SPILL_OFFSET, "assembler offset");
_Static_assert(offsetof(struct hart, host) == HART_HOST_OFFSET, "assembler offset");

/* Bytes that a struct monitor for `window_pages` frames takes. */
static inline size_t monitor_size(uint32_t window_pages)
{
    return sizeof(struct monitor) + (size_t)window_pages * sizeof(struct page_record);
}

/* --- life of the monitor, called by the port -------------------------------------------------------------- */

/*
 * Bring `m` (zeroed, monitor_size bytes) to its initial state on `platform`. Once, on the boot hart, before any
 * other call. Returns false when the platform description breaks a rule of struct platform; nothing may start then.
 * No lock needed.
 */
bool monitor_init(struct monitor *m, const struct platform *platform);

/*
 * Close this hart off: PMP, delegation, counters, translation; then read the PMP back. Every hart calls it before
 * it can execute host code. Devices are closed off with it; where they cannot be, no confidential VM can be made. The
 * boot hart is made STARTED with `entry` and `opaque`, the others stay STOPPED until HSM hart_start. Returns false when
 * the hardware did not take the configuration: the hart must not go on.
 */
bool monitor_boot_hart(struct hart *h, bool boot, uint64_t entry, uint64_t opaque);

/*
 * Serve a trap of the world that ran on this hart. The port has stored its general registers, pc and status in
 * *h->frame before the call, and loads whatever h->frame points to after it.
 */
void monitor_trap(struct hart *h, const struct trap *t);

/*
 * A STOPPED or SUSPENDED hart was woken: serve its machine software interrupt, if there is one. True when the hart has
 * become STARTED and the port must load *h->frame and continue there; false when it has to park again.
 */
bool monitor_hart_wake(struct hart *h);

/* --- what handlers return --------------------------------------------------------------------------------- */

enum decision_kind {
    DECISION_RESULT,      /* same world goes on, with error in a0 and value in a1, pc advanced over the ecall */
    DECISION_RESUME,      /* same world goes on where it is: registers as they are */
    DECISION_ENTER_GUEST, /* host -> guest: run the vCPU that the handler claimed in h->tvm_slot, h->vcpu_id */
    DECISION_EXIT_HOST,   /* guest -> host with the exit record */
    DECISION_STOP_HART    /* host gave the hart back: park it */
};

/* Closed set of values that an exit shows the host (crossing/exit_record.h says when each is non-zero). */
struct exit_record {
    uint64_t scause;
    uint64_t stval;
    uint64_t htval;
    uint64_t htinst;
    uint64_t value; /* a1: 0 when the vCPU may be run again, 1 when not now */
    uint64_t a[8];  /* mailbox slots a0..a7 */
    uint32_t next;  /* enum vcpu_state that the vCPU leaves in */
};

struct decision {
    enum decision_kind kind;
    int64_t error;
    uint64_t value;
    struct exit_record exit;
};

static inline struct decision decide_result(int64_t error, uint64_t value)
{
    return (struct decision){.kind = DECISION_RESULT, .error = error, .value = error == SBI_SUCCESS ? value : 0};
}

static inline struct decision decide_error(int64_t error)
{
    return decide_result(error, 0);
}

static inline struct decision decide_success(uint64_t value)
{
    return decide_result(SBI_SUCCESS, value);
}

static inline struct decision decide_resume(void)
{
    return (struct decision){.kind = DECISION_RESUME};
}

/* A macro, so that the record is built in its place: a function would copy it, in the frame of each caller as well. */
#define decide_exit(record) ((struct decision){.kind = DECISION_EXIT_HOST, .exit = (record)})

#endif
