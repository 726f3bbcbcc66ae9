/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest: software inside a TVM, in VS- or VU-mode on the hart where its vCPU runs. It may be the victim, whose
 * registers carry markers, or a second adversary that works with the host: it can do all that a guest can.
 */
#include "harness/agents/agent.h"

#include <string.h>

#include "harness/agents/marker.h"
#include "harness/oracles/ni.h"

#define INSN_WFI 0x10500073u
#define HSTATUS_VTW (UINT64_C(1) << 21)

static void guest_ecall(struct agent_step *s, uint64_t fid, uint64_t eid)
{
    uint64_t pc = s->m->hart[s->hart].pc;

    agent_see_guest(s, agent_ecall(s, s->a, fid, eid), true, pc, NULL);
}

static void guest_call(struct agent_step *s)
{
    const struct abi_call *call = abi_call_by_id(s->op->call);

    if (call != NULL)
        guest_ecall(s, call->fid | (s->a[6] & 0x3f) << 26, call->eid);
}

/*
 * What the twin of this world stores to the guest's own memory is something else, unless it could be a page-table entry
 * or the start of an instruction: what the guest does must not depend on it. The translation that the store just used
 * says where it went.
 */
static void store_secret(struct agent_step *s, uint64_t value)
{
    const struct machine_hart *hart = &s->m->hart[s->hart];
    uint64_t other = value ^ NI_MEMORY_SECRET;

    bool near_code = s->a[0] + sizeof(value) - hart->pc < sizeof(value) + 8; /* instructions there and just behind */
    if ((value & 3) != 0 || near_code)
        return;
    for (uint32_t rest = hart->tlb_valid; rest != 0; rest &= rest - 1) {
        const struct tlb_entry *e = &hart->tlb[__builtin_ctz(rest)];
        uint64_t pa = e->pa_page << 12 | (s->a[0] & 0xfff);
        uint64_t now;
        const uint8_t *bytes = machine_peek(s->m, pa, sizeof(now));
        if (!e->virt || e->va_page != s->a[0] >> 12 || !machine_is_window(s->m, pa, sizeof(now)))
            continue;
        memcpy(&now, bytes, sizeof(now));
        if (now != value)
            continue;
        machine_poke(s->m, pa, &other, sizeof(other));
        s->w->stored_secret = true;
    }
}

static void guest_access(struct agent_step *s, enum access_kind kind, unsigned width, uint64_t value)
{
    struct access_result r = machine_access(s->m, s->hart, s->a[0], kind, width, value);

    if (r.ok && kind == ACCESS_STORE && width == 8 && s->w->is_twin)
        store_secret(s, value);
    if (r.ok)
        agent_see_value(s, kind == ACCESS_STORE ? 0 : r.value);
    else
        agent_take_trap(s, &r.trap);
}

static unsigned width_of(uint64_t width)
{
    return width == 1 || width == 2 || width == 4 ? (unsigned)width : 8;
}

static void guest_csr(struct agent_step *s, bool write)
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

/* May hardware raise this in V=1? Ecalls only from the mode they name; M-mode's timer is masked; 19 is a hardware error. */
static bool guest_can_raise(const struct agent_step *s, uint64_t cause)
{
    if ((cause & TRAP_INTERRUPT) != 0) {
        uint64_t number = cause & ~TRAP_INTERRUPT;
        return number == 1 || number == 2 || number == 3 || number == 5 || number == 6 || number == 9 || number == 10;
    }
    if (cause == 8)
        return s->m->hart[s->hart].priv == PRIV_U;
    if (cause == 10)
        return s->m->hart[s->hart].priv == PRIV_S;
    return cause < 8 || cause == 12 || cause == 13 || cause == 15 || (cause >= 19 && cause <= 23) ||
           agent_custom_cause(cause);
}

static void guest_trap(struct agent_step *s)
{
    struct trap t = {.cause = s->a[0], .tval = s->a[1], .tval2 = s->a[2] & (UINT64_MAX >> 2), .tinst = s->a[3]};
    const struct machine_hart *hart = &s->m->hart[s->hart];

    if (!guest_can_raise(s, t.cause))
        return;
    if (t.cause == 8 || t.cause == 10) {
        for (unsigned i = 0; i < 6; i++)
            s->a[i] = hart->x[A0 + i];
        guest_ecall(s, hart->x[A6], hart->x[A7]);
        return;
    }
    agent_take_trap(s, &t);
}

