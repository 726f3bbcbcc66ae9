/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine tells the sanitizers that they cannot know: which bytes of a mapping belong to no object, and
 * where data leaves the monitor and must be initialised. Nothing in builds without sanitizers.
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
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESS 1
#endif

#ifdef SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
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
