/* SPDX-License-Identifier: Apache-2.0 */
/* The console; see uart.h. */
#include "monitor/riscv/uart.h"

#include "monitor/riscv/platform.h"

#define UART_DATA 0 /* RBR, THR */
#define UART_IER 1
#define UART_FCR 2
#define UART_LCR 3
#define UART_LSR 5

#define LCR_8N1 0x03u
#define FCR_ENABLE_CLEAR 0x07u
#define LSR_DATA_READY 0x01u
#define LSR_THR_EMPTY 0x20u

/* A working UART is ready after far fewer polls; a broken one must not hold the monitor. */
#define UART_MAX_POLLS 1000000u

static uintptr_t uart_register(unsigned reg)
{
    return (uintptr_t)(riscv_devices.uart.base + ((uint64_t)reg << riscv_devices.uart.shift));
}

static uint8_t uart_read(unsigned reg)
{
    if (riscv_devices.uart.width == 4)
        return (uint8_t) * (volatile uint32_t *)uart_register(reg);
    return *(volatile uint8_t *)uart_register(reg);
}

static void uart_write(unsigned reg, uint8_t value)
{
    if (riscv_devices.uart.width == 4)
        *(volatile uint32_t *)uart_register(reg) = value;
    else
        *(volatile uint8_t *)uart_register(reg) = value;
}

void uart_init(void)
{
    uart_write(UART_IER, 0);
    uart_write(UART_LCR, LCR_8N1);
    uart_write(UART_FCR, FCR_ENABLE_CLEAR);
}

void uart_put(uint8_t byte)
{
    for (uint32_t polls = 0; polls < UART_MAX_POLLS; polls++) {
        if ((uart_read(UART_LSR) & LSR_THR_EMPTY) != 0) {
            uart_write(UART_DATA, byte);
            return;
        }
    }
}

int uart_get(void)
{
    if ((uart_read(UART_LSR) & LSR_DATA_READY) == 0)
        return -1;
    return uart_read(UART_DATA);
}

void uart_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            uart_put('\r');
        uart_put((uint8_t)*text);
    }
}

void uart_hex(uint64_t value)
{
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0)
        shift -= 4;
    uart_text("0x");
    for (; shift >= 0; shift -= 4)
        uart_put((uint8_t) "0123456789abcdef"[(value >> shift) & 0xf]);
}

void uart_dec(uint64_t value)
{
    uint8_t digits[20];
    unsigned n = 0;
    do {
        digits[n++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0)
        uart_put(digits[--n]);
}
