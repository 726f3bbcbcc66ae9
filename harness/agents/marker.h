/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markers: values that stand for a guest's secrets. Their upper half is a tag that no address, count, instruction or
 * error of the interface has, so one comparison tells that a guest's register has leaked.
 */
#ifndef TOUCHSTONE_HARNESS_MARKER_H
#define TOUCHSTONE_HARNESS_MARKER_H

#include <stdbool.h>
#include <stdint.h>

#define MARKER_TAG UINT64_C(0xd15ea5e5)

/* Marker for place `place` (register number or the like) of the guest that runs as vCPU `vcpu` of TVM `tvm`. */
static inline uint64_t marker_value(uint64_t tvm, uint32_t vcpu, uint32_t place)
{
    return MARKER_TAG << 32 | (tvm & 0xffu) << 24 | (uint64_t)(vcpu & 0xffu) << 16 | (place & 0xffffu);
}

static inline bool marker_is(uint64_t value)
{
    return value >> 32 == MARKER_TAG;
}

#endif
