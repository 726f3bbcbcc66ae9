/* SPDX-License-Identifier: Apache-2.0 */
/* The fence of a TVM; see tvm_fence.h. */
#include "monitor/core/tvm_fence.h"

/* Versions are kept in leaves modulo this. */
#define VERSION_MODULUS 1024u

void tvm_fence_enter(struct tvm *t, struct vcpu_slot *v)
{
    v->fence_version = t->fence.current;
    t->fence.running_current++;
}

void tvm_fence_leave(struct tvm *t, const struct vcpu_slot *v)
{
    if (v->fence_version == t->fence.current)
        t->fence.running_current--;
    else
        t->fence.running_previous--;
}

bool tvm_fence_initiate(struct tvm *t)
{
    struct tvm_fence *f = &t->fence;
    if (f->running_previous != 0)
        return false;
    f->running_previous = f->running_current;
    f->running_current = 0;
    f->current++;
    return true;
}

bool tvm_fence_completed(const struct tvm *t, uint32_t version)
{
    uint64_t age = (t->fence.current - version) % VERSION_MODULUS;
    if (age == 0)
        return false;
    /* Nobody runs who entered two versions ago: the second fence could not start before they had left. */
    return age > 1 || t->fence.running_previous == 0;
}
