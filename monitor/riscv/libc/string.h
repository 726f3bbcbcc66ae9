/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of <string.h> that freestanding code may rely on, for the firmware only: the compiler emits calls to these
 * functions by itself, and the crypto library includes this header by its standard name. They are defined in
 * monitor/riscv; the host build uses the C library's header and functions instead.
 */
#ifndef TOUCHSTONE_RISCV_STRING_H
#define TOUCHSTONE_RISCV_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
size_t strlen(const char *text);

#endif
