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

#include "monitor/abi/sbi.h"

/* Guest-physical map. The code block is measured; everything else in the two regions is given on demand. */
#define GUEST_CODE_BASE UINT64_C(0x80000000)
#define GUEST_CODE_PAGES 6u
#define GUEST_DATA_BASE UINT64_C(0x80040000)
#define GUEST_REGION_SIZE UINT64_C(0x00100000)
#define GUEST_REPORT_BASE UINT64_C(0x90000000)
#define GUEST_REPORT_SIZE UINT64_C(0x10000000)
#define GUEST_UNDECLARED UINT64_C(0x70000000)
#define GUEST_SHARED_BASE (GUEST_DATA_BASE + UINT64_C(0x10000)) /* the page that a guest shares with the host */
#define GUEST_MMIO_BASE UINT64_C(0x10000000)                    /* a device that the host emulates */
#define GUEST_FDT_BASE UINT64_C(0x80010000)                     /* device tree of a VM that is promoted */

/* Which script: entry_arg of finalize_tvm, opaque of hart_start. With GUEST_VECTOR the guest uses vector registers. */
enum {
    GUEST_SCRIPT_FIRST = 1,
    GUEST_SCRIPT_SECOND,
    GUEST_SCRIPT_VCPU0, /* four vCPUs of one TVM */
    GUEST_SCRIPT_VCPU1,
    GUEST_SCRIPT_VCPU2,
    GUEST_SCRIPT_VCPU3,
    GUEST_SCRIPT_VCPU1_AGAIN,   /* stopped, and started again */
    GUEST_SCRIPT_VCPU3_RESUMED, /* suspended without its registers */
    GUEST_SCRIPT_DEVICES,
    GUEST_SCRIPT_PROMOTED,
    GUEST_SCRIPT_PAIR_A, /* two TVMs at once */
    GUEST_SCRIPT_PAIR_B,
    GUEST_SCRIPT_STORM0, /* four vCPUs that interrupt and fence each other without a fixed order */
    GUEST_SCRIPT_STORM1,
    GUEST_SCRIPT_COUNT
};
#define GUEST_VECTOR 0x100u

/* Result of a guest whose step number n went wrong. */
#define GUEST_FAILED(n) (0xe000u + (n))

enum guest_step_kind {
    STEP_END = 0,
    STEP_SCRIPT,      /* the script number `value` begins behind this */
    STEP_ENTRY_CLEAN, /* every register but a0 and a1 was zero at entry, f registers too, and a0 is the vCPU `value` */
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
    STEP_REPORT,      /* report value, or the first step that went wrong */
    STEP_CALL_OUT,    /* ecall as STEP_CALL that leaves the TVM; answered with error, value when it runs again */
    STEP_LEAVE,       /* ecall that leaves the TVM and never comes back here */
    STEP_VECTOR_SET,  /* put a pattern into v0..v31 and the vector CSRs, if there are any */
    STEP_VECTOR_CHECK,
    STEP_WAIT_WORD,  /* load at addr until it is value: another vCPU stores it */
    STEP_WAIT_IPI,   /* wait for a software interrupt and take it back */
    STEP_EXTERNAL,   /* take the external interrupt that the host injects */
    STEP_MMIO_LOAD,  /* access instruction number `argument` at addr; the host answers `error`; must give `value` */
    STEP_MMIO_STORE, /* access instruction number `argument` at addr with `value`; the host must see `error` */
    STEP_OWN,        /* `argument` times: fill two pages at addr with numbers made of value, wait, find them again */
    STEP_STORM       /* `argument` rounds of interrupts and fences to all others, counting what arrives at addr */
};

struct guest_step {
    uint64_t value;
    uint64_t error;
    uint32_t kind;
    uint32_t addr;     /* STEP_CALL and the like: eid */
    uint32_t cause;    /* STEP_CALL and the like: fid */
    uint32_t argument; /* STEP_CALL and the like: a0, a1, a2 */
    uint32_t argument1, argument2;
};

/* a2 of a call: the vCPU that is started, or resumed afresh, uses vector registers if this one does. */
static inline uint64_t guest_step_argument2(const struct guest_step *s, uint64_t vector)
{
    return s->addr == SBI_EID_HSM && s->argument2 != 0 ? s->argument2 | vector : s->argument2;
}

/* The script with this number, in the guest's block; the payload reads its own copy of it. Ended by STEP_END. */
const struct guest_step *guest_script(uint64_t number);

/* Access instructions of the MMIO steps, 16 bytes apart: each uses address a0 and value a1. */
enum {
    ACCESS_LB,
    ACCESS_LBU,
    ACCESS_LH,
    ACCESS_LHU,
    ACCESS_LW,
    ACCESS_LWU,
    ACCESS_LD,
    ACCESS_SB,
    ACCESS_SH,
    ACCESS_SW,
    ACCESS_SD,
    ACCESS_C_LW,
    ACCESS_C_LD,
    ACCESS_C_SW,
    ACCESS_C_SD,
    ACCESS_LW_X0
};
#define ACCESS_SPACING 16u
extern const uint8_t guest_accesses[];

/* What the two guests report when all went well: primes below 2000, and a number. */
#define GUEST_RESULT_FIRST 303u
#define GUEST_RESULT_SECOND 0x60du
#define GUEST_RESULT_OK 0x600du /* of the others */

/* Instructions that a guest may not execute: counters are off for it, and it is no hypervisor. */
#define RDCYCLE 0xc00022f3u /* csrr t0, cycle */
#define HFENCE_GVMA 0x62000073u
#define CSRR_HSTATUS 0x600022f3u /* csrr t0, hstatus */

/* What stands in shared memory, and what a guest that waits for an interrupt wants from the host. */
#define GUEST_FROM_HOST UINT64_C(0x20210c0ffee20210)
#define GUEST_TO_HOST UINT64_C(0x1e57f00d1e57f00d)
#define GUEST_ASKS_SHARED 1u    /* look into the shared page */
#define GUEST_ASKS_INTERRUPT 2u /* an external interrupt */

#define GUEST_SECRET UINT64_C(0x5ec4e75ec4e75ec4)

#endif
