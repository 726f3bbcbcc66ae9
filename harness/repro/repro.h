/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reproducer in C is written in: `touchstone to-c` turns a trace into a program that names each operation, one
 * after the other, and fails as the trace does. It links the monitor and the harness as libraries.
 *
 * Every line acts at once, so a breakpoint on a line of the program stops before that operation, and a step goes into the
 * monitor. Only with a schedule, where harts overlap, do all of them wait for repro_end.
 *
 * Output and exit codes are those of `touchstone run`: 0 clean, 5 a finding, 7 something else than expected, 4 no
 * memory. With -v each step is printed with what came of it.
 */
#ifndef TOUCHSTONE_HARNESS_REPRO_H
#define TOUCHSTONE_HARNESS_REPRO_H

#include <stddef.h>
#include <stdint.h>

/* The machine; members that are left out have their defaults. */
struct repro_machine {
    unsigned harts;
    uint32_t host_pages, window_pages;
    uint64_t seed;
    const char *iopmp; /* present (NULL), absent, refused or stuck */
};

enum repro_hart { h0, h1, h2, h3, h4, h5, h6, h7 };

/* An argument: a number, or something that becomes an address or an id when the operation happens. */
struct repro_value {
    uint8_t kind;
    uint64_t value;
};

/* Begin the program: a machine after reset. `name` stands in the output. */
void repro_begin(int argc, char **argv, const char *name, const struct repro_machine *machine);

/* From now on operations only become the programs of their harts, which overlap in this order when repro_end is there. */
void repro_schedule(uint64_t seed, const uint8_t *decisions, size_t count);

/* One operation, by the name that it has in the text form. Ends the process when a promise is broken. */
void repro_op(enum repro_hart hart, const char *name, unsigned count, const struct repro_value *argument);

/* Supervisor domain of the next call. */
void sdid(uint64_t id);

/* What the operation before must have done, in the text form. Ends the process when it did something else. */
void expect(const char *what);

/* The audit at the end. Returns the exit code. */
int repro_end(void);

/* Frames: of the confidential window, of host memory, of the monitor's image, of devices; id of the n-th TVM. */
struct repro_value win(uint32_t frame);
struct repro_value ram(uint32_t frame);
struct repro_value mon(uint32_t frame);
struct repro_value mmio(uint32_t frame);
struct repro_value tvm(uint32_t number);

/* So many bytes further. */
struct repro_value plus(struct repro_value handle, int32_t bytes);

struct repro_value repro_number(uint64_t number);
struct repro_value repro_same(struct repro_value value);

/* Numbers stand for themselves. */
#define REPRO_VALUE(x) _Generic((x), struct repro_value : repro_same, default : repro_number)(x)

#endif
