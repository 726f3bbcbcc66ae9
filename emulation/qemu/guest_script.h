/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guests do, step by step, as one table that two programs read: the guest executes it inside the TVM, and
 * the payload walks it along to know which steps lie behind an exit that it sees. Guest memory cannot be read from
 * outside, so this is the only way to log a guest's actions, and each step carries what must come of it: the guest
 * checks that itself and reports a wrong step through its result.
 *
 * The result leaves the TVM as the address of a page fault: the guest loads from GUEST_REPORT_BASE + result * 4096.
 */
#ifndef TOUCHSTONE_QEMU_GUEST_SCRIPT_H
#define TOUCHSTONE_QEMU_GUEST_SCRIPT_H

#include <stdint.h>

/* Guest-physical map. The code block is measured; everything else in the two regions is given on demand. */
#define GUEST_CODE_BASE UINT64_C(0x80000000)
#define GUEST_CODE_PAGES 4u
#define GUEST_DATA_BASE UINT64_C(0x80040000)
#define GUEST_REGION_SIZE UINT64_C(0x00100000)
#define GUEST_REPORT_BASE UINT64_C(0x90000000)
#define GUEST_REPORT_SIZE UINT64_C(0x10000000)
#define GUEST_UNDECLARED UINT64_C(0x70000000)

/* entry_arg of finalize_tvm chooses the script. */
#define GUEST_SCRIPT_FIRST 1u
#define GUEST_SCRIPT_SECOND 2u

/* Result of a guest whose step number n went wrong. */
#define GUEST_FAILED(n) (0xe000u + (n))

enum guest_step_kind {
    STEP_END = 0,
    STEP_ENTRY_CLEAN, /* every register but a0 and a1 was zero at entry, floating-point registers too */
    STEP_FP_SET,      /* put a pattern into f0..f31 and fcsr */
    STEP_FP_CHECK,    /* and find it again */
    STEP_CALL,        /* ecall: a7 = eid, a6 = fid, a0 = argument; must answer error, value */
    STEP_LOAD,        /* 8 bytes at addr; must be value */
    STEP_STORE,       /* 8 bytes at addr */
    STEP_LOAD_FAULT,  /* load at addr; must take exception `cause` itself */
    STEP_STORE_FAULT, /* store at addr; likewise */
    STEP_FETCH,       /* jump to a page of zeros at addr; must take an illegal instruction exception itself */
    STEP_VIRTUAL,     /* execute the instruction `value`; must take exception `cause` itself */
    STEP_TIMER,       /* own timer in the past raises the timer interrupt, in the future clears it */
    STEP_SPIN,        /* busy for a while, so that the host's timer strikes */
    STEP_WFI,         /* wait for interrupt: leaves the TVM */
    STEP_SIEVE,       /* count primes below 2000 in memory at addr; must be value */
    STEP_FILL,        /* fill the page at addr with secrets */
    STEP_PAGE_ZERO,   /* every word of the page at addr is zero */
    STEP_REPORT       /* report value, or the first step that went wrong */
};

struct guest_step {
    uint64_t kind;
    uint64_t addr; /* STEP_CALL: eid */
    uint64_t value;
    uint64_t cause; /* STEP_CALL: fid */
    uint64_t argument;
    uint64_t error;
};

/* In the guest's block; the payload reads its own copy of it. Ended by STEP_END. */
extern const struct guest_step guest_script_first[];
extern const struct guest_step guest_script_second[];

/* What the two guests report when all went well: primes below 2000, and a number. */
#define GUEST_RESULT_FIRST 303u
#define GUEST_RESULT_SECOND 0x60du

#define GUEST_SECRET UINT64_C(0x5ec4e75ec4e75ec4)

#endif
