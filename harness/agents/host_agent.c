/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host: a hypervisor that is the adversary. It runs in HS- or U-mode on any hart that no guest occupies, calls
 * the monitor with any registers, and uses every load, store, fetch, CSR access and fence that its mode has.
 * Addresses are virtual in its current mode, which is bare unless it wrote satp.
 */
#include <string.h>

#include "harness/agents/agent.h"

#define MAX_FILL 0x10000u /* bytes of one OP_HOST_FILL */

static void host_call(struct agent_step *s)
{
    const struct abi_call *call = abi_call_by_id(s->op->call);

    if (call == NULL)
        return;
    uint64_t fid = call->fid | (s->a[6] & 0x3f) << 26;
    agent_see_host(s, agent_ecall(s, s->a, fid, call->eid), true);
}

/* Access in the current mode; a fault goes where the hardware sends it. True when it succeeded. */
static bool host_access(struct agent_step *s, uint64_t va, enum access_kind kind, unsigned width, uint64_t value)
{
    struct access_result r = machine_access(s->m, s->hart, va, kind, width, value);

    if (!r.ok) {
        agent_take_trap(s, &r.trap);
        return false;
    }
    agent_see_value(s, kind == ACCESS_STORE ? 0 : r.value);
    return true;
}

static unsigned width_of(uint64_t width)
{
    return width == 1 || width == 2 || width == 4 ? (unsigned)width : 8;
}

