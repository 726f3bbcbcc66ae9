/* SPDX-License-Identifier: Apache-2.0 */
/* Boot and the making of a TVM; see scene.h. */
#include "emulation/unicorn/scene.h"

#include <stdio.h>
#include <string.h>

#include "emulation/unicorn/device_tree.h"
#include "emulation/unicorn/prng.h"
#include "monitor/abi/sbi.h"

#define REG_A0 10

/* Window frames, by index, for the pieces of the TVM. */
enum {
    ROOT_FRAME = 0,
    STATE_FRAME = 4,
    VCPU_FRAME = 6,
    SECOND_VCPU_FRAME = 24,
    TABLE_FRAME = 8,
    TABLE_FRAMES = 8,
    DATA_FRAME = 16,
    FRAMES = 32
};

/* --- device tree -------------------------------------------------------------------------------------------- */

/* A tree with some harts, the RAM and the interrupt device of M-mode: all that a monitor can want to know. */
static void make_fdt(struct device_tree *t, uint32_t harts)
{
    device_tree_start(t);
    device_tree_begin(t, "");
    device_tree_cell_counts(t, 2, 2);
    device_tree_range(t, "memory@80000000", DEVICE_TREE_DEVICE_TYPE, "memory", (uint32_t)RAM_BASE, (uint32_t)RAM_SIZE);
    device_tree_range(t, "clint@2000000", DEVICE_TREE_COMPATIBLE, "riscv,clint0", 0x02000000, 0x10000);
    device_tree_harts(t, harts);
    device_tree_end(t);
    device_tree_finish(t);
}

uint32_t scene_fdt(uint8_t bytes[SCENE_FDT_MAX])
{
    struct device_tree t;
    make_fdt(&t, 1);
    memcpy(bytes, t.bytes, t.at);
    return t.at;
}

/* --- boot --------------------------------------------------------------------------------------------------- */

static uint64_t frame_address(const struct scene *s, unsigned frame)
{
    return s->platform.window_base + (uint64_t)frame * PAGE_SIZE;
}

bool scene_is_the_guests(const struct scene *s, uint64_t address)
{
    uint64_t size = (uint64_t)TVM_VCPU_STATE_PAGES * PAGE_SIZE;
    return address - frame_address(s, VCPU_FRAME) < size || address - frame_address(s, SECOND_VCPU_FRAME) < size ||
           address - s->guest_page < PAGE_SIZE;
}

static bool no_boot(char *why, size_t why_size, const struct emulated_hart *h)
{
    snprintf(why, why_size, "the firmware does not boot: %s at pc 0x%llx; its last words: %s", h->stop_text,
             (unsigned long long)h->stop_pc, h->console_len > 0 ? h->console : "none");
    return false;
}

/* What stands at an address of .bss, or of the padding before it, when the firmware begins to run. */
static uint64_t boot_garbage(uint64_t at)
{
    struct prng r = {.state = at};
    return prng_next(&r);
}

static const char *judge_bss(const struct emulated_hart *h)
{
    uint64_t first, end, ignored, word;
    if (!firmware_symbol(h->fw, "__bss_start", &first, &ignored) ||
        !firmware_symbol(h->fw, "__bss_end", &end, &ignored))
        return "the firmware has no symbols __bss_start and __bss_end";
    memcpy(&word, hart_peek(h, first - 8, sizeof(word)), sizeof(word));
    if (word != boot_garbage(first - 8))
        return "memory before .bss is written";
    for (uint64_t at = first; at + 8 <= end; at += 8) {
        memcpy(&word, hart_peek(h, at, sizeof(word)), sizeof(word));
        if (word == boot_garbage(at))
            return "a part of .bss is not cleared";
    }
    return NULL;
}

static void look_at_bss(struct emulated_hart *h)
{
    h->boot_memory = judge_bss(h);
}

/* Memory and registers as an unfriendly stage before may leave them. */
static void havoc_before_boot(struct emulated_hart *h)
{
    struct prng r = {.state = RAM_BASE};
    uint64_t first, end, ignored;
    for (unsigned i = 1; i < 32; i++)
        h->regs.x[i] = prng_next(&r);
    for (unsigned i = 0; i < 32; i++)
        h->regs.f[i] = prng_next(&r);
    for (unsigned i = 0; i < 32 * VECTOR_WORDS; i++)
        h->regs.v[i / VECTOR_WORDS][i % VECTOR_WORDS] = prng_next(&r);
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        enum csr_class class = csr_table[slot].class;
        if (class == CLASS_SWAP || class == CLASS_TRAP || class == CLASS_FLOAT || class == CLASS_CONST)
            csr_set(&h->csr, (enum csr_slot)slot, prng_next(&r));
    }
    h->before_c = look_at_bss;
    h->boot_memory = "C code never begins";
    csr_set(&h->csr, SLOT_mstatus, csr_get(&h->csr, SLOT_mstatus) | STATUS_MIE);
    if (firmware_symbol(h->fw, "__bss_start", &first, &ignored) &&
        firmware_symbol(h->fw, "__image_end", &end, &ignored)) {
        for (uint64_t at = first - 8; at + 8 <= end; at += 8) {
            uint64_t word = boot_garbage(at);
            hart_poke(h, at, &word, sizeof(word));
        }
    }
}