/* Wait for interrupt traps when hstatus.VTW says so, and always in user mode; otherwise the hart just goes on. */
static void guest_wfi(struct agent_step *s)
{
    bool trapped = (machine_csr_read(s->m, s->hart, CSR_HSTATUS) & HSTATUS_VTW) != 0;

    if (trapped || s->m->hart[s->hart].priv == PRIV_U)
        agent_take_trap(s, &(struct trap){.cause = 22, .tval = INSN_WFI});
}

void guest_agent(struct agent_step *s)
{
    switch ((enum trace_op_code)s->op->op) {
    case OP_GUEST_CALL: guest_call(s); return;
    case OP_GUEST_ECALL: guest_ecall(s, s->a[6], s->a[7]); return;
    case OP_GUEST_LOAD: guest_access(s, ACCESS_LOAD, width_of(s->a[1]), 0); return;
    case OP_GUEST_STORE: guest_access(s, ACCESS_STORE, width_of(s->a[1]), s->a[2]); return;
    case OP_GUEST_FETCH: guest_access(s, ACCESS_FETCH, 4, 0); return;
    case OP_GUEST_CSR_READ: guest_csr(s, false); return;
    case OP_GUEST_CSR_WRITE: guest_csr(s, true); return;
    case OP_GUEST_REG: agent_set_register(s, s->a[0], s->a[1]); return;
    case OP_GUEST_TRAP: guest_trap(s); return;
    case OP_GUEST_EXEC: guest_exec(s); return;
    case OP_GUEST_WFI: guest_wfi(s); return;
    case OP_GUEST_VIRTUAL: agent_take_trap(s, &(struct trap){.cause = 22, .tval = s->a[0] & UINT32_MAX}); return;
    case OP_GUEST_USER: s->m->hart[s->hart].priv = (s->a[0] & 1) != 0 ? PRIV_U : PRIV_S; return;
    default: return;
    }
}

void guest_plant_markers(struct world *w, uint32_t hart)
{
    static const unsigned csrs[] = {CSR_SSCRATCH, CSR_STVAL};
    struct machine *m = w->machine;
    struct machine_hart *h = &m->hart[hart];
    const struct hart *monitor_hart = &m->monitor->hart[hart];
    uint64_t tvm = monitor_hart->tvm_slot < MONITOR_MAX_TVMS ? m->monitor->tvm[monitor_hart->tvm_slot].id : 0;
    uint32_t vcpu = monitor_hart->vcpu_id;
    uint64_t secret = w->is_twin ? NI_REGISTER_SECRET : 0;
    struct trap t;
    uint64_t value;

    for (unsigned i = 1; i < 32; i++) {
        if (h->x[i] == 0 && (i < A0 || i > A7))
            h->x[i] = marker_value(tvm, vcpu, i) ^ secret;
    }
    for (unsigned i = 0; i < 32; i++) {
        if (h->f[i] == 0)
            h->f[i] = marker_value(tvm, vcpu, 32 + i) ^ secret;
    }
    for (unsigned i = 0; i < 32; i++) {
        uint64_t marker = marker_value(tvm, vcpu, 128 + i) ^ secret;
        uint64_t word;
        memcpy(&word, h->v + (size_t)i * MACHINE_VLENB, sizeof(word));
        if (word == 0)
            memcpy(h->v + (size_t)i * MACHINE_VLENB, &marker, sizeof(marker));
    }
    if (h->fcsr == 0)
        h->fcsr = 0x60 | ((vcpu ^ secret >> 5) & 0xf); /* a rounding mode and flags that the host did not choose */
    for (unsigned i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
        if (machine_csr_access_read(m, hart, csrs[i], &value, &t) && value == 0)
            machine_csr_access_write(m, hart, csrs[i], marker_value(tvm, vcpu, csrs[i]) ^ secret, &t);
    }
}
