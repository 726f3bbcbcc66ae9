/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF: an executable model of the interface, written from the ABI and nothing else. It keeps its own abstract state
 * (who has which frame, which TVM is in which state, what its regions and mappings are) and predicts the answer of each
 * call before the monitor gives it. Result, value, exit and abstract state are compared when the monitor is done.
 *
 * It shares no code and no data structure with the monitor: mappings are runs of pages instead of tables, tables are a
 * set of blocks that exist, fences are counted from calls. What it takes from the monitor is only what no caller could
 * predict: nothing for TVMs made step by step; the layout of a TVM made by promote_to_tvm, which it then follows.
 *
 *   ref.c         the hooks: predict when a hart enters the monitor, compare when it leaves
 *   ref_keep.c    calls that a trace lets fail inside of the monitor
 *   ref_state.c   the abstract state: frames, runs, blocks, regions
 *   ref_host.c    what the host's calls do
 *   ref_guest.c   what a guest's calls and traps do
 */
#ifndef TOUCHSTONE_HARNESS_REF_H
#define TOUCHSTONE_HARNESS_REF_H

#include "harness/agents/world.h"
#include "harness/oracles/frame_set.h"

#define REF_PAGE UINT64_C(4096)
#define REF_LARGE UINT64_C(512) /* pages of a 2 MiB page */
#define REF_VCPUS 64u
#define REF_REGIONS 128u
#define REF_TVMS 64u

/* Use of a window frame, by the words of the ABI. PT is a page-table frame, linked or not. */
enum ref_frame_state {
    FRAME_NONCONF,
    FRAME_CONVERTING,
    FRAME_FREE,
    FRAME_PGD,
    FRAME_TVMC,
    FRAME_VHCS,
    FRAME_PT,
    FRAME_MAPPED,
    FRAME_BLOCKED,
    FRAME_RESERVED
};

struct ref_frame {
    uint8_t state;
    uint8_t tvm; /* index in ref.tvm */
    uint64_t version;
};

/* Consecutive guest pages that are mapped alike onto consecutive pages. */
struct ref_run {
    uint64_t gfn, count;
    uint64_t page; /* first window frame, or first host page number */
    bool shared, large, blocked;
    uint64_t version; /* blocked: of the TVM's fence */
};

enum ref_region_type { REF_CONFIDENTIAL, REF_CONFIDENTIAL_REMOVABLE, REF_SHARED, REF_SHARED_REMOVABLE, REF_MMIO };

struct ref_region {
    uint64_t base, len;
    uint32_t type;
};

enum ref_vcpu_state {
    REF_VCPU_ABSENT,
    REF_VCPU_STOPPED,
    REF_VCPU_RUNNABLE,
    REF_VCPU_RUNNING,
    REF_VCPU_DEAD,
    REF_VCPU_BLOCKED,
    REF_VCPU_SUSPENDED
};

enum ref_wait { WAIT_NOTHING, WAIT_LOAD, WAIT_STORE, WAIT_ECALL, WAIT_SHARE, WAIT_UNSHARE };

struct ref_vcpu {
    uint32_t state;
    uint32_t frame;
    uint32_t wait; /* enum ref_wait */
    uint64_t gpa, len;
    uint64_t entered; /* version of the TVM's fence at entry */
};

/* A page table of `level` (0 holds 4 KiB leaves) exists for this block of guest addresses. */
struct ref_block {
    uint32_t level;
    uint64_t number; /* gfn >> 9 * (level + 1) */
};

enum ref_tvm_state { REF_ABSENT, REF_INITIALIZING, REF_RUNNABLE, REF_DEAD };

struct ref_tvm {
    uint32_t state;
    uint64_t id;
    bool followed; /* promoted: layout taken from the monitor, its memory calls are not predicted */
    uint32_t mode;
    uint64_t pool; /* page-table frames not yet used */
    uint32_t running;
    uint64_t fence, running_now, running_before;
    uint32_t regions;
    uint64_t vcpus; /* those that are or were anything but absent, as bits */
    struct ref_run *run;
    size_t runs, run_room;
    struct ref_block *block;
    size_t blocks, block_room;
    struct ref_region region[REF_REGIONS]; /* what is behind the last one, means nothing */
    struct ref_vcpu vcpu[REF_VCPUS];
};

static inline void ref_vcpu_becomes(struct ref_tvm *t, uint32_t vcpu, uint32_t state)
{
    t->vcpu[vcpu].state = state;
    t->vcpus |= UINT64_C(1) << vcpu;
}

