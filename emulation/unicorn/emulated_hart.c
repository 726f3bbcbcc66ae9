/* SPDX-License-Identifier: Apache-2.0 */
/* The hart that executes the firmware; see emulated_hart.h. */
#define _GNU_SOURCE
#include "emulation/unicorn/hart_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#define INSN_ECALL 0x00000073u
#define INSN_LD 0x00003003u /* ld rd, offset(zero) */
#define INSN_LW 0x00002003u
#define SLOT_PAGE (UINT64_MAX - 4095) /* what offsets from -2048 to -1 of zero reach */
#define SLOT_OFFSET 2048u             /* of the first slot in it */
#define UNREACHABLE UINT64_C(0xfffffffff000)
#define STEP_BUDGET UINT64_C(30000000)

/* Exception numbers of Unicorn's hook. */
#define UC_ILLEGAL_INSTRUCTION 2u
#define UC_ECALL 8u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define UART_LSR 5u
#define UART_LSR_IDLE 0x60u

struct device_page {
    uint64_t base, size;
};

static const struct device_page devices[] = {
    {0x00100000, 0x1000},  /* test finisher */
    {0x02000000, 0x10000}, /* CLINT */
    {UART_BASE, 0x1000},
};

#define CLINT_OFFSET 0x1000u
#define DEVICE_BYTES 0x12000u /* all of them together */

/* --- watchdog: counts CPU time, and decides about nothing but a firmware that never returns ---------------------- */

static uc_engine *volatile watched;
static volatile sig_atomic_t run_number, run_number_seen, watchdog_fired;

static void on_timer(int signal_number)
{
    (void)signal_number;
    if (watched != NULL && run_number == run_number_seen) {
        watchdog_fired = 1;
        uc_emu_stop(watched);
    }
    run_number_seen = run_number;
}

void hart_watchdog_start(unsigned milliseconds)
{
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval period = {.it_interval = {milliseconds / 1000, milliseconds % 1000 * 1000}};
    period.it_value = period.it_interval;
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &period, NULL);
}

/* --- hooks ------------------------------------------------------------------------------------------------------ */

void hart_end_run(struct emulated_hart *h, enum stop_reason reason, uint64_t pc, const char *text)
{
    if (h->stop == STOP_NONE) {
        h->stop = reason;
        h->stop_pc = pc;
        snprintf(h->stop_text, sizeof(h->stop_text), "%s", text);
    }
    uc_emu_stop(h->uc);
}

static void count_step(struct emulated_hart *h)
{
    if (++h->steps > STEP_BUDGET)
        hart_end_run(h, STOP_HUNG, 0, "no end after 30,000,000 system instructions and stores");
}

static void on_store(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    (void)uc;
    (void)type;
    struct emulated_hart *h = data;
    count_step(h);
    hart_record_store(h, address, (uint32_t)size, (uint64_t)value);
}

static bool on_bad_access(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    (void)value;
    struct emulated_hart *h = data;
    char text[sizeof(h->stop_text)];
    uint64_t pc = 0;
    uc_reg_read(uc, UC_RISCV_REG_PC, &pc);
    bool fetch = type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT;
    bool write = type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT;
    snprintf(text, sizeof(text), "%s of %d bytes at 0x%llx, where the monitor has no business",
             fetch   ? "fetch"
             : write ? "store"
                     : "load",
             size, (unsigned long long)address);
    hart_end_run(h, STOP_UNMAPPED, pc, text);
    return false;
}

/* Memory behind an address that the firmware may store to, or NULL. */
static uint8_t *storable(struct emulated_hart *h, uint64_t address, uint64_t size)
{
    if (hart_in_ram(address, size))
        return address - h->text_first < h->text_end - h->text_first ? NULL : h->ram + (address - RAM_BASE);
    uint8_t *at = h->devices;
    for (size_t i = 0; i < COUNT(devices); at += devices[i++].size) {
        if (address - devices[i].base < devices[i].size && size <= devices[i].size - (address - devices[i].base))
            return at + (address - devices[i].base);
    }
    return NULL;
}

