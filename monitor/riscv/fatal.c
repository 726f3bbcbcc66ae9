/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a hart: a violated fact about the monitor's own data, a trap taken inside the monitor, or a platform
 * that the monitor must not start on. The hart says why and never runs a world again; what it prints are constant
 * texts and numbers about the monitor itself.
 */
#include "monitor/hal/hal.h"
#include "monitor/riscv/hart.h"
#include "monitor/riscv/uart.h"

static void begin_report(uint64_t hart)
{
    uart_text("\ntouchstone: hart ");
    uart_dec(hart);
}

_Noreturn void hal_fatal(struct hart *h, const char *what)
{
    begin_report(h->id);
    uart_text(": fatal: ");
    uart_text(what);
    uart_text("\n");
    hart_stop();
}

_Noreturn void riscv_fatal_trap(uint64_t hart, uint64_t cause, uint64_t pc, uint64_t tval)
{
    begin_report(hart);
    uart_text(": fatal: trap in the monitor, mcause ");
    uart_hex(cause);
    uart_text(" mepc ");
    uart_hex(pc);
    uart_text(" mtval ");
    uart_hex(tval);
    uart_text("\n");
    hart_stop();
}

_Noreturn void riscv_refuse(uint64_t hart, const char *why)
{
    begin_report(hart);
    uart_text(": cannot start: ");
    uart_text(why);
    uart_text("\n");
    hart_stop();
}
