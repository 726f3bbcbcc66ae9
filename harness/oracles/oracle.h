/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the oracles: what they remember between steps, and the hooks by which they watch.
 *
 * An oracle looks at the machine and at the monitor's records and judges them by rules written here a second time: no
 * oracle calls a function of the monitor. Each file guards one family of promises; world_step calls oracle_before and
 * oracle_after around each operation, and the machine reports events in between. A rule that is broken is reported
 * with oracle_report; the first report of a run becomes its finding.
 *
 *   own.c          frames: records, donated objects and G-stage tables agree, each frame has one use and one owner
 *   transition.c   what one step may change: states of frames, nothing on an error
 *   records.c      which page records changed
 *   blocks.c       where a frame differs from its copy
 *   lines.c        which lines of a page table hold entries
 *   content.c      contents of frames: in new hands, and under their owner's
 *   life.c         lives of TVMs
 *   fences.c       what the calls so far say about fences
 *   access.c       PMP and translation caches: nobody reaches what the records deny
 *   devices.c      IOPMP: no device does either
 *   registers.c    registers across a world switch: the host's
 *   guest_registers.c, confinement.c   the guest's, and how a guest is confined; images.c compares
 *   pending.c      what a vCPU that left waits for, what it finds when it goes on, accesses to emulated devices
 *   region.c       regions of guest memory, and which step may change them
 *   secret.c       values of a guest in places that the host sees
 *   result.c       answers of calls, and arguments that no call may accept
 *   ord.c          order of fences, scrubs, isolation and register loads; single reads of host memory
 *   att.c          measurements, computed a second time
 *   ref.c          answers, exits and abstract state against a model of the ABI (ref.h)
 *   liv.c          locks, bounded work, fatal stops, misuse of primitives
 */
#ifndef TOUCHSTONE_HARNESS_ORACLE_H
#define TOUCHSTONE_HARNESS_ORACLE_H

#include "harness/agents/access_insn.h"
#include "harness/agents/world.h"
#include "harness/oracles/blocks.h"
#include "harness/oracles/frame_set.h"

/* Ids of calls, CALL_<name>, from the ABI table. */
enum call_id {
    CALL_none = 0,
#define ABI_CALL(id, caller, ext, fid, name, arguments) CALL_##name = (id),
#define ABI_CALL_UNSERVED(id, caller, ext, fid, name, arguments) CALL_##name = (id),
#include "monitor/abi/calls.def"
};

/* CSRs of the host and of a guest, as csr_groups.def has them. */
#define HOST_CSR_COUNT 35u
#define GUEST_CSR_COUNT 11u
#define GUEST_VSATP 7u /* index of vsatp in guest_csrs */
extern const uint16_t host_csrs[HOST_CSR_COUNT];
extern const uint16_t guest_csrs[GUEST_CSR_COUNT];

/* The vector unit. */
struct vector_image {
    uint64_t vstart, vcsr, vl, vtype;
    uint8_t v[32 * MACHINE_VLENB];
};

/* Registers of one world at one moment. */
struct world_image {
    uint64_t x[32];
    uint64_t pc;
    enum privilege priv;
    uint64_t f[32];
    uint64_t fcsr;
    struct vector_image vector;
    uint64_t csr[HOST_CSR_COUNT]; /* host_csrs or guest_csrs, by whose image it is */
};

/*
 * What an exit may write of the mailbox, as it was when the hart left the monitor. Later in the same step another hart may
 * exit, and the host may have given it the same mailbox.
 */
#define EXIT_CSRS 6u
#define EXIT_GPRS 8u
struct exit_words {
    bool known;
    uint64_t csr[EXIT_CSRS]; /* by exit_csrs in secret.c */
    uint64_t gpr[EXIT_GPRS]; /* a0 on */
};

/* One hart's last entry into the monitor during this step. */
struct entry {
    bool entered;
    bool from_guest;
    bool kept; /* at the end of the step: of the host's registers, CSRs aside, only a0, a1 and pc are not `before` */
    uint64_t cause;
    uint16_t call; /* ABI id when it was an ecall that names one */
    struct trap trap;
    uint64_t reply[2];       /* a0 and a1 of the mailbox, when the host runs a vCPU */
    struct exit_words shown; /* when a guest left the hart */
    struct world_image before;
};

/* What a vCPU that left its hart waits for. Its image has what does not depend on it. */
enum pending_await {
    AWAIT_NOTHING,
    AWAIT_LOAD,    /* the value of a device access, in a0 of the mailbox */
    AWAIT_CALL,    /* the result of a call that the host serves, in a0 and a1, which is at most `limit` */
    AWAIT_REGION,  /* the host's consent to a change of memory, in a0 */
    AWAIT_WAKE_UP, /* suspended: goes on at `pc` with `opaque` */
    AWAIT_START    /* stopped: another vCPU has to start it */
};

