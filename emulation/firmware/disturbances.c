/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory that another core changes after the monitor has read it, and PMP entries that do not take what they are told:
 * the machine decides, but it has to be asked where the firmware does these things. Those are three functions of the port,
 * which read, write and program as a whole; the machine does the same for the library in hal_machine.c.
 */
#include "emulation/firmware/internal.h"

#define A1 11u
#define A2 12u
#define A3 13u
#define C_RET 0x8082u

static void on_read(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    struct binary *b = data;
    struct binary_hart *ctx = &b->hart[b->running];

    (void)uc, (void)pc, (void)size;
    ctx->read_at = binary_x(b, A2);
    ctx->read_len = binary_x(b, A3);
    mmode_host_read_begins(b->m, b->running, ctx->read_at, ctx->read_len);
}

static void on_read_done(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    struct binary *b = data;
    const struct binary_hart *ctx = &b->hart[b->running];

    (void)uc, (void)pc, (void)size;
    mmode_host_read_ends(b->m, b->running, ctx->read_at, ctx->read_len);
}

static void on_write(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    struct binary *b = data;

    (void)uc, (void)pc, (void)size;
    mmode_host_write_begins(b->m, binary_x(b, A1), binary_x(b, A3));
}

static void on_pmp_write(uc_engine *uc, uint64_t pc, uint32_t size, void *data)
{
    struct binary *b = data;
    uint8_t config = (uint8_t)binary_x(b, A2), config_before = config;
    uint64_t addr = binary_x(b, A3), addr_before = addr;

    (void)uc, (void)pc, (void)size;
    mmode_pmp_write_begins(b->m, b->running, (unsigned)binary_x(b, A1), &config, &addr);
    if (config != config_before)
        binary_set_x(b, A2, config);
    if (addr != addr_before)
        binary_set_x(b, A3, addr);
}

static bool hook_at(struct binary *b, uint64_t pc, uc_cb_hookcode_t call)
{
    uc_hook hook;

    return uc_hook_add(b->uc, &hook, UC_HOOK_CODE, (void *)(uintptr_t)call, b, pc, pc) == UC_ERR_OK;
}

/* Every way out of a function that only returns, by compressed instructions. */
static bool hook_returns(struct binary *b, uint64_t start, uint64_t size, uc_cb_hookcode_t call)
{
    const uint8_t *text = b->fw->text + (start - b->fw->text_base);
    unsigned found = 0;

    for (uint64_t at = 0; at + 2 <= size; at += (text[at] & 3) == 3 ? 4 : 2) {
        if ((text[at] | (unsigned)text[at + 1] << 8) != C_RET)
            continue;
        if (!hook_at(b, start + at, call))
            return false;
        found++;
    }
    return found != 0;
}

bool disturbances_hook(struct binary *b)
{
    uint64_t read, write, pmp, size;

    return firmware_symbol(b->fw, "hal_untrusted_write", &write, &size) && hook_at(b, write, on_write) &&
           firmware_symbol(b->fw, "hal_pmp_write", &pmp, &size) && hook_at(b, pmp, on_pmp_write) &&
           firmware_symbol(b->fw, "hal_untrusted_read", &read, &size) && hook_at(b, read, on_read) &&
           hook_returns(b, read, size, on_read_done);
}
