/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATT: the measurement registers of each TVM are what its accepted calls make them, computed again by another
 * implementation of the hash (nettle's; the monitor has BearSSL's), from the calls' arguments and what lies in memory.
 */
#ifndef TOUCHSTONE_HARNESS_ATT_H
#define TOUCHSTONE_HARNESS_ATT_H

#include "harness/agents/world.h"

#define ATT_HASH_SIZE 48u

bool att_create(struct world *w);
void att_destroy(struct world *w);
void att_reset(struct world *w);

/* After each operation: bring the registers forward by the host call of this step, if there was one, and compare. */
void att_after(struct world *w);

/* M = H(M || LE64(gpa) || page), and M = H(M || LE64(value)). For tests too. */
void att_extend_page(uint8_t m[ATT_HASH_SIZE], uint64_t gpa, const uint8_t *page);
void att_extend_word(uint8_t m[ATT_HASH_SIZE], uint64_t value);

#endif
