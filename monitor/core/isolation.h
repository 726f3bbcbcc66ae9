/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory isolation by PMP: what this hart's lower privilege levels may touch.
 *
 *   entry 0  monitor image              no access, always
 *   entry 1  machine-mode devices       no access, always
 *   entry 2  window                     no access while the host runs, RWX while a TVM runs
 *   entry 7  everything else            RWX
 *   others   off
 *
 * The lowest matching entry decides. Entries 8 to 15 are the port's; whatever they say, they decide nothing for the
 * ranges above, in no mode: entry 0 matches first also for the monitor itself, so a guard page inside the image is
 * not to be had this way.
 */
#ifndef TOUCHSTONE_CORE_ISOLATION_H
#define TOUCHSTONE_CORE_ISOLATION_H

#include "monitor/core/monitor.h"

#define ISOLATION_ENTRY_MONITOR 0u
#define ISOLATION_ENTRY_MMIO 1u
#define ISOLATION_ENTRY_WINDOW 2u
#define ISOLATION_ENTRY_REST 7u
#define ISOLATION_ENTRIES 8u /* entries that the core programs */

/*
 * Program every entry of the core with the window closed, and read them back. False when one did not stick: the
 * hart must not execute host code. The caller fences.
 */
bool isolation_init(struct hart *h);

/*
 * Keep bus masters out of monitor image, machine-mode devices and window, for good, with the same entries in the IOPMP,
 * and read them back. False when one did not stick, or when there is no IOPMP and nobody has accepted that: then no
 * confidential VM may be made. No lock needed; before any host code runs.
 */
bool isolation_close_devices(struct hart *h);

/* Open or close the window on this hart. The caller fences before anything but the monitor runs. */
void isolation_open_window(struct hart *h);
void isolation_close_window(struct hart *h);

#endif
