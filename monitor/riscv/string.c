/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory functions that a compiler may call by itself in freestanding code. Nothing here is secret-dependent in
 * time but memcmp, which the monitor does not use on secrets.
 *
 * The empty asm statements keep the compiler from recognising a loop as the very function it implements.
 */
#include <string.h>

#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

/* Words that one turn of a loop moves while there are so many: most of its instructions are stores then. */
#define BLOCK (4 * sizeof(word))

#define KEEP_LOOP() __asm__ volatile("" : : : "memory")

/* Can both be accessed by words at the same offsets? */
static int together_aligned(const void *a, const void *b)
{
    return (((uintptr_t)a | (uintptr_t)b) & (sizeof(word) - 1)) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if (together_aligned(d, s)) {
        for (; bytes >= BLOCK; bytes -= BLOCK, d += BLOCK, s += BLOCK) {
            word *out = (word *)(void *)d;
            const word *in = (const word *)(const void *)s;
            word first = in[0], second = in[1], third = in[2], fourth = in[3];
            out[0] = first;
            out[1] = second;
            out[2] = third;
            out[3] = fourth;
            KEEP_LOOP();
        }
        for (; bytes >= sizeof(word); bytes -= sizeof(word), d += sizeof(word), s += sizeof(word)) {
            *(word *)(void *)d = *(const word *)(const void *)s;
            KEEP_LOOP();
        }
    }
    for (; bytes > 0; bytes--) {
        *d++ = *s++;
        KEEP_LOOP();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= bytes)
        return memcpy(to, from, bytes);
    while (bytes > 0) {
        bytes--;
        d[bytes] = s[bytes];
        KEEP_LOOP();
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    unsigned char *d = to;
    word pattern = (unsigned char)byte * UINT64_C(0x0101010101010101);
    for (; bytes > 0 && (uintptr_t)d % sizeof(word) != 0; bytes--) {
        *d++ = (unsigned char)byte;
        KEEP_LOOP();
    }
    for (; bytes >= BLOCK; bytes -= BLOCK, d += BLOCK) {
        word *out = (word *)(void *)d;
        out[0] = pattern;
        out[1] = pattern;
        out[2] = pattern;
        out[3] = pattern;
        KEEP_LOOP();
    }
    for (; bytes >= sizeof(word); bytes -= sizeof(word), d += sizeof(word)) {
        *(word *)(void *)d = pattern;
        KEEP_LOOP();
    }
    for (; bytes > 0; bytes--) {
        *d++ = (unsigned char)byte;
        KEEP_LOOP();
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const unsigned char *l = left;
    const unsigned char *r = right;
    for (; bytes > 0; bytes--, l++, r++) {
        if (*l != *r)
            return *l < *r ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0') {
        n++;
        KEEP_LOOP();
    }
    return n;
}
