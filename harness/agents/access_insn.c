/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of loads and stores; see access_insn.h. */
#include "harness/agents/access_insn.h"

#define OPCODE_LOAD 0x03u
#define OPCODE_LOAD_FP 0x07u
#define OPCODE_STORE 0x23u
#define OPCODE_STORE_FP 0x27u
#define OPCODE_AMO 0x2fu

static uint32_t bits(uint32_t word, unsigned high, unsigned low)
{
    return word >> low & ((1u << (high - low + 1)) - 1);
}

/* Instructions of 32 bits; rs1 is replaced by 0, the offset within the access, in the transformed form. */
static struct access_insn decode_word(uint32_t insn)
{
    uint32_t opcode = insn & 0x7f;
    uint32_t size = bits(insn, 14, 12);
    struct access_insn d = {
        .len = 4, .width = 1u << (size & 3), .reg = bits(insn, 11, 7), .source = bits(insn, 24, 20)};

    if (opcode == OPCODE_LOAD && size != 7) {
        d.form = FORM_LOAD;
        d.plain = true;
        d.sign = size < 4;
        d.transformed = insn & 0x00007fff;
    } else if (opcode == OPCODE_STORE && size < 4) {
        d.form = FORM_STORE;
        d.plain = true;
        d.reg = d.source;
        d.transformed = insn & 0x01f0707f;
    } else if (opcode == OPCODE_LOAD_FP && (size == 2 || size == 3)) {
        d.form = FORM_LOAD;
        d.fp = true;
        d.transformed = insn & 0x00007fff;
    } else if (opcode == OPCODE_STORE_FP && (size == 2 || size == 3)) {
        d.form = FORM_STORE;
        d.fp = true;
        d.reg = d.source;
        d.transformed = insn & 0x01f0707f;
    } else if (opcode == OPCODE_AMO && (size == 2 || size == 3)) {
        bool reserve = bits(insn, 31, 27) == 2;
        d.form = reserve ? FORM_LOAD : FORM_AMO;
        d.sign = true;
        d.transformed = insn & ~(0x1fu << 15);
    }
    return d;
}

/* The same access as an instruction of 32 bits, without an offset. */
static uint32_t make_load(uint32_t opcode, unsigned size, unsigned rd)
{
    return opcode | rd << 7 | size << 12;
}

static uint32_t make_store(uint32_t opcode, unsigned size, unsigned rs2)
{
    return opcode | size << 12 | rs2 << 20;
}

/* Compressed loads and stores of RV64DC, widened; 0 for all others. */
static uint32_t widen(uint32_t insn)
{
    unsigned low = bits(insn, 4, 2) + 8;
    unsigned rd = bits(insn, 11, 7);
    unsigned rs2 = bits(insn, 6, 2);

    switch (insn & 0xe003) {
    case 0x2000: return make_load(OPCODE_LOAD_FP, 3, low);           /* c.fld */
    case 0x4000: return make_load(OPCODE_LOAD, 2, low);              /* c.lw */
    case 0x6000: return make_load(OPCODE_LOAD, 3, low);              /* c.ld */
    case 0xa000: return make_store(OPCODE_STORE_FP, 3, low);         /* c.fsd */
    case 0xc000: return make_store(OPCODE_STORE, 2, low);            /* c.sw */
    case 0xe000: return make_store(OPCODE_STORE, 3, low);            /* c.sd */
    case 0x2002: return make_load(OPCODE_LOAD_FP, 3, rd);            /* c.fldsp */
    case 0x4002: return rd != 0 ? make_load(OPCODE_LOAD, 2, rd) : 0; /* c.lwsp */
    case 0x6002: return rd != 0 ? make_load(OPCODE_LOAD, 3, rd) : 0; /* c.ldsp */
    case 0xa002: return make_store(OPCODE_STORE_FP, 3, rs2);         /* c.fsdsp */
    case 0xc002: return make_store(OPCODE_STORE, 2, rs2);            /* c.swsp */
    case 0xe002: return make_store(OPCODE_STORE, 3, rs2);            /* c.sdsp */
    default: return 0;
    }
}

struct access_insn access_insn_decode(uint32_t insn)
{
    if ((insn & 3) == 3)
        return decode_word(insn);
    struct access_insn d = decode_word(widen(insn & 0xffff));
    d.len = 2;
    d.transformed &= ~2u; /* so the reader knows that the original was short */
    return d;
}

uint64_t access_insn_extend(const struct access_insn *d, uint64_t value)
{
    unsigned shift = 64 - 8 * d->width;

    if (d->fp)
        return d->width == 8 ? value : value | UINT64_MAX << 32; /* NaN box */
    value <<= shift;
    return d->sign ? (uint64_t)((int64_t)value >> shift) : value >> shift;
}
