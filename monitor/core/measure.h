/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurement registers: SHA-384 values that can only be extended, M' = H(M || data). The hash is BearSSL's.
 */
#ifndef TOUCHSTONE_CORE_MEASURE_H
#define TOUCHSTONE_CORE_MEASURE_H

#include "monitor/core/types.h"

#define MEASUREMENT_SIZE 48u /* SHA-384 */

struct measurement {
    uint8_t value[MEASUREMENT_SIZE];
};

/*
 * M' = H(M || LE64(gpa) || 4096 bytes of `page`). The caller hands the frame as installed for the guest, never
 * the host's copy, which may have changed since.
 */
void measure_page(struct measurement *r, struct gpa gpa, const uint8_t page[PAGE_SIZE]);

/* M' = H(M || LE64(value)). */
void measure_word(struct measurement *r, uint64_t value);

#endif
