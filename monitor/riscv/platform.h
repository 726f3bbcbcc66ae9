/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine that this port runs on. Only the place of the image and of the window are fixed at compile time; RAM,
 * harts and the devices that the firmware drives come from the device tree.
 */
#ifndef TOUCHSTONE_RISCV_PLATFORM_H
#define TOUCHSTONE_RISCV_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/core/monitor.h"
#include "monitor/riscv/fdt_facts.h"
#include "monitor/riscv/layout.h"

/* First byte behind the image: where a payload is, and where fw_jump goes unless it was built for another address. */
#define PLATFORM_HOST_ENTRY (UINT64_C(RISCV_IMAGE_BASE) + RISCV_IMAGE_SIZE)

/* The window: a naturally aligned power of two inside RAM. */
#ifndef PLATFORM_WINDOW_BASE
#define PLATFORM_WINDOW_BASE UINT64_C(0x84000000)
#endif
#ifndef PLATFORM_WINDOW_PAGES
#define PLATFORM_WINDOW_PAGES 1024u
#endif
#define PLATFORM_WINDOW_SIZE ((uint64_t)PLATFORM_WINDOW_PAGES * PAGE_SIZE)

/*
 * There is no IOPMP on this board, so that bus masters reach the window. 1: that is accepted, and said at boot; 0: then
 * no confidential VM can be made.
 */
#ifndef PLATFORM_OPEN_TO_DEVICES
#define PLATFORM_OPEN_TO_DEVICES 1
#endif

/* A 16550 that may be used before the device tree has named one, so that a refusal can be read. */
#ifndef PLATFORM_EARLY_UART
#define PLATFORM_EARLY_UART UINT64_C(0x10000000)
#endif

_Static_assert((PLATFORM_WINDOW_PAGES & (PLATFORM_WINDOW_PAGES - 1u)) == 0, "one PMP entry closes the window");
_Static_assert(PLATFORM_WINDOW_BASE % PLATFORM_WINDOW_SIZE == 0, "the window is naturally aligned");

/* Devices that the firmware drives. Written by the boot hart before any other hart goes on, and never again. */
struct riscv_devices {
    struct fdt_uart uart;
    uint64_t mswi;     /* machine software interrupts: hart n's word is at mswi + 4n */
    uint64_t finisher; /* sifive,test0 or test1; 0: there is none */
    struct fdt_register poweroff, reboot;
    uint64_t time_hz; /* ticks of the time CSR per second */
};

extern struct riscv_devices riscv_devices;

/*
 * Fill *p and *facts from the device tree at physical address `fdt`, and from the CSRs of this hart; point
 * riscv_devices to the devices found. Returns NULL, or why the monitor cannot run here.
 */
const char *platform_describe(struct platform *p, struct fdt_facts *facts, uint64_t fdt);

/* Is [addr, addr + len) host-usable RAM: inside RAM and outside image and window? */
bool platform_is_host_ram(const struct platform *p, uint64_t addr, uint64_t len);

/*
 * Replace the device tree at `fdt` by the one that the host is to see (fdt_edit.h), with monitor and window reserved.
 * `entry` is where the host will be entered. Returns NULL, or why there is no room for it. The window is scratch memory
 * meanwhile: it is called before the host runs.
 */
const char *platform_edit_fdt(const struct platform *p, const struct fdt_facts *facts, uint64_t fdt, uint64_t entry);

#endif
