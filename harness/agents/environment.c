/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the machine from outside: interrupt lines, the passage of time, bytes typed at the console; and what
 * waits for the monitor's next work on a hart: other cores that change host memory, hardware or functions that fail.
 */
#include <string.h>

#include "harness/agents/agent.h"
#include "harness/machine/fail_points.h"

#define MAX_TICKS (UINT64_C(1) << 40) /* per operation: time must not wrap within a trace */

static void interrupt_line(struct agent_step *s)
{
    struct machine *m = s->m;
    bool guest = machine_in_guest(m, s->hart);
    uint64_t pc = m->hart[s->hart].pc;

    if (s->a[0] != 1 && s->a[0] != 5 && s->a[0] != 9)
        return;
    machine_set_pending(m, s->hart, (unsigned)s->a[0], (s->a[1] & 1) != 0);
    enum trap_taker taker = machine_take_interrupt(m, s->hart);
    if (taker == TAKEN_BY_NOBODY)
        return;
    if (guest)
        agent_see_guest(s, taker, false, pc, NULL);
    else
        agent_see_host(s, taker, false);
}

static void console_input(struct machine *m, uint8_t byte)
{
    if (m->input_pos == m->input_len)
        m->input_pos = m->input_len = 0;
    if (m->input_len < sizeof(m->input))
        m->input[m->input_len++] = byte; /* a full line buffer drops what comes next, as a UART does */
}

void environment(struct agent_step *s)
{
    switch ((enum trace_op_code)s->op->op) {
    case OP_IRQ: interrupt_line(s); return;
    case OP_TIME: machine_advance(s->m, s->a[0] % MAX_TICKS); return;
    case OP_HOST_RACE: machine_race_word(s->m, s->hart, s->a[0], s->a[1]); return;
    case OP_HOST_RACE_READ: machine_race_read(s->m, s->hart, (uint32_t)s->a[0], (uint32_t)s->a[1], s->a[2]); return;
    case OP_FAULT: machine_fault(s->m, s->hart, (enum machine_fault)s->a[0], (uint32_t)s->a[1]); return;
    case OP_FAIL: machine_fail(s->m, s->hart, (enum machine_fail)s->a[0], (uint32_t)s->a[1]); return;
    case OP_CONSOLE_INPUT: console_input(s->m, (uint8_t)s->a[0]); return;
    default: return;
    }
}
