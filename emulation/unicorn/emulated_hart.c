/* SPDX-License-Identifier: Apache-2.0 */
/* The hart that executes the firmware; see emulated_hart.h. */
#define _GNU_SOURCE
#include "emulation/unicorn/emulated_hart.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#define INSN_ECALL 0x00000073u
#define UNREACHABLE UINT64_C(0xfffffffff000)
#define STEP_BUDGET UINT64_C(30000000)
#define WATCHDOG_SECONDS 3

/* Exception numbers of Unicorn's hook. */
#define UC_ILLEGAL_INSTRUCTION 2u
#define UC_ECALL 8u

#define UART_BASE UINT64_C(0x10000000)
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

/* --- watchdog: the only wall clock here; it decides about nothing but a firmware that never returns ------------- */

static uc_engine *volatile watched;
static volatile sig_atomic_t run_number, run_number_seen, watchdog_fired;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    if (watched != NULL && run_number == run_number_seen) {
        watchdog_fired = 1;
        uc_emu_stop(watched);
    }
    run_number_seen = run_number;
}

void hart_watchdog_start(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval period = {{WATCHDOG_SECONDS, 0}, {WATCHDOG_SECONDS, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &period, NULL);
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static bool in_ram(uint64_t address, uint64_t size)
{
    return address >= RAM_BASE && address - RAM_BASE <= RAM_SIZE && size <= RAM_SIZE - (address - RAM_BASE);
}

static void mark_page(struct emulated_hart *h, uint64_t page)
{
    if (h->page_dirty[page])
        return;
    h->page_dirty[page] = 1;
    h->dirty_list[h->dirty_count++] = (uint32_t)page;
}

const void *hart_peek(const struct emulated_hart *h, uint64_t address, uint64_t size)
{
    return in_ram(address, size) ? h->ram + (address - RAM_BASE) : NULL;
}

void *hart_touch(struct emulated_hart *h, uint64_t address, uint64_t size)
{
    if (!in_ram(address, size) || size == 0)
        return NULL;
    uint64_t first = (address - RAM_BASE) >> 12;
    uint64_t last = (address - RAM_BASE + size - 1) >> 12;
    for (uint64_t page = first; page <= last; page++)
        mark_page(h, page);
    return h->ram + (address - RAM_BASE);
}

void hart_poke(struct emulated_hart *h, uint64_t address, const void *bytes, uint64_t size)
{
    void *at = hart_touch(h, address, size);
    if (at != NULL)
        memcpy(at, bytes, size);
}

void hart_save(struct emulated_hart *h)
{
    h->saved = (struct saved_state){.regs = h->regs, .csr = h->csr};
    for (uint32_t i = 0; i < h->dirty_count; i++) {
        uint64_t page = h->dirty_list[i];
        memcpy(h->ram_saved + (page << 12), h->ram + (page << 12), 4096);
        h->page_dirty[page] = 0;
    }
    h->dirty_count = 0;
}

void hart_restore(struct emulated_hart *h)
{
    h->regs = h->saved.regs;
    h->csr = h->saved.csr;
    for (uint32_t i = 0; i < h->dirty_count; i++) {
        uint64_t page = h->dirty_list[i];
        memcpy(h->ram + (page << 12), h->ram_saved + (page << 12), 4096);
        h->page_dirty[page] = 0;
    }
    h->dirty_count = 0;
}

/* --- stopping --------------------------------------------------------------------------------------------------- */

static void stop(struct emulated_hart *h, enum stop_reason reason, uint64_t pc, const char *text)
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
        stop(h, STOP_HUNG, 0, "no end after 30,000,000 system instructions and stores");
}

/* --- stores ----------------------------------------------------------------------------------------------------- */

/* Keep the last line that is not empty. */
static void console_byte(struct emulated_hart *h, uint8_t byte)
{
    if (byte == '\r' || byte == '\n') {
        h->console_ended = true;
        return;
    }
    if (h->console_ended || h->console_len + 1 >= sizeof(h->console))
        h->console_len = 0;
    h->console_ended = false;
    h->console[h->console_len++] = (char)byte;
    h->console[h->console_len] = 0;
}

static void record_store(struct emulated_hart *h, uint64_t address, uint32_t size, uint64_t value)
{
    if (in_ram(address, size)) {
        mark_page(h, (address - RAM_BASE) >> 12);
        mark_page(h, (address - RAM_BASE + size - 1) >> 12);
    }
    if (address - h->image_base < h->image_size || address - h->window_base < h->window_size)
        return;
    if (address == UART_BASE)
        console_byte(h, (uint8_t)value);
    if (size < 8)
        value &= (UINT64_C(1) << (8 * size)) - 1;
    if (h->outside_count < MAX_OUTSIDE_STORES)
        h->outside[h->outside_count] = (struct store){.address = address, .value = value, .size = size};
    h->outside_count++;
}

static void on_store(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *data)
{
    (void)uc;
    (void)type;
    struct emulated_hart *h = data;
    count_step(h);
    record_store(h, address, (uint32_t)size, (uint64_t)value);
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
    stop(h, STOP_UNMAPPED, pc, text);
    return false;
}

/* --- system instructions ---------------------------------------------------------------------------------------- */

static uint64_t read_x(struct emulated_hart *h, unsigned n)
{
    uint64_t value = 0;
    if (n != 0)
        uc_reg_read(h->uc, UC_RISCV_REG_X0 + (int)n, &value);
    return value;
}

static void write_x(struct emulated_hart *h, unsigned n, uint64_t value)
{
    if (n != 0)
        uc_reg_write(h->uc, UC_RISCV_REG_X0 + (int)n, &value);
}

/* An exception inside the monitor: the hardware would go to mtvec, and so does the emulator. */
static void take_exception(struct emulated_hart *h, const struct site *s, uint64_t cause)
{
    struct csr_trap trap = {.cause = cause, .tval = s->insn};
    h->regs.pc = csr_take_trap(&h->csr, &trap, s->pc);
    h->redirected = true;
    uc_emu_stop(h->uc);
}

static void stop_unclassified(struct emulated_hart *h, const struct site *s)
{
    char text[sizeof(h->stop_text)];
    snprintf(text, sizeof(text), "CSR 0x%03x is in no class of csr_classes.def: nobody has decided whose it is",
             s->csr);
    stop(h, STOP_UNCLASSIFIED, s->pc, text);
}

/* The CSR side of a CSR instruction. False when it does not complete; *old is what rd gets. */
static bool execute_csr(struct emulated_hart *h, const struct site *s, uint64_t *old)
{
    bool reads = s->op != OP_WRITE || s->rd != 0;
    uint64_t operand = s->immediate ? s->rs1 : read_x(h, s->rs1);
    enum csr_result result = reads ? csr_read(&h->csr, s->csr, old) : CSR_DONE;
    if (result == CSR_DONE && s->writes) {
        uint64_t value = s->op == OP_WRITE ? operand : s->op == OP_SET ? *old | operand : *old & ~operand;
        result = csr_write(&h->csr, s->csr, value);
    }
    if (result == CSR_UNCLASSIFIED)
        stop_unclassified(h, s);
    if (result == CSR_ILLEGAL)
        take_exception(h, s, 2);
    return result == CSR_DONE;
}

static void execute_lr(struct emulated_hart *h, const struct site *s)
{
    uint64_t address = read_x(h, s->rs1);
    const void *at = hart_peek(h, address, s->wide ? 8 : 4);
    if (at == NULL) {
        stop(h, STOP_UNMAPPED, s->pc, "load-reserved outside of RAM");
        return;
    }
    int32_t word;
    int64_t value;
    memcpy(&word, at, sizeof(word));
    value = word;
    if (s->wide)
        memcpy(&value, at, sizeof(value));
    write_x(h, s->rd, (uint64_t)value);
    h->csr.reserved = true;
    h->csr.reserved_at = address;
}

static void execute_sc(struct emulated_hart *h, const struct site *s)
{
    uint64_t address = read_x(h, s->rs1);
    uint64_t value = read_x(h, s->rs2);
    uint32_t size = s->wide ? 8 : 4;
    bool success = h->csr.reserved && h->csr.reserved_at == address;
    h->csr.reserved = false;
    if (success) {
        void *at = hart_touch(h, address, size);
        if (at == NULL) {
            stop(h, STOP_UNMAPPED, s->pc, "store-conditional outside of RAM");
            return;
        }
        memcpy(at, &value, size);
        record_store(h, address, size, value);
    }
    write_x(h, s->rd, success ? 0 : 1);
}

static void execute_fence(struct emulated_hart *h, const struct site *s)
{
    /* A fence with operands covers only a part: it does not count as the fence that a world switch needs. */
    if (s->rs1 != 0 || s->rs2 != 0)
        return;
    if (s->kind == SITE_SFENCE_VMA)
        csr_sfence_all(&h->csr);
    if (s->kind == SITE_HFENCE_GVMA)
        csr_hfence_g_all(&h->csr);
    if (s->kind == SITE_HFENCE_VVMA)
        csr_hfence_v_all(&h->csr);
}

static void execute_mret(struct emulated_hart *h, const struct site *s)
{
    h->regs.pc = csr_mret(&h->csr);
    if (h->csr.mode == MODE_M) {
        h->redirected = true;
        uc_emu_stop(h->uc);
        return;
    }
    stop(h, STOP_WORLD, s->pc, "");
}

static void stop_unsupported(struct emulated_hart *h, const struct site *s)
{
    char text[sizeof(h->stop_text)];
    snprintf(text, sizeof(text), "instruction 0x%08x is none that a world switch executes", s->insn);
    stop(h, STOP_UNSUPPORTED, s->pc, text);
}

/* Fast mode: all of a site. */
static void execute_site(struct emulated_hart *h, const struct site *s)
{
    uint64_t old = 0;
    switch (s->kind) {
    case SITE_CSR:
        if (execute_csr(h, s, &old))
            write_x(h, s->rd, old);
        break;
    case SITE_MRET: execute_mret(h, s); break;
    case SITE_WFI: stop(h, STOP_PARKED, s->pc, "the hart waits for an interrupt"); break;
    case SITE_SFENCE_VMA:
    case SITE_HFENCE_GVMA:
    case SITE_HFENCE_VVMA: execute_fence(h, s); break;
    case SITE_LR: execute_lr(h, s); break;
    case SITE_SC: execute_sc(h, s); break;
    case SITE_OTHER: stop_unsupported(h, s); break;
    }
}

static void stop_trapped(struct emulated_hart *h, uint64_t pc, uint32_t number)
{
    char text[sizeof(h->stop_text)];
    snprintf(text, sizeof(text), "exception %u inside the monitor", number);
    stop(h, STOP_TRAPPED, pc, text);
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
        execute_site(h, s);
        return;
    }
    /* Slow mode: the model has executed it already; Unicorn lacks the instruction or the CSR. */
    if (h->slow && s != NULL && number == UC_ILLEGAL_INSTRUCTION) {
        if (h->lockstep && h->lockstep_mask != 0)
            stop(h, STOP_DISAGREES, pc, "Unicorn refuses a CSR that the model says it has");
        else if (h->lockstep)
            write_x(h, h->lockstep_rd, h->lockstep_value);
        h->lockstep = false;
        return;
    }
    stop_trapped(h, pc, number);
}

