/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hart that executes the firmware, and the memory around it. Unicorn executes the instructions; CSRs, fences,
 * mret and LR/SC are the model's (csr_model.h), because the emulator knows no hypervisor extension.
 *
 *   fast mode   each system instruction in the loaded text is replaced by a load from an address that nobody has, which
 *               Unicorn asks the model for, or by ecall, which leaves the emulator for it: no CSR of Unicorn is ever used
 *   slow mode   the text is as linked. The model runs in lockstep: CSRs that Unicorn has are executed by both and
 *               compared, the rest raise an illegal instruction in Unicorn and are completed by the model
 *
 * Memory is the board's: RAM from 0x80000000, and pages of plain memory where the firmware's devices are. Every
 * store is seen: it marks its page for the next restore, and a store outside of the monitor's own memory is recorded.
 */
#ifndef TOUCHSTONE_UNICORN_EMULATED_HART_H
#define TOUCHSTONE_UNICORN_EMULATED_HART_H

#include <unicorn/unicorn.h>

#include "emulation/unicorn/csr_model.h"
#include "emulation/unicorn/firmware_image.h"

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE (UINT64_C(128) << 20)
#define RAM_PAGES (RAM_SIZE >> 12)

/* General, floating-point and vector registers, and where the hart is. */
struct registers {
    uint64_t x[32];
    uint64_t f[32];
    uint64_t v[32][VECTOR_WORDS];
    uint64_t pc;
};

struct store {
    uint64_t address;
    uint64_t value;
    uint32_t size;
    uint32_t zero;
};

#define MAX_OUTSIDE_STORES 512u
#define SITE_SLOTS 256u
#define BLOCK_PLACES 16384u /* instructions of four bytes in 64 KiB of text */
#define HART_BOOT_CSRS 3u   /* mtvec, mie, mstatus.MIE: the first CSR instructions of a boot */

/* Why the firmware stopped executing. Everything but STOP_WORLD is a failure of the monitor once it is booted. */
enum stop_reason {
    STOP_NONE,
    STOP_WORLD,        /* mret into HS, VS or user mode */
    STOP_PAUSED,       /* pause, where pause_ends asks for that */
    STOP_PARKED,       /* wfi: the hart waits, or has ended */
    STOP_TRAPPED,      /* an exception inside the monitor */
    STOP_UNCLASSIFIED, /* a CSR that csr_classes.def does not list */
    STOP_UNMAPPED,     /* an access outside of memory and devices, a store to code, a fetch from data */
    STOP_UNSUPPORTED,  /* an instruction that neither Unicorn nor the model has */
    STOP_HUNG,         /* no end in sight */
    STOP_DISAGREES     /* slow mode: Unicorn and the model differ */
};

struct saved_state {
    struct registers regs;
    struct csr_file csr;
};

struct emulated_hart {
    uc_engine *uc;
    const struct firmware_image *fw;
    bool slow;
    struct registers regs;
    struct csr_file csr;

    uint8_t *ram;
    uint8_t *devices;              /* one after the other, in the order of the board's list */
    uint64_t text_first, text_end; /* pages of code: nobody stores there */
    uint8_t *ram_saved;            /* content at the last save, for pages that were ever written */
    uint8_t *page_state;           /* PAGE_DIRTY: written since the last save or restore; PAGE_OWN */
    uint32_t *dirty_list;
    uint32_t dirty_count;
    struct saved_state saved;

    /* Monitor image and window, see hart_set_own: stores there are the monitor's own business. */
    uint64_t image_base, image_size, window_base, window_size;
    struct store outside[MAX_OUTSIDE_STORES];
    uint32_t outside_count; /* may exceed the array: the rest is only counted */

