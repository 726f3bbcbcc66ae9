/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first C instruction of a hart to the host's first instruction on it. Guarantees that nothing but the
 * monitor runs on any hart before monitor_boot_hart has closed that hart off, and that the host starts only after the
 * other harts were closed off too, or have failed to appear, in which case they cannot run the host either.
 */
#include "monitor/hal/hal.h"
#include "monitor/host_flow/handlers.h"
#include "monitor/riscv/csr.h"
#include "monitor/riscv/hart.h"
#include "monitor/riscv/isa_hart.h"
#include "monitor/riscv/isa_state.h"
#include "monitor/riscv/next_stage.h"
#include "monitor/riscv/platform.h"
#include "monitor/riscv/uart.h"

_Static_assert(RISCV_MAX_HARTS == MONITOR_MAX_HARTS, "layout.h agrees with the core");
_Static_assert(PLATFORM_WINDOW_PAGES > 0, "there is a window");

/* The records of the window's frames are part of the object: the last one is named to give it its size. */
struct monitor g_monitor = {.page = {[PLATFORM_WINDOW_PAGES - 1] = {0}}};

/* How long the boot hart waits for the others: they only have a few hundred instructions to run. */
#define OTHER_HARTS_SECONDS 10u

#define MISA(letter) (UINT64_C(1) << ((letter) - 'A'))

/*
 * menvcfg, the monitor's for both worlds: timers of lower modes are real (Sstc), page-based memory types and cache
 * blocks may be used, and invalidating a block always writes it back first (CBIE = 01): a guest or the host must
 * not be able to bring back what was in memory before the monitor scrubbed it.
 */
#define MENVCFG_STCE (UINT64_C(1) << 63)
#define MENVCFG_PBMTE (UINT64_C(1) << 62)
#define MENVCFG_CBZE (UINT64_C(1) << 7)
#define MENVCFG_CBCFE (UINT64_C(1) << 6)
#define MENVCFG_CBIE_FLUSH (UINT64_C(1) << 4)
#define MENVCFG_VALUE (MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_CBIE_FLUSH)

/* cycle, time, instret: the host may read them; what a guest may read is decided in hcounteren. */
#define MCOUNTEREN_VALUE 7u

/* NULL when this hart has what the monitor needs, else what is missing. */
static const char *hart_supported(void)
{
    uint64_t needed = MISA('A') | MISA('D') | MISA('F') | MISA('H') | MISA('I') | MISA('M') | MISA('S') | MISA('U');
    if ((csr_read(CSR_MISA) & needed) != needed)
        return "the hart lacks one of the extensions I M A F D H";
    csr_write(CSR_MENVCFG, MENVCFG_VALUE);
    if ((csr_read(CSR_MENVCFG) & MENVCFG_STCE) == 0 || !riscv_has_stimecmp())
        return "the hart lacks the Sstc extension";
    return NULL;
}

/* Registers of this port that are the same for both worlds and stay as set here. */
static void hart_setup(struct hart *h, uint32_t id)
{
    csr_write(CSR_MENVCFG, MENVCFG_VALUE);
    csr_write(CSR_MCOUNTEREN, MCOUNTEREN_VALUE);
    csr_write(CSR_MSCRATCH, (uintptr_t)h);
    h->stack = (uintptr_t)riscv_stacks[id] + RISCV_STACK_SLOT;
}

/* Load the world that the core prepared in *h->frame. mscratch was set by hart_setup. */
static _Noreturn void leave_for_world(void)
{
    trap_return();
}

static void wait_for_other_harts(struct hart *h)
{
    uint32_t others = ((1u << g_monitor.platform.harts) - 1u) & ~(1u << h->id);
    uint64_t start = hal_time(h);
    while ((shared_load(&g_monitor.closed) & others) != others) {
        if (hal_time(h) - start > OTHER_HARTS_SECONDS * riscv_devices.time_hz) {
            uart_text("touchstone: not all harts answer: no confidential VM can be created\n");
            return;
        }
        hal_relax(h);
    }
}

