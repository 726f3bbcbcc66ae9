/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the player: the records that play.py has put into memory, and what one of them does. */
#ifndef TOUCHSTONE_QEMU_PLAYER_H
#define TOUCHSTONE_QEMU_PLAYER_H

#include "emulation/qemu/payload.h"

enum operation {
    PLAY_ECALL = 1,
    PLAY_LOAD,
    PLAY_STORE,
    PLAY_FETCH,
    PLAY_CSR_READ,
    PLAY_CSR_WRITE,
    PLAY_FILL,
    PLAY_FENCE,
    PLAY_IRQ,
    PLAY_NOP,
    PLAY_COPY,
    PLAY_GUEST
};

/* The first one is the header: magic number in a[0], number of those that follow in a[1], 1 in a[2] to hand over each. */
struct record {
    uint32_t operation, hart;
    uint8_t tvm[8]; /* argument n is added to the id of TVM number a[n] bits 31:0; else it is what it is */
    uint64_t a[8];
};

/* The step that is played, counted from 1; play.py writes it too. */
extern uint32_t next;

/* Argument n of a record, with the id of a TVM in the place of its number. */
uint64_t argument(const struct record *r, unsigned n);

/* Carry out a record that is no call, and write its line. */
void play_access(const struct record *r);

/* The line of a step of which nothing can be seen. */
void say_nothing(void);

#endif
