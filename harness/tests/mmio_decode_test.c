/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder of device accesses against a table of its own: every 16-bit encoding, every major opcode, width code and
 * register of the 32-bit ones, and every form that mtinst can have. What is not in the table must not decode.
 */
#include "harness/tests/test.h"
#include "monitor/core/mmio_decode.h"

/* An instruction by its fixed bits. `reg` is the lowest bit of the register field, `bits` its width. */
struct row {
    const char *name;
    uint32_t mask, match;
    bool store, sign;
    unsigned width, reg, bits, base, length;
    bool no_x0;
};

static const struct row rows[] = {
    {"lb", 0x707f, 0x0003, false, true, 1, 7, 5, 0, 4, false},
    {"lh", 0x707f, 0x1003, false, true, 2, 7, 5, 0, 4, false},
    {"lw", 0x707f, 0x2003, false, true, 4, 7, 5, 0, 4, false},
    {"ld", 0x707f, 0x3003, false, true, 8, 7, 5, 0, 4, false},
    {"lbu", 0x707f, 0x4003, false, false, 1, 7, 5, 0, 4, false},
    {"lhu", 0x707f, 0x5003, false, false, 2, 7, 5, 0, 4, false},
    {"lwu", 0x707f, 0x6003, false, false, 4, 7, 5, 0, 4, false},
    {"sb", 0x707f, 0x0023, true, false, 1, 20, 5, 0, 4, false},
    {"sh", 0x707f, 0x1023, true, false, 2, 20, 5, 0, 4, false},
    {"sw", 0x707f, 0x2023, true, false, 4, 20, 5, 0, 4, false},
    {"sd", 0x707f, 0x3023, true, false, 8, 20, 5, 0, 4, false},
    {"c.lw", 0xe003, 0x4000, false, true, 4, 2, 3, 8, 2, false},
    {"c.ld", 0xe003, 0x6000, false, true, 8, 2, 3, 8, 2, false},
    {"c.sw", 0xe003, 0xc000, true, false, 4, 2, 3, 8, 2, false},
    {"c.sd", 0xe003, 0xe000, true, false, 8, 2, 3, 8, 2, false},
    {"c.lwsp", 0xe003, 0x4002, false, true, 4, 7, 5, 0, 2, true},
    {"c.ldsp", 0xe003, 0x6002, false, true, 8, 7, 5, 0, 2, true},
    {"c.swsp", 0xe003, 0xc002, true, false, 4, 2, 5, 0, 2, false},
    {"c.sdsp", 0xe003, 0xe002, true, false, 8, 2, 5, 0, 2, false},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static unsigned row_register(const struct row *row, uint32_t word)
{
    return row->base + (word >> row->reg & ((1u << row->bits) - 1));
}

static const struct row *row_of(uint32_t word)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((word & rows[i].mask) == rows[i].match && !(rows[i].no_x0 && row_register(&rows[i], word) == 0))
            return &rows[i];
    return NULL;
}

static const struct mmio_insn untouched = {.width = 77, .reg = 99, .length = 55};

static bool equals(const struct mmio_insn *a, const struct mmio_insn *b)
{
    return a->store == b->store && a->sign == b->sign && a->width == b->width && a->reg == b->reg &&
           a->length == b->length;
}

static struct mmio_insn expected_of(const struct row *row, uint32_t word)
{
    if (row == NULL)
        return untouched;
    return (struct mmio_insn){.store = row->store,
                              .sign = row->sign,
                              .width = (uint8_t)row->width,
                              .reg = (uint8_t)row_register(row, word),
                              .length = (uint8_t)row->length};
}

static bool decodes_as_the_table_says(uint32_t word)
{
    const struct row *row = row_of(word);
    struct mmio_insn expected = expected_of(row, word);
    struct mmio_insn got = untouched;
    bool known = mmio_decode(word, &got);

    if (known == (row != NULL) && equals(&got, &expected))
        return true;
    fprintf(stderr, "0x%08x, %s: known %d, width %u, reg %u, length %u\n", word, row != NULL ? row->name : "nothing",
            known, got.width, got.reg, got.length);
    return false;
}

