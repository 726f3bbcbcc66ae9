/* SPDX-License-Identifier: Apache-2.0 */
/* The console: a 16550 UART, polled. Shared with the host; nothing secret is ever printed. */
#ifndef TOUCHSTONE_RISCV_UART_H
#define TOUCHSTONE_RISCV_UART_H

#include <stdint.h>

/* 8N1, no interrupts. The baud rate is left as the platform set it. */
void uart_init(void);

/* Send one byte; gives up on it when the UART stays busy. */
void uart_put(uint8_t byte);

/* A received byte, or -1. */
int uart_get(void);

/* Text, and numbers in hexadecimal with 0x and in decimal. */
void uart_text(const char *text);
void uart_hex(uint64_t value);
void uart_dec(uint64_t value);

#endif
