/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the machine: by the finisher of SiFive's test device (QEMU and others have it), else by a register that the
 * device tree names (syscon-poweroff, syscon-reboot). A machine with neither only stops this hart.
 */
#include "monitor/hal/hal.h"
#include "monitor/riscv/hart.h"
#include "monitor/riscv/platform.h"

#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL (1u << 16 | 0x3333u) /* the emulator ends with code 1 */
#define FINISHER_RESET 0x7777u

static void use_finisher(uint32_t type, uint32_t reason)
{
    uint32_t command = FINISHER_RESET;
    if (type == SBI_SRST_SHUTDOWN)
        command = reason == SBI_SRST_REASON_FAILURE ? FINISHER_FAIL : FINISHER_PASS;
    *(volatile uint32_t *)(uintptr_t)riscv_devices.finisher = command;
}

static void use_register(const struct fdt_register *r)
{
    volatile uint32_t *at = (volatile uint32_t *)(uintptr_t)r->address;
    uint32_t old = r->mask == UINT32_MAX ? 0 : *at;
    *at = (old & ~r->mask) | (r->value & r->mask);
}

void hal_system_reset(struct hart *h, uint32_t type, uint32_t reason)
{
    const struct fdt_register *r = type == SBI_SRST_SHUTDOWN ? &riscv_devices.poweroff : &riscv_devices.reboot;
    (void)h;
    __asm__ volatile("fence iorw, iorw" : : : "memory");
    if (riscv_devices.finisher != 0)
        use_finisher(type, reason);
    else if (r->address != 0)
        use_register(r);
    hart_stop();
}
