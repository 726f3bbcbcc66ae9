/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: several flows of control in one thread, each on its own stack, changed only where a flow says so.
 *
 * Sanitizers are told of every change of stack, so that they judge the right one. A fiber that is given up in the
 * middle of its work can be started anew: nothing on its stack is kept.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_FIBER_H
#define TOUCHSTONE_HARNESS_MACHINE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

struct fiber {
    ucontext_t context;
    uint8_t *stack; /* NULL for the flow that was there first */
    size_t stack_size;
    const void *bottom; /* what sanitizers know the stack by */
    size_t bottom_size;
    void *fake_stack; /* AddressSanitizer's own stack of this fiber */
    void *thread;     /* what ThreadSanitizer takes it for */
    void (*run)(void *data);
    void *data;
};

/* Give `f` a stack. False when memory is short. */
bool fiber_create(struct fiber *f);
void fiber_destroy(struct fiber *f);

/* Let `f` begin with run(data) when it is entered next; whatever it did before is forgotten. `run` never returns. */
void fiber_prepare(struct fiber *f, void (*run)(void *data), void *data);

/* Leave `from`, which is running, for `to`; returns when somebody changes back. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