void scene_before_boot(struct scene *s, struct emulated_hart *h, uint32_t harts)
{
    *s = (struct scene){.hart = h, .harts = harts};
    struct device_tree fdt;
    make_fdt(&fdt, harts);
    havoc_before_boot(h);
    hart_poke(h, SCENE_FDT, fdt.bytes, fdt.at);
    h->regs.x[REG_A0 + 1] = SCENE_FDT;
    /* struct fw_dynamic_info: magic, version, next_addr, next_mode (S), options, boot_hart */
    static const uint64_t info[] = {0x4942534f, 2, SCENE_HOST_ENTRY, 1, 0, 0};
    hart_poke(h, SCENE_INFO, info, sizeof(info));
    h->regs.x[REG_A0 + 2] = SCENE_INFO;
}

bool scene_boot(struct scene *s, struct emulated_hart *h, char *why, size_t why_size)
{
    scene_before_boot(s, h, 1);
    hart_run(h);
    return scene_after_boot(s, h, why, why_size);
}

bool scene_after_boot(struct scene *s, struct emulated_hart *h, char *why, size_t why_size)
{
    if (h->stop != STOP_WORLD)
        return no_boot(why, why_size, h);
    if (h->csr.mode != MODE_S || h->csr.virt) {
        snprintf(why, why_size, "the firmware boots into mode %d instead of the host", (int)h->csr.mode);
        return false;
    }

    uint64_t address, size;
    const void *monitor = NULL;
    if (firmware_symbol(h->fw, "g_monitor", &address, &size) && size >= sizeof(struct monitor))
        monitor = hart_peek(h, address, sizeof(struct monitor));
    if (monitor == NULL) {
        snprintf(why, why_size, "the firmware has no symbol g_monitor of at least %zu bytes", sizeof(struct monitor));
        return false;
    }
    memcpy(&s->platform, (const uint8_t *)monitor + offsetof(struct monitor, platform), sizeof(s->platform));
    const struct platform *p = &s->platform;
    if (p->harts != s->harts || p->ram_base != RAM_BASE || p->ram_size != RAM_SIZE || p->window_pages < FRAMES) {
        snprintf(why, why_size, "the firmware's struct platform is not what this build of the replay expects");
        return false;
    }
    hart_set_own(h, p->monitor_base, p->monitor_size, p->window_base, (uint64_t)p->window_pages * PAGE_SIZE);
    s->guest_page = frame_address(s, DATA_FRAME + SCENE_MEASURED_PAGES);
    return true;
}

/* --- calls -------------------------------------------------------------------------------------------------- */

static void prepare_host_memory(struct scene *s)
{
    struct tvm_create_params params = {.tvm_page_directory_addr = frame_address(s, ROOT_FRAME),
                                       .tvm_state_addr = frame_address(s, STATE_FRAME)};
    hart_poke(s->hart, SCENE_PARAMS, &params, sizeof(params));
    struct prng content = {.state = 1};
    for (unsigned i = 0; i < SCENE_MEASURED_PAGES * PAGE_SIZE / 8; i++) {
        uint64_t word = prng_next(&content);
        hart_poke(s->hart, SCENE_SOURCE + 8 * i, &word, sizeof(word));
    }
}

bool scene_next_call(struct scene *s, unsigned index, struct scene_call *call)
{
    uint64_t id = s->tvm_id, window = frame_address(s, 0);
    uint64_t zero_gpa = SCENE_GPA + (uint64_t)SCENE_MEASURED_PAGES * PAGE_SIZE;
    const struct scene_call calls[] = {
        {"convert_pages", SBI_EID_COVH, 1, {window, FRAMES}, FRAMES, false},
        {"global_fence", SBI_EID_COVH, 3, {0}, 0, false},
        {"set_shmem", SBI_EID_NACL, 1, {SCENE_SHMEM, 0, 0}, 0, false},
        {"create_tvm", SBI_EID_COVH, 5, {SCENE_PARAMS, sizeof(struct tvm_create_params)}, 0, true},
        {"add_tvm_memory_region", SBI_EID_COVH, 9, {id, SCENE_GPA, (uint64_t)SCENE_REGION_PAGES * PAGE_SIZE}, 0, false},
        {"add_tvm_page_table_pages",
         SBI_EID_COVH,
         10,
         {id, frame_address(s, TABLE_FRAME), TABLE_FRAMES},
         TABLE_FRAMES,
         false},
        {"add_tvm_measured_pages",
         SBI_EID_COVH,
         11,
         {id, SCENE_SOURCE, frame_address(s, DATA_FRAME), TSM_PAGE_4K, SCENE_MEASURED_PAGES, SCENE_GPA},
         SCENE_MEASURED_PAGES,
         false},
        {"create_tvm_vcpu", SBI_EID_COVH, 14, {id, 0, frame_address(s, VCPU_FRAME)}, 0, false},
        {"create_tvm_vcpu", SBI_EID_COVH, 14, {id, 1, frame_address(s, SECOND_VCPU_FRAME)}, 0, false},
        {"finalize_tvm", SBI_EID_COVH, 6, {id, SCENE_GPA, SCENE_ENTRY_ARG, 0}, 0, false},
        {"add_tvm_zero_pages", SBI_EID_COVH, 12, {id, s->guest_page, TSM_PAGE_4K, 1, zero_gpa}, 1, false},
    };
    if (index >= sizeof(calls) / sizeof(calls[0]))
        return false;
    if (index == 0)
        prepare_host_memory(s);
    *call = calls[index];
    return true;
}