/* --- slow mode: the model in lockstep --------------------------------------------------------------------------- */

/* Compare what Unicorn put into rd with the model, where both have the bits; the firmware goes on with the model's. */
static void lockstep_compare(struct emulated_hart *h)
{
    h->lockstep = false;
    uint64_t got = read_x(h, h->lockstep_rd);
    uint64_t difference = (got ^ h->lockstep_value) & h->lockstep_mask;
    if (h->lockstep_rd != 0 && difference != 0) {
        char text[sizeof(h->stop_text)];
        snprintf(text, sizeof(text), "CSR 0x%03x: Unicorn reads 0x%llx, the model 0x%llx", h->lockstep_site->csr,
                 (unsigned long long)got, (unsigned long long)h->lockstep_value);
        stop(h, STOP_DISAGREES, h->lockstep_site->pc, text);
    }
    if (got != h->lockstep_value)
        write_x(h, h->lockstep_rd, h->lockstep_value);
}

static void on_instruction(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    (void)uc;
    (void)size;
    struct emulated_hart *h = data;
    if (h->lockstep)
        lockstep_compare(h);
    if (h->stop != STOP_NONE || h->redirected)
        return;
    const struct site *s = firmware_site(h->fw, pc);
    if (s == NULL)
        return;
    uint64_t old = 0;
    switch (s->kind) {
    case SITE_CSR:
        if (!execute_csr(h, s, &old))
            break;
        h->lockstep = true;
        h->lockstep_site = s;
        h->lockstep_rd = s->rd;
        h->lockstep_value = old;
        h->lockstep_mask = csr_table[csr_slot_of(s->csr)].native;
        break;
    case SITE_LR:
        h->csr.reserved = true;
        h->csr.reserved_at = read_x(h, s->rs1);
        break;
    case SITE_SC: h->csr.reserved = false; break;
    case SITE_SFENCE_VMA:
    case SITE_HFENCE_GVMA:
    case SITE_HFENCE_VVMA: execute_fence(h, s); break;
    case SITE_MRET: execute_mret(h, s); break;
    case SITE_WFI: stop(h, STOP_PARKED, s->pc, "the hart waits for an interrupt"); break;
    case SITE_OTHER: stop_unsupported(h, s); break;
    }
}

