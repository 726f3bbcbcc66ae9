/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The points at which a call can be made to fail from inside: functions of the monitor that hand something out or judge
 * something, as fail_points.def lists them. In builds for the host they are called by way of functions that may refuse
 * instead; who is to be refused stands in a watch. Without a watch they cost one look at a pointer.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_FAIL_POINTS_H
#define TOUCHSTONE_HARNESS_MACHINE_FAIL_POINTS_H

#include "harness/machine/machine.h"

/* --- what a trace prepares ------------------------------------------------------------------------------------ */

/*
 * What the monitor's own functions can be made to say within a call, although it is not so. The functions of each kind
 * stand in fail_points.def. Frames, page tables, slots and room for regions are all that the monitor hands out; it draws no
 * random numbers, and of its hardware primitives only PMP and IOPMP can fail (machine_fault).
 */
enum machine_fail {
    MACHINE_FAIL_ROOM,    /* there is no frame, table, slot or entry left, or nothing to fill it with */
    MACHINE_FAIL_ADDRESS, /* memory at this address is not what the call needs */
    MACHINE_FAIL_OBJECT,  /* there is no such TVM, vCPU or hart, or it is not ready for the call */
    MACHINE_FAIL_KINDS
};

/* After `skip` uses of functions of `kind` that work, the next one on hart `h` fails. No effect on other ports. */
void machine_fail(struct machine *m, uint32_t h, enum machine_fail kind, uint32_t skip);

/* Is that still to come? Functions of a call that has begun count. */
bool machine_fail_waits(const struct machine *m, uint32_t h);

/* Name of the function that failed, and its kind; NULL when none has done so yet. */
const char *machine_failed(const struct machine *m, uint32_t h, enum machine_fail *kind);

/* --- what makes it happen ------------------------------------------------------------------------------------- */

enum fail_point {
    FAIL_POINT_none = 0,
#define FAIL_POINT(kind, file, name, type, failure, params, args, possible) FAIL_POINT_##name,
#include "harness/machine/fail_points.def"
#undef FAIL_POINT
    FAIL_POINTS
};

/* What is to fail, and what did. All zero: nothing. */
struct fail_watch {
    bool armed;             /* a failure is still to come */
    enum machine_fail kind; /* of the functions whose uses count */
    enum fail_point only;   /* or, unless it is none, this one alone */
    uint32_t skip;          /* uses that work before */
    enum fail_point failed; /* the function that did fail */
    uint32_t *uses;         /* NULL, or FAIL_POINTS counters of uses that could have failed */
};

/*
 * From now on `watch` decides on this thread what fails; NULL: nothing does. Returns the watch before it. The machine
 * does so for what a trace has prepared (machine_fail), and only while the monitor works for it.
 */
struct fail_watch *fail_watch_set(struct fail_watch *watch);

/* Name of the function; NULL for none. */
const char *fail_point_name(enum fail_point point);
enum machine_fail fail_point_kind(enum fail_point point);

#endif
