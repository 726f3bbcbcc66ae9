/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broken rules. The first is kept until somebody clears it. One after which the monitor cannot go on ends the
 * monitor's work where it stands and stops the machine, so that what a broken monitor would do next is never judged.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/machine/internal.h"

static _Thread_local jmp_buf *unwind;

jmp_buf *violation_unwind_to(jmp_buf *place)
{
    jmp_buf *before = unwind;

    unwind = place;
    return before;
}

void violation_record(struct machine *m, uint32_t h, enum machine_violation_kind kind, const char *text)
{
    /* Harts that are threads may come here at the same time: the first one writes. */
    if (m->private->mode == MACHINE_THREADS && __atomic_exchange_n(&m->private->violated, true, __ATOMIC_ACQ_REL))
        return;
    if (m->violation.kind != VIOLATION_NONE)
        return;
    m->violation.kind = kind;
    m->violation.hart = h;
    snprintf(m->violation.text, sizeof(m->violation.text), "%s", text);
}

_Noreturn void violation_unwind(struct machine *m, uint32_t h, enum machine_violation_kind kind, const char *text)
{
    violation_record(m, h, kind, text);
    __atomic_store_n(&m->halted, true, __ATOMIC_RELAXED);
    if (unwind == NULL) {
        fprintf(stderr, "machine: hart %u: %s (outside of any trap)\n", (unsigned)h, text);
        abort();
    }
    longjmp(*unwind, 1);
}

_Noreturn void violation_leave(void)
{
    longjmp(*unwind, 1);
}

void machine_violation_clear(struct machine *m)
{
    m->violation.kind = VIOLATION_NONE;
    m->violation.hart = 0;
    m->violation.text[0] = '\0';
    m->private->violated = false;
}
