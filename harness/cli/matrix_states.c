/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of state in one step: frames, TVMs, vCPUs, regions of guest memory, harts. A frame that was converted counts
 * as free from the moment its fence is complete, although its record changes only when it is used.
 */
#include "harness/cli/matrix.h"

#include <stdio.h>

static void change(struct matrix *x, const char *group, const char *from, const char *to)
{
    matrix_hit(x, group, from, to);
}

static void pages(struct matrix *x, const struct matrix_step *s)
{
    for (uint32_t i = 0; i < s->after->frames; i++) {
        if (s->before->page[i] != s->after->page[i])
            change(x, "page", view_page_name(s->before->page[i]), view_page_name(s->after->page[i]));
    }
}

static void vcpus(struct matrix *x, const struct tvm_view *before, const struct tvm_view *after)
{
    for (uint32_t i = 0; i < TVM_MAX_VCPUS; i++) {
        uint32_t from = before->state == TVM_ABSENT ? (uint32_t)VCPU_ABSENT : before->vcpu[i].state;

        if (from != after->vcpu[i].state)
            change(x, "vcpu", view_vcpu_name(from), view_vcpu_name(after->vcpu[i].state));
    }
}

/* Every range whose type changed begins where a region begins, before or after. */
static void regions(struct matrix *x, const struct tvm_view *before, const struct tvm_view *after)
{
    for (uint32_t i = 0; i < after->region_count; i++) {
        int from = before->state == TVM_ABSENT ? -1 : view_region_at(before, after->region[i].base);

        if (from != (int)after->region[i].type)
            change(x, "region", view_region_name(from), view_region_name((int)after->region[i].type));
    }
    for (uint32_t i = 0; before->state != TVM_ABSENT && i < before->region_count; i++) {
        int to = view_region_at(after, before->region[i].base);

        if (to != (int)before->region[i].type)
            change(x, "region", view_region_name((int)before->region[i].type), view_region_name(to));
    }
}

void matrix_observe_states(struct matrix *x, const struct matrix_step *s)
{
    if (s->before->halted)
        return;
    pages(x, s);
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++) {
        const struct tvm_view *before = &s->before->tvm[i], *after = &s->after->tvm[i];

        if (before->state != after->state)
            change(x, "tvm", view_tvm_name(before->state), view_tvm_name(after->state));
        /* A system reset wipes the objects of TVMs that it has ended: there is nothing left to compare. */
        if (after->state == TVM_ABSENT || s->after->halted)
            continue;
        vcpus(x, before, after);
        regions(x, before, after);
    }
    for (uint32_t i = 0; i < MONITOR_MAX_HARTS; i++) {
        if (s->before->hsm[i] != s->after->hsm[i])
            change(x, "hart", view_hsm_name(s->before->hsm[i]), view_hsm_name(s->after->hsm[i]));
    }
}