static void banner(const struct platform *p, const struct fdt_facts *facts, const struct next_stage *next)
{
    uart_text("touchstone: monitor ");
    uart_hex(p->monitor_base);
    uart_text(", window ");
    uart_hex(p->window_base);
    uart_text(" of ");
    uart_dec(p->window_pages);
    uart_text(" pages, RAM ");
    uart_dec(p->ram_size >> 20);
    uart_text(" MiB, ");
    uart_dec(p->harts);
    uart_text(p->gstage_mode == GSTAGE_SV48X4 ? " harts, Sv48x4, VMID bits " : " harts, Sv39x4, VMID bits ");
    uart_dec(p->vmid_bits);
    uart_text("\ntouchstone: no IOPMP on this platform: bus masters are not kept out of the window\n");
    if (!p->open_to_devices)
        uart_text("touchstone: that was not accepted: no confidential VM can be created\n");
    if (facts->ram_elsewhere != 0)
        uart_text("touchstone: RAM that does not adjoin the monitor's is not for shared buffers\n");
    uart_text("touchstone: host entered at ");
    uart_hex(next->entry);
    uart_text(" on hart ");
    uart_dec(next->hart);
    uart_text("\n");
}

/* State that nobody has thought about is closed to guests where the hart can do that. */
static void name_unlisted_extensions(uint64_t fdt)
{
    struct fdt tree;
    struct isa_unlisted unlisted;
    if (!fdt_open(&tree, (const uint8_t *)(uintptr_t)fdt, FDT_MAX_BYTES))
        return;
    isa_state_check(&tree, &unlisted);
    if (unlisted.count == 0)
        return;
    uart_text("touchstone: ");
    uart_dec(unlisted.count);
    uart_text(riscv_stateen ? " unknown extensions, state closed to guests: "
                            : " unknown extensions, and the harts cannot close state to guests: ");
    uart_text(unlisted.names);
    uart_text("\n");
}

/* The loader wants the host on another hart: start it there as the host would, and wait to be started like the rest. */
static void start_elsewhere(struct hart *h, const struct next_stage *next, uint64_t fdt)
{
    struct sbi_args args = {.a = {next->hart, next->entry, fdt}};
    if (hsm_hart_start(h, &args).error != SBI_SUCCESS)
        riscv_refuse(h->id, "the boot hart that the loader names does not answer");
    riscv_park_until_started(h);
}

_Noreturn void riscv_boot_first(uint64_t hart, uint64_t fdt, uint64_t info)
{
    uint32_t id = (uint32_t)hart;
    struct hart *h = &g_monitor.hart[id];
    uart_init();
    for (uint32_t i = 0; i < RISCV_MAX_HARTS; i++)
        riscv_canary_set(i);

    struct platform platform;
    struct fdt_facts facts;
    struct next_stage next = {0};
    const char *why = hart_supported();
    if (why == NULL)
        why = platform_describe(&platform, &facts, fdt);
    if (why == NULL) {
        uart_init(); /* the one that the device tree names */
        why = next_stage(&platform, info, &next);
    }
    if (why == NULL)
        why = platform_edit_fdt(&platform, &facts, fdt, next.entry);
    if (why == NULL)
        why = isa_hart_setup(true, platform.vlenb);
    if (why != NULL)
        riscv_refuse(hart, why);
    if (!monitor_init(&g_monitor, &platform))
        riscv_refuse(hart, "the monitor refuses this platform");
    hart_setup(h, id);

    shared_store(&riscv_boot_stage, 1);
    wait_for_other_harts(h);
    if (!monitor_boot_hart(h, next.hart == id, next.entry, fdt))
        riscv_refuse(hart, "the hart does not take its isolation");
    if (!next.quiet)
        banner(&platform, &facts, &next);
    name_unlisted_extensions(fdt);
    if (next.hart != id)
        start_elsewhere(h, &next, fdt);
    leave_for_world();
}

_Noreturn void riscv_boot_other(uint64_t hart)
{
    uint32_t id = (uint32_t)hart;
    if (id >= g_monitor.platform.harts)
        hart_stop();
    struct hart *h = &g_monitor.hart[id];
    const char *why = hart_supported();
    if (why == NULL)
        why = isa_hart_setup(false, g_monitor.platform.vlenb);
    if (why != NULL)
        riscv_refuse(hart, why);
    hart_setup(h, id);
    if (!monitor_boot_hart(h, false, 0, 0))
        riscv_refuse(hart, "the hart does not take its isolation");
    riscv_park_until_started(h);
    leave_for_world();
}
