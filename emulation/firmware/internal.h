/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the port share: binary.c drives Unicorn, system.c executes system instructions, vector.c those of
 * the vector unit, devices.c is the bus beside memory, disturbances.c what comes in between, loader.c what runs before the firmware.
 */
#ifndef TOUCHSTONE_FIRMWARE_INTERNAL_H
#define TOUCHSTONE_FIRMWARE_INTERNAL_H

#include <unicorn/unicorn.h>

#include "emulation/firmware/binary.h"
#include "harness/machine/mmode.h"

#define CLINT_BASE MACHINE_MMIO_BASE
#define CLINT_SIZE MACHINE_MMIO_SIZE
#define UART_BASE MACHINE_UART_BASE
#define UART_SIZE 0x1000u
#define FINISHER_BASE 0x00100000u
#define FINISHER_SIZE 0x1000u

/* Why the emulator came back. */
enum stop {
    STOP_NONE,
    STOP_WORLD,    /* mret */
    STOP_WAITS,    /* wfi */
    STOP_RELAX,    /* pause: other harts may have work */
    STOP_REDIRECT, /* an exception inside M-mode that has a handler: go on at ctx.pc */
    STOP_FAILED    /* `why` says what */
};

/* A hart between two stretches of execution in M-mode. Floating-point registers are in the machine. */
struct binary_hart {
    uint64_t x[32];
    uint64_t pc;
    bool woken; /* the wait is over: the next look at mip sees what ended it */
    bool reserved;
    uint64_t reserved_at;
    uint64_t read_at, read_len; /* the call of hal_untrusted_read that it is in */
};

/* [start, end) of a function. */
struct code_range {
    uint64_t start, end;
};

struct binary {
    struct mmode_port port;
    const struct firmware_image *fw;
    struct machine *m; /* NULL before the boot begins */
    uc_engine *uc;
    struct binary_hart hart[MONITOR_MAX_HARTS];
    struct binary_hart saved[MONITOR_MAX_HARTS];
    uint32_t running; /* hart that executes */
    enum stop stop;
    uint64_t work; /* system instructions, stores and jumps since the emulator was entered */
    bool booting;
    uint32_t booted;              /* bit per hart that has left its reset */
    struct code_range park, dead; /* hal_park, hart_stop */
    struct own_site *own;         /* in ascending order */
    size_t own_count;
    char why[160];
    char *report; /* for whoever asked for the machine: why there is none */
    size_t report_max;
};

/* End the stretch: the first reason is kept. */
void binary_stop(struct binary *b, enum stop stop);
void binary_fail(struct binary *b, uint64_t pc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Count towards the budget of a stretch. */
void binary_work(struct binary *b);

/* General registers of the hart that executes, while it does. */
uint64_t binary_x(struct binary *b, unsigned n);
void binary_set_x(struct binary *b, unsigned n, uint64_t value);

/* Physical memory, or NULL when the range is not within the image, host RAM or the window. */
uint8_t *binary_memory(struct binary *b, uint64_t address, uint64_t size);

/* The instruction at `pc`, which was replaced by an ecall. */
void system_execute(struct binary *b, uint64_t pc);

/* Execute a vector instruction of the firmware. False when the unit is off or it is none that this model has. */
bool vector_execute(struct binary *b, uint32_t insn);

/* Have the disturbances that a trace prepares happen where the firmware reads host memory or writes PMP. */
bool disturbances_hook(struct binary *b);

/* Map CLINT, UART and finisher. */
bool devices_map(struct binary *b);

/*
 * Put a device tree for this machine and the structure that names the next stage where a loader would; a1 and a2 of
 * hart 0 name them.
 */
void loader_prepare(struct binary *b);

#endif