/* Any store in fast mode. Kept out of the way of those that need it not. */
static __attribute__((noinline)) bool store_anywhere(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                                                     int64_t value, void *data)
{
    struct emulated_hart *h = data;
    uint8_t *at = storable(h, address, (uint64_t)size);
    if (at == NULL)
        return on_bad_access(uc, type, address, size, value, data);
    memcpy(at, &value, (size_t)size);
    on_store(uc, type, address, size, value, data);
    return true;
}

/*
 * Fast mode: memory is write-protected in the emulator, and this completes each store. For Unicorn a store to
 * protected memory costs a third of one that is hooked, and loads stay inside the translated code. Nearly all are words that
 * go to a page of the monitor's own that is marked already: nothing is left to do for these.
 */
static bool on_protected_store(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    struct emulated_hart *h = data;
    uint64_t offset = address - RAM_BASE;
    if (h->frozen)
        return true;
    if (size != 8 || address % 8 != 0 || offset >= RAM_SIZE || h->page_state[offset >> 12] != (PAGE_OWN | PAGE_DIRTY) ||
        ++h->steps > STEP_BUDGET)
        return store_anywhere(uc, type, address, size, value, data);
    memcpy(h->ram + offset, &value, sizeof(value));
    return true;
}

static void stop_trapped(struct emulated_hart *h, uint64_t pc, uint32_t number)
{
    char text[sizeof(h->stop_text)];
    snprintf(text, sizeof(text), "exception %u inside the monitor", number);
    hart_end_run(h, STOP_TRAPPED, pc, text);
}

/* The functions that ask a hart for a CSR by reading it have a trap handler of their own. */
static bool is_probe(const struct emulated_hart *h, uint64_t pc)
{
    uint64_t offset;
    const char *function = firmware_function_at(h->fw, pc, &offset);
    return function != NULL && strncmp(function, "riscv_has_", strlen("riscv_has_")) == 0;
}

/*
 * Whether the planned trap is raised in place of the system instruction `s`: it is the one that fault_in counts down to. A trap is
 * an answer in a probe, and at mret mtvec is the next world's already: then it waits for the next.
 */
static bool fault_is_due(struct emulated_hart *h, const struct site *s)
{
    if (h->fault_in == 0)
        return false;
    if (h->fault_in == 1 && (is_probe(h, s->pc) || s->kind == SITE_MRET))
        h->fault_in = 2;
    if (--h->fault_in != 0)
        return false;
    h->fault_in = h->fault_twice ? 2 : 0;
    h->fault_twice = false;
    h->fault_pc = s->pc;
    h->regs.pc = csr_take_trap(&h->csr, &h->fault, s->pc);
    h->redirected = true;
    uc_emu_stop(h->uc);
    return true;
}

/* Unicorn ends a run behind the block that it is in: the registers of now are those that count. */
static void freeze(struct emulated_hart *h);

/*
 * Fast mode: a system instruction, which asks for the lower half of what its rd gets, and at once for the upper half.
 * The harness's own registers say what happened when the run is over here.
 */
static uint64_t on_site(uc_engine *uc, uint64_t offset, unsigned size, void *data)
{
    (void)uc;
    (void)size;
    struct emulated_hart *h = data;
    uint32_t slot = (uint32_t)(offset - SLOT_OFFSET) / 8;
    if (h->frozen)
        return 0;
    if (offset % 8 != 0)
        return h->upper_half;
    if (offset < SLOT_OFFSET || h->site_of_slot[slot] == 0) {
        hart_end_run(h, STOP_UNMAPPED, 0, "load close below address 0, where the monitor has no business");
        freeze(h);
        return 0;
    }
    uint64_t value = 0;
    const struct site *s = &h->fw->sites[h->site_of_slot[slot] - 1];
    count_step(h);
    if (!fault_is_due(h, s))
        value = hart_execute(h, s);
    if (h->stop != STOP_NONE || h->redirected)
        freeze(h);
    h->upper_half = (uint32_t)(value >> 32);
    return (uint32_t)value;
}

