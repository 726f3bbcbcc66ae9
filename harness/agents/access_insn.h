/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that access memory, as the unprivileged specification encodes them: what they do, apart from where.
 * Loads, stores, their compressed forms, floating point, load-reserved, store-conditional and atomics.
 */
#ifndef TOUCHSTONE_HARNESS_ACCESS_INSN_H
#define TOUCHSTONE_HARNESS_ACCESS_INSN_H

#include <stdbool.h>
#include <stdint.h>

enum access_form { FORM_NONE, FORM_LOAD, FORM_STORE, FORM_AMO };

struct access_insn {
    enum access_form form; /* FORM_NONE: something else */
    bool plain;            /* lb .. ld, sb .. sd and their compressed forms */
    bool fp;
    bool sign;
    unsigned width;       /* bytes */
    unsigned len;         /* of the instruction */
    unsigned reg;         /* destination of a load or atomic, source of a store */
    unsigned source;      /* of an atomic */
    uint32_t transformed; /* as mtinst has it (priv. spec), for an access that starts where the fault is */
};

/* `insn` may be compressed; then only its low half counts. */
struct access_insn access_insn_decode(uint32_t insn);

/* Value of a load of this width as the register gets it. */
uint64_t access_insn_extend(const struct access_insn *d, uint64_t value);

#endif
