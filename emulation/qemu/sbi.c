/* SPDX-License-Identifier: Apache-2.0 */
/* SBI calls of the payload, and their lines in the log. */
#include "emulation/qemu/payload.h"

/* tp belongs to nobody in this program: it holds the hart id. */
uint32_t this_hart(void)
{
    uint64_t hart;
    __asm__ volatile("mv %0, tp" : "=r"(hart));
    return (uint32_t)hart;
}

void set_this_hart(uint32_t hart)
{
    __asm__ volatile("mv tp, %0" : : "r"((uint64_t)hart));
}

struct answer call_silent(uint64_t eid, uint64_t fid, const uint64_t args[6])
{
    register uint64_t a0 __asm__("a0") = args[0];
    register uint64_t a1 __asm__("a1") = args[1];
    register uint64_t a2 __asm__("a2") = args[2];
    register uint64_t a3 __asm__("a3") = args[3];
    register uint64_t a4 __asm__("a4") = args[4];
    register uint64_t a5 __asm__("a5") = args[5];
    register uint64_t a6 __asm__("a6") = fid;
    register uint64_t a7 __asm__("a7") = eid;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a6), "r"(a7) : "memory");
    return (struct answer){.error = (int64_t)a0, .value = a1};
}

static void log_call(uint64_t eid, uint64_t fid, const uint64_t args[6])
{
    print("@call h%d %x %x %x %x %x %x %x %x -> ", (uint64_t)this_hart(), eid, fid, args[0], args[1], args[2], args[3],
          args[4], args[5]);
}

struct answer call(uint64_t eid, uint64_t fid, const uint64_t args[6])
{
    struct answer got = call_silent(eid, fid, args);
    log_call(eid, fid, args);
    print("@+%x %x\n", (uint64_t)got.error, got.value);
    return got;
}

void log_call_without_answer(uint64_t eid, uint64_t fid, const uint64_t args[6])
{
    log_call(eid, fid, args);
    print("@+none\n");
}

bool expect(const char *name, struct answer got, int64_t error, uint64_t value)
{
    return check(got.error == error && got.value == value, name);
}