struct pending {
    enum pending_await kind;
    struct access_insn insn;
    uint64_t limit;
    uint64_t pc, opaque;
    bool shares; /* AWAIT_REGION: share, not unshare */
    uint64_t gpa, len;
};

/* The call that the acting hart made in this step, once it is over. */
struct host_call {
    uint16_t id;          /* CALL_none when the host made none, or one that the ABI does not know */
    bool made;            /* the host made an ecall at all */
    bool ok;              /* it succeeded, or entered the guest */
    bool failed;          /* it came back with an error */
    const uint64_t *args; /* a0..a5 at entry */
    uint64_t value;       /* a1 on return */
    uint32_t slot;        /* TVM slot that a0 named before the call, MONITOR_MAX_TVMS if none */
};

/* What a TVM's own object says, as far as ownership is concerned. */
struct tvm_facts {
    uint32_t root;
    uint32_t pool_head;
    uint32_t pool_count;
    uint32_t mode;
    uint32_t vmid;
    uint64_t vcpus;                     /* that there are, as bits */
    uint32_t vcpu_frame[TVM_MAX_VCPUS]; /* CONF_PAGE_NONE where there is no vCPU */
    uint32_t reserve_head;
    uint32_t reserve_count;
    uint64_t promoted;
    uint64_t regions; /* hash of the list */
};

/* How the structures use a frame; compared with its record. */
struct frame_use {
    uint8_t state; /* PAGE_NONCONF: not used by anything */
    uint8_t owner;
    uint32_t next; /* frame of the same TVM that was painted before this one, CONF_PAGE_NONE at the end */
    uint64_t gfn;  /* PAGE_DATA, PAGE_BLOCKED */
};

struct vcpu_history {
    uint32_t generation;      /* valid when equal to oracle_state.generation */
    uint64_t tvm;             /* id of the TVM whose vCPU it was: a frame may come back in another one */
    struct world_image image; /* when it left its hart; pc is where it must continue */
    struct pending pending;
    uint64_t allowed; /* bits of hvip that the guest lets the host raise */
};

/* Where a vCPU was started: finalize_tvm, promote_to_tvm or a call of another vCPU. */
struct vcpu_start {
    uint64_t pc, opaque;
};

struct region_list {
    uint32_t count;
    struct {
        uint64_t base, len;
        uint32_t type;
    } region[TVM_MAX_REGIONS];
};

/* What oracles know of a TVM besides what they read. */
struct tvm_history {
    struct tvm_facts facts;
    struct region_list regions;
    struct vcpu_start start[TVM_MAX_VCPUS];
    bool promoted; /* and not entered yet: its boot vCPU begins with these */
    uint64_t boot_x[32];
    uint64_t notified;           /* vCPUs that were sent an interrupt by another one since they last had one pending */
    uint64_t born_from, born_to; /* time before and after the step that made it runnable */
    bool timed;                  /* htimedelta was seen */
    uint64_t htimedelta;
    uint64_t fence; /* tvm_fence calls that succeeded */
};

struct untrusted_range {
    uint64_t start, end;
};

#define MAX_UNTRUSTED_READS 64u
#define MAX_HELD_LOCKS 8u

/* Order of events of one hart since it last entered the monitor, or since the step began. */
struct order {
    bool entered;
    bool from_guest;
    bool fp_saved;
    bool fp_replaced; /* zeroed or loaded */
    bool fp_loaded;
    bool vector_saved, vector_replaced, vector_loaded; /* likewise */
    uint32_t swaps;
    bool fenced;      /* a full fence, and none of what follows came after it */
    bool fence_stale; /* registers were swapped since the last full fence */
    bool fenced_i;
    uint8_t rank[MAX_HELD_LOCKS];
    uint32_t held;
    uint32_t reads;
    struct untrusted_range read[MAX_UNTRUSTED_READS];
};

/* PMP entries that were found good. */
struct pmp_verdict {
    bool known;
    uint8_t config[PMP_ENTRIES];
    uint64_t addr[PMP_ENTRIES];
};

/* IOPMP entries that were found good. */
struct iopmp_verdict {
    bool known;
    uint8_t config[MACHINE_IOPMP_ENTRIES];
    uint64_t addr[MACHINE_IOPMP_ENTRIES];
};

/* Who is told of page records that changed. */
enum { FRESH_OWN, FRESH_REF, FRESH_COUNT };

