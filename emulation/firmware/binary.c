/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware on Unicorn, hart by hart; see binary.h. */
#define _GNU_SOURCE
#include "emulation/firmware/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSN_ECALL 0x00000073u
#define UNREACHABLE UINT64_C(0xfffffffff000)
#define WORK_BUDGET UINT64_C(20000000)
#define CSR_MTVEC 0x305u

/* Exception number of Unicorn's hook. */
#define UC_ECALL 8u

/* --- while the emulator runs ------------------------------------------------------------------------------------ */

void binary_stop(struct binary *b, enum stop stop)
{
    if (b->stop == STOP_NONE)
        b->stop = stop;
    uc_emu_stop(b->uc);
}

void binary_fail(struct binary *b, uint64_t pc, const char *format, ...)
{
    if (b->stop == STOP_NONE) {
        uint64_t offset = 0;
        const char *name = firmware_function_at(b->fw, pc, &offset);
        int at = snprintf(b->why, sizeof(b->why), "%s+0x%llx: ", name != NULL ? name : "?", (unsigned long long)offset);
        va_list list;
        va_start(list, format);
        vsnprintf(b->why + at, sizeof(b->why) - (size_t)at, format, list);
        va_end(list);
    }
    binary_stop(b, STOP_FAILED);
}

void binary_work(struct binary *b)
{
    if (++b->work > WORK_BUDGET)
        binary_fail(b, 0, "no end after 20,000,000 system instructions, stores and jumps");
}

uint64_t binary_x(struct binary *b, unsigned n)
{
    uint64_t value = 0;
    if (n != 0)
        uc_reg_read(b->uc, UC_RISCV_REG_X0 + (int)n, &value);
    return value;
}

void binary_set_x(struct binary *b, unsigned n, uint64_t value)
{
    if (n != 0)
        uc_reg_write(b->uc, UC_RISCV_REG_X0 + (int)n, &value);
}

uint8_t *binary_memory(struct binary *b, uint64_t address, uint64_t size)
{
    uint64_t at = address - MACHINE_MONITOR_BASE;
    if (at < MACHINE_MONITOR_SIZE && size <= MACHINE_MONITOR_SIZE - at)
        return mmode_image(b->m) + at;
    if (machine_is_host_ram(b->m, address, size))
        return b->m->host_ram + (address - MACHINE_HOST_BASE);
    if (machine_is_window(b->m, address, size))
        return b->m->window + (address - MACHINE_WINDOW_BASE);
    return NULL;
}

static uint64_t pc_now(uc_engine *uc)
{
    uint64_t pc = 0;
    uc_reg_read(uc, UC_RISCV_REG_PC, &pc);
    return pc;
}

/* The emulator's pc is already behind the instruction. */
static void on_exception(uc_engine *uc, uint32_t number, void *data)
{
    struct binary *b = data;
    uint64_t pc = pc_now(uc) - 4;

    binary_work(b);
    if (number == UC_ECALL)
        system_execute(b, pc);
    else
        binary_fail(b, pc, "exception %u inside the monitor", number);
}

static void on_store(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    struct binary *b = data;

    (void)uc, (void)type, (void)value;
    binary_work(b);
    mmode_stores(b->m, address, (uint64_t)size);
}

/* Straight stretches of instructions: a loop without an end has no other mark. */
static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *data)
{
    (void)uc, (void)address, (void)size;
    binary_work(data);
}

static bool on_bad_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    struct binary *b = data;
    bool fetch = type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT;
    bool write = type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT;

    (void)value;
    binary_fail(b, pc_now(uc), "%s of %d bytes at 0x%llx",
                fetch   ? "fetch"
                : write ? "store"
                        : "load",
                size, (unsigned long long)address);
    return false;
}

/* --- stretches of execution ------------------------------------------------------------------------------------- */

#define REGISTER_COUNT 63

static void list_registers(struct binary *b, uint32_t h, int ids[REGISTER_COUNT], void *values[REGISTER_COUNT])
{
    for (int i = 1; i < 32; i++) {
        ids[i - 1] = UC_RISCV_REG_X0 + i;
        values[i - 1] = &b->hart[h].x[i];
    }
    for (int i = 0; i < 32; i++) {
        ids[31 + i] = UC_RISCV_REG_F0 + i;
        values[31 + i] = &b->m->hart[h].f[i];
    }
}