/* Registers of Unicorn that stand for slots of the model. */
static const struct {
    int reg;
    enum csr_slot slot;
} native_csrs[] = {
    {UC_RISCV_REG_MSTATUS, SLOT_mstatus},
    {UC_RISCV_REG_MEDELEG, SLOT_medeleg},
    {UC_RISCV_REG_MIDELEG, SLOT_mideleg},
    {UC_RISCV_REG_MIE, SLOT_mie},
    {UC_RISCV_REG_MIP, SLOT_mip},
    {UC_RISCV_REG_MTVEC, SLOT_mtvec},
    {UC_RISCV_REG_MCOUNTEREN, SLOT_mcounteren},
    {UC_RISCV_REG_MSCRATCH, SLOT_mscratch},
    {UC_RISCV_REG_MEPC, SLOT_mepc},
    {UC_RISCV_REG_MCAUSE, SLOT_mcause},
    {UC_RISCV_REG_MTVAL, SLOT_mtval},
    {UC_RISCV_REG_STVEC, SLOT_stvec},
    {UC_RISCV_REG_SCOUNTEREN, SLOT_scounteren},
    {UC_RISCV_REG_SSCRATCH, SLOT_sscratch},
    {UC_RISCV_REG_SEPC, SLOT_sepc},
    {UC_RISCV_REG_SCAUSE, SLOT_scause},
    {UC_RISCV_REG_STVAL, SLOT_stval},
};

