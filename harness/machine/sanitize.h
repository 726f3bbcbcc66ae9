/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine tells the sanitizers that they cannot know: which bytes of a mapping belong to no object, and
 * where data leaves the monitor and must be initialised, and on which stack it works. Nothing in builds without sanitizers.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_SANITIZE_H
#define TOUCHSTONE_HARNESS_MACHINE_SANITIZE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#endif
#if __has_feature(memory_sanitizer)
#define SANITIZE_MEMORY 1
#endif
#if __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__)
#define SANITIZE_THREAD 1
#endif

#ifdef SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SANITIZE_MEMORY
#include <sanitizer/msan_interface.h>
#endif

/* Any access to these bytes is an error from now on. */
static inline void sanitize_forbid(const void *at, size_t len)
{
#ifdef SANITIZE_ADDRESS
    ASAN_POISON_MEMORY_REGION(at, len);
#else
    (void)at;
    (void)len;
#endif
}

static inline void sanitize_allow(const void *at, size_t len)
{
#ifdef SANITIZE_ADDRESS
    ASAN_UNPOISON_MEMORY_REGION(at, len);
#else
    (void)at;
    (void)len;
#endif
}

/* This flow of control is about to go on on the stack [bottom, bottom + size); *fake keeps what it comes back to. */
static inline void sanitize_fiber_leave(void **fake, const void *bottom, size_t size)
{
#if defined(SANITIZE_ADDRESS)
    __sanitizer_start_switch_fiber(fake, bottom, size);
#elif defined(SANITIZE_MEMORY)
    (void)fake;
    __msan_start_switch_fiber(bottom, size);
#else
    (void)fake, (void)bottom, (void)size;
#endif
}

/* It goes on here; *bottom and *size are told which stack it came from. */
static inline void sanitize_fiber_entered(void *fake, const void **bottom, size_t *size)
{
#if defined(SANITIZE_ADDRESS)
    __sanitizer_finish_switch_fiber(fake, bottom, size);
#elif defined(SANITIZE_MEMORY)
    (void)fake;
    __msan_finish_switch_fiber(bottom, size);
#else
    (void)fake, (void)bottom, (void)size;
#endif
}

/* These bytes become visible to a world: report them if one was never written. */
static inline void sanitize_check_initialised(const void *at, size_t len)
{
#ifdef SANITIZE_MEMORY
    __msan_check_mem_is_initialized(at, len);
#else
    (void)at;
    (void)len;
#endif
}

#endif
