/* SPDX-License-Identifier: Apache-2.0 */
/* Single accesses of a host: what an operation of a trace does that is not a call. */
#include "emulation/qemu/player/player.h"

#define NO_TRAP UINT64_MAX
#define MAX_FILL 0x10000u

void host_trap(void); /* start.S */

static uint32_t code[HARTS][4] __attribute__((aligned(16)));

/*
 * Any instruction on a0 and a1, from a buffer: numbers of CSRs and widths are part of instructions. stvec and sscratch are
 * the trace's, but for this moment, and sepc too when nothing happens.
 */
static struct outcome execute(uint32_t instruction, uint64_t address, uint64_t value)
{
    volatile uint32_t *buffer = code[this_hart()];
    uint64_t stvec;
    uint64_t sscratch;
    buffer[0] = instruction;
    buffer[1] = 0x00008067; /* ret */
    register uint64_t a0 __asm__("a0") = address;
    register uint64_t a1 __asm__("a1") = value;
    register uint64_t t1 __asm__("t1") = (uint64_t)(uintptr_t)buffer;
    __asm__ volatile("csrrw %0, stvec, %2; csrr %1, sscratch"
                     : "=&r"(stvec), "=&r"(sscratch)
                     : "r"((uint64_t)(uintptr_t)host_trap));
    __asm__ volatile("fence.i; lla t0, 1f; csrw sscratch, t0; mv t2, ra; jalr t1; csrw sscratch, zero; li a0, -1;"
                     "1: mv ra, t2"
                     : "+r"(a0), "+r"(a1)
                     : "r"(t1)
                     : "t0", "t2", "ra", "memory");
    __asm__ volatile("csrw stvec, %0; csrw sscratch, %1" : : "r"(stvec), "r"(sscratch));
    return (struct outcome){.cause = a0, .value = a1};
}

/* The CSRs that execute() needs itself; they never trap. False: another one. */
static bool own_csr(uint64_t number, bool write, uint64_t value)
{
    uint64_t old = 0;
    switch (number & 0xfff) {
    case 0x105: __asm__ volatile("csrr %0, stvec" : "=r"(old)); break;
    case 0x140: __asm__ volatile("csrr %0, sscratch" : "=r"(old)); break;
    default: return false;
    }
    if (write && (number & 0xfff) == 0x105)
        __asm__ volatile("csrw stvec, %0" : : "r"(value));
    else if (write)
        __asm__ volatile("csrw sscratch, %0" : : "r"(value));
    print("\n= %d v %x\n", (uint64_t)next, write ? 0 : old);
    return true;
}

static uint32_t width_code(uint64_t width)
{
    return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
}

static void say_outcome(struct outcome got, bool store)
{
    if (got.cause != NO_TRAP)
        print("\n= %d t %x\n", (uint64_t)next, got.cause);
    else
        print("\n= %d v %x\n", (uint64_t)next, store ? 0 : got.value);
}

void say_nothing(void)
{
    print("\n= %d n\n", (uint64_t)next);
}

/* lbu, lhu, lwu or ld of a1 from (a0); sb, sh, sw or sd. */
static void load(const struct record *r)
{
    uint32_t width = width_code(argument(r, 1));
    say_outcome(execute(0x00050583u | (width == 3 ? 3 : width | 4) << 12, argument(r, 0), 0), false);
}

static struct outcome store_word(uint64_t address, uint64_t width, uint64_t value)
{
    return execute(0x00b50023u | width_code(width) << 12, address, value);
}

/* The n-th eight bytes of the pattern that the harness fills with (harness/agents/host_agent.c). */
static uint64_t pattern_word(uint64_t pattern, uint64_t n)
{
    uint64_t z = pattern + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (pattern == 0)
        return 0;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fill(const struct record *r)
{
    uint64_t address = argument(r, 0) & ~UINT64_C(7);
    uint64_t len = (argument(r, 1) < MAX_FILL ? argument(r, 1) : MAX_FILL) & ~UINT64_C(7);
    for (uint64_t done = 0; done < len; done += 8) {
        struct outcome got = store_word(address + done, 8, pattern_word(argument(r, 2), done / 8));
        if (got.cause != NO_TRAP) {
            say_outcome(got, true);
            return;
        }
    }
    say_nothing();
}

/* What was prepared behind the records, to memory of the trace. */
static void copy(const struct record *r)
{
    const uint64_t *from = (const uint64_t *)argument(r, 1);
    for (uint64_t done = 0; done < argument(r, 2); done += 8) {
        struct outcome got = store_word((argument(r, 0) & ~UINT64_C(7)) + done, 8, from[done / 8]);
        if (got.cause != NO_TRAP) {
            say_outcome(got, true);
            return;
        }
    }
    say_nothing();
}

static void interrupt(const struct record *r)
{
    const uint64_t ssip = 2;
    bool raise = (argument(r, 1) & 1) != 0;
    if (argument(r, 0) == 5)
        csr_write(CSR_STIMECMP, raise ? 0 : UINT64_MAX);
    else if (raise)
        __asm__ volatile("csrs sip, %0" : : "r"(ssip));
    else
        __asm__ volatile("csrc sip, %0" : : "r"(ssip));
    say_nothing();
}

static void fence(uint64_t kind)
{
    if (kind % 3 == 0)
        __asm__ volatile("sfence.vma" : : : "memory");
    else if (kind % 3 == 1)
        __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" : : : "memory");
    else
        __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" : : : "memory");
    say_nothing();
}

void play_access(const struct record *r)
{
    uint32_t csr = (uint32_t)(r->a[0] & 0xfff) << 20;
    switch ((enum operation)r->operation) {
    case PLAY_LOAD: load(r); return;
    case PLAY_STORE: say_outcome(store_word(argument(r, 0), argument(r, 1), argument(r, 2)), true); return;
    case PLAY_FETCH: say_outcome(execute(0x00050067, argument(r, 0), 0), true); return; /* jr a0 */
    case PLAY_CSR_READ:
        if (!own_csr(r->a[0], false, 0))
            say_outcome(execute(csr | 0x000025f3, 0, 0), false);
        return;
    case PLAY_CSR_WRITE:
        if (!own_csr(r->a[0], true, argument(r, 1)))
            say_outcome(execute(csr | 0x00059073, 0, argument(r, 1)), true);
        return;
    case PLAY_FILL: fill(r); return;
    case PLAY_COPY: copy(r); return;
    case PLAY_FENCE: fence(argument(r, 0)); return;
    case PLAY_IRQ: interrupt(r); return;
    default: say_nothing(); return;
    }
}