static void write_native_csrs(struct emulated_hart *h)
{
    /* fcsr is writable through the interface only while FS is on. */
    uint64_t status = h->csr.value[SLOT_mstatus] | STATUS_FS;
    uc_reg_write(h->uc, UC_RISCV_REG_MSTATUS, &status);
    uc_reg_write(h->uc, UC_RISCV_REG_FCSR, &h->csr.value[SLOT_fcsr]);
    for (size_t i = 0; i < sizeof(native_csrs) / sizeof(native_csrs[0]); i++)
        uc_reg_write(h->uc, native_csrs[i].reg, &h->csr.value[native_csrs[i].slot]);
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
    uc_reg_write_batch(h->uc, ids, values, REGISTER_COUNT);
    if (h->slow)
        write_native_csrs(h);

    run_number = (run_number + 1) & 0xffffff;
    watched = h->uc;
    do {
        h->redirected = false;
        uc_err error = uc_emu_start(h->uc, h->regs.pc, UNREACHABLE, 0, 0);
        if (watchdog_fired) {
            uint64_t pc = 0;
            uc_reg_read(h->uc, UC_RISCV_REG_PC, &pc);
            watchdog_fired = 0;
            stop(h, STOP_HUNG, pc, "no end after some seconds");
        }
        if (h->stop == STOP_NONE && !h->redirected) {
            uint64_t pc = 0;
            uc_reg_read(h->uc, UC_RISCV_REG_PC, &pc);
            stop(h, STOP_TRAPPED, pc, uc_strerror(error));
        }
    } while (h->redirected && h->stop == STOP_NONE);
    watched = NULL;

    uc_reg_read_batch(h->uc, ids, values, REGISTER_COUNT);
    h->regs.x[0] = 0;
    return h->stop;
}