struct ref_hart {
    uint32_t hsm;
    bool shmem;
    uint64_t shmem_base;
    uint64_t seen;      /* version of the global fence */
    uint32_t tvm, vcpu; /* REF_TVMS while the host runs */
};

/* What the model says about one entry into the monitor. */
enum ref_answer_kind {
    ANSWER_UNKNOWN, /* the model does not judge this entry */
    ANSWER_RESULT,  /* the caller goes on with error and value */
    ANSWER_ENTER,   /* the host's call enters the guest */
    ANSWER_RESUME,  /* the guest goes on, with whatever was delivered to it */
    ANSWER_EXIT,    /* the guest leaves: value, scause, stval, htval, htinst, a */
    ANSWER_PARK,    /* the hart is given back */
    ANSWER_HALT     /* the system is reset: nothing comes after it */
};

struct ref_answer {
    enum ref_answer_kind kind;
    int64_t error;
    uint64_t value;
    bool any_value;
    bool or_exit; /* ANSWER_RESULT of a guest: an exit that hides everything but the call is as good */
    uint64_t scause, stval, htval, htinst;
    uint64_t a[8];
};

struct ref_entry {
    bool open; /* between entry and leave, with `answer` waiting to be compared */
    bool from_guest;
    bool call;      /* an ecall of host or guest */
    bool kept;      /* a function may fail inside: what was before is kept (ref_keep) */
    bool host_call; /* an ecall of the host: nothing else names a call, whatever a6 and a7 are */
    uint64_t x[32];
    uint64_t tvm; /* id of the TVM that the entry is about, if it is about one */
    struct ref_answer answer;
};

struct ref {
    struct ref_frame *frame;
    struct frame_set moved; /* frames that the model changed since they were last compared */
    struct frame_set used;  /* and since the reset */
    bool again;             /* compare all that either side ever changed */
    bool everything;        /* compare all there is */
    uint64_t live;          /* TVMs that are not absent, as bits */
    uint32_t frames;
    struct ref_tvm tvm[REF_TVMS];
    uint64_t next_id;
    uint64_t fence;
    struct ref_hart hart[MONITOR_MAX_HARTS];
    struct ref_entry entry[MONITOR_MAX_HARTS];
    uint32_t flipped;      /* the rule that is turned around, REF_NO_RULE normally; survives a reset */
    bool lost;             /* something happened that the model does not follow: silent until reset */
    struct ref_kept *kept; /* made when it is needed first */
    uint32_t judged;       /* answers compared since reset */
    bool disagrees;        /* in this step, as the rest says: reported when no other oracle knows better */
    enum severity severity;
    const char *property;
    char text[160];
};

/* Numbers of the rules that can be turned around: each call x state, then each rule. */
enum ref_state_row {
#define REF_STATES(name, initializing, runnable, dead) ROW_##name,
#include "harness/oracles/ref_rules.def"
    ROW_COUNT
};

enum ref_rule {
    RULE_STATES_END = 3 * ROW_COUNT, /* before it: 3 * row + state - REF_INITIALIZING */
#define REF_RULE(name, text) RULE_##name,
#include "harness/oracles/ref_rules.def"
    RULE_COUNT
};

#define REF_NO_RULE UINT32_MAX

/* Trap that brought a hart into the monitor. */
struct ref_trap {
    uint64_t cause, tval, tval2, tinst;
};

/* --- hooks (ref.c) ---------------------------------------------------------------------------------------------- */
bool ref_create(struct world *w);
void ref_destroy(struct world *w);
void ref_reset(struct world *w);
void ref_enter(struct world *w, uint32_t hart, const struct ref_trap *trap);
void ref_leave(struct world *w, uint32_t hart);
/* After the operation: report the first disagreement. Other oracles that saw the same name it more precisely. */
void ref_after(struct world *w);
/* Everything, from nothing. */
void ref_audit(struct world *w);

/* --- predictions ------------------------------------------------------------------------------------------------ */
struct ref_answer ref_host_call(struct world *w, uint32_t hart, const uint64_t *x);
struct ref_answer ref_guest_call(struct world *w, uint32_t hart, const uint64_t *x);
struct ref_answer ref_guest_trap(struct world *w, uint32_t hart, const struct ref_trap *trap);

struct ref *ref_of(const struct world *w);

/* Id of the served call that a7 and a6 in `x` name for this caller, CALL_none when they name none. */
uint16_t ref_call_name(bool guest, const uint64_t *x);

/* Do the extension and function words hold a name and nothing else? */
bool ref_names_clean(const uint64_t *x);