/* Execute from ctx.pc until something ends the stretch. */
static enum stop stretch(struct binary *b, uint32_t h)
{
    int ids[REGISTER_COUNT];
    void *values[REGISTER_COUNT];
    struct binary_hart *ctx = &b->hart[h];

    list_registers(b, h, ids, values);
    b->running = h;
    b->stop = STOP_NONE;
    uc_reg_write_batch(b->uc, ids, values, REGISTER_COUNT);
    uc_err error = uc_emu_start(b->uc, ctx->pc, UNREACHABLE, 0, 0);
    if (b->stop == STOP_NONE)
        binary_fail(b, pc_now(b->uc), "%s", uc_strerror(error));
    uc_reg_read_batch(b->uc, ids, values, REGISTER_COUNT);
    return b->stop;
}

static void boot_others(struct binary *b);

/* Until the hart is in a world, or waits. */
static void run(struct binary *b, uint32_t h)
{
    b->work = 0;
    for (;;) {
        switch (stretch(b, h)) {
        case STOP_WORLD: memcpy(&b->m->hart[h].x[1], &b->hart[h].x[1], 31 * sizeof(uint64_t)); return;
        case STOP_WAITS: return;
        case STOP_RELAX:
            if (b->booting)
                boot_others(b);
            else
                mmode_relax(b->m, h);
            break;
        case STOP_REDIRECT: break;
        case STOP_NONE:
        case STOP_FAILED: mmode_give_up(b->m, h, b->why);
        }
    }
}

/* The boot hart waits: the others come up, the last one first. Each is out of reset once. */
static void boot_others(struct binary *b)
{
    for (uint32_t h = b->m->config.harts; h-- > 0;) {
        if ((b->booted >> h & 1) != 0)
            continue;
        b->booted |= 1u << h;
        run(b, h);
        if (!b->m->hart[h].parked)
            mmode_give_up(b->m, h, "a hart other than the boot hart enters the host");
    }
}

static void port_trap(void *data, struct machine *m, uint32_t h)
{
    struct binary *b = data;

    memcpy(&b->hart[h].x[1], &m->hart[h].x[1], 31 * sizeof(uint64_t));
    b->hart[h].pc = machine_csr_read(m, h, CSR_MTVEC) & ~UINT64_C(3);
    b->hart[h].reserved = false;
    run(b, h);
}

static void port_wake(void *data, struct machine *m, uint32_t h)
{
    struct binary *b = data;

    (void)m;
    b->hart[h].woken = true;
    run(b, h);
}

static void port_save(void *data, struct machine *m)
{
    struct binary *b = data;

    (void)m;
    memcpy(b->saved, b->hart, sizeof(b->saved));
}

static void port_reset(void *data, struct machine *m)
{
    struct binary *b = data;

    (void)m;
    memcpy(b->hart, b->saved, sizeof(b->hart));
}

static void port_close(void *data)
{
    struct binary *b = data;

    if (b->m != NULL && b->report != NULL)
        snprintf(b->report, b->report_max, BINARY_DEAD ": %.160s", b->m->violation.text);
    if (b->uc != NULL)
        uc_close(b->uc);
    free(b);
}

/* --- making one ------------------------------------------------------------------------------------------------- */

static bool load_segment(void *data, uint64_t address, const uint8_t *bytes, uint64_t size, uint64_t mem_size)
{
    uint8_t *at = binary_memory(data, address, mem_size);

    if (at != NULL)
        memcpy(at, bytes, size);
    return at != NULL;
}

/* Every instruction that the machine executes becomes an ecall. */
static void patch(struct binary *b)
{
    const uint32_t ecall = INSN_ECALL;

    for (size_t i = 0; i < b->fw->site_count; i++)
        memcpy(binary_memory(b, b->fw->sites[i].pc, 4), &ecall, 4);
}

static bool map_memory(struct binary *b)
{
    struct machine *m = b->m;
    uint64_t text = b->fw->text_base & ~UINT64_C(0xfff);
    uint64_t text_end = (b->fw->text_base + b->fw->text_size + 0xfff) & ~UINT64_C(0xfff);
    uint32_t data = UC_PROT_READ | UC_PROT_WRITE;

    return uc_mem_map_ptr(b->uc, MACHINE_MONITOR_BASE, MACHINE_MONITOR_SIZE, data, mmode_image(m)) == UC_ERR_OK &&
           uc_mem_protect(b->uc, text, text_end - text, UC_PROT_READ | UC_PROT_EXEC) == UC_ERR_OK &&
           uc_mem_map_ptr(b->uc, MACHINE_HOST_BASE, (size_t)m->config.host_pages * PAGE_SIZE, data, m->host_ram) ==
               UC_ERR_OK &&
           uc_mem_map_ptr(b->uc, MACHINE_WINDOW_BASE, (size_t)m->config.window_pages * PAGE_SIZE, data, m->window) ==
               UC_ERR_OK &&
           devices_map(b);
}

