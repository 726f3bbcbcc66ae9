/* SPDX-License-Identifier: Apache-2.0 */
/* The bus beside memory: software interrupts, a 16550 that is always ready, and the end of the machine. */
#include "emulation/firmware/internal.h"

#define UART_DATA 0u
#define UART_LSR 5u
#define LSR_READY 0x01u
#define LSR_IDLE 0x60u

#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x13333u
#define FINISHER_RESET 0x7777u

static uint64_t clint_read(uc_engine *uc, uint64_t offset, unsigned size, void *data)
{
    struct binary *b = data;
    uint64_t hart = offset / 4;

    (void)uc;
    return size == 4 && hart < b->m->config.harts ? machine_msip(b->m, (uint32_t)hart) : 0;
}

static void clint_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *data)
{
    struct binary *b = data;
    uint64_t hart = offset / 4;

    (void)uc;
    if (size == 4 && offset % 4 == 0 && hart < b->m->config.harts)
        mmode_msip(b->m, (uint32_t)hart, (value & 1) != 0);
    else
        binary_fail(b, 0, "store of %u bytes at 0x%llx of the interrupt device", size, (unsigned long long)offset);
}

static uint64_t uart_read(uc_engine *uc, uint64_t offset, unsigned size, void *data)
{
    struct binary *b = data;

    (void)uc, (void)size;
    if (offset == UART_DATA)
        return mmode_console_get(b->m);
    return offset == UART_LSR ? LSR_IDLE | (mmode_console_ready(b->m) ? LSR_READY : 0) : 0;
}

static void uart_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *data)
{
    struct binary *b = data;

    (void)uc, (void)size;
    if (offset == UART_DATA)
        mmode_console_put(b->m, (uint8_t)value);
}

static uint64_t finisher_read(uc_engine *uc, uint64_t offset, unsigned size, void *data)
{
    (void)uc, (void)offset, (void)size, (void)data;
    return 0;
}

/* Cold and warm reboot are one command; the reason is told only for a shutdown. */
static void finisher_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *data)
{
    struct binary *b = data;

    (void)uc;
    if (offset != 0 || size != 4 || (value != FINISHER_PASS && value != FINISHER_FAIL && value != FINISHER_RESET))
        binary_fail(b, 0, "store of 0x%llx to the finisher", (unsigned long long)value);
    else if (value == FINISHER_RESET)
        mmode_reset(b->m, SBI_SRST_COLD_REBOOT, SBI_SRST_REASON_NONE);
    else
        mmode_reset(b->m, SBI_SRST_SHUTDOWN, value == FINISHER_FAIL ? SBI_SRST_REASON_FAILURE : SBI_SRST_REASON_NONE);
}

bool devices_map(struct binary *b)
{
    return uc_mmio_map(b->uc, CLINT_BASE, CLINT_SIZE, clint_read, b, clint_write, b) == UC_ERR_OK &&
           uc_mmio_map(b->uc, UART_BASE, UART_SIZE, uart_read, b, uart_write, b) == UC_ERR_OK &&
           uc_mmio_map(b->uc, FINISHER_BASE, FINISHER_SIZE, finisher_read, b, finisher_write, b) == UC_ERR_OK;
}
