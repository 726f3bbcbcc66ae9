/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single steps of a replay, each over one edge, for walk, pairs and fuzzer: steps_host.c has those that begin in the host,
 * steps_exit.c the ways out of a guest, steps_guest.c what a guest is served without. A step returns whether the world that it led to is one to go on from.
 */
#ifndef TOUCHSTONE_UNICORN_STEPS_H
#define TOUCHSTONE_UNICORN_STEPS_H

#include "emulation/unicorn/replay.h"

#define A0 10
#define A1 11
#define A6 16
#define A7 17
#define IRQ(n) (INTERRUPT_BIT | (n))
#define CLINT_MSIP UINT64_C(0x02000000)
#define HVIP_VSSIP UINT64_C(0x4)
#define EXIT_MAY_RUN_AGAIN 0u
#define EXIT_NEVER_RUNS_AGAIN 1u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct expected_stores no_stores, msip_cleared;

/* Which edges a step can be asked for, by the function that takes it. */
extern const enum edge exit_edges[], guest_edges[], host_edges[];
extern const unsigned exit_edge_count, guest_edge_count, host_edge_count;
/* Of the exits: the host has no say in how the guest goes on, so the guest of two hosts is the same. */
extern const unsigned exits_without_answer;

/* Raise the trap and run the firmware. False, with a violation recorded, when no world comes out. */
bool play(struct replayer *r, enum edge edge, const struct csr_trap *trap);

/* The registers of a call of the host; of the run call, in either supervisor domain that the monitor answers for. */
void host_call(struct replayer *r, uint64_t eid, uint64_t fid);
void host_run_call(struct replayer *r, uint64_t tvm, uint64_t vcpu, struct prng *rng);

/* The run call is set up: the guest goes on as r->guest says. */
bool run_guest(struct replayer *r, const struct expected_stores *stores);

/* The guest's page is as it left it. */
void check_guest_memory(struct replayer *r, enum edge edge);

/* The mailbox holds the host's answer to a call: what reaches the guest of it. */
void take_answer(struct replayer *r);

/* host -> guest, host -> host, and calls that make the TVM and have to succeed. */
bool step_run(struct replayer *r, struct prng *rng);
bool step_host(struct replayer *r, enum edge edge, struct prng *rng);
bool step_setup(struct replayer *r, const struct scene_call *call, struct prng *rng);

/* Is it an exception that comes to the monitor, from a guest or the host, and has no edge of its own? And one of those. */
bool is_unserved_cause(const struct csr_file *csr, bool guest, uint64_t cause);
uint64_t unserved_cause(const struct replayer *r, bool guest, struct prng *rng);

/* A random guest, what of it is shown and what is secret. */
void guest_randomise(struct replayer *r, struct prng *shown, struct prng *secret);

/* Another vCPU has reset the system: the machine interrupt that tells so ends this one's run. */
bool step_killed(struct replayer *r);

/* The first entry into the TVM. */
bool step_first_run(struct replayer *r, struct prng *rng);

/* A guest-page fault on some byte of a page. Only the page is shown: the rest of the report is secret. */
struct csr_trap page_fault(uint64_t cause, uint64_t page_gpa, struct prng *secret);
/* One of `count` pages of the TVM's region, from number `first` on. */
uint64_t page_of_region(struct prng *rng, unsigned first, unsigned count);

/* guest -> host and guest -> guest, from the state that the guest is in. */
bool step_exit(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret);
bool step_guest(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret);

/* A call of the guest with an address and a length, which the host hears of, and agrees to where it is asked. */
bool declare(struct replayer *r, enum edge edge, uint64_t fid, uint64_t gpa, struct prng *rng);

/*
 * Runs from the base state over one edge that are alike in everything but the guest's secrets, and the host compares, or
 * but in what the host does, and the guest compares. Run 0 is the reference that each other run makes a pair with.
 */
struct run_group {
    uint64_t number;
    enum edge edge;
    bool guest_secrets;
    unsigned partners; /* how many runs follow the reference: from 1 to GROUP_PAIRS */
    struct prng shown;
    struct prng alike; /* the same in all runs: the host's choices when secrets vary, else the secrets */
    struct prng varied[1 + GROUP_PAIRS]; /* by run: what it has for itself */
};
void replay_group(struct replayer *r, const struct run_group *group);

/* The exit that is possible now in place of one that is not. */
enum edge possible_exit(const struct replayer *r, enum edge edge);

/* Vector CSRs as after reset. */
void no_vectors(struct csr_file *csr);

/* A guest that runs for the first time: a0 = its vCPU id, a1 = `argument`, pc, and nothing else. */
struct view fresh_guest(const struct view *after, uint64_t pc, uint64_t argument);

#endif
