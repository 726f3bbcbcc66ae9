/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence of a TVM (cove-abi, TVM fences): when may a page that was blocked be taken away? When every vCPU that ran
 * while it was still mapped has left its hart. A hart forgets all translations when it changes worlds, so nothing but
 * counting is left to do. Every function here is called with the slot lock held.
 */
#ifndef TOUCHSTONE_CORE_TVM_FENCE_H
#define TOUCHSTONE_CORE_TVM_FENCE_H

#include "monitor/core/tvm.h"

/* vCPU `v` of `t` enters: it runs at the current version. */
void tvm_fence_enter(struct tvm *t, struct vcpu_slot *v);

/* vCPU `v`, which entered before, has left its hart. */
void tvm_fence_leave(struct tvm *t, const struct vcpu_slot *v);

/* Start a fence. False, changing nothing, while vCPUs still run that the last one waits for. */
bool tvm_fence_initiate(struct tvm *t);

/*
 * Was a fence started after a page was blocked at `version` (as gstage_leaf.version has it), and has every vCPU left that
 * may have used the page? The version is modulo 1024: after 1024 more fences the answer is a needless no until the next
 * fence, never a wrong yes.
 */
bool tvm_fence_completed(const struct tvm *t, uint32_t version);

#endif