    enum stop_reason stop;
    uint64_t stop_pc;
    char stop_text[160];
    unsigned booting; /* CSR instructions from reset on in which mstatus may still be anything */
    uint64_t stacks;  /* of all harts; 0: not known */
    /* Called once, when C code reads misa: the first thing that it asks of the hart. */
    void (*before_c)(struct emulated_hart *h);
    const char *boot_memory; /* what before_c found wrong; NULL: nothing */
    bool off_stack;          /* C code ran with a stack pointer that is not in its hart's stack */
    uint8_t *blocks;         /* BLOCK_PLACES counters that do not wrap, for hart_watch_blocks */
    uint64_t instructions;   /* executed so far, after hart_count_instructions */
    bool pause_ends;         /* a pause ends the run: several harts share this memory */
    /* Fast mode: the trap that is raised at the fault_in-th system instruction from here; 0: none. */
    uint32_t fault_in;
    struct csr_trap fault;
    uint64_t fault_pc; /* where it was raised */
    bool fault_twice;  /* and again at the second system instruction that follows */
    uint64_t steps;    /* system instructions and stores since the run began */
    bool redirected;   /* pc was set by a trap: start the emulator again */
    bool frozen; /* the run is over, and registers are kept in regs: what Unicorn does until it stops does not count */

    /* Fast mode: the site behind each load that replaces one, and what the second half of that load reads. */
    uint16_t site_of_slot[SITE_SLOTS]; /* index + 1; 0: none */
    uint32_t upper_half;

    /* Slow mode: the CSR instruction whose result Unicorn is about to produce. */
    bool lockstep;
    uint8_t lockstep_rd;
    uint64_t lockstep_value, lockstep_mask;
    const struct site *lockstep_site;
    uint64_t csr_before_leaving[CSR_SLOTS]; /* the model's CSRs at mret, which Unicorn does not execute */

    char console[256]; /* last line that the firmware printed */
    uint32_t console_len;
    bool console_ended;
};

/*
 * Make a hart at reset with the firmware in its memory. Returns false with a one-line reason. The image must not
 * change as long as the hart lives. The caller closes the hart.
 */
bool hart_open(struct emulated_hart *h, const struct firmware_image *fw, bool slow, char *why, size_t why_size);
void hart_close(struct emulated_hart *h);

/* What belongs to the monitor, once that is known: its image and its window, whole pages. */
void hart_set_own(struct emulated_hart *h, uint64_t image_base, uint64_t image_size, uint64_t window_base,
                  uint64_t window_size);

/* Execute from regs.pc in M-mode until the firmware leaves for a world or stops. */
enum stop_reason hart_run(struct emulated_hart *h);

/* Raise a trap that M-mode takes, at regs.pc, and run the firmware until it leaves. */
enum stop_reason hart_trap(struct emulated_hart *h, const struct csr_trap *trap);

/* Count from now on. Before the first run; costs a call for each instruction. */
bool hart_count_instructions(struct emulated_hart *h);

/* From now on each block of instructions that begins is counted in `blocks`, by its place in the text. Before the first run. */
bool hart_watch_blocks(struct emulated_hart *h);

/* Go on behind the wfi or pause that ended the last run. */
enum stop_reason hart_resume(struct emulated_hart *h);

/* The software-interrupt register of hart `id`, for csr_file.msip. */
const uint8_t *hart_msip(const struct emulated_hart *h, unsigned id);

/* Memory behind an address in RAM, or NULL. For reading; writing goes through hart_poke. */
const void *hart_peek(const struct emulated_hart *h, uint64_t address, uint64_t size);
void hart_poke(struct emulated_hart *h, uint64_t address, const void *bytes, uint64_t size);

/* Memory that somebody is going to fill: marks it as changed. NULL when it is not in RAM. */
void *hart_touch(struct emulated_hart *h, uint64_t address, uint64_t size);

/* Remember registers, CSRs and memory; go back to what was remembered. Both copy only pages written in between. */
void hart_save(struct emulated_hart *h);
void hart_restore(struct emulated_hart *h);

/*
 * Let the process end a run of a firmware that loops without any store or system instruction: one that takes more than
 * `milliseconds` of CPU time.
 */
void hart_watchdog_start(unsigned milliseconds);

#endif
