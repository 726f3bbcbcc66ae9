/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine tells the sanitizers that they cannot know: which bytes of a mapping belong to no object, and
 * where data leaves the monitor and must be initialised, and on which stack it works. Nothing in builds without sanitizers.
 */
#ifndef TOUCHSTONE_HARNESS_MACHINE_SANITIZE_H
#define TOUCHSTONE_HARNESS_MACHINE_SANITIZE_H

#include <stddef.h>
#include <stdint.h>

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
#ifdef SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>
#else
#include <string.h>
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

/* What ThreadSanitizer knows a flow of control by: the one that runs, and new ones. NULL in other builds. */
static inline void *sanitize_fiber_now(void)
{
#ifdef SANITIZE_THREAD
    return __tsan_get_current_fiber();
#else
    return NULL;
#endif
}

static inline void *sanitize_fiber_new(void)
{
#ifdef SANITIZE_THREAD
    return __tsan_create_fiber(0);
#else
    return NULL;
#endif
}

static inline void sanitize_fiber_end(void *thread)
{
#ifdef SANITIZE_THREAD
    if (thread != NULL)
        __tsan_destroy_fiber(thread);
#else
    (void)thread;
#endif
}

/*
 * This flow of control is about to go on as `thread`, on the stack [bottom, bottom + size); *fake keeps what it comes
 * back to.
 */
static inline void sanitize_fiber_leave(void *thread, void **fake, const void *bottom, size_t size)
{
    (void)thread;
#if defined(SANITIZE_THREAD)
    (void)fake, (void)bottom, (void)size;
    __tsan_switch_to_fiber(thread, 0);
#elif defined(SANITIZE_ADDRESS)
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

/*
 * Copy from or to memory that another hart may be writing at the same time, as the architecture allows. A race here is
 * nobody's mistake, one with whoever does not expect it is.
 */
static inline void sanitize_racy_read(void *dst, const void *shared, size_t len)
{
#ifdef SANITIZE_THREAD
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)dst)[i] = __atomic_load_n((const uint8_t *)shared + i, __ATOMIC_RELAXED);
#else
    memcpy(dst, shared, len);
#endif
}

static inline void sanitize_racy_write(void *shared, const void *src, size_t len)
{
#ifdef SANITIZE_THREAD
    for (size_t i = 0; i < len; i++)
        __atomic_store_n((uint8_t *)shared + i, ((const uint8_t *)src)[i], __ATOMIC_RELAXED);
#else
    memcpy(shared, src, len);
#endif
}

/* These bytes were written by code that no sanitizer watched. */
static inline void sanitize_written(const void *at, size_t len)
{
#ifdef SANITIZE_MEMORY
    __msan_unpoison(at, len);
#else
    (void)at;
    (void)len;
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