struct oracle_state {
    uint32_t pages;
    uint32_t generation; /* counts resets */
    uint32_t hart;       /* acting hart */
    bool guest_store;    /* the operation may store to guest memory */
    bool entered;        /* any hart entered the monitor in this step */
    uint64_t time;       /* when the step began */
    bool guest_failed;   /* the acting guest made a call that came back with an error */
    struct finding boot; /* what the machine looked like before anybody acted */
    struct ref *ref;     /* the model of the ABI, ref.h */
    struct att *att;     /* measurements, att.h */
    struct entry entry[MONITOR_MAX_HARTS];
    struct host_call call;

    /* What the monitor's records were after the last step. */
    struct page_record *record;

    /* The page records as they were last compared, and which of them changed: records.c. */
    struct page_record *seen;
    struct frame_set ever;               /* since the reset */
    struct frame_set fresh[FRESH_COUNT]; /* since that oracle looked last */
    struct frame_set plain;              /* bit n: frames 64 n to 64 n + 63 were the host's at boot, all of them */
    struct frame_set untouched;          /* the same, and none of them has changed since the reset */
    bool scanned;                        /* nothing has happened since the last comparison */
    uint64_t slots_moved; /* what it found: slots of TVMs that differ from those of the step before, as bits */
    uint64_t live;        /* and which of them are in use, as bits */

    /* What else the monitor's records were. */
    struct tvm_slot slot[MONITOR_MAX_TVMS];
    struct tvm_slot unused_slot[8]; /* what the slots from slots_used on are; as many as are compared at once */
    uint32_t slots_used;
    uint64_t slot_live; /* those that were in use, as bits */
    struct global_fence fence;
    uint64_t next_tvm_id;
    uint32_t hsm[MONITOR_MAX_HARTS];
    bool shmem_set[MONITOR_MAX_HARTS];
    uint64_t shmem[MONITOR_MAX_HARTS];
    uint32_t running_slot[MONITOR_MAX_HARTS]; /* HART_NO_TVM while the host runs */
    uint32_t running_frame[MONITOR_MAX_HARTS];

    /*
     * Window contents after the last step, but for frames that hold what they hold at a reset, or nothing but zero: of most of
     * those nobody asks what they held before they are given away.
     */
    uint8_t *content;
    struct frame_set at_reset; /* frames as a reset leaves them, older here */
    struct frame_set at_zero;  /* frames that are all zero, older here */
    struct frame_set touched;  /* frames that differ from the reset state, perhaps */

    /* Structures as the oracle last walked them. */
    struct frame_use *use;
    uint64_t *lines;                    /* of a table frame: which lines hold an entry, as bits */
    struct frame_set lined;             /* frames for which that is known */
    struct frame_set blank;             /* frames that this step was seen to leave all zero */
    struct frame_set used;              /* those that are used by something */
    uint32_t painted[MONITOR_MAX_TVMS]; /* last frame painted for a TVM, see frame_use.next */
    uint32_t *erased;                   /* frames of a picture that is being painted anew */
    struct tvm_history tvm[MONITOR_MAX_TVMS];
    uint64_t last_tvm_id;

    /* The global fence, from the calls alone. */
    uint64_t fence_current;
    uint64_t fence_seen[MONITOR_MAX_HARTS];
    uint64_t *converted_at;

    /* Fences of TVMs, likewise: the fence count of its TVM at which a frame was blocked, and a hart entered. */
    uint64_t *blocked_at;
    uint64_t entered_at[MONITOR_MAX_HARTS];

    uint32_t *changed; /* frames that changed their record in this step */
    uint32_t changed_count;
    uint32_t *written;         /* frames whose content differs from the step before */
    block_set *written_blocks; /* where, in the order of `written` */
    uint32_t written_count;

    struct pmp_verdict pmp[MONITOR_MAX_HARTS][2]; /* by whether a guest runs */
    struct iopmp_verdict iopmp;

    struct vcpu_history *vcpu;                  /* by vCPU frame */
    struct world_image host[MONITOR_MAX_HARTS]; /* host of a hart that runs a guest, at its run call */

    struct order order[MONITOR_MAX_HARTS];
    uint32_t scrub_step;
    uint32_t *scrubbed; /* value of scrub_step when the frame was last scrubbed */
};

/* Life. oracle_create needs w->machine; false when memory is short. */
bool oracle_create(struct world *w);
void oracle_destroy(struct world *w);
void oracle_reset(struct world *w);

/* Around each operation. */
void oracle_before(struct world *w, uint32_t hart, const struct trace_op *op);
void oracle_after(struct world *w, uint32_t hart, const struct trace_op *op);