/* The emulator raised an exception; its pc is already behind the instruction. */
static void on_exception(uc_engine *uc, uint32_t number, void *data)
{
    struct emulated_hart *h = data;
    uint64_t pc = 0;
    uc_reg_read(uc, UC_RISCV_REG_PC, &pc);
    pc -= 4;
    count_step(h);
    const struct site *s = firmware_site(h->fw, pc);
    if (!h->slow && s != NULL && number == UC_ECALL) {
        if (fault_is_due(h, s))
            return;
        uint64_t value = hart_execute(h, s);
        if (h->stop == STOP_NONE && !h->redirected)
            hart_write_x(h, s->rd, value);
        return;
    }
    if (h->slow && s != NULL && number == UC_ILLEGAL_INSTRUCTION) {
        hart_lockstep_refused(h, pc);
        return;
    }
    stop_trapped(h, pc, number);
}

static void on_instruction(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    (void)uc;
    (void)size;
    hart_lockstep_instruction(data, pc);
}

/* --- running ---------------------------------------------------------------------------------------------------- */

#define REGISTER_COUNT 63

static void list_registers(struct registers *regs, int ids[REGISTER_COUNT], void *values[REGISTER_COUNT])
{
    for (int i = 1; i < 32; i++) {
        ids[i - 1] = UC_RISCV_REG_X0 + i;
        values[i - 1] = &regs->x[i];
    }
    for (int i = 0; i < 32; i++) {
        ids[31 + i] = UC_RISCV_REG_F0 + i;
        values[31 + i] = &regs->f[i];
    }
}

static void freeze(struct emulated_hart *h)
{
    int ids[REGISTER_COUNT];
    void *values[REGISTER_COUNT];
    if (h->frozen)
        return;
    list_registers(&h->regs, ids, values);
    uc_reg_read_batch(h->uc, ids, values, REGISTER_COUNT);
    h->frozen = true;
}

enum stop_reason hart_run(struct emulated_hart *h)
{
    int ids[REGISTER_COUNT];
    void *values[REGISTER_COUNT];
    list_registers(&h->regs, ids, values);
    h->stop = STOP_NONE;
    h->stop_text[0] = 0;
    h->steps = 0;
    h->outside_count = 0;
    h->lockstep = false;
    h->frozen = true; /* registers are here */
    if (h->slow)
        hart_lockstep_begin(h);

    run_number = (run_number + 1) & 0xffffff;
    watched = h->uc;
    do {
        h->redirected = false;
        if (h->frozen)
            uc_reg_write_batch(h->uc, ids, values, REGISTER_COUNT);
        h->frozen = false;
        uc_err error = uc_emu_start(h->uc, h->regs.pc, UNREACHABLE, 0, 0);
        if (watchdog_fired) {
            uint64_t pc = 0;
            uc_reg_read(h->uc, UC_RISCV_REG_PC, &pc);
            watchdog_fired = 0;
            hart_end_run(h, STOP_HUNG, pc, "no end after some seconds");
        }
        if (h->stop == STOP_NONE && !h->redirected) {
            uint64_t pc = 0;
            uc_reg_read(h->uc, UC_RISCV_REG_PC, &pc);
            hart_end_run(h, STOP_TRAPPED, pc, uc_strerror(error));
        }
    } while (h->redirected && h->stop == STOP_NONE);
    watched = NULL;

    if (!h->frozen)
        uc_reg_read_batch(h->uc, ids, values, REGISTER_COUNT);
    h->frozen = false;
    h->regs.x[0] = 0;
    if (h->slow && h->stop == STOP_WORLD)
        hart_lockstep_end(h);
    return h->stop;
}

enum stop_reason hart_trap(struct emulated_hart *h, const struct csr_trap *trap)
{
    h->regs.pc = csr_take_trap(&h->csr, trap, h->regs.pc);
    return hart_run(h);
}

enum stop_reason hart_resume(struct emulated_hart *h)
{
    h->regs.pc = h->stop_pc + 4;
    return hart_run(h);
}

const uint8_t *hart_msip(const struct emulated_hart *h, unsigned id)
{
    return h->devices + CLINT_OFFSET + sizeof(uint32_t) * id;
}

/* --- making a hart ---------------------------------------------------------------------------------------------- */