enum stop_reason hart_trap(struct emulated_hart *h, const struct csr_trap *trap)
{
    h->regs.pc = csr_take_trap(&h->csr, trap, h->regs.pc);
    return hart_run(h);
}

/* --- making a hart ---------------------------------------------------------------------------------------------- */

static bool load_segment(void *data, uint64_t address, const uint8_t *bytes, uint64_t size, uint64_t mem_size)
{
    struct emulated_hart *h = data;
    if (!in_ram(address, mem_size))
        return false;
    hart_poke(h, address, bytes, size);
    return true;
}

/* Fast mode: every site becomes an ecall. */
static void patch_sites(struct emulated_hart *h)
{
    uint32_t ecall = INSN_ECALL;
    for (size_t i = 0; i < h->fw->site_count; i++)
        hart_poke(h, h->fw->sites[i].pc, &ecall, sizeof(ecall));
}

static uint8_t *reserve(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool map_memory(struct emulated_hart *h)
{
    uint64_t text_end = (h->fw->text_base + h->fw->text_size + 4095) & ~UINT64_C(4095);
    uint64_t text_first = h->fw->text_base & ~UINT64_C(4095);
    bool ok = in_ram(text_first, text_end - text_first);
    ok = ok && uc_mem_map_ptr(h->uc, RAM_BASE, RAM_SIZE, UC_PROT_READ | UC_PROT_WRITE, h->ram) == UC_ERR_OK;
    ok = ok && uc_mem_protect(h->uc, text_first, text_end - text_first, UC_PROT_READ | UC_PROT_EXEC) == UC_ERR_OK;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        ok = ok && uc_mem_map(h->uc, devices[i].base, devices[i].size, UC_PROT_READ | UC_PROT_WRITE) == UC_ERR_OK;
    uint8_t idle = UART_LSR_IDLE;
    return ok && uc_mem_write(h->uc, UART_BASE + UART_LSR, &idle, 1) == UC_ERR_OK;
}

static bool add_hooks(struct emulated_hart *h)
{
    uc_hook hook;
    int bad = UC_HOOK_MEM_INVALID;
    bool ok = uc_hook_add(h->uc, &hook, UC_HOOK_INTR, (void *)(uintptr_t)on_exception, h, 1, 0) == UC_ERR_OK;
    ok = ok && uc_hook_add(h->uc, &hook, UC_HOOK_MEM_WRITE, (void *)(uintptr_t)on_store, h, 1, 0) == UC_ERR_OK;
    ok = ok && uc_hook_add(h->uc, &hook, bad, (void *)(uintptr_t)on_bad_access, h, 1, 0) == UC_ERR_OK;
    if (h->slow)
        ok = ok && uc_hook_add(h->uc, &hook, UC_HOOK_CODE, (void *)(uintptr_t)on_instruction, h, 1, 0) == UC_ERR_OK;
    return ok;
}

bool hart_open(struct emulated_hart *h, const struct firmware_image *fw, bool slow, char *why, size_t why_size)
{
    *h = (struct emulated_hart){.fw = fw, .slow = slow};
    h->ram = reserve(RAM_SIZE);
    h->ram_saved = reserve(RAM_SIZE);
    h->page_dirty = calloc(RAM_PAGES, sizeof(*h->page_dirty));
    h->dirty_list = calloc(RAM_PAGES, sizeof(*h->dirty_list));
    if (h->ram == NULL || h->ram_saved == NULL || h->page_dirty == NULL || h->dirty_list == NULL) {
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
    csr_reset(&h->csr, 0);
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
    free(h->page_dirty);
    free(h->dirty_list);
    *h = (struct emulated_hart){0};
}
