/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the judges of one step share (transition.c, content.c, life.c, fences.c): whose step it is, which frames its call
 * names, and what the calls so far say about fences.
 */
#ifndef TOUCHSTONE_HARNESS_ORACLE_STEP_H
#define TOUCHSTONE_HARNESS_ORACLE_STEP_H

#include "harness/oracles/oracle.h"

static inline const uint8_t *step_bytes(const struct world *w, uint32_t frame)
{
    return w->machine->window + (size_t)frame * PAGE_SIZE;
}

/* Where the contents after the last step are kept; see oracle_state.content for when they are there. */
static inline uint8_t *step_old_bytes(struct oracle_state *o, uint32_t frame)
{
    return o->content + (size_t)frame * PAGE_SIZE;
}

static inline bool step_is_owned(unsigned state)
{
    return state >= PAGE_TVM_ROOT && state <= PAGE_RESERVE;
}

/* --- fences.c --------------------------------------------------------------------------------------------------- */

/* Has every hart that was online before this step fenced since the frame was converted? */
bool step_fenced_since_conversion(const struct world *w, uint32_t frame);

/* Remember who fenced and who went online. */
void step_follow_fences(struct world *w);

/* Has a fence of the TVM begun since the frame was blocked, and every vCPU left that was on a hart before it? */
bool step_fenced_since_blocking(const struct world *w, uint32_t frame, uint32_t slot);
/* Remember when guests entered and frames were blocked. */
void step_follow_tvm_fences(struct world *w);

/* --- transition.c ----------------------------------------------------------------------------------------------- */

/* Run of frames that the call names, and the state that its frames get. */
struct step_range_named {
    bool named; /* the call names a run at all */
    bool known; /* and it lies in the window */
    uint32_t first, count;
    unsigned target;
};

/* The run that the host's call of this step names. */
struct step_range_named step_range(const struct world *w);

/* First guest frame of a call that maps memory. */
uint64_t step_first_gfn(const struct host_call *c);

/* Slot whose guest acts in this step, by a call or a fault that the monitor serves; MONITOR_MAX_TVMS if none does. */
uint32_t step_guest_slot(const struct world *w);

/* Does the guest ask for a change of its memory: by sharing, or by touching what it does not have yet? */
bool step_guest_changes_memory(const struct world *w);

/* Calls of the host that change the tables of the TVM that they name. */
bool step_host_changes_tables(uint16_t call);

/* --- content.c -------------------------------------------------------------------------------------------------- */

/* A frame in new hands must not bring anything of the old ones along. */
void content_judge_new(struct world *w, uint32_t frame);

/* Frames that were written in this step: were those who wrote entitled to? Fills `written`. */
void content_judge(struct world *w, const uint32_t *frames, uint32_t frame_count);

/* --- life.c ----------------------------------------------------------------------------------------------------- */

/* Slots of TVMs that changed, and the state in which the call found its TVM. */
void life_judge(struct world *w);

/* Remember what the walk and the register oracle need to know of a call that succeeded. */
void life_follow(struct world *w);

#endif
