/* SPDX-License-Identifier: Apache-2.0 */
/* Measurement registers; see measure.h. */
#include "monitor/core/measure.h"

#include <bearssl_hash.h>

static void update_le64(br_sha384_context *hash, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    br_sha384_update(hash, bytes, sizeof(bytes));
}

void measure_page(struct measurement *r, struct gpa gpa, const uint8_t page[PAGE_SIZE])
{
    br_sha384_context hash;
    br_sha384_init(&hash);
    br_sha384_update(&hash, r->value, sizeof(r->value));
    update_le64(&hash, gpa.value);
    br_sha384_update(&hash, page, PAGE_SIZE);
    br_sha384_out(&hash, r->value);
}

void measure_word(struct measurement *r, uint64_t value)
{
    br_sha384_context hash;
    br_sha384_init(&hash);
    br_sha384_update(&hash, r->value, sizeof(r->value));
    update_le64(&hash, value);
    br_sha384_out(&hash, r->value);
}
