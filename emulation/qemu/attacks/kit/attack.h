/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kit that all attacks share. An attack is one file: attack() tries it on the hart that it is called on and states a
 * verdict, attack_prepare() sets the scene once, on hart 0. The kit (main.c) starts the harts one after the other, so
 * that only one runs at a time and a boot is repeatable; attacks that need several at once start them themselves.
 *
 * Verdicts are never mixed up: BLOCKED is a defence that held, SUCCEEDED one that did not, BROKEN a fault of the attack
 * or of its scene, SKIPPED a machine that cannot show it. attacks.py reads them from the console.
 */
#ifndef TOUCHSTONE_QEMU_ATTACK_H
#define TOUCHSTONE_QEMU_ATTACK_H

#include "emulation/qemu/payload.h"

#define NO_TRAP UINT64_MAX

#define CAUSE_FETCH_ACCESS 1u
#define CAUSE_ILLEGAL 2u
#define CAUSE_LOAD_ACCESS 5u
#define CAUSE_STORE_ACCESS 7u
#define CAUSE_ECALL_VS 10u
#define CAUSE_GUEST_FETCH 20u
#define CAUSE_GUEST_LOAD 21u
#define CAUSE_VIRTUAL 22u
#define CAUSE_GUEST_STORE 23u

/* --- what an attack gives --------------------------------------------------------------------------------------- */

void attack(void);
void attack_prepare(void); /* may be left out */

/* --- verdicts, one per hart (main.c) ----------------------------------------------------------------------------- */

enum verdict { BLOCKED, SUCCEEDED, BROKEN, SKIPPED };

/* State the verdict of this hart. `detail` is a number that belongs to it, a cause or a value that was read. */
void verdict(enum verdict v, const char *how, uint64_t detail);

/* An access must have ended with one of two causes: BLOCKED. Without a trap: SUCCEEDED. With any other: BROKEN. */
void must_fault(struct outcome got, uint64_t cause, uint64_t other_cause);

/* A call must have been refused with this error. */
void must_refuse(struct answer got, int64_t error);

/* Part of a scene: end the attack as BROKEN unless it is so. */
void scene(bool ok, const char *what);

/* --- other harts (main.c) ------------------------------------------------------------------------------------------ */

/* Hart 0, which waits for the one that runs, takes part in a global fence. */
void hart0_fence(void);

/*
 * Another hart begins to work while this one goes on; `Machine: together`. It is interrupted at the end, and stops. While
 * it works it is one that global fences have to wait for: convert before.
 */
void help_begin(void (*work)(uint64_t arg), uint64_t arg);
void help_end(void);

/* --- ways to touch memory, each with what happened (access.S, translate.c) ---------------------------------------- */

struct outcome way_load(uint64_t addr);
struct outcome way_store(uint64_t addr);
struct outcome way_fetch(uint64_t addr); /* succeeds where a return instruction lies */
struct outcome way_amo(uint64_t addr);
struct outcome way_lr(uint64_t addr);
struct outcome way_sc(uint64_t addr);
struct outcome way_fp_load(uint64_t addr);
struct outcome way_vector_load(uint64_t addr);
struct outcome way_cbo_zero(uint64_t addr);
struct outcome way_user(uint64_t addr); /* a load in U-mode */

/* Through tables of the host's own; they map all of the first 4 GiB where it is, and a copy of it at ALIAS. */
#define ALIAS UINT64_C(0x100000000)
struct outcome way_translated(uint64_t addr);  /* a load at ALIAS + addr under satp */
struct outcome way_hlv(uint64_t addr);         /* hlv.d under hgatp */
struct outcome way_hlvx(uint64_t addr);        /* hlvx.wu */
struct outcome way_hsv(uint64_t addr);         /* hsv.d of zero */
struct outcome way_guest_load(uint64_t addr);  /* a load of a virtual machine of the host */
struct outcome way_satp_table(uint64_t addr);  /* a load through a table of satp at the page `addr` */
struct outcome way_hgatp_table(uint64_t addr); /* a load through a table of hgatp at the page `addr` */

/* Any instructions, with a value in a1 before and after; t1 is free. */
#define attempt(instructions, operand)                                                                                 \
    __extension__({                                                                                                    \
        register uint64_t cause_ __asm__("a0");                                                                        \
        register uint64_t value_ __asm__("a1") = (operand);                                                            \
        __asm__ volatile("lla t0, 1f; csrw sscratch, t0; " instructions "; csrw sscratch, zero; li a0, -1; 1:"         \
                         : "=r"(cause_), "+r"(value_)                                                                  \
                         :                                                                                             \
                         : "t0", "t1", "memory");                                                                      \
        (struct outcome){.cause = cause_, .value = value_};                                                            \
    })

/* --- a secret in the window (secret.c) --------------------------------------------------------------------------- */

/*
 * A TVM with one page that is worth stealing: all words SECRET but for a few that make successes visible. Made in
 * attack_prepare by secret_make; the host keeps no copy.
 */
#define SECRET UINT64_C(0x5ec2e75ec2e75ec2)
#define SECRET_PAGE FRAME(12)
#define SECRET_WORD (SECRET_PAGE + 0x800)
#define SECRET_CODE (SECRET_PAGE + 0x10)   /* a return instruction */
#define SECRET_SPARE (SECRET_PAGE + 0xf00) /* to be overwritten */
#define SECRET_FRAMES 16u                  /* of the window, from the first on */

void secret_make(void);

/* The machine's memory behind a secret leaf: what a walk through the stolen tables leads to. */
extern uint64_t bait[PAGE / 8];
#define BAIT UINT64_C(0xba17ba17ba17ba17)

#endif