static bool add_hooks(struct binary *b)
{
    uint64_t last = MACHINE_WINDOW_BASE + (uint64_t)b->m->config.window_pages * PAGE_SIZE - 1;
    uc_hook hook;

    return uc_hook_add(b->uc, &hook, UC_HOOK_INTR, (void *)(uintptr_t)on_exception, b, 1, 0) == UC_ERR_OK &&
           uc_hook_add(b->uc, &hook, UC_HOOK_MEM_WRITE, (void *)(uintptr_t)on_store, b, MACHINE_HOST_BASE, last) ==
               UC_ERR_OK &&
           uc_hook_add(b->uc, &hook, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, b, 1, 0) == UC_ERR_OK &&
           uc_hook_add(b->uc, &hook, UC_HOOK_MEM_INVALID, (void *)(uintptr_t)on_bad_access, b, 1, 0) == UC_ERR_OK;
}

static void port_boot(void *data, struct machine *m)
{
    struct binary *b = data;
    const uint64_t float_on = UINT64_C(3) << 13; /* Unicorn's own; whether FS is on is the machine's question */

    b->m = m;
    uc_err error = uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &b->uc);
    if (error != UC_ERR_OK)
        mmode_give_up(m, 0, "libunicorn does not start");
    if (!firmware_for_each_segment(b->fw, load_segment, b))
        mmode_give_up(m, 0, "the firmware does not fit the machine's memory");
    patch(b);
    if (!map_memory(b) || !add_hooks(b) || !disturbances_hook(b))
        mmode_give_up(m, 0, "libunicorn refuses the machine's memory map");
    uc_reg_write(b->uc, UC_RISCV_REG_MSTATUS, &float_on);

    for (uint32_t h = 0; h < m->config.harts; h++) {
        memcpy(b->hart[h].x, m->hart[h].x, sizeof(b->hart[h].x));
        b->hart[h].pc = b->fw->entry;
    }
    loader_prepare(b);
    b->booting = true;
    b->booted = 1;
    run(b, 0);
    boot_others(b); /* one hart alone never waited */
    b->booting = false;
    if (m->hart[0].parked)
        mmode_give_up(m, 0, b->why[0] != '\0' ? b->why : "the boot hart does not reach the host");
    m->hart[0].x[11] = 0; /* the host looks for no device tree: the machine of a trace has none */
}

static bool find_function(const struct firmware_image *fw, const char *name, struct code_range *range)
{
    uint64_t size;

    if (!firmware_symbol(fw, name, &range->start, &size))
        return false;
    range->end = range->start + size;
    return true;
}

struct machine *binary_machine(const struct firmware_image *fw, const struct machine_config *config, char *why,
                               size_t max)
{
    struct binary *b = calloc(1, sizeof(*b));
    uint64_t monitor, size;

    snprintf(why, max, "no memory for a machine");
    if (b == NULL)
        return NULL;
    b->fw = fw;
    b->port = (struct mmode_port){.data = b,
                                  .boot = port_boot,
                                  .trap = port_trap,
                                  .wake = port_wake,
                                  .save = port_save,
                                  .reset = port_reset,
                                  .close = port_close};
    bool known = firmware_symbol(fw, "g_monitor", &monitor, &size) && find_function(fw, "hal_park", &b->park) &&
                 find_function(fw, "hart_stop", &b->dead);
    bool fits = known && size == monitor_size(config->window_pages) && monitor % 8 == 0 &&
                monitor - MACHINE_MONITOR_BASE < MACHINE_MONITOR_SIZE - size;
    if (!fits) {
        snprintf(why, max, "the image is not linked for this machine");
        port_close(b);
        return NULL;
    }
    b->port.monitor_at = monitor - MACHINE_MONITOR_BASE;
    b->report = why;
    b->report_max = max;
    struct machine *m = machine_create_on(config, &b->port);
    if (m != NULL)
        b->report = NULL;
    return m;
}
