/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, noninterference: what the host sees does not depend on what a guest keeps to itself.
 *
 * A second world, the twin, performs the same operations with other guest secrets: other values in the registers that
 * a guest did not choose for a call, in its floating-point registers and in what it stores to its own memory. After
 * each operation everything the host can see is compared: registers and CSRs of harts that run the host, host memory,
 * console, where each hart is, answers, and the amount of work the monitor did. A difference is a leak, whatever way
 * it came: no oracle had to know that way.
 *
 * The dual, in the same twin: what a guest sees does not depend on what the host keeps to itself. The twin's host has other
 * values in all that it controls and that no call takes, in bits in which no secret of a guest differs. Whatever the
 * guest can see afterwards has to be the same, or to differ as this guest's own secrets did before: harness/doc/noninterference.md
 * says what differs, what may, and why.
 *
 * What a guest shows the host on purpose (arguments of a forwarded call, the value of a store to an emulated device)
 * may differ where the guest's own register did; the twin's word is then made equal, so that both hosts go on alike.
 */
#ifndef TOUCHSTONE_HARNESS_NI_H
#define TOUCHSTONE_HARNESS_NI_H

#include "harness/agents/world.h"

/* What the secrets of the twin differ in. Bit 0 stays: a word that is no page-table entry must not become one. */
#define NI_REGISTER_SECRET UINT64_C(0x0000000000a5c3e0)
#define NI_MEMORY_SECRET UINT64_C(0x5a3cc3a500000000)

/* What the host's own values differ in: bits of neither of these, and never the V of a page-table entry. */
#define NI_HOST_SECRET UINT64_C(0xa5c33c5aff5a3c1c)
_Static_assert((NI_HOST_SECRET & (NI_REGISTER_SECRET | NI_MEMORY_SECRET)) == 0, "who differs can be told apart");

#define NI_VCPUS 16u
#define NI_WORDS 24u
#define NI_NARROW 5u
#define NI_VECTOR_WORDS (32 * MACHINE_VLENB / 8)

/* Registers of a guest, or how those of two differ. */
struct ni_registers {
    uint64_t x[32];
    uint64_t f[32];
    uint64_t v[NI_VECTOR_WORDS];
    uint64_t fcsr;
    uint64_t vs[2]; /* vsscratch, vstval */
};

/* A vCPU that has left its hart at least once. */
struct ni_vcpu {
    uint64_t tvm;
    uint32_t vcpu;
    bool allows;                 /* it has said which interrupts the host may raise */
    uint64_t reply[2];           /* bits of a0 and a1 in the mailbox that its next run takes */
    struct ni_registers differs; /* between the worlds: its secrets */
};

/* Where the twin's host has other values on a hart, until the hart is the host's again. */
struct ni_planted {
    bool set;
    bool state;                     /* in more than general registers */
    uint32_t x;                     /* which of those, a bit each */
    uint64_t stimecmp, hvip, hgatp; /* bits in which these differ: not those that somebody depends on */
    uint64_t before[NI_NARROW], after[NI_NARROW];
};

/* A word of the twin's host memory that differs within one step. */
struct ni_word {
    uint8_t *at;
    uint64_t before, after;
};

struct ni_state {
    struct ni_planted planted[MONITOR_MAX_HARTS];
    struct ni_word word[NI_WORDS];
    uint32_t words;
    uint8_t *gprs_at; /* the same for 32 words in a row; NULL: none */
    uint64_t gprs[32], gprs_differ[32];
    bool was_guest;    /* the acting hart ran a guest before the operation, */
    uint64_t x[2][32]; /* which had these registers, here and in the twin, */
    uint64_t tvm;      /* and was this one, */
    uint32_t vcpu;
    uint32_t frame; /* with its state there */
    bool unsure;    /* a guest called with secrets as arguments: what it is answered may differ by them */
    bool forgot;    /* there were more vCPUs than there is room for */
    uint32_t vcpus;
    struct ni_vcpu known[NI_VCPUS];
};

/*
 * Hart `h` is about to perform `op`: remember what it holds in both worlds. When the operation looks as if it made the first
 * TVM of this run runnable, or entered it, the twin becomes a copy of the world now; a guess that was wrong costs time and
 * nothing else.
 */
void ni_before(struct world *w, uint32_t h, const struct trace_op *op);

/*
 * The world has performed `op` on hart `h`, and its agents saw `mine`: let the twin do the same, and compare. As long as no
 * guest has run there is no secret, and both worlds are one: the twin waits, and when a guest is entered it catches up with
 * everything since it was a copy of the world, or since the beginning when it never was.
 */
void ni_step(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine);

/* Make room for it. False when there is none. */
bool ni_create(struct world *w);
void ni_destroy(struct world *w);

/* Back to the beginning. */
void ni_reset(struct world *w);

/* --- between the files of NI ------------------------------------------------------------------------------------ */

/*
 * ni_host.c: give the twin's host other values for a call of it on hart `h`; returns the call as the twin is to make it,
 * `op` itself or `changed`. Take them back: those in memory after the step, those in registers when no guest runs there.
 */
const struct trace_op *ni_host_plant(struct world *w, uint32_t h, const struct trace_op *op, struct trace_op *changed);
void ni_host_take_back(struct world *w);

/* ni_memory.c: the same for host memory. */
void ni_memory_plant(struct world *w, uint32_t h, const struct trace_op *op);
void ni_memory_take_back(struct world *w);

/* ni_guest.c: the twin has performed `op` as well, hosts have been compared: now what guests see. */
void ni_guest_after(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine,
                    const struct step_result *twin);

/* What is known of a vCPU that has left its hart; NULL before. */
const struct ni_vcpu *ni_guest_known(const struct world *w, uint64_t tvm, uint32_t vcpu);

#endif