/* vCPU `vcpu` of `t` runs on `hart` from now on. */
void ref_guest_entered(struct ref *r, uint32_t hart, struct ref_tvm *t, uint32_t vcpu);
/* The vCPU on `hart` has left it and is in `state` now. */
void ref_guest_left(struct ref *r, uint32_t hart, uint32_t state);

static inline struct ref_answer answer_error(int64_t error)
{
    return (struct ref_answer){.kind = ANSWER_RESULT, .error = error};
}

static inline struct ref_answer answer_value(uint64_t value)
{
    return (struct ref_answer){.kind = ANSWER_RESULT, .value = value};
}

/* Turn rule `rule` around in the model of this world, or none with REF_NO_RULE. */
void ref_flip(struct world *w, uint32_t rule);
/* What rule `rule` says, written into `text`; NULL when there is no such rule. */
const char *ref_rule_text(uint32_t rule, char *text, size_t max);

/* Does the rule hold? */
static inline bool ref_holds(const struct ref *r, uint32_t rule, bool condition)
{
    return condition != (r->flipped == rule);
}

/* May the call be made on a TVM in this state? */
bool ref_state_allows(const struct ref *r, enum ref_state_row row, uint32_t state);

/* --- what a prediction changes (ref_keep.c) --------------------------------------------------------------------- */

/* Keep what a prediction about `t` may change; NULL: it is about no TVM that exists. False when memory is short. */
bool ref_keep(struct ref *r, const struct ref_tvm *t);
/* The abstract state is again what it was at the last ref_keep. */
void ref_put_back(struct ref *r);
void ref_keep_free(struct ref *r);

/* --- state (ref_state.c) ---------------------------------------------------------------------------------------- */

/* Host-usable RAM, whole range; len > 0. */
bool ref_host_range(const struct world *w, uint64_t base, uint64_t len, uint64_t align);
/* Window frames [*first, *first + pages). */
bool ref_window_range(const struct world *w, uint64_t base, uint64_t pages, uint64_t align, uint32_t *first);

bool ref_online(const struct ref *r, uint32_t hart);
bool ref_frame_free(const struct world *w, uint32_t frame);
bool ref_frames_free(const struct world *w, uint32_t first, uint64_t count);
/* Frame `frame` of the model is `f` from now on. */
static inline void ref_frame_set(struct ref *r, uint32_t frame, struct ref_frame f)
{
    r->frame[frame] = f;
    frame_set_add(&r->moved, frame);
    frame_set_add(&r->used, frame);
}
void ref_frames_give(struct ref *r, uint32_t first, uint64_t count, enum ref_frame_state state, uint32_t tvm);

struct ref_tvm *ref_tvm_by_id(struct ref *r, uint64_t id);
uint32_t ref_tvm_index(const struct ref *r, const struct ref_tvm *t);
uint64_t ref_gpa_limit(const struct ref_tvm *t);
bool ref_gpa_range(const struct ref_tvm *t, uint64_t gpa, uint64_t len, uint64_t align);

/* Do regions whose type is in `types` (bits) cover all of the range? As one region only, when `one`. */
bool ref_region_covers(const struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t types, bool one);
bool ref_region_overlaps(const struct ref_tvm *t, uint64_t gpa, uint64_t len);
/* Type of the region at gpa, or -1. */
int ref_region_at(const struct ref_tvm *t, uint64_t gpa);
/* Put a region of `type` over the range, replacing what was there. False, changing nothing, when there is no room. */
bool ref_region_put(struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t type);
/* Take out every region of `type` that overlaps the range. */
void ref_region_drop_overlapping(struct ref_tvm *t, uint64_t gpa, uint64_t len, uint32_t type);

const struct ref_run *ref_run_at(const struct ref_tvm *t, uint64_t gfn);
bool ref_unmapped(const struct ref_tvm *t, uint64_t gfn, uint64_t count);
bool ref_run_add(struct ref_tvm *t, struct ref_run run);
/* Make the range start and end at runs of its own, so that whole runs can be changed. */
bool ref_run_cut(struct ref_tvm *t, uint64_t gfn, uint64_t count);
void ref_run_remove(struct ref_tvm *t, size_t index);

/* Tables that mapping [gfn, gfn + count) with 4 KiB or 2 MiB leaves takes; with `add`, they exist afterwards. */
uint64_t ref_tables(struct ref_tvm *t, uint64_t gfn, uint64_t count, bool large, bool add);
bool ref_block_exists(const struct ref_tvm *t, uint32_t level, uint64_t number);

void ref_tvm_clear(struct ref_tvm *t);

#endif
