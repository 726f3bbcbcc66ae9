/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers on ucontext; see fiber.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness/machine/fiber.h"

#include <sys/mman.h>

#include "harness/machine/sanitize.h"

#define STACK_BYTES (1u << 20) /* sanitizers make frames several times as large as they are */
#define GUARD_BYTES 65536u     /* below the stack, inaccessible */

/* The flow that is being entered for the first time, and the one that was left for it. */
static _Thread_local struct fiber *entered;
static _Thread_local struct fiber *left;

bool fiber_create(struct fiber *f)
{
    void *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    *f = (struct fiber){0};
    if (memory == MAP_FAILED)
        return false;
    f->stack = (uint8_t *)memory + GUARD_BYTES;
    f->stack_size = STACK_BYTES;
    if (mprotect(f->stack, STACK_BYTES, PROT_READ | PROT_WRITE) == 0)
        return true;
    fiber_destroy(f);
    return false;
}

void fiber_destroy(struct fiber *f)
{
    if (f->stack == NULL)
        return;
    sanitize_allow(f->stack, f->stack_size);
    sanitize_fiber_end(f->thread);
    munmap(f->stack - GUARD_BYTES, GUARD_BYTES + f->stack_size);
    f->stack = NULL;
}

/* First code of a fiber: there is no return address, so it never ends. */
static void enter(void)
{
    struct fiber *self = entered;

    sanitize_fiber_entered(NULL, &left->bottom, &left->bottom_size);
    self->run(self->data);
    __builtin_trap();
}

void fiber_prepare(struct fiber *f, void (*run)(void *data), void *data)
{
    /* Frames that were never left would forbid their variables for ever. */
    sanitize_allow(f->stack, f->stack_size);
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = f->stack_size;
    f->context.uc_link = NULL;
    f->bottom = f->stack;
    f->bottom_size = f->stack_size;
    f->fake_stack = NULL;
    sanitize_fiber_end(f->thread);
    f->thread = sanitize_fiber_new();
    f->run = run;
    f->data = data;
    makecontext(&f->context, enter, 0);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    entered = to;
    left = from;
    if (from->stack == NULL)
        from->thread = sanitize_fiber_now();
    sanitize_fiber_leave(to->thread, &from->fake_stack, to->bottom, to->bottom_size);
    swapcontext(&from->context, &to->context);
    /* Back. Whoever changed to us has put itself into `left`. */
    sanitize_fiber_entered(from->fake_stack, &left->bottom, &left->bottom_size);
}
