/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linked firmware as M-mode of a simulated machine: a port of harness/machine/mmode.h. Unicorn executes the
 * instructions of the image in the machine's own memory; system instructions, vector instructions, device accesses and
 * the switch from hart to hart are the machine's.
 *
 * All harts share one emulator. A hart executes until it returns to a world or waits; where it polls for others
 * (`pause`) the machine lets them serve their interrupts, as it does for the monitor that is linked in.
 */
#ifndef TOUCHSTONE_FIRMWARE_BINARY_H
#define TOUCHSTONE_FIRMWARE_BINARY_H

#include "emulation/unicorn/firmware_image.h"
#include "harness/machine/machine.h"

/*
 * A machine of this configuration that has booted `fw`, which outlives it. The image is linked for the machine's
 * window. NULL with a one-line reason in why[max], which begins with BINARY_DEAD when the firmware itself gave up.
 */
#define BINARY_DEAD "the firmware does not boot"
struct machine *binary_machine(const struct firmware_image *fw, const struct machine_config *config, char *why,
                               size_t max);

#endif
