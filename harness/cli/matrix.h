/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of `touchstone matrix`: the table of cells that the corpora have to reach, and the observers that say which
 * cell a step has reached.
 *
 * A cell is a triple of names: group ("call", "page", ...), row, column. The wanted ones stand in matrix_cells.def with
 * the section of the interface they come from; some of them are marked unreachable, with the reason. Observers look at
 * what a step returned and at the monitor's records before and after it, call no function of the monitor, and report
 * names; they do not know what is wanted. What they report and nobody listed is a surprise, and surprises count as
 * failures like missing cells do.
 */
#ifndef TOUCHSTONE_HARNESS_CLI_MATRIX_H
#define TOUCHSTONE_HARNESS_CLI_MATRIX_H

#include "harness/agents/world.h"
#include "monitor/core/tvm.h"

#define MATRIX_MISSING 1 /* exit code: a wanted cell is missing, or an unwanted one was reached */
#define MATRIX_NAME 96u
#define MATRIX_MAX_SURPRISES 64u

struct matrix_cell {
    const char *group, *row, *column, *source;
    const char *reason; /* NULL: wanted. Otherwise why no trace can reach it */
    unsigned seeds;     /* files that reached it */
    unsigned last;      /* the last of them, counted from 1 */
    const char *file;   /* the first of them */
};

struct matrix_surprise {
    char name[3 * MATRIX_NAME];
    const char *file;
};

struct matrix {
    struct matrix_cell *cell;
    size_t cells;
    unsigned file; /* number of the file that is replayed, from 1 */
    const char *path;
    struct matrix_surprise surprise[MATRIX_MAX_SURPRISES];
    size_t surprises;
};

/* --- matrix_cells.c ----------------------------------------------------------------------------------------- */

/* Fill in the table of matrix_cells.def. False when it names a cell twice, or memory is short; it says so. */
bool matrix_create(struct matrix *x);
void matrix_destroy(struct matrix *x);

/* The current file reached this cell. */
void matrix_hit(struct matrix *x, const char *group, const char *row, const char *column);

/* The same, for cells of which only the listed ones mean anything. */
void matrix_hit_if_listed(struct matrix *x, const char *group, const char *row, const char *column);

/* Files that have to reach a wanted cell of this group. */
unsigned matrix_wanted(const char *group);
bool matrix_is_missing(const struct matrix_cell *cell);
/* Is it marked unreachable, and yet was reached? */
bool matrix_is_refuted(const struct matrix_cell *cell);

/* --- matrix_view.c: what can be seen of the monitor between steps ------------------------------------------- */

struct tvm_view {
    uint32_t state; /* enum tvm_state */
    uint64_t id;
    uint32_t running;
    uint32_t region_count;
    struct region region[TVM_MAX_REGIONS];
    struct vcpu_slot vcpu[TVM_MAX_VCPUS];
};

struct machine_view {
    uint32_t frames;
    uint8_t *page; /* enum page_state; a frame whose fence is complete counts as CONF_FREE */
    struct tvm_view tvm[MONITOR_MAX_TVMS];
    uint32_t hsm[MONITOR_MAX_HARTS];
    uint32_t tvm_slot[MONITOR_MAX_HARTS]; /* HART_NO_TVM while the host runs */
    uint32_t vcpu_id[MONITOR_MAX_HARTS];
    bool halted;
};

/* False when memory is short. */
bool view_create(struct machine_view *v, uint32_t max_frames);
void view_destroy(struct machine_view *v);
void view_take(struct machine_view *v, const struct machine *m);

/* Slot of the TVM with this id, MONITOR_MAX_TVMS if none. */
uint32_t view_slot(const struct machine_view *v, uint64_t id);

/* Type of the region at a guest-physical address, -1 if none. */
int view_region_at(const struct tvm_view *t, uint64_t gpa);

const char *view_page_name(uint32_t state);
const char *view_tvm_name(uint32_t state);
const char *view_vcpu_name(uint32_t state);
const char *view_region_name(int type);
const char *view_hsm_name(uint64_t state);

/* --- observers ---------------------------------------------------------------------------------------------- */

/* One step, with the monitor before and after it. */
struct matrix_step {
    const struct world *w;
    const struct trace_op *op;
    const struct step_result *seen;
    const struct machine_view *before, *after;
    uint64_t a[8]; /* arguments, handles resolved as they were before the step */
};

/* Guest calls that left to the host and are answered at the next run of the vCPU. */
struct matrix_pending {
    const char *call; /* NULL: none */
    uint64_t tvm;     /* id */
    uint64_t a0;
};

struct matrix_calls {
    struct matrix_pending pending[MONITOR_MAX_TVMS][TVM_MAX_VCPUS];
};

/* Calls and their outcomes, and calls by state of the TVM. `calls` is zeroed before the first step of a trace. */
void matrix_observe_calls(struct matrix *x, struct matrix_calls *calls, const struct matrix_step *s);

/* Name of the call of a step, or NULL when it makes none. */
const char *matrix_call_of(const struct matrix_step *s);

/* Changes of frames, TVMs, vCPUs, regions and harts. */
void matrix_observe_states(struct matrix *x, const struct matrix_step *s);

/* Exits, faults by region, and accesses to emulated devices. */
void matrix_observe_exits(struct matrix *x, const struct matrix_step *s);

#endif