/* What follows a short instruction in memory does not matter. */
static void every_short_encoding(void)
{
    unsigned known = 0;

    for (uint32_t word = 0; word < 0x10000; word++) {
        if ((word & 3) == 3)
            continue;
        CHECK(decodes_as_the_table_says(word));
        struct mmio_insn alone = untouched, followed = untouched;
        CHECK_EQ(mmio_decode(word, &alone), mmio_decode(word | 0x2a830000, &followed));
        CHECK(equals(&alone, &followed));
        known += row_of(word) != NULL;
    }
    /* Four forms with 11 free bits, two stack loads with 31 of 32 registers, two stack stores. */
    CHECK_EQ(known, 4 * 2048 + 2 * 31 * 64 + 2 * 2048);
}

static void every_long_encoding_that_differs(void)
{
    static const uint32_t rest[] = {0, 0x00100000, 0x7ff00000, 0xfff00000, 0x12300000};
    static const uint32_t base[] = {0, 1, 15, 16, 31};
    unsigned known = 0;

    for (uint32_t opcode = 3; opcode < 128; opcode += 4) {
        for (uint32_t code = 0; code < 8; code++) {
            for (uint32_t low = 0; low < 32; low++) {
                for (uint32_t high = 0; high < 32; high++) {
                    for (unsigned i = 0; i < 5; i++) {
                        uint32_t word = opcode | low << 7 | code << 12 | base[i] << 15 | high << 20;
                        CHECK(decodes_as_the_table_says(word ^ (rest[i] & 0xfe000000)));
                        known += row_of(word) != NULL;
                    }
                }
            }
        }
    }
    CHECK_EQ(known, (7 + 4) * 32 * 32 * 5);
}

/* --- mtinst ----------------------------------------------------------------------------------------------------- */

static void transformed_as(uint64_t tinst, const struct mmio_insn *expected, const char *what)
{
    struct mmio_insn got = untouched;
    bool known = mmio_decode_transformed(tinst, &got);

    if (!CHECK(known == (expected != NULL) && equals(&got, expected != NULL ? expected : &untouched)))
        fprintf(stderr, "    mtinst 0x%llx, %s\n", (unsigned long long)tinst, what);
}

static void every_transformed_form(void)
{
    for (size_t i = 0; i < ROWS && rows[i].length == 4; i++) {
        for (uint32_t reg = 0; reg < 32; reg++) {
            uint32_t word = rows[i].match | reg << rows[i].reg;
            struct mmio_insn expected = expected_of(&rows[i], word);
            transformed_as(word, &expected, rows[i].name);
            expected.length = 2;
            transformed_as(word & ~2u, &expected, "compressed");
            /* The second half of a misaligned access, and what no hardware writes. */
            for (uint32_t offset = 1; offset < 32; offset++)
                transformed_as(word | offset << 15, NULL, "offset");
            transformed_as(word & ~1u, NULL, "bit 0 clear");
            transformed_as(word | UINT64_C(1) << 32, NULL, "above 32 bits");
            transformed_as(word | UINT64_C(1) << 63, NULL, "above 32 bits");
        }
    }
}

static void pseudoinstructions_and_others(void)
{
    static const uint64_t not_accesses[] = {
        0,          0x2000,     0x3000,     0x2020,     0x3020,     0x00053007, /* fld */
        0x00053027, 0x00052007, 0x1005252f, 0x0805252f, 0x73,       0x00007003, /* load of width 7 */
        0x00004023, 0x00007023, 0x02055107, 0x7f,       0xffffffff, UINT64_MAX,
    };

    for (size_t i = 0; i < sizeof(not_accesses) / sizeof(not_accesses[0]); i++)
        transformed_as(not_accesses[i], NULL, "no access");
}

int main(void)
{
    every_short_encoding();
    every_long_encoding_that_differs();
    every_transformed_form();
    pseudoinstructions_and_others();
    return test_finish();
}