/* The n-th eight bytes of a fill pattern; pattern 0 is all zeros. */
static uint64_t pattern_word(uint64_t pattern, uint64_t n)
{
    uint64_t z = pattern + (n + 1) * 0x9e3779b97f4a7c15u;

    if (pattern == 0)
        return 0;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/*
 * One store per frame asks for permission; the rest of a frame that is host RAM is then written at once, which is the
 * same because permissions are the same throughout a frame.
 */
bool host_put(struct agent_step *s, uint64_t address, const uint8_t *bytes, uint64_t len)
{
    bool bare = machine_csr_read(s->m, s->hart, CSR_SATP) >> 60 == 0;

    for (uint64_t done = 0; done < len;) {
        uint64_t at = address + done;
        uint64_t part = PAGE_SIZE - (at & PAGE_MASK);
        uint64_t first;
        if (part > len - done)
            part = len - done;
        if (!bare || !machine_is_host_ram(s->m, at, part))
            part = 8;
        memcpy(&first, bytes + done, sizeof(first));
        if (!host_access(s, at, ACCESS_STORE, 8, first))
            return false;
        if (part > 8)
            machine_poke(s->m, at, bytes + done, part);
        done += part;
    }
    s->result->kind = EXPECT_NONE;
    return true;
}

static void host_fill(struct agent_step *s, uint64_t address, uint64_t len, uint64_t pattern)
{
    uint64_t chunk[PAGE_SIZE / 8];

    address &= ~UINT64_C(7);
    len = (len < MAX_FILL ? len : MAX_FILL) & ~UINT64_C(7);
    s->result->kind = EXPECT_NONE;
    for (uint64_t done = 0; done < len; done += sizeof(chunk)) {
        uint64_t part = len - done < sizeof(chunk) ? len - done : sizeof(chunk);
        for (uint64_t i = 0; i < part / 8; i++)
            chunk[i] = pattern_word(pattern, done / 8 + i);
        if (!host_put(s, address + done, (const uint8_t *)chunk, part))
            return;
    }
}

static void host_csr(struct agent_step *s, bool write)
{
    struct trap t = {0};
    uint64_t value = 0;
    unsigned csr = (unsigned)(s->a[0] & 0xfff);
    bool ok = write ? machine_csr_access_write(s->m, s->hart, csr, s->a[1], &t)
                    : machine_csr_access_read(s->m, s->hart, csr, &value, &t);

    if (ok)
        agent_see_value(s, value);
    else
        agent_take_trap(s, &t);
}

void agent_set_register(struct agent_step *s, uint64_t number, uint64_t value)
{
    struct machine_hart *hart = &s->m->hart[s->hart];

    if (number >= 1 && number < 32)
        hart->x[number] = value;
    else if (number >= 32 && number < 64)
        hart->f[number - 32] = value;
    else if (number == 64)
        hart->fcsr = value & 0xff;
    else if (number == 65)
        hart->pc = value & ~UINT64_C(1); /* a jump */
    else if (number >= 66 && number < 98)
        for (unsigned i = 0; i < MACHINE_VLENB; i += 8)
            memcpy(hart->v + (number - 66) * MACHINE_VLENB + i, &value, 8);
}

/*
 * May hardware raise this in host code? Not what only V=1 or M-mode raises, and ecalls only from the mode they name.
 * Machine timer and external interrupts are M-mode's and masked; a machine software interrupt can be spurious.
 */
static bool host_can_raise(const struct agent_step *s, uint64_t cause)
{
    if ((cause & TRAP_INTERRUPT) != 0) {
        uint64_t number = cause & ~TRAP_INTERRUPT;
        return number == 1 || number == 3 || number == 5 || number == 9;
    }
    if (cause == 8)
        return s->m->hart[s->hart].priv == PRIV_U;
    if (cause == 9)
        return s->m->hart[s->hart].priv == PRIV_S;
    /* Guest-page faults come from hlv and hsv, which need no guest; 19 is a hardware error. */
    return cause < 8 || cause == 12 || cause == 13 || cause == 15 || (cause >= 19 && cause <= 21) || cause == 23 ||
           agent_custom_cause(cause);
}

static void host_trap(struct agent_step *s)
{
    struct trap t = {.cause = s->a[0], .tval = s->a[1], .tval2 = s->a[2] & (UINT64_MAX >> 2), .tinst = s->a[3]};

    if (!host_can_raise(s, t.cause))
        return;
    if (t.cause == 8 || t.cause == 9)
        agent_see_host(
            s, agent_ecall(s, &s->m->hart[s->hart].x[A0], s->m->hart[s->hart].x[A6], s->m->hart[s->hart].x[A7]), true);
    else
        agent_take_trap(s, &t);
}

/* Fences are privileged: from U-mode they are illegal instructions. */
static void host_fence(struct agent_step *s)
{
    bool all_addresses = (s->a[3] & 1) != 0;
    bool all_ids = (s->a[3] & 2) != 0;

    if (s->m->hart[s->hart].priv == PRIV_U) {
        agent_take_trap(s, &(struct trap){.cause = 2});
        return;
    }
    switch (s->a[0] % 3) {
    case 0: machine_sfence_vma(s->m, s->hart, all_addresses, s->a[1], all_ids, s->a[2]); return;
    case 1: machine_hfence_vvma(s->m, s->hart, all_addresses, s->a[1], all_ids, s->a[2]); return;
    default: machine_hfence_gvma(s->m, s->hart, all_addresses, s->a[1], all_ids, s->a[2]); return;
    }
}

void host_agent(struct agent_step *s)
{
    switch ((enum trace_op_code)s->op->op) {
    case OP_HOST_CALL: host_call(s); return;
    case OP_HOST_LOAD: host_access(s, s->a[0], ACCESS_LOAD, width_of(s->a[1]), 0); return;
    case OP_HOST_STORE: host_access(s, s->a[0], ACCESS_STORE, width_of(s->a[1]), s->a[2]); return;
    case OP_HOST_FETCH: host_access(s, s->a[0], ACCESS_FETCH, 4, 0); return;
    case OP_HOST_CSR_READ: host_csr(s, false); return;
    case OP_HOST_CSR_WRITE: host_csr(s, true); return;
    case OP_HOST_REG: agent_set_register(s, s->a[0], s->a[1]); return;
    case OP_HOST_TRAP: host_trap(s); return;
    case OP_HOST_FILL: host_fill(s, s->a[0], s->a[1], s->a[2]); return;
    case OP_HOST_WRITE64:
        if (host_access(s, s->a[0], ACCESS_STORE, 8, s->a[1]))
            s->result->kind = EXPECT_NONE;
        return;
    case OP_HOST_FENCE: host_fence(s); return;
    case OP_HOST_FDT: host_fdt(s); return;
    case OP_HOST_USER: s->m->hart[s->hart].priv = (s->a[0] & 1) != 0 ? PRIV_U : PRIV_S; return;
    case OP_HOST_ECALL:
    default: agent_see_host(s, agent_ecall(s, s->a, s->a[6], s->a[7]), true); return;
    }
}
