/* SPDX-License-Identifier: Apache-2.0 */
/* One wrong instruction; see miscompile.h. */
#include "emulation/firmware/miscompile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPCODE(insn) ((insn)&0x7f)
#define FUNCT3(insn) ((insn) >> 12 & 7)
#define FUNCT7(insn) ((insn) >> 25)

#define LOAD 0x03u
#define OP_IMM 0x13u
#define OP 0x33u
#define OP_IMM_32 0x1bu
#define OP_32 0x3bu
#define BRANCH 0x63u
#define NOP 0x00000013u
#define C_NOP 0x0001u

/* Each returns the wrong instruction, or 0 when this one is not of its kind. Compressed ones have 16 bits. */
typedef uint32_t mistake(uint32_t insn);

static bool is_short(uint32_t insn)
{
    return (insn & 3) != 3;
}

static uint32_t wrong_shift(uint32_t insn)
{
    if (!is_short(insn)) {
        bool shift = OPCODE(insn) == OP_IMM && (FUNCT3(insn) == 1 || FUNCT3(insn) == 5);
        return shift ? insn ^ 1u << 20 : 0;
    }
    uint32_t op = insn & 0xe003;
    bool left = op == 0x0002 && (insn & 0x0f80) != 0;  /* c.slli */
    bool right = op == 0x8001 && (insn & 0x0800) == 0; /* c.srli, c.srai */
    uint32_t other = insn ^ 1u << 2;
    bool zero = (other & 0x107c) == 0; /* no shift at all */
    return (left || right) && !zero ? other : 0;
}

static uint32_t wrong_sign(uint32_t insn)
{
    if (is_short(insn))
        return (insn & 0xec03) == 0x8001 ? insn | 0x0400 : 0; /* c.srli: c.srai */
    uint32_t funct3 = FUNCT3(insn);
    if (OPCODE(insn) == BRANCH && funct3 >= 6)
        return insn & ~(2u << 12); /* bltu, bgeu: blt, bge */
    if ((OPCODE(insn) == OP_IMM || (OPCODE(insn) == OP && FUNCT7(insn) == 0)) && funct3 == 3)
        return insn & ~(1u << 12); /* sltu, sltiu: slt, slti */
    if ((OPCODE(insn) == OP_IMM && insn >> 26 == 0 && funct3 == 5) ||
        (OPCODE(insn) == OP && FUNCT7(insn) == 0 && funct3 == 5))
        return insn | 1u << 30; /* srli, srl: srai, sra */
    return 0;
}

static uint32_t wrong_width(uint32_t insn)
{
    if (is_short(insn)) {
        if ((insn & 0xe003) == 0x6000) { /* c.ld: c.lw, when both can say the offset */
            uint32_t offset = (insn >> 10 & 7) << 3 | (insn >> 5 & 3) << 6;
            if (offset >= 128)
                return 0;
            return 0x4000 | (insn & 0x039c) | (offset >> 3 & 7) << 10 | (offset >> 6 & 1) << 5;
        }
        if ((insn & 0xf003) == 0x9002 && (insn & 0x0f80) != 0 && (insn & 0x007c) != 0 && (insn >> 7 & 31) >= 8 &&
            (insn >> 7 & 31) < 16 && (insn >> 2 & 31) >= 8 && (insn >> 2 & 31) < 16)
            return 0x9c21 | (insn >> 7 & 7) << 7 | (insn >> 2 & 7) << 2; /* c.add: c.addw */
        return 0;
    }
    if (OPCODE(insn) == LOAD && FUNCT3(insn) == 3)
        return insn ^ 5u << 12; /* ld: lwu */
    if (OPCODE(insn) == OP && (FUNCT7(insn) == 0 || FUNCT7(insn) == 0x20) &&
        (FUNCT3(insn) == 0 || FUNCT3(insn) == 1 || FUNCT3(insn) == 5))
        return insn | 8u; /* add, sub, sll, srl, sra: the same for words */
    if (OPCODE(insn) == OP_IMM && FUNCT3(insn) == 0 && (insn >> 15 & 31) != 0 && (insn >> 15 & 31) != 2)
        return insn | 8u; /* addi: addiw */
    return 0;
}

static uint32_t never_taken(uint32_t insn)
{
    if (is_short(insn))
        return (insn & 0xc003) == 0xc001 ? C_NOP : 0; /* c.beqz, c.bnez */
    return OPCODE(insn) == BRANCH ? NOP : 0;
}

static const struct {
    const char *name;
    mistake *make;
} kinds[] = {{"shift", wrong_shift}, {"sign", wrong_sign}, {"truncate", wrong_width}, {"skip", never_taken}};

/* Make the n-th mistake of a kind in [at, end) of the text. */
static bool make(struct firmware_image *fw, mistake *wrong, uint64_t at, uint64_t end, uint64_t n)
{
    while (at + 2 <= end) {
        uint32_t insn = 0;
        memcpy(&insn, fw->text + at, 2);
        size_t size = is_short(insn) ? 2 : 4;
        if (at + size > end)
            return false;
        memcpy(&insn, fw->text + at, size);
        uint32_t other = wrong(insn);
        if (other != 0 && n-- == 0) {
            memcpy(fw->text + at, &other, size);
            return true;
        }
        at += size;
    }
    return false;
}

bool miscompile(struct firmware_image *fw, const char *what, char *why, size_t max)
{
    const char *at = strchr(what, '@');
    const char *number = at != NULL ? strchr(at, '#') : NULL;
    char function[128];
    mistake *wrong = NULL;
    uint64_t start, size;

    for (size_t i = 0; at != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strlen(kinds[i].name) == (size_t)(at - what) && strncmp(kinds[i].name, what, (size_t)(at - what)) == 0)
            wrong = kinds[i].make;
    }
    if (wrong == NULL) {
        snprintf(why, max, "%s: a kind of mistake and a function are expected: shift@gstage_map", what);
        return false;
    }
    size_t length = number != NULL ? (size_t)(number - at - 1) : strlen(at + 1);
    snprintf(function, sizeof(function), "%.*s", (int)(length < 127 ? length : 127), at + 1);
    if (!firmware_symbol(fw, function, &start, &size) || start - fw->text_base >= fw->text_size ||
        !make(fw, wrong, start - fw->text_base, start - fw->text_base + size,
              number != NULL ? strtoull(number + 1, NULL, 10) : 0)) {
        snprintf(why, max, "%s: the image has no such instruction", what);
        return false;
    }
    firmware_image_scan(fw);
    return true;
}
