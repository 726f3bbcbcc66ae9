/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be judged when every hart has left the monitor, whatever they did and in whichever order.
 */
#ifndef TOUCHSTONE_HARNESS_CONCURRENCY_QUIET_H
#define TOUCHSTONE_HARNESS_CONCURRENCY_QUIET_H

#include "harness/agents/world.h"

/*
 * Ownership of every frame, every protection and cached translation, and vCPUs: each on one hart at most, and as many as
 * their TVM counts. The world was made without oracles; a finding is left in it.
 */
void quiet_audit(struct world *w);

/* What the machine noticed becomes a finding, unless there is one. */
void quiet_take_violation(struct world *w);

#endif
