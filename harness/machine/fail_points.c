/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the monitor that may refuse; see fail_points.h. fail_points.cmake has them called. */
#include "harness/machine/fail_points.h"

#include "monitor/core/address.h"
#include "monitor/core/fence.h"
#include "monitor/core/gstage.h"
#include "monitor/core/guest_memory.h"
#include "monitor/core/ipi.h"
#include "monitor/core/page_record.h"
#include "monitor/core/promote.h"
#include "monitor/core/region_change.h"
#include "monitor/core/tvm_fence.h"
#include "monitor/core/vcpu.h"

static _Thread_local struct fail_watch *now;

struct fail_watch *fail_watch_set(struct fail_watch *watch)
{
    struct fail_watch *before = now;

    now = watch;
    return before;
}

static const struct {
    const char *name;
    enum machine_fail kind;
} points[FAIL_POINTS] = {
#define FAIL_POINT(kind, file, name, type, failure, params, args, possible)                                            \
    [FAIL_POINT_##name] = {#name, MACHINE_FAIL_##kind},
#include "harness/machine/fail_points.def"
#undef FAIL_POINT
};

const char *fail_point_name(enum fail_point point)
{
    return points[point].name;
}

enum machine_fail fail_point_kind(enum fail_point point)
{
    return points[point].kind;
}

/* A use that could fail: does it? */
static bool fails(enum fail_point point)
{
    bool counts = now->only != FAIL_POINT_none ? now->only == point : now->kind == points[point].kind;

    if (now->uses != NULL)
        now->uses[point]++;
    if (!now->armed || !counts)
        return false;
    if (now->skip != 0) {
        now->skip--;
        return false;
    }
    now->armed = false;
    now->failed = point;
    return true;
}

/* Only a change that cuts the region where the range ends needs room in the table: see tvm_region_retype. */
static bool cuts_region(const struct tvm *t, struct gpa gpa, uint64_t len)
{
    const struct region *r = tvm_region_containing(t, gpa, len);

    return r != NULL && (r->base != gpa.value || r->len != len);
}

#define FAIL_POINT(kind, file, name, type, failure, params, args, possible)                                            \
    type fail_point_##name params;                                                                                     \
    type fail_point_##name params                                                                                      \
    {                                                                                                                  \
        if (now != NULL && (possible) && fails(FAIL_POINT_##name))                                                     \
            return failure;                                                                                            \
        return name args;                                                                                              \
    }
#include "harness/machine/fail_points.def"
#undef FAIL_POINT