static bool load_segment(void *data, uint64_t address, const uint8_t *bytes, uint64_t size, uint64_t mem_size)
{
    struct emulated_hart *h = data;
    if (!hart_in_ram(address, mem_size))
        return false;
    hart_poke(h, address, bytes, size);
    return true;
}

/* Does the instruction go on behind itself, with nothing but rd changed? */
static bool fits_a_load(const struct site *s)
{
    return s->kind != SITE_MRET && s->kind != SITE_WFI && s->kind != SITE_PAUSE && s->kind != SITE_OTHER;
}

/* Fast mode: every site becomes a load of what it puts into rd, or an ecall where it ends the run or there is no slot left. */
static void patch_sites(struct emulated_hart *h)
{
    uint32_t slots = 0;
    for (size_t i = 0; i < h->fw->site_count; i++) {
        const struct site *s = &h->fw->sites[i];
        uint32_t insn = INSN_ECALL;
        if (fits_a_load(s) && slots < SITE_SLOTS) {
            uint32_t rd = s->kind == SITE_VECTOR && !vector_sets_x(s) ? 0 : s->rd;
            insn = (rd != 0 ? INSN_LD : INSN_LW) | rd << 7 | (SLOT_OFFSET + 8 * slots) << 20;
            h->site_of_slot[slots++] = (uint16_t)(i + 1);
        }
        hart_poke(h, s->pc, &insn, sizeof(insn));
    }
}

