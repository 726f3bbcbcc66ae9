/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the decoder of device accesses (monitor/core/mmio_decode.h) against another one, LLVM's disassembler, of
 * which the text is read. Both name the same access (direction, width, sign, register, length), or neither does.
 *
 * All 16-bit words are compared before the first input. An input is a list of 32-bit words: each is compared as an
 * instruction and as a transformed instruction, and what its transformed form says must be what the word itself says.
 *
 * A disagreement is printed to stderr, first line `FINDING mmio decode`, and ends the process.
 */
#include <inttypes.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/targets/fuzzer.h"
#include "monitor/core/mmio_decode.h"

#define TEXT_MAX 96u
#define UNCOMPRESSED 0x2u            /* bit 1 of a transformed instruction */
#define TRANSFORMED_LOAD 0x00007fffu /* what is kept of a load: opcode, rd, width; immediate and rs1 become 0 */
#define TRANSFORMED_STORE 0x01f0707fu

static LLVMDisasmContextRef disassembler;

static const struct {
    const char *name;
    bool store, sign;
    uint8_t width;
} accesses[] = {
    {"lb", false, true, 1},   {"lh", false, true, 2},   {"lw", false, true, 4},   {"ld", false, true, 8},
    {"lbu", false, false, 1}, {"lhu", false, false, 2}, {"lwu", false, false, 4}, {"sb", true, false, 1},
    {"sh", true, false, 2},   {"sw", true, false, 4},   {"sd", true, false, 8},
};

static const char *const registers[32] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                          "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                          "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

/* --- the other decoder -------------------------------------------------------------------------------------- */

/* Mnemonic and first operand of a line like "\tlw\ta0, 8(a1)". */
static bool understand(const char *text, struct mmio_insn *out)
{
    char name[16], reg[16];

    if (sscanf(text, " %15[a-z.] %15[a-z0-9],", name, reg) != 2)
        return false;
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        if (strcmp(name, accesses[i].name) != 0)
            continue;
        out->store = accesses[i].store;
        out->sign = accesses[i].sign;
        out->width = accesses[i].width;
        for (uint8_t r = 0; r < 32; r++) {
            if (strcmp(reg, registers[r]) != 0)
                continue;
            out->reg = r;
            return true;
        }
    }
    return false;
}

static bool other_decode(uint32_t word, struct mmio_insn *out, char text[TEXT_MAX])
{
    uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    size_t length = (word & 3) == 3 ? 4 : 2;

    text[0] = '\0';
    if (LLVMDisasmInstruction(disassembler, bytes, length, 0, text, TEXT_MAX) != length)
        return false;
    out->length = (uint8_t)length;
    return understand(text, out);
}

/* --- comparison --------------------------------------------------------------------------------------------- */

static void describe(const char *who, bool decoded, const struct mmio_insn *insn)
{
    if (!decoded)
        fprintf(stderr, "%s: not a device access\n", who);
    else
        fprintf(stderr, "%s: %s, %u bytes, %s, x%u, length %u\n", who, insn->store ? "store" : "load", insn->width,
                insn->sign ? "signed" : "unsigned", insn->reg, insn->length);
}

static bool same(const struct mmio_insn *a, const struct mmio_insn *b)
{
    return a->store == b->store && a->sign == b->sign && a->width == b->width && a->reg == b->reg &&
           a->length == b->length;
}

/* Refused: nothing was written. */
static const struct mmio_insn untouched = {.store = true, .sign = true, .width = 0x5a, .reg = 0x5a, .length = 0x5a};

static void compare(const char *what, uint64_t word, const char *text, bool wanted, const struct mmio_insn *expected,
                    bool decoded, const struct mmio_insn *found)
{
    if (wanted == decoded && same(found, wanted ? expected : &untouched))
        return;
    fprintf(stderr, "FINDING mmio decode\n%s 0x%08" PRIx64 ", disassembled as '%s'\n", what, word, text);
    describe("expected", wanted, expected);
    describe("decoded ", decoded, found);
    abort();
}

static bool compare_insn(uint32_t word, struct mmio_insn *expected)
{
    char text[TEXT_MAX];
    struct mmio_insn found = untouched;
    bool wanted = other_decode(word, expected, text);
    bool decoded = mmio_decode(word, &found);

    compare("instruction", word, text, wanted, expected, decoded, &found);
    return wanted;
}

/* Any value of mtinst. The place of rs1 is an offset, which is 0 for an access that the monitor may finish. */
static void compare_any_transformed(uint64_t tinst)
{
    char text[TEXT_MAX] = "";
    struct mmio_insn expected = untouched, found = untouched;
    uint32_t word = (uint32_t)tinst | UNCOMPRESSED;
    bool wanted = tinst >> 32 == 0 && (word & 3) == 3 && (word >> 15 & 31) == 0 && other_decode(word, &expected, text);
    bool decoded = mmio_decode_transformed(tinst, &found);

    expected.length = (tinst & UNCOMPRESSED) != 0 ? 4 : 2;
    compare("transformed instruction", tinst, text, wanted, &expected, decoded, &found);
}

static unsigned log2_of(unsigned width)
{
    return (unsigned)__builtin_ctz(width);
}

/* What hardware reports for this access says the same as the instruction itself. */
static void compare_transformed_form(const struct mmio_insn *insn)
{
    struct mmio_insn found = untouched;
    uint32_t code = log2_of(insn->width) | (insn->store || insn->sign ? 0u : 4u);
    uint32_t tinst = code << 12 | (uint32_t)insn->reg << (insn->store ? 20 : 7) | (insn->store ? 0x21u : 0x01u);

    if (insn->length == 4)
        tinst |= UNCOMPRESSED;
    bool decoded = mmio_decode_transformed(tinst, &found);
    compare("transformed form", tinst, "", true, insn, decoded, &found);
}

static void compare_all(uint32_t word)
{
    struct mmio_insn insn = untouched;

    if (compare_insn(word, &insn))
        compare_transformed_form(&insn);
    compare_any_transformed(word);
    compare_any_transformed(word & ((word & 0x20) != 0 ? TRANSFORMED_STORE : TRANSFORMED_LOAD));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVDisassembler();
    disassembler = LLVMCreateDisasmCPUFeatures("riscv64", "generic-rv64", "+m,+a,+f,+d,+c,+v", NULL, 0, NULL, NULL);
    if (disassembler == NULL) {
        fprintf(stderr, "error: this LLVM has no disassembler for riscv64\n");
        exit(EXIT_FAILURE);
    }
    for (uint32_t half = 0; half < 0x10000; half++) {
        if ((half & 3) != 3)
            compare_all(half);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t words = 0;

    for (size_t at = 0; at + 4 <= size; at += 4) {
        uint32_t word = (uint32_t)data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)data[at + 2] << 16 |
                        (uint32_t)data[at + 3] << 24;
        words = words << 32 | word;
        compare_all(word);
        compare_any_transformed(words);
    }
    return 0;
}
