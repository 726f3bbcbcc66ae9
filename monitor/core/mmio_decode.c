/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of device accesses; see mmio_decode.h. */
#include "monitor/core/mmio_decode.h"

#define OPCODE_LOAD 0x03u
#define OPCODE_STORE 0x23u

/* Width codes of loads: 0..3 are signed bytes, halves, words, doubles, 4..6 the unsigned ones, 7 is none. */
#define LOAD_CODE_UNSIGNED 4u
#define LOAD_CODE_NONE 7u
#define STORE_CODE_MAX 3u

#define TINST_UNCOMPRESSED 0x2u
#define TINST_OFFSET_SHIFT 15u

static uint32_t field(uint32_t word, unsigned shift, unsigned bits)
{
    return word >> shift & ((1u << bits) - 1);
}

static bool is_compressed(uint32_t word)
{
    return (word & 3) != 3;
}

static bool decode_standard(uint32_t word, struct mmio_insn *out)
{
    uint32_t opcode = field(word, 0, 7);
    uint32_t code = field(word, 12, 3);
    bool load = opcode == OPCODE_LOAD && code != LOAD_CODE_NONE;
    bool store = opcode == OPCODE_STORE && code <= STORE_CODE_MAX;
    if (!load && !store)
        return false;
    *out = (struct mmio_insn){.store = store,
                              .sign = load && code < LOAD_CODE_UNSIGNED,
                              .width = (uint8_t)(1u << (code & 3)),
                              .reg = (uint8_t)field(word, store ? 20 : 7, 5),
                              .length = 4};
    return true;
}

/* Where a compressed form keeps its register: bits 4:2 for one of x8..x15, bits 11:7, or bits 6:2. */
static bool decode_compressed(uint32_t word, struct mmio_insn *out)
{
    uint32_t quadrant = field(word, 0, 2);
    uint32_t code = field(word, 13, 3);
    bool stack = quadrant == 2;
    bool word_or_double = (code & 3) == 2 || (code & 3) == 3;
    bool store = code >= 6;
    if ((quadrant != 0 && !stack) || !word_or_double)
        return false;
    uint32_t reg = !stack ? 8 + field(word, 2, 3) : store ? field(word, 2, 5) : field(word, 7, 5);
    /* A load from the stack to x0 is a reserved encoding. */
    if (stack && !store && reg == 0)
        return false;
    *out = (struct mmio_insn){
        .store = store, .sign = !store, .width = (code & 1) != 0 ? 8 : 4, .reg = (uint8_t)reg, .length = 2};
    return true;
}

bool mmio_decode(uint32_t word, struct mmio_insn *out)
{
    return is_compressed(word) ? decode_compressed(word, out) : decode_standard(word, out);
}

bool mmio_decode_transformed(uint64_t tinst, struct mmio_insn *out)
{
    uint32_t word = (uint32_t)tinst;
    if (tinst > UINT32_MAX || field(word, TINST_OFFSET_SHIFT, 5) != 0 ||
        !decode_standard(word | TINST_UNCOMPRESSED, out))
        return false;
    out->length = (word & TINST_UNCOMPRESSED) != 0 ? 4 : 2;
    return true;
}