/* Everything at once, from nothing: all frames, all tables, all harts. */
void oracle_audit(struct world *w);

/* Record a broken promise, unless there is a finding already. */
void oracle_report(struct world *w, uint32_t oracle, enum severity severity, const char *property, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));

/* own.c */
void own_reset(struct world *w);
void own_audit(struct world *w);
/* Bring the picture of the structures up to date with this step (`changed`, `written`) and compare. */
void own_after(struct world *w);
const char *page_state_name(unsigned state);

/* Where a TVM's tables send a guest frame: physical page, present or blocked. False when there is no leaf. */
struct own_leaf {
    bool present, shared, large;
    uint64_t page;
};
bool own_leaf(const struct world *w, uint32_t slot, uint64_t gfn, struct own_leaf *leaf);
/* Do regions whose type is in `types` (bits) cover the guest frames? The list is sorted and disjoint. */
bool own_in_region(const struct world *w, uint32_t slot, uint64_t gfn, uint64_t count, unsigned types);

/* lines.c: lines of a frame that hold anything, as bits; it was written in these blocks since they were asked for; is zero. */
uint64_t lines_of(const struct world *w, uint32_t frame);
void lines_written(const struct world *w, uint32_t frame, block_set blocks);
void lines_zero(struct oracle_state *o, uint32_t frame);

/* records.c */
bool records_create(struct world *w);
void records_destroy(struct world *w);
void records_reset(struct world *w);
/* Compare all page records and TVM slots with what they were, and tell all who want to know. */
void records_scan(struct world *w);
/* Are the 64 frames from `first` on the host's, with nothing else in their records? */
bool records_plain(const struct world *w, uint32_t first);
/* TVM slots that the monitor has in use now, as bits. */
uint64_t records_live_slots(struct world *w);
/* All slots are as at boot, and so are the copies of them. */
void records_slots_reset(struct oracle_state *o);

/* transition.c */
void transition_reset(struct world *w);
/* Judge what this step changed, against the old records and contents; fills `changed` and `written`. */
void transition_after(struct world *w, const uint32_t *frames, uint32_t frame_count);
/* The system was reset: what did the monitor leave in memory? */
void transition_halted(struct world *w);
/* Take over the new records and contents. */
void transition_sync(struct world *w);

/* access.c */
void access_after(struct world *w);
void access_audit(struct world *w);

/* devices.c */
void devices_after(struct world *w);
void devices_audit(struct world *w);

/* registers.c */
void registers_enter(struct world *w, uint32_t hart, struct entry *e);
/* What runs on each hart is what the monitor noted there: everything else is judged by its notes. */
void registers_noted(struct world *w);
void registers_after(struct world *w);

/* pending.c */
/* The guest of hart `h` left it: bring its image to where it goes on, and say what is missing. Judges device accesses. */
struct pending pending_leave(struct world *w, uint32_t h, const struct entry *e, struct world_image *image);
/* It goes on: put the host's answer in. */
void pending_resume(struct world *w, uint32_t h, const struct pending *p, const uint64_t reply[2],
                    struct world_image *image);
/* Instruction that the guest of hart `h` was at when it trapped. False when it cannot be known. */
bool pending_instruction(const struct world *w, uint32_t h, const struct entry *e, uint32_t *insn);
/* Is this fault a device access that the host must be shown? */
bool pending_could_emulate(const struct world *w, uint32_t h, const struct entry *e);

/* region.c */
void region_after(struct world *w);

/* secret.c */
void secret_after(struct world *w);
void secret_trap_to_host(struct world *w);
void secret_write(struct world *w, uint32_t hart, uint64_t address, uint64_t len);
/* A hart goes from the monitor, entered from a guest, to the host. */
void secret_leave(struct world *w, uint32_t hart);
/* A CSR of the mailbox as the exit of this step left it; 0 when there was none. */
uint64_t secret_shown_csr(const struct world *w, uint32_t hart, uint32_t csr);

/* result.c */
void result_after(struct world *w);

/* liv.c */
void liv_after(struct world *w);

/* ord.c */
void ord_reset(struct world *w);
void ord_before(struct world *w);
void ord_event(struct world *w, const struct machine_event *event);
void ord_after(struct world *w);

/* vCPUs that a TVM's object says there are, in whatever state, as bits. */
uint64_t oracle_vcpus(const struct tvm *t);

/* First frame of the 4 KiB window frame run that [base, base + count pages) names; false when it is not one. */
bool oracle_window_run(const struct world *w, uint64_t base, uint64_t count, uint32_t *first);

#endif
