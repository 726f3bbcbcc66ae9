/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's comparison of the extensions in a device tree with the list of those whose state it knows: what the
 * emulators and the ratified profiles name is listed, what nobody listed is named once, and no text makes it read or
 * write outside (each tree has its exact size, so a sanitizer sees that).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/tests/test.h"
#include "monitor/riscv/isa_state.h"

#define MAX_TREE 4096u

struct tree {
    uint8_t bytes[MAX_TREE];
    uint32_t at;
};

static const char strings[] = "riscv,isa\0riscv,isa-extensions";
#define NAME_ISA 0u
#define NAME_LIST 10u

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add32(struct tree *t, uint32_t value)
{
    put32(t->bytes + t->at, value);
    t->at += 4;
}

static void add_bytes(struct tree *t, const void *bytes, uint32_t count)
{
    memcpy(t->bytes + t->at, bytes, count);
    t->at += (count + 3) & ~3u;
}

static void begin(struct tree *t, const char *name)
{
    add32(t, FDT_BEGIN_NODE);
    add_bytes(t, name, (uint32_t)strlen(name) + 1);
}

static void property(struct tree *t, uint32_t name, const void *value, uint32_t count)
{
    add32(t, FDT_PROP);
    add32(t, count);
    add32(t, name);
    add_bytes(t, value, count);
}

static void begin_tree(struct tree *t, const char *parent)
{
    *t = (struct tree){.at = FDT_HEADER_BYTES + 16};
    begin(t, "");
    begin(t, parent);
}

static void add_cpu(struct tree *t, const char *node, uint32_t name, const char *value, uint32_t count)
{
    begin(t, node);
    property(t, name, value, count);
    begin(t, "interrupt-controller");
    property(t, NAME_ISA, "rv64xnotacpu", 13);
    add32(t, FDT_END_NODE);
    add32(t, FDT_END_NODE);
}

static struct isa_unlisted finish(struct tree *t)
{
    struct isa_unlisted unlisted;
    struct fdt fdt;
    uint32_t structure = FDT_HEADER_BYTES + 16;

    add32(t, FDT_END_NODE);
    add32(t, FDT_END_NODE);
    add32(t, FDT_END);
    const uint32_t header[] = {FDT_MAGIC,
                               t->at + (uint32_t)sizeof(strings),
                               structure,
                               t->at,
                               FDT_HEADER_BYTES,
                               17,
                               16,
                               0,
                               sizeof(strings),
                               t->at - structure};
    for (unsigned i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        put32(t->bytes + 4 * i, header[i]);
    uint8_t *exact = malloc(header[1]);
    if (exact == NULL)
        test_error("no memory");
    memcpy(exact, t->bytes, t->at);
    memcpy(exact + t->at, strings, sizeof(strings));
    CHECK(fdt_open(&fdt, exact, header[1]));
    isa_state_check(&fdt, &unlisted);
    free(exact);
    CHECK_EQ(strlen(unlisted.names), unlisted.length);
    return unlisted;
}

static struct isa_unlisted check_bytes(uint32_t name, const char *value, uint32_t count)
{
    struct tree t;
    begin_tree(&t, "cpus");
    add_cpu(&t, "cpu@0", name, value, count);
    return finish(&t);
}

static struct isa_unlisted check_text(const char *text)
{
    return check_bytes(NAME_ISA, text, (uint32_t)strlen(text) + 1);
}

static void known_machines(void)
{
    static const char *const texts[] = {
        "rv64imafdch_zicsr_zifencei_zihintpause_zba_zbb_zbc_zbs_sstc",
        "rv64imafdcvh_zicbom_zicboz_zicsr_zifencei_zihintpause_zawrs_zfh_zba_zbb_zve64f_svinval_svnapot_svpbmt",
        "rv64imafdch_zic64b_zicbop_ziccamoa_zicntr_zihpm_za64rs_zaamo_zalrsc_zca_zcd_zcmop_zfa_zkt_zvkt_zvl128b",
        "rv64imafdch_smstateen_ssccptr_sscounterenw_sstc_sstvala_sstvecd_svade_svadu_svbare_svvptc_sdtrig",
        "rv64imafdcsu",
        "RV64IMAFDC",
        "rv64i2p1m2p0a2p1f2p2d2p2c2p0_zicsr2p0_zifencei2p0",
        "rv64imafdczicsr",
        "rv64",
        "",
    };
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct isa_unlisted u = check_text(texts[i]);
        CHECK_EQ(u.count, 0);
        CHECK_STR(u.names, "");
    }
    static const char list[] = "i\0m\0a\0f\0d\0c\0h\0v\0zicsr\0zve64d\0sstc\0smaia\0ssaia\0zcmt";
    CHECK_EQ(check_bytes(NAME_LIST, list, sizeof(list)).count, 0);
}

static void strangers(void)
{
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"rv64imafdch_zicsr_xsecretregs", "xsecretregs"},
        {"rv64imafdchq", "q"},
        {"rv64imaq2p0c_znew_q", "q znew"},
        {"rv64imacxvendor2p1_zicsr", "xvendor"},
        {"rv64imac_smnew_smnew_SMNEW", "smnew"},
        {"rv64imac_zic_zicsrr_zicsr", "zic zicsrr"}, /* neither is a part of a name the name */
        {"rv64imac_zicsrp2", "zicsrp2"},             /* no version */
        {"rv64imac_z\x1b[2J", "z??2j"},
        {"rv64imac_zab_zabz_zab", "zab zabz"},
        {"rv64imacsnew", "snew"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(check_text(rows[i].text).names, rows[i].names);
    static const char list[] = "i\0\0xone\0zicsr\0xtwo\0xone\0unended";
    CHECK_STR(check_bytes(NAME_LIST, list, sizeof(list) - 1).names, "xone xtwo"); /* what has no end is no name */
    CHECK_EQ(check_bytes(NAME_LIST, list, sizeof(list)).count, 3);
}

/* Every hart is looked at, and nothing that is not one. */
static void all_harts(void)
{
    struct tree t;
    begin_tree(&t, "cpus");
    add_cpu(&t, "cpu@0", NAME_ISA, "rv64ima", 8);
    add_cpu(&t, "cpu@1", NAME_ISA, "rv64ima_xone", 13);
    add_cpu(&t, "cpu@2", NAME_LIST, "xtwo", 5);
    add_cpu(&t, "cpu-map", NAME_ISA, "rv64ima_xmap", 13);
    struct isa_unlisted u = finish(&t);
    CHECK_STR(u.names, "xone xtwo");
    begin_tree(&t, "soc");
    add_cpu(&t, "cpu@0", NAME_ISA, "rv64ima_xone", 13);
    CHECK_EQ(finish(&t).count, 0);
}

/* More strangers than the line has room for are counted. */
static void too_many(void)
{
    char text[1024] = "rv64i";
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "_xname%u", i);
        strcat(text, name);
    }
    struct isa_unlisted u = check_text(text);
    CHECK_EQ(u.count, 100);
    CHECK(u.length < ISA_NAMES_BYTES && u.length > ISA_NAMES_BYTES - 16);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "rv64", 4);
    text[sizeof(text) - 1] = '\0';
    u = check_text(text);
    CHECK_EQ(u.count, 1);
    CHECK_STR(u.names, "");
}

int main(void)
{
    known_machines();
    strangers();
    all_harts();
    too_many();
    return test_finish();
}
