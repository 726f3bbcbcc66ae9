/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots the linked firmware, instruction by instruction, with right and wrong words from the stage before it: struct
 * fw_dynamic_info and the device tree. A right boot enters the host in S-mode where the loader said, with a tree that reserves
 * the monitor's memory. Everything else ends in a refusal that says why, and no host runs: never a trap in the monitor, never an
 * access to memory that is not there. Skipped where the firmware has not been built.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulation/unicorn/scene.h"
#include "harness/tests/test.h"
#include "monitor/riscv/fdt_facts.h"

#define A0 10u
#define WINDOW UINT64_C(0x84000000)
#define WINDOW_SIZE UINT64_C(0x00400000)
#define IMAGE RAM_BASE
#define RAM_END (RAM_BASE + RAM_SIZE)

struct info {
    uint64_t magic, version, next_addr, next_mode, options, boot_hart;
};

static const struct info good_info = {0x4942534f, 2, SCENE_HOST_ENTRY, 1, 0, 0};

static struct emulated_hart hart;
static uint8_t good_fdt[SCENE_FDT_MAX];
static uint32_t good_fdt_size;

/* What the stage before hands over; `info` lies at info_at and the tree at fdt_at unless these lie outside of RAM. */
struct handover {
    struct info info;
    uint64_t info_at;
    const uint8_t *fdt;
    uint32_t fdt_size;
    uint64_t fdt_at;
};

static struct handover good(void)
{
    return (struct handover){
        .info = good_info, .info_at = SCENE_INFO, .fdt = good_fdt, .fdt_size = good_fdt_size, .fdt_at = SCENE_FDT};
}

static void put(uint64_t at, const void *bytes, uint64_t size)
{
    if (at >= RAM_BASE && size <= RAM_SIZE && at - RAM_BASE <= RAM_SIZE - size && at % 8 == 0)
        hart_poke(&hart, at, bytes, size);
}

static enum stop_reason boot(const struct handover *h)
{
    hart_restore(&hart);
    put(h->fdt_at, h->fdt, h->fdt_size);
    put(h->info_at, &h->info, sizeof(h->info));
    hart.regs.x[A0 + 1] = h->fdt_at;
    hart.regs.x[A0 + 2] = h->info_at;
    hart.console_len = 0;
    hart.console[0] = '\0';
    return hart_run(&hart);
}

static bool enters(const struct handover *h)
{
    return boot(h) == STOP_WORLD && hart.csr.mode == MODE_S && !hart.csr.virt && hart.regs.pc == h->info.next_addr &&
           hart.regs.x[A0] == 0 && hart.regs.x[A0 + 1] == h->fdt_at;
}

static bool refuses(const struct handover *h, const char *reason)
{
    enum stop_reason stop = boot(h);
    bool ok =
        stop == STOP_PARKED && strstr(hart.console, "cannot start: ") != NULL && strstr(hart.console, reason) != NULL;
    if (!ok)
        printf("  stop %d at pc 0x%llx, console: %s\n", (int)stop, (unsigned long long)hart.stop_pc, hart.console);
    return ok;
}

/* --- fw_dynamic_info ---------------------------------------------------------------------------------------------- */

static void follows_a_good_info(void)
{
    struct handover h = good();
    CHECK(enters(&h));
    h.info.next_addr = SCENE_HOST_ENTRY + 0x1002;
    CHECK(enters(&h));
    h.info.next_addr = RAM_END - 4;
    CHECK(enters(&h));
    h.info = good_info;
    h.info.boot_hart = UINT64_MAX; /* any */
    CHECK(enters(&h));
    h.info.version = 1; /* has no boot_hart: what lies there does not count */
    h.info.boot_hart = 5;
    CHECK(enters(&h));
}

static void refuses_a_bad_info(void)
{
    struct handover h = good();
    h.info.magic++;
    CHECK(refuses(&h, "no magic number"));
    h.info = good_info;
    h.info.version = 0;
    CHECK(refuses(&h, "version"));
    h.info.version = 3;
    CHECK(refuses(&h, "version"));
    h.info = good_info;
    for (uint64_t mode = 0; mode < 5; mode++) {
        h.info.next_mode = mode;
        CHECK(mode == 1 || refuses(&h, "not for S-mode"));
    }
    h.info = good_info;
    h.info.boot_hart = 1;
    CHECK(refuses(&h, "boot hart"));
    h.info.boot_hart = UINT64_C(0x100000000); /* hart 0 to whoever looks at 32 bits */
    CHECK(refuses(&h, "boot hart"));
}

