/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the emulated hart share: emulated_hart.c drives Unicorn, hart_memory.c keeps RAM and stores,
 * hart_system.c and
 * hart_vector.c execute system and vector instructions on the model, hart_lockstep.c runs the model beside Unicorn's own CSRs.
 */
#ifndef TOUCHSTONE_UNICORN_HART_INTERNAL_H
#define TOUCHSTONE_UNICORN_HART_INTERNAL_H

#include "emulation/unicorn/emulated_hart.h"

#define UART_BASE UINT64_C(0x10000000)

/* End the run: the first reason given is kept. */
void hart_end_run(struct emulated_hart *h, enum stop_reason reason, uint64_t pc, const char *text);

/* A store of the firmware, already in memory or about to be: mark its page, record it if it is outside. */
void hart_record_store(struct emulated_hart *h, uint64_t address, uint32_t size, uint64_t value);

/* Is [address, address + size) inside RAM? */
bool hart_in_ram(uint64_t address, uint64_t size);

#define PAGE_DIRTY 1u /* written since the last save or restore */
#define PAGE_OWN 2u   /* the monitor's, in all its bytes, and no code */

/* The page of RAM with this number, from RAM_BASE on, is about to be written. */
static inline void hart_mark_page(struct emulated_hart *h, uint64_t page)
{
    if ((h->page_state[page] & PAGE_DIRTY) != 0)
        return;
    h->page_state[page] |= PAGE_DIRTY;
    h->dirty_list[h->dirty_count++] = (uint32_t)page;
}

/* Is the address in the monitor's own memory, image or window? */
static inline bool hart_owns(const struct emulated_hart *h, uint64_t address)
{
    return address - h->image_base < h->image_size || address - h->window_base < h->window_size;
}

/* General registers while Unicorn runs. */
uint64_t hart_read_x(struct emulated_hart *h, unsigned n);
void hart_write_x(struct emulated_hart *h, unsigned n, uint64_t value);

/* Fast mode: execute a whole system instruction in place of Unicorn. Returns what it puts into rd. */
uint64_t hart_execute(struct emulated_hart *h, const struct site *s);

/*
 * Slow mode. Before each instruction: judge what Unicorn made of the last one, execute this one on the model. After an
 * illegal-instruction exception at a site: complete what Unicorn lacks. Around a run: give Unicorn the CSRs that it
 * has, and compare them when the firmware leaves.
 */
void hart_lockstep_instruction(struct emulated_hart *h, uint64_t pc);
void hart_lockstep_refused(struct emulated_hart *h, uint64_t pc);
void hart_lockstep_begin(struct emulated_hart *h);
void hart_lockstep_end(struct emulated_hart *h);

/* The model's part of a CSR instruction. False when it does not complete; *old is what rd gets. */
bool hart_execute_csr(struct emulated_hart *h, const struct site *s, uint64_t *old);
void hart_execute_fence(struct emulated_hart *h, const struct site *s);
void hart_execute_mret(struct emulated_hart *h, const struct site *s);

/* An instruction of the vector unit, and whether it is one that writes a general register; see hart_vector.c. */
uint64_t hart_execute_vector(struct emulated_hart *h, const struct site *s);
bool vector_sets_x(const struct site *s);

/* An exception inside the monitor: the hardware would go to mtvec, and so does the emulator. */
void hart_take_exception(struct emulated_hart *h, const struct site *s, uint64_t cause);

/* pause: the run ends where another hart has to go on first. */
void hart_execute_pause(struct emulated_hart *h, const struct site *s);

/* wfi and everything that a monitor does not execute: the run ends. */
void hart_execute_last(struct emulated_hart *h, const struct site *s);

#endif
