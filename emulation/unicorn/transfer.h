/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and stores of the firmware as mutations take them apart and put them together again; see mutate.c. */
#ifndef TOUCHSTONE_UNICORN_TRANSFER_H
#define TOUCHSTONE_UNICORN_TRANSFER_H

#include <stdint.h>

#define OPCODE_LOAD 0x03u
#define OPCODE_STORE 0x23u
#define OPCODE_LOAD_FP 0x07u
#define OPCODE_STORE_FP 0x27u
#define DOUBLE_WORD 3u

/* Of an instruction, in bytes. */
static inline unsigned length_of(uint32_t insn)
{
    return (insn & 3) == 3 ? 4 : 2;
}

/* A 64-bit load or store of one register, in its four-byte or its compressed form. */
struct transfer {
    uint32_t opcode; /* OPCODE_LOAD, OPCODE_STORE, OPCODE_LOAD_FP or OPCODE_STORE_FP; 0 for anything else */
    unsigned reg, base;
    uint32_t offset;
};

/* Compressed forms with a base register: c.ld, c.sd, c.fld, c.fsd. */
static inline struct transfer decode_compressed(uint32_t insn)
{
    static const uint32_t opcodes[8] = {
        [1] = OPCODE_LOAD_FP, [3] = OPCODE_LOAD, [5] = OPCODE_STORE_FP, [7] = OPCODE_STORE};
    struct transfer t = {.opcode = (insn & 3) == 0 ? opcodes[insn >> 13 & 7] : 0};
    t.reg = 8 + (insn >> 2 & 7);
    t.base = 8 + (insn >> 7 & 7);
    t.offset = (insn >> 10 & 7) << 3 | (insn >> 5 & 3) << 6;
    return t;
}

static inline struct transfer decode_transfer(uint32_t insn)
{
    if (length_of(insn) == 2)
        return decode_compressed(insn);
    struct transfer t = {.opcode = insn & 0x7f, .base = insn >> 15 & 31};
    bool load = t.opcode == OPCODE_LOAD || t.opcode == OPCODE_LOAD_FP;
    bool store = t.opcode == OPCODE_STORE || t.opcode == OPCODE_STORE_FP;
    if ((!load && !store) || (insn >> 12 & 7) != DOUBLE_WORD)
        return (struct transfer){0};
    t.reg = load ? insn >> 7 & 31 : insn >> 20 & 31;
    t.offset = load ? insn >> 20 : (insn >> 25 << 5 | (insn >> 7 & 31));
    return t;
}

static inline uint32_t encode_transfer(const struct transfer *t)
{
    uint32_t common = t->opcode | DOUBLE_WORD << 12 | t->base << 15;
    if (t->opcode == OPCODE_LOAD || t->opcode == OPCODE_LOAD_FP)
        return common | t->reg << 7 | t->offset << 20;
    return common | t->reg << 20 | (t->offset & 31) << 7 | t->offset >> 5 << 25;
}

#endif