static void refuses_a_bad_entry(void)
{
    static const uint64_t entries[] = {0,
                                       1,
                                       SCENE_HOST_ENTRY + 1,
                                       IMAGE,
                                       IMAGE + 0x1ffffc,
                                       WINDOW,
                                       WINDOW - 2,
                                       WINDOW + WINDOW_SIZE - 4,
                                       RAM_END - 2,
                                       RAM_END,
                                       RAM_BASE - 4,
                                       UINT64_MAX - 1};
    struct handover h = good();
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        h.info.next_addr = entries[i];
        CHECK(refuses(&h, "no usable entry"));
    }
}

static void refuses_a_bad_place_of_the_info(void)
{
    static const uint64_t places[] = {0, SCENE_INFO + 4, SCENE_INFO + 1, IMAGE + 0x100000, WINDOW, RAM_END - 8};
    struct handover h = good();
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        h.info_at = places[i];
        CHECK(refuses(&h, "fw_dynamic_info"));
    }
}

/* --- device trees ------------------------------------------------------------------------------------------------- */

static void host_gets_the_reservations(void)
{
    struct handover h = good();
    struct fdt tree;
    unsigned found = 0;
    CHECK(enters(&h));
    const uint8_t *blob = hart_peek(&hart, SCENE_FDT, 4096);
    CHECK(blob != NULL && fdt_open(&tree, blob, 4096));
    struct fdt_cursor c = fdt_walk(&tree);
    struct fdt_item item;
    for (item = fdt_next(&c); item.kind < FDT_ITEM_TREE_END; item = fdt_next(&c))
        found += item.kind == FDT_ITEM_NODE && item.depth == 3 &&
                 (fdt_is(item.name, "monitor@80000000") || fdt_is(item.name, "confidential-memory@84000000"));
    CHECK(item.kind == FDT_ITEM_TREE_END && found == 2);
}

static void refuses_a_bad_place_of_the_tree(void)
{
    static const uint64_t places[] = {0, SCENE_FDT + 4, IMAGE + 0x100000, WINDOW + 0x1000, WINDOW - 8};
    struct handover h = good();
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        h.fdt_at = places[i];
        CHECK(refuses(&h, "device tree"));
    }
}

/* The tree lies where nothing can be added to it: at the end of RAM, before the window, before the host's first instruction. */
static void refuses_when_the_tree_has_no_room(void)
{
    struct handover h = good();
    uint64_t size = (good_fdt_size + 7u) & ~7u;
    h.fdt_at = RAM_END - size;
    CHECK(refuses(&h, "no room"));
    h.fdt_at = WINDOW - size;
    CHECK(refuses(&h, "no room"));
    h = good();
    h.info.next_addr = h.fdt_at + size + 16;
    CHECK(refuses(&h, "no room"));
    h.info.next_addr = h.fdt_at + 2048; /* far enough */
    CHECK(enters(&h));
}

/* Whatever one byte of the tree becomes: the host is entered, or the firmware says why not. */
static void survives_every_damaged_byte_of_the_tree(void)
{
    static const uint8_t values[] = {0x00, 0x01, 0x80, 0xff};
    uint8_t damaged[SCENE_FDT_MAX];
    struct handover h = good();
    unsigned entered = 0, refused = 0;
    h.fdt = damaged;
    for (uint32_t i = 0; i < good_fdt_size; i++) {
        for (unsigned v = 0; v < sizeof(values); v++) {
            memcpy(damaged, good_fdt, good_fdt_size);
            damaged[i] = values[v];
            enum stop_reason stop = boot(&h);
            bool host = stop == STOP_WORLD && hart.csr.mode == MODE_S;
            bool refusal = stop == STOP_PARKED && strstr(hart.console, "cannot start: ") != NULL;
            entered += host;
            refused += refusal;
            if (!CHECK(host || refusal))
                printf("  byte %u is 0x%02x: stop %d (%s) at pc 0x%llx, console: %s\n", i, values[v], (int)stop,
                       hart.stop_text, (unsigned long long)hart.stop_pc, hart.console);
        }
    }
    CHECK(entered > 0 && refused > 0);
}

int main(int argc, char **argv)
{
    static struct firmware_image fw;
    char why[200];
    if (argc != 2 || access(argv[1], R_OK) != 0) {
        printf("skipped: no firmware at %s\n", argc == 2 ? argv[1] : "the only argument");
        return TEST_SKIPPED;
    }
    if (!firmware_image_read(&fw, argv[1], why, sizeof(why)) || !hart_open(&hart, &fw, false, why, sizeof(why))) {
        printf("%s: %s\n", argv[1], why);
        return 1;
    }
    good_fdt_size = scene_fdt(good_fdt);
    hart_save(&hart);

    follows_a_good_info();
    refuses_a_bad_info();
    refuses_a_bad_entry();
    refuses_a_bad_place_of_the_info();
    host_gets_the_reservations();
    refuses_a_bad_place_of_the_tree();
    refuses_when_the_tree_has_no_room();
    survives_every_damaged_byte_of_the_tree();
    hart_close(&hart);
    firmware_image_free(&fw);
    return test_finish();
}
