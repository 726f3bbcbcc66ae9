/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attack: the host leaves an hgatp of its own behind that maps the guest's addresses to a copy of it with other
 *   code.
 * Stopped by: the monitor's own root in hgatp, written before each entry.
 * Succeeds without: host-translation
 */
#include "emulation/qemu/attacks/kit/attack.h"
#include "emulation/qemu/attacks/kit/tvm.h"

static const struct tvm_layout layout = {.frame = 0, .frames = 16};
static struct tvm tvm;

#define GIB UINT64_C(0x40000000)
#define LEAF UINT64_C(0xdf)
#define TRUE_WORD 0x11u
#define FORGED_WORD 0x22u

GUEST_DATA static volatile uint8_t word = TRUE_WORD;
static uint8_t copy[GUEST_PAGES * PAGE] __attribute__((aligned(4096)));
static uint64_t root[4 * PAGE / 8] __attribute__((aligned(16384)));
static uint64_t middle[PAGE / 8] __attribute__((aligned(4096)));
static uint64_t leaves[PAGE / 8] __attribute__((aligned(4096)));

GUEST void guest_main(uint64_t vcpu, uint64_t argument)
{
    (void)vcpu;
    (void)argument;
    for (;;)
        guest_say(word);
}

static uint64_t entry(const void *at, uint64_t flags)
{
    return (uint64_t)(uintptr_t)at / PAGE << 10 | flags;
}

void attack_prepare(void)
{
    tvm_with_guest(&tvm, &layout, 1, 0);
    uint64_t gpa = GUEST_BLOCK(&tvm);
    for (unsigned i = 0; i < sizeof(copy); i++)
        copy[i] = __guest_start[i];
    copy[(uintptr_t)&word - (uintptr_t)__guest_start] = FORGED_WORD;
    root[gpa / GIB] = entry(middle, 1);
    middle[gpa / (2u << 20) % 512] = entry(leaves, 1);
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        leaves[gpa / PAGE % 512 + i] = entry(copy + (size_t)i * PAGE, LEAF);
}

void attack(void)
{
    csr_write(0x680, UINT64_C(8) << 60 | (uint64_t)(uintptr_t)root / PAGE);
    uint8_t said = tvm_hear(&tvm, 0);
    csr_write(0x680, 0);
    verdict(said == TRUE_WORD ? BLOCKED : said == FORGED_WORD ? SUCCEEDED : BROKEN, "the guest ran, and said", said);
}