static uint8_t *reserve(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/*
 * Memory of its own for each stretch that is protected in its own way. Unicorn leaves out its own work on a store only
 * to a region that was writable and then protected as a whole, and a region that is split forgets that it was.
 */
static bool map_stretch(struct emulated_hart *h, uint64_t first, uint64_t end, uint8_t *at, uint32_t protection)
{
    uint32_t both = UC_PROT_READ | UC_PROT_WRITE;
    if (first == end)
        return true;
    return uc_mem_map_ptr(h->uc, first, end - first, both, at) == UC_ERR_OK &&
           (protection == both || uc_mem_protect(h->uc, first, end - first, protection) == UC_ERR_OK);
}

static bool map_memory(struct emulated_hart *h)
{
    uint32_t data = h->slow ? UC_PROT_READ | UC_PROT_WRITE : UC_PROT_READ;
    h->text_first = h->fw->text_base & ~UINT64_C(4095);
    h->text_end = (h->fw->text_base + h->fw->text_size + 4095) & ~UINT64_C(4095);
    uint64_t text_size = h->text_end - h->text_first;
    /*
     * Unicorn looks for the region of an access by halves. With three devices and the text before it and three regions behind,
     * the one with all of the data is the first that it looks at.
     */
    const uint64_t cuts[] = {h->text_end, RAM_BASE + RAM_SIZE - 2 * 4096, RAM_BASE + RAM_SIZE - 4096,
                             RAM_BASE + RAM_SIZE};
    bool ok = h->text_first == RAM_BASE && hart_in_ram(h->text_first, text_size);
    ok = ok && map_stretch(h, RAM_BASE, h->text_end, h->ram, UC_PROT_READ | UC_PROT_EXEC);
    for (size_t i = 0; i + 1 < COUNT(cuts); i++)
        ok = ok && map_stretch(h, cuts[i], cuts[i + 1], h->ram + (cuts[i] - RAM_BASE), data);
    ok = ok && (h->slow || uc_mmio_map(h->uc, SLOT_PAGE, 4096, on_site, h, NULL, NULL) == UC_ERR_OK);
    uint8_t *at = h->devices;
    for (size_t i = 0; i < COUNT(devices); at += devices[i++].size) {
        if (devices[i].base == UART_BASE)
            at[UART_LSR] = UART_LSR_IDLE;
        ok = ok && map_stretch(h, devices[i].base, devices[i].base + devices[i].size, at, data);
    }
    return ok;
}

static bool add_hooks(struct emulated_hart *h)
{
    uc_hook hook;
    int bad = h->slow ? UC_HOOK_MEM_INVALID : UC_HOOK_MEM_INVALID & ~UC_HOOK_MEM_WRITE_PROT;
    int store = h->slow ? UC_HOOK_MEM_WRITE : UC_HOOK_MEM_WRITE_PROT;
    void *stored = h->slow ? (void *)(uintptr_t)on_store : (void *)(uintptr_t)on_protected_store;
    bool ok = uc_hook_add(h->uc, &hook, UC_HOOK_INTR, (void *)(uintptr_t)on_exception, h, 1, 0) == UC_ERR_OK;
    ok = ok && uc_hook_add(h->uc, &hook, store, stored, h, 1, 0) == UC_ERR_OK;
    ok = ok && uc_hook_add(h->uc, &hook, bad, (void *)(uintptr_t)on_bad_access, h, 1, 0) == UC_ERR_OK;
    if (h->slow)
        ok = ok && uc_hook_add(h->uc, &hook, UC_HOOK_CODE, (void *)(uintptr_t)on_instruction, h, 1, 0) == UC_ERR_OK;
    return ok;
}

static void on_counted_instruction(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    (void)uc;
    (void)pc;
    (void)size;
    ((struct emulated_hart *)data)->instructions++;
}

bool hart_count_instructions(struct emulated_hart *h)
{
    uc_hook hook;
    return uc_hook_add(h->uc, &hook, UC_HOOK_CODE, (void *)(uintptr_t)on_counted_instruction, h, 1, 0) == UC_ERR_OK;
}

static void on_block(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    (void)uc;
    (void)size;
    struct emulated_hart *h = data;
    uint8_t *count = h->blocks == NULL ? NULL : &h->blocks[(pc - h->fw->text_base) / 4 % BLOCK_PLACES];
    if (count != NULL && *count < UINT8_MAX)
        ++*count;
}

bool hart_watch_blocks(struct emulated_hart *h)
{
    uc_hook hook;
    return uc_hook_add(h->uc, &hook, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, h, 1, 0) == UC_ERR_OK;
}

bool hart_open(struct emulated_hart *h, const struct firmware_image *fw, bool slow, char *why, size_t why_size)
{
    *h = (struct emulated_hart){.fw = fw, .slow = slow};
    h->ram = reserve(RAM_SIZE);
    h->ram_saved = reserve(RAM_SIZE);
    h->devices = reserve(DEVICE_BYTES);
    h->page_state = calloc(RAM_PAGES, sizeof(*h->page_state));
    h->dirty_list = calloc(RAM_PAGES, sizeof(*h->dirty_list));
    if (h->ram == NULL || h->ram_saved == NULL || h->devices == NULL || h->page_state == NULL ||
        h->dirty_list == NULL) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    uc_err error = uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &h->uc);
    if (error != UC_ERR_OK) {
        snprintf(why, why_size, "libunicorn does not start: %s", uc_strerror(error));
        return false;
    }
    if (!firmware_for_each_segment(fw, load_segment, h)) {
        snprintf(why, why_size, "the firmware does not lie in the board's RAM");
        return false;
    }
    if (!slow)
        patch_sites(h);
    if (!map_memory(h) || !add_hooks(h)) {
        snprintf(why, why_size, "libunicorn refuses the board's memory map");
        return false;
    }
    /* Unicorn's own FS stays on in fast mode; whether the firmware opened it is the model's question. */
    uint64_t status = STATUS_FS;
    uc_reg_write(h->uc, UC_RISCV_REG_MSTATUS, &status);
    uint64_t ignored;
    if (!firmware_symbol(fw, "riscv_stacks", &h->stacks, &ignored))
        h->stacks = 0;
    h->booting = HART_BOOT_CSRS;
    csr_reset(&h->csr, 0);
    h->csr.msip = hart_msip(h, 0);
    h->regs.pc = fw->entry;
    return true;
}

void hart_close(struct emulated_hart *h)
{
    if (h->uc != NULL)
        uc_close(h->uc);
    if (h->ram != NULL)
        munmap(h->ram, RAM_SIZE);
    if (h->ram_saved != NULL)
        munmap(h->ram_saved, RAM_SIZE);
    if (h->devices != NULL)
        munmap(h->devices, DEVICE_BYTES);
    free(h->page_state);
    free(h->dirty_list);
    *h = (struct emulated_hart){0};
}
