/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine that this port runs on: QEMU's `virt` board. Device addresses and the place of the window are fixed at
 * compile time; the amount of RAM and the number of harts come from the device tree.
 */
#ifndef TOUCHSTONE_RISCV_PLATFORM_H
#define TOUCHSTONE_RISCV_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/core/monitor.h"
#include "monitor/riscv/layout.h"

#define PLATFORM_RAM_BASE UINT64_C(0x80000000)
#define PLATFORM_HOST_ENTRY (UINT64_C(RISCV_IMAGE_BASE) + RISCV_IMAGE_SIZE)

/* The window: a naturally aligned power of two inside RAM. The default equals the simulated machine's. */
#ifndef PLATFORM_WINDOW_BASE
#define PLATFORM_WINDOW_BASE UINT64_C(0x84000000)
#endif
#ifndef PLATFORM_WINDOW_PAGES
#define PLATFORM_WINDOW_PAGES 1024u
#endif

#define PLATFORM_CLINT_BASE UINT64_C(0x02000000)
#define PLATFORM_CLINT_SIZE UINT64_C(0x00010000)
#define PLATFORM_UART_BASE UINT64_C(0x10000000)
#define PLATFORM_FINISHER_BASE UINT64_C(0x00100000) /* sifive_test: power off and reboot */
#define PLATFORM_BOOT_ROM_BASE UINT64_C(0x00001000)
#define PLATFORM_BOOT_ROM_END UINT64_C(0x00010000)

/* Ticks of the time CSR per second. */
#define PLATFORM_TIME_HZ UINT64_C(10000000)

_Static_assert((PLATFORM_WINDOW_PAGES & (PLATFORM_WINDOW_PAGES - 1u)) == 0, "one PMP entry closes the window");
_Static_assert(PLATFORM_WINDOW_BASE % ((uint64_t)PLATFORM_WINDOW_PAGES * PAGE_SIZE) == 0,
               "the window is naturally aligned");

/*
 * Fill *p from the device tree at physical address `fdt`, and from the CSRs of this hart. Returns NULL, or why the
 * monitor cannot run here.
 */
const char *platform_describe(struct platform *p, uint64_t fdt);

/* Is [addr, addr + len) host-usable RAM: inside RAM and outside image and window? */
bool platform_is_host_ram(const struct platform *p, uint64_t addr, uint64_t len);

/*
 * Where the host is entered: what struct fw_dynamic_info at `info` says, or the fixed address where there is none or it
 * names no address. 0 when it names one that the host could not run at.
 */
uint64_t platform_host_entry(const struct platform *p, uint64_t info);

#endif
