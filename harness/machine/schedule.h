/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deterministic scheduler of harts inside the monitor.
 *
 * Without it a hart's work in the monitor runs to its end before another hart moves. With it each hart works on a
 * stack of its own, and at each yield point (every hardware primitive that others can notice: locks, fences, machine
 * software interrupts, wait loops, untrusted and confidential memory) a decision says which hart goes on. Decisions come
 * from an explicit byte string, then from a seeded generator: the same string, seed and programs give the same run to the bit.
 *
 * What it notices, as a violation of the machine: harts that wait for each other's locks (deadlock), a wait loop that
 * nobody who is left could end (lost wake-up), locks taken against the order of monitor/core/monitor.h, requests that
 * no interrupt announces, and locks that are still held when every hart has left the monitor.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_SCHEDULE_H
#define TOUCHSTONE_HARNESS_MACHINE_SCHEDULE_H

#include "harness/machine/machine.h"

struct schedule;

/* What the harts do outside of the monitor. */
struct schedule_programs {
    /* Does this hart have something to do, and can it do it now? Must not change anything. */
    bool (*ready)(void *data, uint32_t hart);
    /* Do the next thing: one operation of an agent, which may enter the monitor. Only called after ready said yes. */
    void (*turn)(void *data, uint32_t hart);
    void *data;
};

/*
 * Where decisions come from: `len` bytes, then a generator; or, when `settled`, nothing but zeroes: the hart that runs goes
 * on. The first `log_size` bytes that were used are written to `log`, if there is one: the run as a string of decisions.
 */
struct schedule_decisions {
    uint64_t seed;
    const uint8_t *bytes;
    size_t len;
    bool settled;
    uint8_t *log;
    size_t log_size;
};

enum schedule_end {
    SCHEDULE_QUIET,  /* the number of turns is reached; no hart is inside the monitor */
    SCHEDULE_DONE,   /* no hart has anything left to do; none is inside the monitor */
    SCHEDULE_STOPPED /* a violation, or a system reset: harts may be anywhere, only schedule_start goes on from here */
};

/* NULL when memory is short. From now on the machine runs only under schedule_run. */
struct schedule *schedule_create(struct machine *m, const struct schedule_programs *programs);

/* The machine is sequential again. No hart may be inside the monitor, unless a machine_reset follows. */
void schedule_destroy(struct schedule *s);

/* Begin anew on a machine that was just reset. The bytes of `decisions`, and its log, must outlive the run. */
void schedule_start(struct schedule *s, const struct schedule_decisions *decisions);

/* Run until `turns` more turns have begun and every hart has left the monitor, or nothing is left to do. */
enum schedule_end schedule_run(struct schedule *s, uint64_t turns);

/* Decisions made since schedule_create; changes of hart among them; turns. */
uint64_t schedule_steps(const struct schedule *s);
uint64_t schedule_switches(const struct schedule *s);
uint64_t schedule_turns(const struct schedule *s);

/* Bytes of decisions used since schedule_start. */
size_t schedule_decided(const struct schedule *s);

/* A number that two runs share if and only if (but for hash collisions) they made the same decisions since schedule_start. */
uint64_t schedule_digest(const struct schedule *s);

/* Fences of all translations, and of instruction fetches, that the hart has executed inside the monitor since machine_create. */
uint64_t schedule_fences(const struct schedule *s, uint32_t hart);
uint64_t schedule_fetch_fences(const struct schedule *s, uint32_t hart);

#endif
