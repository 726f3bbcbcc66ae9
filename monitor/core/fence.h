/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The global fence: proof that every hart has forgotten translations to a frame since the host gave it up.
 *
 * A version counts up with each global_fence. A hart has seen a version when it flushed after the version was
 * opened. A frame converted at version v is usable when every online hart has seen a later one. Harts that are not
 * STARTED do not count: they flush and catch up before they execute host code.
 */
#ifndef TOUCHSTONE_CORE_FENCE_H
#define TOUCHSTONE_CORE_FENCE_H

#include "monitor/core/monitor.h"

/* Has every online hart fenced past `version`? Must be called with pages_lock held. */
bool fence_completed(const struct monitor *m, uint64_t version);

/*
 * Open a new version and fence this hart for it. False, changing nothing, while an online hart is behind the
 * current one. Must be called with pages_lock held.
 */
bool fence_initiate(struct hart *h);

/* Flush this hart and mark it as up to date. Must be called with pages_lock held. */
void fence_local(struct hart *h);

#endif
