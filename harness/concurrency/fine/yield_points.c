/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every load and store of the monitor becomes a yield point.
 *
 * The monitor is compiled as for ThreadSanitizer, which puts a call before each access to memory and in the place of each
 * atomic operation; but it is linked with this file instead of the sanitizer. An access to what harts share (the monitor's
 * own memory, the window) asks the scheduler who goes on. So orders are tried that only differ between two
 * instructions, as deterministically as all others. `touchstone-fine interleave` is the command for it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "harness/machine/internal.h"

/* What the compiler calls: the names are its own. */
#define ACCESS(name)                                                                                                   \
    void __tsan_##name(const void *at);                                                                                \
    void __tsan_##name(const void *at)                                                                                 \
    {                                                                                                                  \
        schedule_access(at);                                                                                           \
    }
ACCESS(read1)
ACCESS(read2)
ACCESS(read4)
ACCESS(read8)
ACCESS(read16)
ACCESS(write1)
ACCESS(write2)
ACCESS(write4)
ACCESS(write8)
ACCESS(write16)
ACCESS(unaligned_read2)
ACCESS(unaligned_read4)
ACCESS(unaligned_read8)
ACCESS(unaligned_read16)
ACCESS(unaligned_write2)
ACCESS(unaligned_write4)
ACCESS(unaligned_write8)
ACCESS(unaligned_write16)
ACCESS(read_write1)
ACCESS(read_write2)
ACCESS(read_write4)
ACCESS(read_write8)
ACCESS(read_write16)
ACCESS(unaligned_read_write2)
ACCESS(unaligned_read_write4)
ACCESS(unaligned_read_write8)
ACCESS(unaligned_read_write16)
ACCESS(volatile_read1)
ACCESS(volatile_read2)
ACCESS(volatile_read4)
ACCESS(volatile_read8)
ACCESS(volatile_write1)
ACCESS(volatile_write2)
ACCESS(volatile_write4)
ACCESS(volatile_write8)

void __tsan_read_range(const void *at, size_t size);
void __tsan_read_range(const void *at, size_t size)
{
    (void)size;
    schedule_access(at);
}

void __tsan_write_range(const void *at, size_t size);
void __tsan_write_range(const void *at, size_t size)
{
    (void)size;
    schedule_access(at);
}

/* Newer compilers call these for copies; older ones call the functions themselves, which are no yield points then. */
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    schedule_access(from);
    schedule_access(to);
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
    schedule_access(from);
    schedule_access(to);
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size)
{
    schedule_access(to);
    return memset(to, byte, size);
}

void __tsan_init(void);
void __tsan_init(void) {}

void __tsan_func_entry(void *from);
void __tsan_func_entry(void *from)
{
    (void)from;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void) {}

/* One thread runs all harts: an operation is atomic because nobody else moves, and the order is that of the program. */
#define ATOMIC_FETCH(type, bits, name, value)                                                                          \
    type __tsan_atomic##bits##_##name(volatile type *at, type operand, int order);                                     \
    type __tsan_atomic##bits##_##name(volatile type *at, type operand, int order)                                      \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        schedule_access((const void *)at);                                                                             \
        type before = *at;                                                                                             \
        *at = (type)(value);                                                                                           \
        return before;                                                                                                 \
    }

#define ATOMIC_EXCHANGE_IF(type, bits, name)                                                                           \
    int __tsan_atomic##bits##_##name(volatile type *at, type *expected, type desired, int order, int otherwise);       \
    int __tsan_atomic##bits##_##name(volatile type *at, type *expected, type desired, int order, int otherwise)        \
    {                                                                                                                  \
        (void)order, (void)otherwise;                                                                                  \
        schedule_access((const void *)at);                                                                             \
        if (*at == *expected) {                                                                                        \
            *at = desired;                                                                                             \
            return 1;                                                                                                  \
        }                                                                                                              \
        *expected = *at;                                                                                               \
        return 0;                                                                                                      \
    }

#define ATOMICS(type, bits)                                                                                            \
    type __tsan_atomic##bits##_load(const volatile type *at, int order);                                               \
    type __tsan_atomic##bits##_load(const volatile type *at, int order)                                                \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        schedule_access((const void *)at);                                                                             \
        return *at;                                                                                                    \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order);                                        \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order)                                         \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        schedule_access((const void *)at);                                                                             \
        *at = value;                                                                                                   \
    }                                                                                                                  \
    ATOMIC_FETCH(type, bits, exchange, operand)                                                                        \
    ATOMIC_FETCH(type, bits, fetch_add, before + operand)                                                              \
    ATOMIC_FETCH(type, bits, fetch_sub, before - operand)                                                              \
    ATOMIC_FETCH(type, bits, fetch_and, before &operand)                                                               \
    ATOMIC_FETCH(type, bits, fetch_or, before | operand)                                                               \
    ATOMIC_FETCH(type, bits, fetch_xor, before ^ operand)                                                              \
    ATOMIC_EXCHANGE_IF(type, bits, compare_exchange_strong)                                                            \
    ATOMIC_EXCHANGE_IF(type, bits, compare_exchange_weak)                                                              \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected, type desired, int order,         \
                                                    int otherwise);                                                    \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected, type desired, int order,         \
                                                    int otherwise)                                                     \
    {                                                                                                                  \
        __tsan_atomic##bits##_compare_exchange_strong(at, &expected, desired, order, otherwise);                       \
        return expected;                                                                                               \
    }

ATOMICS(uint8_t, 8)
ATOMICS(uint16_t, 16)
ATOMICS(uint32_t, 32)
ATOMICS(uint64_t, 64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
